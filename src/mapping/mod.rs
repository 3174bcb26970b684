//! Mappings: the declarative translation of a document into case updates, written by an integrator in TOML.
//!
//! Compiled and checked against the canonical model before anything flows; applying one is pure and total: it gives
//! updates or located issues, never a default for a code it does not know (I5), never a value of a person in a message.

use std::sync::Arc;

use guichet_sdk::{Document, Format, Issue, Refusal};

use crate::model::CaseUpdate;

/// A compiled mapping.
pub struct Mapping {
    /// `id@version`, stamped on every status it produces.
    pub stamp: Arc<str>,
    /// How its records are written.
    pub format: Format,
}

/// A file of a mapping's folder, by its name relative to the folder (code tables beside the mapping).
pub type Beside<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Mapping {
    /// Compiles a mapping file; every problem is reported at once, located in `file`.
    pub fn compile(_file: &str, _text: &str, _beside: Beside<'_>) -> Result<Mapping, Vec<Issue>> {
        Err(Vec::new())
    }

    /// Whether it ever sets a canonical field (`update.version`), at the top or in `[updates]`; `check` compares this
    /// with the order of the flow.
    pub fn sets(&self, _field: &str) -> bool {
        true
    }

    /// The service codes it writes as literals (`case.service = "'permit'"`); `check` looks for them in the catalogue.
    pub fn services(&self) -> &[String] {
        &[]
    }

    /// Applies it to a document: the updates of one case, in the order of the record.
    pub fn apply(&self, _document: &Document) -> Result<Vec<CaseUpdate>, Refusal> {
        Err(Refusal { case_key: None, issues: Vec::new() })
    }
}
