//! Real systems nobody here wrote, as back offices of the hub. Each is installed where it is missing; where that cannot
//! be done the test fails in CI, and is skipped with a notice elsewhere.
#![allow(clippy::unwrap_used, reason = "a test")]

mod rabbitmq;
mod redmine;
mod senders;
mod soap;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::path::PathBuf;

/// What is needed to set up counterparts, below `shared/peers`; `None` where it is absent (a failure in CI).
fn peers() -> Option<PathBuf> {
    let beside = support::root().join("../shared/peers");
    let folder = std::env::var_os("GUICHET_SHARED_PEERS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    skip(&format!("{} is absent (set GUICHET_SHARED_PEERS)", folder.display()));
    None
}

/// Says that a counterpart cannot be had; fails in CI.
fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI=true");
    // not `eprintln!`: the test harness captures that, and a skipped test must be seen
    let _ = writeln!(std::io::stderr(), "NOTICE: skipped, {why}");
}
