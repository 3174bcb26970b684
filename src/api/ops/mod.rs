//! What operators see and do: flows, quarantine, commands, and what was done. Every verb goes through `FlowControl`.

pub mod audit;
pub mod commands;
pub mod flows;
pub mod quarantine;
