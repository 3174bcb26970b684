//! The canonical vocabulary: cases, parties, services, status assertions. Pure; imports nothing of ours.
//!
//! Status is three small closed axes (phase, waiting_on, outcome) and the source's own words beside them; what a source
//! says about one case at one moment is a [`CaseUpdate`]; a case is the fold of the set of its updates (`ledger`).

#[macro_use]
mod words;

mod change;
mod command;
mod facts;
mod moment;
mod name;
mod order;
mod party;
mod reference;
mod service;
mod status;
mod subscription;
mod update;

pub use change::*;
pub use command::*;
pub use facts::*;
pub use moment::*;
pub use name::*;
pub use order::*;
pub use party::*;
pub use reference::*;
pub use service::*;
pub use status::*;
pub use subscription::*;
pub use update::*;
