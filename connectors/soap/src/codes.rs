//! The error codes of this connector (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// XML that is no SOAP envelope.
pub const NO_ENVELOPE: Code = Code("E340");
/// An envelope of a version of SOAP nobody knows.
pub const VERSION: Code = Code("E341");
