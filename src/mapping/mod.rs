//! Mappings: the declarative translation of a document into case updates, written by an integrator in TOML.
//!
//! Compiled and checked against the canonical model before anything flows; applying one is pure and total: it gives
//! updates or located issues, never a default for a code it does not know (I5), never a value of a person in a message.
//!
//! The way of an expression: `written` (TOML, located) → `lexer`, `parser` (`ast`) → `check` (names, types) → `op` →
//! `apply` (in a scene of `eval`, into a `draft`). The way back uses the same expressions: `command`, `template`.

mod apply;
mod ast;
mod calls;
mod check;
mod codes;
mod command;
mod compile;
mod compile_command;
pub mod coverage;
mod date;
mod draft;
mod eval;
mod fields;
mod form;
pub mod golden;
mod golden_command;
mod lexer;
mod op;
mod parser;
mod path;
pub mod reference;
mod site;
mod table;
mod template;
mod transform;
mod value;
mod words;
mod written;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use guichet_sdk::{Document, Format, Issue, Refusal};

use crate::model::CaseUpdate;
use command::CommandMap;
pub use command::{PARTS, Request, document};
use compile::{Scope, Walk};
use golden::Test;
use table::Table;

/// A compiled mapping.
pub struct Mapping {
    /// `id@version`, stamped on every status it produces.
    pub stamp: Arc<str>,
    /// How its records are written.
    pub format: Format,
    file: Arc<str>,
    services: Vec<String>,
    record: Scope,
    updates: Vec<Walk>,
    lists: Vec<Walk>,
    tables: Vec<Arc<Table>>,
    paths_read: BTreeSet<Vec<String>>,
    ignored: Vec<String>,
    tests: Vec<Test>,
    commands: Vec<CommandMap>,
}

/// A file of a mapping's folder, by its name relative to the folder (code tables beside the mapping).
pub type Beside<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Mapping {
    /// Compiles a mapping file; every problem is reported at once, located in `file`.
    pub fn compile(file: &str, text: &str, beside: Beside<'_>) -> Result<Mapping, Vec<Issue>> {
        compile::compile(file, text, beside)
    }

    /// How its records are written, where the file says that much: with it the settings of a flow can be checked although
    /// the mapping has errors elsewhere. Reports nothing; `compile` does.
    pub fn format(file: &str, text: &str) -> Option<Format> {
        compile::format(file, text)
    }

    /// Whether it ever sets a canonical field (`update.version`), at the top or in `[updates]`; `check` compares this
    /// with the order of the flow.
    pub fn sets(&self, field: &str) -> bool {
        let updates = self.updates.iter().flat_map(|walk| &walk.scope.fields);
        self.record.fields.iter().chain(updates).any(|known| &*known.name == field)
    }

    /// The service codes it writes as literals (`case.service = "'permit'"`); `check` looks for them in the catalogue.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// Applies it to a document: the updates of one case, in the order of the record.
    pub fn apply(&self, document: &Document) -> Result<Vec<CaseUpdate>, Refusal> {
        self.apply_noting(document, None)
    }
}
