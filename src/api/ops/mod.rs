//! What operators see and do: flows, quarantine, and what was done. Every verb goes through `FlowControl`.

pub mod audit;
pub mod flows;
pub mod quarantine;
