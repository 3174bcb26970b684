//! Golden tests of a mapping: `samples/NN.in.*` must give `NN.out.json`, and every `[[test]]` what it expects. Pure: the
//! files of the folder come in, results and the files to bless go out.

use std::collections::BTreeMap;

use guichet_sdk::format::{Cut, Framer, Reader};
use guichet_sdk::{Document, Issue, Node, Place, Refusal};
use serde_json::{Value, json};

use super::Mapping;
use super::ast::{ExprKind, Path, Step};
use super::coverage::{Coverage, Seen};
use super::site::Site;
use crate::model::{CaseUpdate, Moment};

/// The files of a mapping's folder, by name relative to it (`samples/01.in.csv`).
pub type Files = BTreeMap<String, Vec<u8>>;

/// What ran, and what the samples do not show.
#[derive(Debug)]
pub struct Run {
    /// Results, in the order of the samples, then of the `[[test]]` blocks.
    pub results: Vec<Outcome>,
    /// What no sample shows.
    pub coverage: Coverage,
}

/// The result of one sample or test.
#[derive(Debug)]
pub struct Outcome {
    /// The sample's file, or the test's name.
    pub name: String,
    /// Where to look.
    pub place: Place,
    /// What is wrong; empty = passed.
    pub failures: Vec<Failure>,
    /// The golden file as it would be written by blessing: its name and content. Absent for `[[test]]` blocks.
    pub golden: Option<(String, String)>,
}

/// Why a sample or test failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// There is no golden yet.
    NoGolden,
    /// The golden differs, first at this line.
    Differs {
        /// Line of the golden, from 1.
        line: usize,
        /// What the golden says there.
        expected: String,
        /// What came out.
        found: String,
    },
    /// A field is not what the test expects.
    Field {
        /// The field.
        field: String,
        /// What the test expects.
        expected: String,
        /// What came out; `None` = nothing.
        found: Option<String>,
    },
    /// Something could not be read, or was refused where nothing was to be refused (or for another reason).
    Issue(Issue),
    /// It was understood, and was to be refused with this code.
    NotRefused(String),
}

/// A compiled `[[test]]` block.
pub(super) struct Test {
    pub(super) name: String,
    pub(super) site: Site,
    pub(super) input: String,
    pub(super) set: Vec<(Path, String)>,
    pub(super) expect_fields: Vec<(String, String)>,
    pub(super) expect_quarantine: Option<String>,
}

/// What one record gives.
type Applied = Result<Vec<CaseUpdate>, Refusal>;

impl Mapping {
    /// Runs the samples and tests of its folder.
    pub fn run_goldens(&self, files: &Files) -> Run {
        let seen = Seen::default();
        let samples = files.keys().filter(|name| name.starts_with("samples/") && name.contains(".in."));
        let mut results: Vec<Outcome> = samples.map(|name| self.sample(name, files, &seen)).collect();
        results.extend(self.run_commands(files));
        results.extend(self.tests.iter().map(|test| self.test(test, files, &seen)));
        Run { results, coverage: seen.coverage(self) }
    }

    fn sample(&self, name: &str, files: &Files, seen: &Seen) -> Outcome {
        let stem = name.split_once(".in.").map_or(name, |(stem, _)| stem);
        let golden = format!("{stem}.out.json");
        let place = Place::file(self.beside(&golden));
        let records = match self.records(name, files) {
            Ok(records) => records,
            Err(issue) => {
                return Outcome { name: name.to_owned(), place, failures: vec![Failure::Issue(issue)], golden: None };
            }
        };
        let applied = records.into_iter().map(|record| match record {
            Ok(document) => {
                seen.document(&document);
                self.apply_noting(&document, Some(seen))
            }
            Err(issue) => Err(Refusal { case_key: None, issues: vec![issue] }),
        });
        let content = written(&applied.map(|applied| shown(&applied)).collect::<Vec<_>>());
        let failures = match files.get(&golden) {
            None => vec![Failure::NoGolden],
            Some(expected) => difference(&String::from_utf8_lossy(expected), &content).into_iter().collect(),
        };
        Outcome { name: name.to_owned(), place, failures, golden: Some((golden, content)) }
    }

