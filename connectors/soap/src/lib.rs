//! The `soap` connector: what envelopes and faults say.
//!
//! Names are known by their namespace, never by their prefix.

pub mod codes;
pub mod envelope;
pub mod fault;
