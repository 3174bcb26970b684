//! The codes of everything a mapping can get wrong, when it is compiled and when it meets a document.

use guichet_sdk::Code;

/// The file is not TOML.
pub const SYNTAX: Code = Code("E040");
/// An expression cannot be read.
pub const EXPRESSION: Code = Code("E041");
/// A code has no row in its table.
pub const NO_ROW: Code = Code("E042");
/// A name of an expression is not known.
pub const UNKNOWN_NAME: Code = Code("E043");
/// A field is not of the canonical model.
pub const UNKNOWN_FIELD: Code = Code("E044");
/// The parts of an expression do not fit together, or may be empty where they must not.
pub const TYPES: Code = Code("E045");
/// A word is not of its closed vocabulary.
pub const WORD: Code = Code("E046");
/// A code table contradicts itself.
pub const TABLE: Code = Code("E047");
/// A path finds nothing in the document.
pub const ABSENT: Code = Code("E048");
/// A path finds several values, or none that is one value.
pub const SEVERAL: Code = Code("E049");
/// A value does not have the expected form.
pub const FORM: Code = Code("E050");
/// An outcome stands beside a phase that carries none.
pub const OUTCOME: Code = Code("E051");
/// A local time does not exist, or exists twice.
pub const CLOCK: Code = Code("E052");
/// A setting of the mapping is missing, unknown or unusable.
pub const SETTING: Code = Code("E053");
/// A command of the way back cannot be used as it is written.
pub const COMMAND: Code = Code("E400");