    fn test(&self, test: &Test, files: &Files, seen: &Seen) -> Outcome {
        let failures = match self.first(test, files) {
            Ok(document) => expected(test, self.apply_noting(&document, Some(seen))),
            Err(issue) => vec![Failure::Issue(issue)],
        };
        Outcome { name: test.name.clone(), place: test.site.place(&self.file), failures, golden: None }
    }

    /// The first record of a test's sample, with its changes.
    fn first(&self, test: &Test, files: &Files) -> Result<Document, Issue> {
        let first = self.records(&test.input, files)?.into_iter().next();
        let none = || Issue::error(super::codes::SETTING, format!("`{}` holds no record", test.input));
        let mut document = first.unwrap_or_else(|| Err(none()))?;
        for (path, value) in &test.set {
            set(&mut document.root, &path.steps, value).map_err(|what| {
                Issue::error(super::codes::SETTING, format!("`{}` cannot be set: {what}", path.text))
                    .at(test.site.place(&self.file))
            })?;
        }
        Ok(document)
    }

    /// The records of a sample, read as the flow would read them.
    fn records(&self, name: &str, files: &Files) -> Result<Vec<Result<Document, Issue>>, Issue> {
        let missing = || {
            let issue = Issue::error(super::codes::SETTING, format!("there is no file `{name}` beside the mapping"));
            issue.at(Place::file(&*self.file))
        };
        let bytes = files.get(name).ok_or_else(missing)?;
        let mut framer = Framer::new(&self.format, self.beside(name).into(), 0);
        framer.push(bytes);
        framer.end();
        let reader = Reader::new(&self.format);
        let mut records = Vec::new();
        while let Some(cut) = framer.next()? {
            records.push(match cut {
                Cut::Record(record) => reader.read(&record),
                Cut::Broken(_, issue) => Err(issue),
            });
        }
        Ok(records)
    }

    pub(super) fn beside(&self, name: &str) -> String {
        match self.file.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        }
    }
}

/// What a record gives, as the golden shows it: its updates, or why and where it was refused (never the values).
fn shown(applied: &Applied) -> Value {
    match applied {
        Ok(updates) => updates.iter().map(readable).collect(),
        Err(refusal) => {
            let one = |issue: &Issue| json!({ "quarantine": issue.code.0, "path": issue.place.path });
            match refusal.issues.as_slice() {
                [only] => one(only),
                several => several.iter().map(one).collect(),
            }
        }
    }
}

