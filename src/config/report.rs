//! The report of a check: every issue with the texts it points into, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use guichet_sdk::{Issue, Place, SecretRef, Severity};

use super::codes;

/// Everything a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    issues: Vec<Issue>,
    texts: BTreeMap<String, Arc<str>>,
}

impl Report {
    /// Every issue, in the order of files and lines.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.issues.iter().filter(|issue| issue.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.issues.len() - self.errors()
    }

    /// Adds an issue.
    pub fn push(&mut self, issue: Issue) {
        self.issues.push(issue);
    }

    /// Adds issues.
    pub fn extend(&mut self, issues: impl IntoIterator<Item = Issue>) {
        self.issues.extend(issues);
    }

    /// Keeps the text of a file, so that messages can show its lines.
    pub fn keep(&mut self, name: &str, text: &Arc<str>) {
        self.texts.insert(name.to_owned(), text.clone());
    }

    /// Whether an issue stands at this place or below it already: what was refused is not missing.
    pub(super) fn stands_at(&self, place: &Place) -> bool {
        let path = place.path.as_deref().unwrap_or_default();
        let covers =
            |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let here = |other: &Place| other.file == place.file && covers(other.path.as_deref().unwrap_or_default());
        self.issues.iter().any(|issue| here(&issue.place))
    }

    /// Puts the issues in the order of files and lines, each once.
    pub(super) fn sorted(mut self) -> Self {
        let key = |issue: &Issue| (issue.place.file.clone(), issue.place.line, issue.place.column);
        self.issues.sort_by_cached_key(key);
        self.issues.dedup();
        self
    }

    /// For people: the lines each issue is about; readable without colour.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
        let mut out = String::new();
        for issue in &self.issues {
            out.push_str(&renderer.render(&[self.group(issue)]));
            out.push_str("\n\n");
        }
        out
    }

    /// For programs: a list of issues (code, severity, message, place, hint).
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "errors": self.errors(), "warnings": self.warnings(), "issues": self.issues })
    }

    fn group<'r>(&'r self, issue: &'r Issue) -> Group<'r> {
        let level = match issue.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(issue.message.as_str()).id(issue.code.0));
        let text = issue.place.file.as_ref().and_then(|file| self.texts.get(file));
        group = match (text, issue.place.line) {
            (Some(text), Some(line)) => {
                let (shown, span) = excerpt(text, line, issue.place.column.unwrap_or(1), Hidden::of(issue));
                let annotation = AnnotationKind::Primary.span(span);
                let number = usize::try_from(line).unwrap_or(1);
                let snippet = Snippet::source(shown).line_start(number).path(issue.place.file.as_deref());
                group.element(snippet.annotation(annotation))
            }
            (None, _) | (_, None) => match issue.place.to_string() {
                place if place.is_empty() => group,
                place => group.element(Level::NOTE.message(format!("at {place}"))),
            },
        };
        match &issue.hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(hint.as_str())),
            None => group,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Report {}

/// What of a line is not shown: a report is read by more people than a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hidden {
    /// Nothing.
    Nothing,
    /// What follows the word: the value of a key nobody knows may be a secret under a mistyped name.
    Rest,
    /// The word itself and what follows: a secret in plain text.
    Word,
}

impl Hidden {
    fn of(issue: &Issue) -> Self {
        let key = issue.place.path.as_deref().and_then(|path| path.rsplit('.').next()).unwrap_or_default();
        if issue.message.contains(SecretRef::PLAIN) || key.starts_with("key") {
            Hidden::Word
        } else if issue.code == codes::UNKNOWN_KEY || issue.code == guichet_sdk::settings::UNKNOWN {
            Hidden::Rest
        } else {
            Hidden::Nothing
        }
    }
}

/// A line as shown, and in it the word or text in quotes that starts at a column.
fn excerpt(text: &str, line: u64, column: u64, hidden: Hidden) -> (String, Range<usize>) {
    let skip = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = text.lines().nth(skip).unwrap_or_default();
    let before = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let from = line.char_indices().nth(before).map_or(line.len(), |(index, _)| index);
    let to = from + word(&line[from..]);
    match hidden {
        Hidden::Nothing => (line.to_owned(), from..to),
        Hidden::Rest if to < line.len() => (format!("{} …", &line[..to]), from..to),
        Hidden::Rest => (line.to_owned(), from..to),
        Hidden::Word => (format!("{}…", &line[..from]), from..from + '…'.len_utf8()),
    }
}

/// Length of the word or text in quotes at the start of a text.
fn word(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].find(quote).map_or(text.len(), |end| end + 2),
        Some(first) => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')));
            end.unwrap_or(text.len()).max(first.len_utf8())
        }
        None => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::Code;

    use super::*;

    #[test]
    fn people_see_the_line_and_the_hint() {
        let mut report = Report::default();
        report.keep("config/a.toml", &"[source]\nconecteur = 'files'\n".into());
        let place = Place::file("config/a.toml").at(2, 1).path("source.conecteur");
        report.push(
            Issue::error(Code("E003"), "`conecteur` is not a key of `source`")
                .at(place)
                .hint("did you mean `connector`?"),
        );
        report.push(Issue::warning(Code("E009"), "others can read it").at(Place::file("secrets/key")));
        insta::assert_snapshot!(report.render(false));
        assert_eq!((report.errors(), report.warnings()), (1, 1));
    }

    #[test]
    fn spans_cover_the_word() {
        let text = "é = 'a b'\nkey-2 = 1\n";
        let cut = |line, column| {
            let (shown, span) = excerpt(text, line, column, Hidden::Nothing);
            shown[span].to_owned()
        };
        assert_eq!(
            [cut(1, 5), cut(2, 1), cut(2, 9), cut(1, 1), cut(9, 9), cut(1, 99)],
            ["'a b'", "key-2", "1", "é", "", ""]
        );
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let shown = |hidden, column| excerpt("kye = 'hunter2'", 1, column, hidden).0;
        assert_eq!((shown(Hidden::Rest, 1).as_str(), shown(Hidden::Word, 7).as_str()), ("kye …", "kye = …"));
    }
}
