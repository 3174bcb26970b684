//! The codes of what keeps a command from its end.

use guichet_sdk::Code;

/// The hub ended while the command was on its way.
pub const ENDED: Code = Code("E405");
/// Nobody can look up what became of it.
pub const NO_LOOK_UP: Code = Code("E406");
/// The source does not know the case.
pub const NO_CASE: Code = Code("E407");
/// It was tried for as long as it may be.
pub const GAVE_UP: Code = Code("E408");
/// The flow cannot send.
pub const NO_SINK: Code = Code("E409");
/// The source took it, and does not have it any more.
pub const LOST: Code = Code("E410");
/// It took longer than anything may.
pub const SLOW: Code = Code("E411");
/// Nobody carries it out any more.
pub const STRANDED: Code = Code("E415");
