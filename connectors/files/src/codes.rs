//! The error codes of this connector (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// The folder of the flow is not there or cannot be listed.
pub const FOLDER: Code = Code("E142");
/// `done` or `failed` cannot receive files.
pub const TARGET: Code = Code("E143");
/// A file name that is refused.
pub const NAME: Code = Code("E144");
/// Not a regular file.
pub const KIND: Code = Code("E145");
/// A file that cannot be opened or read.
pub const UNREADABLE: Code = Code("E146");
/// A file changed while, or after, it was partly read.
pub const CHANGED: Code = Code("E147");
/// A file whose content was processed before.
pub const KNOWN: Code = Code("E148");
/// An empty file.
pub const EMPTY: Code = Code("E149");
/// A damaged gzip stream.
pub const GZIP: Code = Code("E150");
/// A file larger than allowed.
pub const TOO_LARGE: Code = Code("E151");
/// A file that expands more than allowed.
pub const BOMB: Code = Code("E152");
/// A file that is still being written.
pub const GROWING: Code = Code("E153");
/// A file that could not be moved.
pub const MOVE: Code = Code("E154");
/// A file name without its export number.
pub const NUMBER: Code = Code("E155");
/// A cursor or receipt that is not ours.
pub const CURSOR: Code = Code("E156");
/// Reading was stopped or failed inside.
pub const STOPPED: Code = Code("E157");
/// A command was not dropped.
pub const NOT_DROPPED: Code = Code("E413");