/// An update with its moments as people read them.
fn readable(update: &CaseUpdate) -> Value {
    fn walk(value: &mut Value) {
        let moment = value
            .as_object()
            .filter(|object| object.len() == 3 && object.contains_key("t") && object.contains_key("p"));
        if moment.is_some()
            && let Ok(moment) = serde_json::from_value::<Moment>(value.clone())
        {
            *value = Value::String(moment.rfc3339());
            return;
        }
        match value {
            Value::Object(entries) => entries.values_mut().for_each(walk),
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(update).unwrap_or_default();
    walk(&mut value);
    value
}

fn written(records: &[Value]) -> String {
    let text = serde_json::to_string_pretty(records).unwrap_or_default();
    text + "\n"
}

pub(super) fn difference(expected: &str, found: &str) -> Option<Failure> {
    let (mut expected, mut found) = (expected.lines(), found.lines());
    for line in 1.. {
        match (expected.next(), found.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => {
                let text = |line: Option<&str>| line.unwrap_or("(nothing)").trim().to_owned();
                return Some(Failure::Differs { line, expected: text(a), found: text(b) });
            }
        }
    }
    None
}

fn expected(test: &Test, applied: Applied) -> Vec<Failure> {
    match (applied, &test.expect_quarantine) {
        (Ok(_), Some(code)) => vec![Failure::NotRefused(code.clone())],
        (Err(refusal), Some(code)) if refusal.issues.iter().any(|issue| issue.code.0 == code) => Vec::new(),
        (Err(refusal), Some(_) | None) => refusal.issues.into_iter().map(Failure::Issue).collect(),
        (Ok(updates), None) => {
            let updates: Vec<Value> = updates.iter().map(readable).collect();
            let wrong = test.expect_fields.iter().filter_map(|(field, expected)| {
                let found = updates.iter().rev().find_map(|update| value_of(update, field));
                let same = found.as_deref() == Some(expected) || (found.is_none() && expected.is_empty());
                (!same).then(|| Failure::Field { field: field.clone(), expected: expected.clone(), found })
            });
            wrong.collect()
        }
    }
}

/// The value of a canonical field in a readable update.
fn value_of(update: &Value, field: &str) -> Option<String> {
    let (part, own) = field.split_once('.')?;
    let value = match (part, own) {
        ("case", "key") => &update["key"],
        ("status", "step" | "steps") => &update["status"]["step"][usize::from(own == "steps")],
        ("status", own) => &update["status"][own],
        ("update", own) => &update[own],
        ("location", own) => &update["facts"]["location"][own],
        ("deadline", own) => &update["facts"]["deadlines"][own],
        ("case", own) => match own.split_once('.') {
            Some(("attributes", name)) => &update["facts"]["attributes"][name],
            Some((_, scheme)) => {
                let aliases = update["facts"]["aliases"].as_array()?;
                &aliases.iter().find(|alias| alias[0] == scheme)?[1]
            }
            None => &update["facts"][own],
        },
        _ => return None,
    };
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Sets what stands at a path of a document; names that are not there are made, an empty value empties.
fn set(node: &mut Node, steps: &[Step], value: &str) -> Result<(), &'static str> {
    if let Node::List(items) = node {
        let [step @ Step::Where(_), rest @ ..] = steps else {
            return match items.as_mut_slice() {
                [only] => set(only, steps, value),
                _ => Err("it has several values; say which with `[@name='x']`"),
            };
        };
        let wanted = items.iter_mut().find(|item| holds(item, step));
        return set(wanted.ok_or("no item is like that")?, rest, value);
    }
    match (steps, &mut *node) {
        ([], Node::Map(entries)) if entries.iter().any(|(name, _)| &**name == guichet_sdk::TEXT) => {
            set(node, &[Step::Name(guichet_sdk::TEXT.to_owned())], value)
        }
        ([], _) => {
            *node = if value.is_empty() { Node::Empty } else { Node::Text(value.into()) };
            Ok(())
        }
        ([Step::Where(_), rest @ ..], _) => set(node, rest, value),
        ([Step::Each, ..], _) => Err("`[*]` is not one value"),
        ([Step::Name(name), rest @ ..], Node::Map(entries)) => {
            let at = entries.iter().position(|(known, _)| **known == **name).unwrap_or_else(|| {
                entries.push((name.as_str().into(), Node::Empty));
                entries.len() - 1
            });
            set(&mut entries[at].1, rest, value)
        }
        ([Step::Name(_), ..], _) => {
            // A text that gets an attribute or child keeps its text.
            let text = std::mem::replace(node, Node::Empty);
            let kept = if text == Node::Empty { Vec::new() } else { vec![(guichet_sdk::TEXT.into(), text)] };
            *node = Node::Map(kept);
            set(node, steps, value)
        }
    }
}

/// Whether an item has the text that `[@name='x']` asks for.
fn holds(item: &Node, step: &Step) -> bool {
    let Step::Where(condition) = step else { return false };
    let ExprKind::Equal(two, false) = &condition.kind else { return false };
    match (&two[0].kind, &two[1].kind) {
        (ExprKind::Path(path), ExprKind::Text(wanted)) => match path.steps.as_slice() {
            [Step::Name(name)] => item.get(name).and_then(Node::scalar) == Some(wanted),
            _ => false,
        },
        _ => false,
    }
}
