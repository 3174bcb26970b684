//! Mappings as integrators meet them: mistakes are all found and located, records that do not fit are refused with their
//! place, the mappings of the project pass their goldens, and real files nobody here wrote come out right.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod goldens;
mod mistakes;
mod real;
mod records;
mod reference;
