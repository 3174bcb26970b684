//! Outbound: lease → translate → mark → send → settle, one supervised lane per flow that carries commands out.
//!
//! Decides by `decide`, which is pure, and writes nothing itself (`store` does). A command is marked as being sent, and that
//! is committed, before a byte leaves; what was on its way when the hub died is unknown. Unknown is looked up at the
//! source, never blindly sent again; what cannot be looked up waits for an operator. Sent again is only what the source
//! itself recognises, or what surely had no effect.

mod codes;
mod decide;
mod errand;
mod lane;
mod strays;

pub use lane::{Dispatch, LaneConfig};
