//! The error codes of this connector (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// XML that is no SOAP envelope.
pub const NO_ENVELOPE: Code = Code("E340");
/// An envelope of a version of SOAP nobody knows.
pub const VERSION: Code = Code("E341");
/// The peer answered with a fault that may pass.
pub const FAULT: Code = Code("E342");
/// The peer answered with a fault that will not pass by itself.
pub const FAULT_REFUSED: Code = Code("E343");
/// A header of an answer must be understood, and is not.
pub const NOT_UNDERSTOOD: Code = Code("E344");
/// An answer holds an element that a rule of `faults` calls a failure.
pub const ERROR_ELEMENT: Code = Code("E345");
/// An answer in several parts that cannot be taken apart.
pub const PARTS: Code = Code("E346");
/// An attachment that cannot be put where it belongs.
pub const ATTACHMENT: Code = Code("E347");
/// The body of a message that a peer pushed holds another element than is expected.
pub const ELEMENT: Code = Code("E280");
/// The action of a pushed message is not that of what it holds.
pub const ACTION: Code = Code("E281");
/// A header of a pushed message must be understood, and is not.
pub const STRANGE: Code = Code("E282");
/// What would pass for a record stands in the header of a pushed message.
pub const SMUGGLED: Code = Code("E283");
/// A pushed message does not show the account that is expected.
pub const CREDENTIALS: Code = Code("E284");
/// A pushed message came before, or too long after it was written.
pub const REPLAYED: Code = Code("E285");
