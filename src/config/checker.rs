//! What every check needs: the layers it reads from, the report it writes to, and the few questions asked everywhere.

use std::fmt::Display;
use std::ops::RangeInclusive;

use guichet_sdk::settings::Period;
use guichet_sdk::{Code, Issue};

use super::codes;
use super::file::End;
use super::layers::Layers;
use super::report::Report;

/// A check at work on one file.
pub struct Checker<'a> {
    /// Where values come from.
    pub layers: &'a Layers<'a>,
    /// Where issues go.
    pub report: &'a mut Report,
}

/// A path as written in the code of a check.
pub type Path<'p> = &'p [&'p str];

impl Checker<'_> {
    /// An error about the value at a path.
    pub fn error(&mut self, path: Path<'_>, code: Code, message: impl Into<String>, hint: impl Into<String>) {
        let place = self.layers.place(&owned(path), End::Value);
        self.report.push(Issue::error(code, message).at(place).hint(hint));
    }

    /// A warning about the value at a path.
    pub fn warning(&mut self, path: Path<'_>, code: Code, message: impl Into<String>, hint: impl Into<String>) {
        let place = self.layers.place(&owned(path), End::Value);
        self.report.push(Issue::warning(code, message).at(place).hint(hint));
    }

    /// A value that must be there; one that was refused before is not missing.
    pub fn required<T>(&mut self, value: Option<T>, path: Path<'_>, example: &str) -> Option<T> {
        if value.is_none() && !self.refused(path) {
            let message = format!("`{}` is missing", path.last().copied().unwrap_or_default());
            self.error(path, codes::MISSING, message, format!("add `{example}`"));
        }
        value
    }

    /// Whether something at a path or below was refused already.
    pub fn refused(&self, path: Path<'_>) -> bool {
        self.report.stands_at(&self.layers.place(&owned(path), End::Value))
    }

    /// A value that must lie within bounds.
    pub fn within<T: PartialOrd + Display>(&mut self, value: T, bounds: RangeInclusive<T>, path: Path<'_>) -> T {
        if !bounds.contains(&value) {
            let key = path.last().copied().unwrap_or_default();
            let hint = format!("write a value from {} to {}", bounds.start(), bounds.end());
            self.error(path, codes::UNUSABLE, format!("`{key}` = {value} is out of bounds"), hint);
        }
        value
    }

    /// A duration that must lie within bounds, both as written.
    pub fn lasting(&mut self, value: Period, bounds: (&str, &str), path: Path<'_>) -> std::time::Duration {
        let inside = Period::parse(bounds.0).is_none_or(|low| value >= low)
            && Period::parse(bounds.1).is_none_or(|high| value <= high);
        if !inside {
            let key = path.last().copied().unwrap_or_default();
            let hint = format!("write a duration from {} to {}", bounds.0, bounds.1);
            self.error(path, codes::UNUSABLE, format!("`{key}` is out of bounds"), hint);
        }
        value.0
    }

    /// A name of a source, flow, service or client: lower-case letters, digits, `-` and `_`.
    pub fn name(&mut self, name: &str, what: &str, path: Path<'_>) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = format!("`{name}` cannot be the name of a {what}");
            let place = self.layers.place(&owned(path), End::Key);
            let hint = "use up to 64 lower-case letters, digits, `-` and `_`";
            self.report.push(Issue::error(codes::NAME, message).at(place).hint(hint));
        }
    }
}

/// A path as the layers know it.
pub fn owned(path: Path<'_>) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}
