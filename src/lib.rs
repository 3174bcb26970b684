//! Guichet: one window onto every back office of a public body.
//!
//! A record walks through the house one way: a connector hands over batches (`flow`), each record is parsed and mapped
//! (`mapping`), folded into its case (`ledger`), committed (`store`), and only then acknowledged; `api` answers from
//! what is committed. `model`, `mapping` and `ledger` are pure: no clock, no I/O, no async.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod fail;
pub mod flow;
pub mod ledger;
pub mod mapping;
pub mod model;
pub mod notify;
pub mod store;
pub mod telemetry;
