//! Issues: problems to show to a human, with code, place and hint. Refuses to carry values of persons.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable error code (`E042`); `guichet explain E042` prints its page (see `codes/`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How much an issue matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is refused.
    Warning,
    /// The thing it speaks about cannot be used.
    Error,
}

/// Where an issue stands: a file, a line and column (both from 1), and a path inside the document or the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// File name, relative to the project or the source folder.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// Column, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u64>,
    /// Path inside the document (`etat@code`) or the configuration (`flows.dossiers.order`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
}

impl Place {
    /// A place known by file only.
    pub fn file(file: impl Into<String>) -> Self {
        Place { file: Some(file.into()), ..Place::default() }
    }

    /// The same place, at a line and column (from 1).
    pub fn at(mut self, line: u64, column: u64) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// The same place, at a path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut colon = "";
        if let Some(file) = &self.file {
            f.write_str(file)?;
            colon = ":";
        }
        if let Some(line) = self.line {
            write!(f, "{colon}{line}")?;
            colon = ":";
        }
        if let Some(column) = self.column {
            write!(f, "{colon}{column}")?;
        }
        if let Some(path) = &self.path {
            let space = if self.file.is_some() || self.line.is_some() { " " } else { "" };
            write!(f, "{space}`{path}`")?;
        }
        Ok(())
    }
}

/// A problem to show to a human: what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// The stable code.
    pub code: Code,
    /// What is wrong: lower case, no full stop, never a value of a person.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What to write or do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Issue {
    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Issue { severity: Severity::Error, code, message: message.into(), place: Place::default(), hint: None }
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Issue { severity: Severity::Warning, ..Issue::error(code, message) }
    }

    /// The same issue with its place.
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// The same issue with what to write instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{word}[{}]: {}", self.code, self.message)?;
        let place = self.place.to_string();
        if !place.is_empty() {
            write!(f, "\n  at {place}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Why a record was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The case it is about, where that much could be read: later records of this case are parked behind it.
    pub case_key: Option<String>,
    /// Every problem, the leading one first; never empty.
    pub issues: Vec<Issue>,
}
