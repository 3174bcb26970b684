//! News: how committed changes leave the hub. The change feed is read once and fanned out: to streams (`api`), and to
//! subscriptions as signed webhooks.
//!
//! Nothing is told before its commit, and everything committed is (I7); nothing outside a client's scope leaves (I10).
//! At least once, in order per subscription and case; no order across cases, never exactly once.

mod address;
mod board;
mod body;
mod feed;
mod lane;
mod notifier;
mod post;
mod route;
pub mod wire;

pub use address::Refused;
pub use board::{Attempt, LaneBoard, LaneStatus};
pub use body::{ChangeBody, id};
pub use feed::{BATCH, Event, Feed, KEPT};
pub use lane::Outcome;
pub use notifier::Notifier;
