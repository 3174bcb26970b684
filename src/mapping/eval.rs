//! The scene an expression is evaluated in: the record, the item it is about, the `[let]`s. And how evaluation stops:
//! with a located issue that names the source path and the place in the mapping, never the value (trap 4).

use guichet_sdk::{Issue, Node};

use super::coverage::Seen;
use super::site::Site;
use super::value::Value;

/// What expressions see.
#[derive(Clone)]
pub struct Scene<'a> {
    /// The mapping's file.
    pub file: &'a str,
    /// The record.
    pub record: &'a Node,
    /// The item, or the record itself.
    pub here: &'a Node,
    /// The path of the list and the position of the item in it, from 1.
    pub item: Option<(&'a str, usize)>,
    /// Values of `[let]`; `None` where one could not be computed (it has been reported).
    pub lets: Vec<Option<Value<'a>>>,
    /// Where rows that served are noted.
    pub seen: Option<&'a Seen>,
}

/// Why an expression gives nothing.
#[derive(Debug)]
pub enum Stop {
    /// A problem.
    Refused(Box<Issue>),
    /// It uses something already reported.
    Poisoned,
}

impl<'a> Scene<'a> {
    /// A scene about a whole record.
    pub fn of(file: &'a str, record: &'a Node, seen: Option<&'a Seen>) -> Self {
        Scene { file, record, here: record, item: None, lets: Vec::new(), seen }
    }

    /// The same scene about another node.
    pub fn at(&self, here: &'a Node) -> Self {
        Scene { here, ..self.clone() }
    }

    /// The same scene about the item at a position of a list.
    pub fn item(&self, here: &'a Node, each: &'a str, position: usize) -> Self {
        Scene { here, item: Some((each, position)), ..self.clone() }
    }

    /// Stops with a problem of the value at a path (empty for a literal).
    pub fn stop(&self, mut issue: Issue, site: Site, path: &str) -> Stop {
        let path = self.full_path(path);
        issue.message = if path.is_empty() {
            format!("the value {}", issue.message)
        } else {
            format!("`{path}` {}", issue.message)
        };
        issue.place = site.place(self.file);
        issue.place.path = (!path.is_empty()).then_some(path);
        Stop::Refused(Box::new(issue))
    }

    /// A path from the record, with the position of the item.
    fn full_path(&self, path: &str) -> String {
        match (path.strip_prefix("^/"), self.item) {
            (Some(from_record), _) => from_record.to_owned(),
            (None, Some((each, position))) if !path.is_empty() => {
                let list = each.trim_start_matches("^/").trim_end_matches("[*]");
                let slash = if path.starts_with('@') { "" } else { "/" };
                let below = if path == "." { String::new() } else { format!("{slash}{path}") };
                format!("{list}[{position}]{below}")
            }
            (None, _) => path.to_owned(),
        }
    }
}
