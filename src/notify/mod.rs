//! News: how committed changes leave the hub. The change feed is read once and fanned out.
//!
//! Nothing is told before its commit, and everything committed is (I7); nothing outside a client's scope leaves (I10).

mod body;
mod feed;

pub use body::{ChangeBody, id};
pub use feed::{BATCH, Event, Feed, KEPT};
