//! The edge: everything between the socket and a handler. Each bound has a name in the configuration (I9).
//!
//! connection cap → accept → head and idle time-outs (`pace`) → hyper → request id, span, problems, headers (`frame`)
//! → panics → shedding → concurrency → handler time-out → router.

mod accept;
mod frame;
mod layers;
mod meter;
mod pace;

pub use accept::serve;
pub(in crate::api) use frame::{Said, explained};
