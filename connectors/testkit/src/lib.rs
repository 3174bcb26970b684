//! What a connector is tested with: the smallest hub, and the conformance suite every connector passes.
//!
//! For tests only; shares no code with the hub, so that it can judge what the hub relies on.

pub mod conformance;
pub mod hub;

pub use hub::{Finished, Hub};
