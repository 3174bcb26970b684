//! Reading a table of TOML: what is asked for is known, whatever else it holds is reported with the nearest known key.

use std::ops::Range;

use guichet_sdk::settings::nearest;
use guichet_sdk::{Code, Issue};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::codes::SETTING;
use super::super::site::{File, Site};
use super::super::table::WrittenRow;
use super::{Entry, Text};

/// Where problems of one file are gathered.
pub struct Report<'f> {
    file: &'f File<'f>,
    /// The problems.
    pub issues: Vec<Issue>,
}

impl<'f> Report<'f> {
    /// A report on a file.
    pub fn on(file: &'f File<'f>) -> Self {
        Report { file, issues: Vec::new() }
    }

    /// Adds a problem at a site.
    pub fn push(&mut self, issue: Issue, site: Site) {
        self.issues.push(issue.at(site.place(self.file.name)));
    }

    /// Adds a problem at a site, with what to write instead.
    pub fn error(&mut self, code: Code, site: Site, message: impl Into<String>, hint: Option<String>) {
        let issue = Issue::error(code, message);
        self.push(
            match hint {
                Some(hint) => issue.hint(hint),
                None => issue,
            },
            site,
        );
    }

    /// Checks that a text is one of several words.
    pub fn choice(&mut self, text: &Text, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().find(|word| **word == text.value);
        if found.is_none() {
            let hint = match nearest(&text.value, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are `{}`", words.join("`, `")),
            };
            self.error(SETTING, text.sites.site(0), format!("`{name}` cannot be `{}`", text.value), Some(hint));
        }
        found.copied()
    }

    fn text(&mut self, value: &Spanned<DeValue<'_>>, name: &str) -> Option<Text> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            other => {
                self.wrong(value.span(), name, "text", other);
                return None;
            }
        };
        let sites = self.file.inside(value.span(), &text);
        Some(Text { value: text, span: value.span(), sites })
    }

    fn wrong(&mut self, span: Range<usize>, name: &str, wanted: &str, found: &DeValue<'_>) {
        let found = match found {
            DeValue::String(_) => "text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(SETTING, self.file.site(span.start), format!("`{name}` is {found}, and {wanted} is expected"), None);
    }
}

/// A table of TOML being read.
pub struct Section<'t, 'd> {
    table: &'t DeTable<'d>,
    start: usize,
    path: String,
    asked: Vec<&'static str>,
}

impl<'t, 'd> Section<'t, 'd> {
    /// The whole file.
    pub fn root(table: &'t DeTable<'d>) -> Self {
        Section { table, start: 0, path: String::new(), asked: Vec::new() }
    }

    /// Where it starts.
    pub fn site(&self, report: &Report<'_>) -> Site {
        report.file.site(self.start)
    }

