//! The way out: a command becomes a file in a folder of the source. Written aside, synced and renamed, so that the source
//! never sees half of it; what it says back is read from a file of its own.

mod config;
mod drop;

pub use config::{DropSettings, Outbox, check};
pub use drop::FilesSink;
