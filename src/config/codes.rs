//! Codes of configuration problems (E001–E039, and what concerns pushing: E276, E277, and the way back: E401–E403); each has its page in `connectors/sdk/codes/`.

use guichet_sdk::Code;

/// A file or folder cannot be read.
pub const UNREADABLE: Code = Code("E001");
/// A file is not TOML.
pub const SYNTAX: Code = Code("E002");
/// A key is not known.
pub const UNKNOWN_KEY: Code = Code("E003");
/// A value cannot be used.
pub const UNUSABLE: Code = Code("E004");
/// A required key is not there.
pub const MISSING: Code = Code("E005");
/// A name cannot be used.
pub const NAME: Code = Code("E006");
/// A secret is written in plain text.
pub const PLAIN_SECRET: Code = Code("E007");
/// A secret is not where it should be.
pub const NO_SECRET: Code = Code("E008");
/// Others can read a secret.
pub const OPEN_SECRET: Code = Code("E009");
/// There is no project here.
pub const NO_PROJECT: Code = Code("E010");
/// A connector kind is not known.
pub const CONNECTOR: Code = Code("E011");
/// A mapping is not there.
pub const NO_MAPPING: Code = Code("E012");
/// Two flows want the same thing for themselves.
pub const CLAIMED: Code = Code("E013");
/// A schedule cannot be used.
pub const SCHEDULE: Code = Code("E014");
/// The order of a flow needs a field its mapping never sets.
pub const ORDER: Code = Code("E015");
/// A service is not in the catalogue.
pub const NO_SERVICE: Code = Code("E016");
/// Two clients have the same key.
pub const SAME_KEY: Code = Code("E017");
/// No flow uses a mapping.
pub const UNUSED: Code = Code("E018");
/// The freshness contract cannot be kept with this schedule.
pub const FRESHNESS: Code = Code("E019");
/// A text is not there in every language.
pub const LANGUAGE: Code = Code("E020");
/// A client may push to a flow that does not receive.
pub const PUSH_SCOPE: Code = Code("E276");
/// A flow that cannot be asked for records has a schedule.
pub const NEVER_WAKES: Code = Code("E277");
/// A command of a service leads nowhere.
pub const NO_WAY: Code = Code("E401");
/// The schema of a payload cannot be used.
pub const SCHEMA: Code = Code("E402");
/// A verb of a flow and its mapping do not fit together.
pub const VERB: Code = Code("E403");
/// A flow in order of arrival cannot see a case return to what it was before.
pub const RETURNS: Code = Code("E021");
