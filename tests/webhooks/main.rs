//! Webhooks over the real binary, judged by the reference libraries of the standards (PyPI) and by receivers of which some
//! are evil. `GUICHET_WEBHOOK_KILLS` sets the number of kills.
#![allow(clippy::unwrap_used, reason = "a test")]

mod city;
mod deaths;
mod judges;
mod outage;
mod receiver;
mod rights;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