    /// Where the value of a key starts; the table itself where the key is left out.
    pub fn site_of(&self, key: &str, report: &Report<'_>) -> Site {
        let value =
            self.table.iter().find(|(written, _)| written.get_ref() == key).map(|(_, value)| value.span().start);
        report.file.site(value.unwrap_or(self.start))
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    fn child(&self, key: &str, value: &'t Spanned<DeValue<'d>>, report: &mut Report<'_>) -> Option<Section<'t, 'd>> {
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section { table, start: value.span().start, path: self.name(key), asked: Vec::new() })
            }
            other => {
                report.wrong(value.span(), &self.name(key), "a table", other);
                None
            }
        }
    }

    /// A table within.
    pub fn section(&mut self, key: &'static str, report: &mut Report<'_>) -> Option<Section<'t, 'd>> {
        let value = self.value(key)?;
        self.child(key, value, report)
    }

    /// A table within that must be there.
    pub fn needed(&mut self, key: &'static str, report: &mut Report<'_>) -> Option<Section<'t, 'd>> {
        if !self.table.contains_key(key) {
            let name = self.name(key);
            report.error(
                SETTING,
                self.site(report),
                format!("`[{name}]` is missing"),
                Some(format!("write a table `[{name}]`")),
            );
        }
        self.section(key, report)
    }

    /// A table, or each of several.
    pub fn sections(&mut self, key: &'static str, report: &mut Report<'_>) -> Vec<Section<'t, 'd>> {
        match self.value(key) {
            Some(value) => match value.get_ref() {
                DeValue::Array(items) => items.iter().filter_map(|item| self.child(key, item, report)).collect(),
                DeValue::Table(_)
                | DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_) => self.child(key, value, report).into_iter().collect(),
            },
            None => Vec::new(),
        }
    }

    /// Every table within, by the integrator's name, in the order written.
    pub fn children(&self, report: &mut Report<'_>) -> Vec<(String, Section<'t, 'd>)> {
        let mut children = Vec::new();
        for (key, value) in self.table {
            let child = self.child(key.get_ref(), value, report);
            children.extend(child.map(|child| (key.get_ref().to_string(), child)));
        }
        children.sort_by_key(|(_, child)| child.start);
        children
    }

    /// Whether a key holds a text rather than a table.
    pub fn holds_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, report: &mut Report<'_>) -> Option<Text> {
        let value = self.value(key)?;
        report.text(value, &self.name(key))
    }

    /// A text that must be there and not be empty.
    pub fn needed_text(&mut self, key: &'static str, report: &mut Report<'_>) -> Option<Text> {
        let text = self.text(key, report);
        if text.as_ref().is_some_and(|text| text.value.trim().is_empty()) || !self.table.contains_key(key) {
            let name = self.name(key);
            report.error(
                SETTING,
                self.site(report),
                format!("`{name}` is missing"),
                Some(format!("write `{key} = \"…\"`")),
            );
        }
        text
    }

    /// Texts.
    pub fn texts(&mut self, key: &'static str, report: &mut Report<'_>) -> Vec<Text> {
        let Some(value) = self.value(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| report.text(item, &self.name(key))).collect(),
            other => {
                report.wrong(value.span(), &self.name(key), "a list of texts", other);
                Vec::new()
            }
        }
    }

    /// A whole number and its site.
    pub fn number(&mut self, key: &'static str, report: &mut Report<'_>) -> Option<(i64, Site)> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Some((number, report.file.site(value.span().start))),
                Err(_) => None,
            },
            other => {
                report.wrong(value.span(), &self.name(key), "a whole number", other);
                None
            }
        }
    }

    /// A boolean.
    pub fn flag(&mut self, key: &'static str, report: &mut Report<'_>) -> bool {
        let Some(value) = self.value(key) else { return false };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            other => {
                report.wrong(value.span(), &self.name(key), "`true` or `false`", other);
                false
            }
        }
    }

    /// Every text within, by its dotted name, in the order written.
    pub fn entries(self, report: &mut Report<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        gather(self.table, "", report, &mut entries);
        entries.sort_by_key(|entry| entry.text.span.start);
        entries
    }

    /// The table as a row of a code table.
    pub fn row(self, report: &mut Report<'_>) -> WrittenRow {
        let mut cells = Vec::new();
        for (key, value) in self.table {
            let name = key.get_ref().to_string();
            let site = report.file.site(value.span().start);
            let cell = match value.get_ref() {
                DeValue::Integer(number) => Some(number.to_string()),
                DeValue::Boolean(flag) => Some(flag.to_string()),
                _ => report.text(value, &name).map(|text| text.value),
            };
            cells.extend(cell.map(|cell| (name, cell, site)));
        }
        cells.sort_by_key(|(_, _, site)| *site);
        WrittenRow { site: self.site(report), cells }
    }

    /// Reports every key nobody asked for.
    pub fn finish(self, report: &mut Report<'_>) {
        for key in self.table.keys() {
            let written: &str = key.get_ref();
            if self.asked.contains(&written) {
                continue;
            }
            let hint = match nearest(written, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are `{}`", self.asked.join("`, `")),
            };
            let message = format!("`{}` is not a setting of a mapping", self.name(written));
            report.error(SETTING, report.file.site(key.span().start), message, Some(hint));
        }
    }
}

fn gather(table: &DeTable<'_>, prefix: &str, report: &mut Report<'_>, entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            gather(inner, &format!("{name}."), report, entries);
        } else if let Some(text) = report.text(value, &name) {
            entries.push(Entry { name, site: report.file.site(key.span().start), text });
        }
    }
}

/// Checks the lower bound of a number.
pub fn at_least(least: u64, (number, site): (i64, Site), name: &str, report: &mut Report<'_>) -> Option<u64> {
    let number = u64::try_from(number).ok().filter(|number| *number >= least);
    if number.is_none() {
        report.error(SETTING, site, format!("`{name}` is at least {least}"), None);
    }
    number
}
