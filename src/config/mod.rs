//! Configuration: documented defaults ← project files ← environment, checked whole, every problem reported at once.
//!
//! Two kinds of types: as written (serde, unknown keys refused) and checked ([`Project`]). Checking never touches the
//! world beyond the project's own files and the existence of secrets.

mod allowed;
mod checked;
mod checker;
mod codes;
mod commands;
mod environment;
mod file;
mod flow;
mod hub;
mod layers;
mod mappings;
mod order;
mod project;
mod report;
pub mod schema;
mod secret;
mod service;
mod source;
mod subscriptions;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod written;

pub use allowed::Allowed;
pub use checked::*;
pub use environment::Environment;
pub use project::{check, load};
pub use report::Report;
pub use secret::Secrets;

use std::path::Path;
use std::sync::Arc;

use guichet_sdk::{Issue, Place};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../config/guichet.toml");

/// Reads a text file of the project; what cannot be read is an issue.
fn read_text(root: &Path, name: &str, report: &mut Report) -> Option<Arc<str>> {
    match std::fs::read_to_string(root.join(name)) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            report.keep(name, &text);
            Some(text)
        }
        Err(error) => {
            report.push(unreadable(name, &error));
            None
        }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Issue {
    let message = format!("`{name}` cannot be read: {}", error.kind());
    Issue::error(codes::UNREADABLE, message)
        .at(Place::file(name))
        .hint("check that it exists, is UTF-8, and may be read")
}
