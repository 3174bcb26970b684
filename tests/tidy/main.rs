//! The house keeps itself: rules of `ARCHITECTURE.md` that no compiler checks, read off the sources.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]
#![allow(clippy::print_stderr, reason = "a skipped check says so")]

mod imports;
mod invariants;
mod layout;
mod pages;
mod projects;
mod purity;
mod sources;
