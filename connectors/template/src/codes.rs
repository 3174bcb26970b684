//! The error codes of this connector (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// The spool cannot be reached, or went away in the middle of an answer.
pub const UNREACHABLE: Code = Code("E272");
/// The spool did not answer in time.
pub const TIMEOUT: Code = Code("E273");
/// The spool answered with an error, or with something that is not its protocol.
pub const PROTOCOL: Code = Code("E274");
/// A cursor or receipt that is not ours.
pub const CURSOR: Code = Code("E275");
