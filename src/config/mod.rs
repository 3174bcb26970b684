//! Configuration: documented defaults ← project files ← environment, checked whole, every problem reported at once.
//!
//! Two kinds of types: as written (serde, unknown keys refused) and checked ([`Project`]). Checking never touches the
//! world beyond the project's own files and the existence of secrets.

mod checked;

pub use checked::*;
