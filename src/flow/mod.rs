//! Inbound: wake → batch → read → map → commit → acknowledge, one supervised task per flow.

mod board;

pub use board::*;
