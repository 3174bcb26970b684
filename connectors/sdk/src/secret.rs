//! Secrets: a type that prints `***`. Refuses to be serialized or compared in the open.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret value; `Debug` and `Display` print `***`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value; trailing line ends (files written by editors) are not part of it.
    pub fn new(value: &str) -> Self {
        Secret(SecretString::from(value.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
