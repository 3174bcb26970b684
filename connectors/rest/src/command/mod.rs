//! The way out: commands sent as requests, their answers told apart, and looked up afterwards.

mod check;
mod sink;
mod wire;
mod written;

pub use check::{Order, check};
pub use sink::RestSink;
pub use written::CommandSettings;
