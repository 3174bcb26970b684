//! Inbound: wake → batch → read → map → commit → acknowledge, one supervised task per flow; what is pushed takes the
//! same route (`reception`).
//!
//! Decides nothing about cases (`ledger` does) and writes nothing itself (`store` does): it moves records along the one
//! route, never acknowledges before the commit (I1), and keeps every trouble inside the flow that has it.

mod backoff;
mod board;
mod clock;
mod control;
mod faults;
mod flows;
mod intake;
mod meter;
mod once;
mod pipeline;
mod reception;
mod retry;
mod route;
mod schedule;
mod signals;
mod tally;
mod task;
mod trace;
mod translate;
mod watch;

pub use board::*;
pub use clock::{chance, now};
pub use control::*;
pub use flows::Flows;
pub use once::{Summary, run_once};
pub use pipeline::Step;
pub use reception::{Admission, Closed, Reception, Untaken};
pub use retry::{dismiss, retry};
pub use route::Route;
pub use tally::{Refused, Tally};
pub use translate::{Translate, translator};
pub use watch::watch;

#[cfg(test)]
mod tests;
