//! What operators see and do: flows and quarantine. Every verb goes through `FlowControl`.

pub mod flows;
pub mod quarantine;
