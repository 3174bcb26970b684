//! Inbound: wake → batch → read → map → commit → acknowledge, one supervised task per flow.

mod board;
mod control;

pub use board::*;
pub use control::*;
