//! The way back: a command becomes what its source expects. The document of a command holds three parts, `command`,
//! `payload` and `case`; the same expressions read it. A body is a tree of typed values, or a template whose values are
//! escaped where they stand: never strings put together.

use std::collections::BTreeMap;

use guichet_sdk::{Document, Issue, Node};
use serde_json::{Map, Value as Json};

use super::Mapping;
use super::codes::ABSENT;
use super::eval::{Scene, Stop};
use super::op::Op;
use super::path::Path;
use super::site::Site;
use super::template::Template;
use super::value::Value;
use crate::model::Verb;

/// The parts of a command's document.
pub const PARTS: [&str; 3] = ["command", "payload", "case"];

/// What is sent to a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Named values for the connector.
    pub values: BTreeMap<String, String>,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// A compiled command.
pub struct CommandMap {
    pub(super) verb: Verb,
    pub(super) lets: Vec<(Box<str>, Op)>,
    pub(super) values: Vec<Placed>,
    pub(super) body: Body,
}

/// What its body is made from.
pub(super) enum Body {
    /// A tree, written as JSON.
    Tree { fields: Vec<Placed>, lists: Vec<Items> },
    /// A file beside the mapping.
    Template(Template),
}

/// An expression with its place in the body.
pub(super) struct Placed {
    pub(super) name: Box<str>,
    pub(super) place: Vec<Step>,
    pub(super) op: Op,
    pub(super) site: Site,
    pub(super) origin: Box<str>,
}

/// A list of the body.
pub(super) struct Items {
    pub(super) place: Vec<Step>,
    pub(super) each: Path,
    pub(super) fields: Vec<Placed>,
}

/// A step into the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member.
    Name(String),
    /// An item, from 0.
    At(usize),
}

/// Most items a body may name one by one.
const MOST_ITEMS: usize = 256;

/// The steps of a dotted name; a number is the place in a list.
pub(super) fn steps(name: &str) -> Vec<Step> {
    let step = |part: &str| match part.parse::<usize>() {
        Ok(at) if at < MOST_ITEMS => Step::At(at),
        Ok(_) | Err(_) => Step::Name(part.to_owned()),
    };
    name.split('.').map(step).collect()
}

/// Whether two places cannot both be filled.
pub(super) fn clash(one: &[Step], other: &[Step]) -> bool {
    for (a, b) in one.iter().zip(other) {
        match (a, b) {
            (Step::Name(_), Step::At(_)) | (Step::At(_), Step::Name(_)) => return true,
            (a, b) if a != b => return false,
            (_, _) => {}
        }
    }
    true
}

impl Mapping {
    /// The verbs it translates, with the names of the values each gives to the connector.
    pub fn commands(&self) -> impl Iterator<Item = (Verb, Vec<&str>)> {
        self.commands.iter().map(|command| (command.verb, command.values.iter().map(|value| &*value.name).collect()))
    }

    /// Translates a command; `None` where the mapping has no such verb.
    pub fn request(&self, verb: Verb, document: &Document) -> Option<Result<Request, Vec<Issue>>> {
        let command = self.commands.iter().find(|command| command.verb == verb)?;
        Some(Run { issues: Vec::new() }.request(command, &self.file, document))
    }
}

/// The document of a command, from its parts as JSON.
pub fn document(parts: &Json) -> Document {
    fn node(value: &Json) -> Node {
        match value {
            Json::Null => Node::Empty,
            Json::Bool(flag) => Node::Bool(*flag),
            Json::Number(number) => Node::Number(number.to_string().into()),
            Json::String(text) if text.is_empty() => Node::Empty,
            Json::String(text) => Node::Text(text.as_str().into()),
            Json::Array(items) => Node::List(items.iter().map(node).collect()),
            Json::Object(members) => {
                Node::Map(members.iter().map(|(name, value)| (name.as_str().into(), node(value))).collect())
            }
        }
    }
    Document { root: node(parts) }
}

/// One translation, and what went wrong in it.
struct Run {
    issues: Vec<Issue>,
}

impl Run {
    fn request(mut self, command: &CommandMap, file: &str, document: &Document) -> Result<Request, Vec<Issue>> {
        let mut scene = Scene::of(file, &document.root, None);
        for (name, op) in &command.lets {
            let value = op.eval(&scene).map_err(|stop| self.report(&format!("${name}"), stop)).ok();
            scene.lets.push(value);
        }
        let mut values = BTreeMap::new();
        for placed in &command.values {
            // a path or a file name with a hole in it would lead elsewhere
            let empty = || {
                scene.stop(Issue::error(ABSENT, "is empty, and the connector needs it"), placed.site, &placed.origin)
            };
            match placed.op.eval(&scene) {
                Ok(value) if value.is_blank() => self.report(&placed.name, empty()),
                Ok(value) => drop(values.insert(placed.name.to_string(), value.into_text().into_owned())),
                Err(stop) => self.report(&placed.name, stop),
            }
        }
        let (content_type, body) = match &command.body {
            Body::Tree { fields, lists } => ("application/json", self.tree(fields, lists, &scene)),
            Body::Template(template) => match template.fill(&scene) {
                Ok(text) => (template.content_type(), text.into_bytes()),
                Err(stop) => {
                    self.report("template", stop);
                    (template.content_type(), Vec::new())
                }
            },
        };
        if self.issues.is_empty() { Ok(Request { values, content_type, body }) } else { Err(self.issues) }
    }

    fn report(&mut self, name: &str, stop: Stop) {
        match stop {
            Stop::Refused(mut issue) => {
                issue.message = format!("`{name}`: {}", issue.message);
                self.issues.push(*issue);
            }
            Stop::Poisoned => {}
        }
    }

    fn tree<'a>(&mut self, fields: &'a [Placed], lists: &'a [Items], scene: &Scene<'a>) -> Vec<u8> {
        let mut root = Json::Object(Map::new());
        self.fill(fields, scene, &mut root);
        for list in lists {
            let mut items = Vec::new();
            let nodes = list.each.nodes(scene).unwrap_or_else(|stop| {
                self.report("each", stop);
                Vec::new()
            });
            for (at, node) in nodes.into_iter().enumerate() {
                let mut item = Json::Object(Map::new());
                self.fill(&list.fields, &scene.item(node, &list.each.text, at + 1), &mut item);
                items.push(item);
            }
            if !items.is_empty() {
                put(&mut root, &list.place, Json::Array(items));
            }
        }
        close_gaps(&mut root);
        root.to_string().into_bytes()
    }

    fn fill<'a>(&mut self, fields: &'a [Placed], scene: &Scene<'a>, into: &mut Json) {
        for placed in fields {
            match placed.op.eval(scene) {
                Ok(value) if value.is_blank() => {}
                Ok(value) => put(into, &placed.place, json(value)),
                Err(stop) => self.report(&placed.name, stop),
            }
        }
    }
}

/// A value as JSON, with its type.
fn json(value: Value<'_>) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Bool(flag) => Json::Bool(flag),
        Value::List(items) => items.into_iter().map(json).collect(),
        // exact decimals are written as they are read, when JSON can hold them
        Value::Number(number) => match number.integer() {
            Some(integer) => Json::from(integer),
            None => number.to_string().parse::<f64>().map_or(Json::Null, Json::from),
        },
        value @ (Value::Text(_) | Value::Date(_)) => Json::String(value.into_text().into_owned()),
    }
}

fn put(into: &mut Json, place: &[Step], value: Json) {
    let Some((step, rest)) = place.split_first() else {
        *into = value;
        return;
    };
    match step {
        Step::Name(name) => {
            if !into.is_object() {
                *into = Json::Object(Map::new());
            }
            if let Json::Object(members) = into {
                put(members.entry(name.clone()).or_insert(Json::Null), rest, value);
            }
        }
        Step::At(at) => {
            if !into.is_array() {
                *into = Json::Array(Vec::new());
            }
            if let Json::Array(items) = into {
                if items.len() <= *at {
                    items.resize(*at + 1, Json::Null);
                }
                put(&mut items[*at], rest, value);
            }
        }
    }
}

/// Items nothing was said of are left out.
fn close_gaps(value: &mut Json) {
    match value {
        Json::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(close_gaps);
        }
        Json::Object(members) => members.values_mut().for_each(close_gaps),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEAD: &str = r#"
[mapping]
id = "m"
version = "1"
model = "case/1"
[source]
format = "json"
tz = "Europe/Paris"
[fields]
case.key = "id"
"#;

    fn mapping(commands: &str, template: &str) -> Result<Mapping, Vec<Issue>> {
        let beside = |name: &str| (name == "body.xml").then(|| template.to_owned());
        Mapping::compile("mapping.toml", &format!("{HEAD}{commands}"), &beside)
    }

    fn parts() -> Json {
        json!({
            "command": { "id": "c-1", "verb": "submit" },
            "payload": {
                "title": "Lamp <out> & \"dark\"", "count": 3, "urgent": true, "tags": ["a", "b"],
                "documents": [{ "url": "u1", "name": "n1" }, { "url": "u2" }],
            },
            "case": { "reference": "7K3M-9QXD-4" },
        })
    }

    #[test]
    fn fields_become_a_typed_tree() {
        let mapping = mapping(
            r#"
[commands.submit.let]
title = "payload/title | upper"
[commands.submit.values]
project = "'streets'"
[commands.submit.fields]
issue.subject = "$title"
issue.count = "payload/count | integer"
issue.urgent = "payload/urgent | boolean"
issue.tags = "payload/tags[*]"
issue.note = "payload/note?"
issue.custom.0.id = "4"
issue.custom.1.id = "payload/nothing?"
issue.custom.2.value = "command/id"
[commands.submit.lists."issue.uploads"]
each = "payload/documents[*]"
fields = { at = "url", name = "name? ?? ^/command/id" }
"#,
            "",
        );
        let request = mapping.unwrap().request(Verb::Submit, &document(&parts())).unwrap().unwrap();
        assert_eq!(request.values["project"], "streets");
        assert_eq!(
            serde_json::from_slice::<Json>(&request.body).unwrap(),
            json!({ "issue": {
                "subject": "LAMP <OUT> & \"DARK\"", "count": 3, "urgent": true, "tags": ["a", "b"],
                "custom": [{ "id": 4 }, { "value": "c-1" }],
                "uploads": [{ "at": "u1", "name": "n1" }, { "at": "u2", "name": "c-1" }],
            }})
        );
    }

    #[test]
    fn a_template_holds_values_and_no_markup_of_others() {
        let template = r#"<r t="{{ payload/title }}"><d guichet:each="payload/documents[*]" n="{{ name? }}">{{ url }}</d><x guichet:when="exists(payload/none)"/></r>"#;
        let mapping = mapping("[commands.submit]\ntemplate = \"body.xml\"\n", template).unwrap();
        let request = mapping.request(Verb::Submit, &document(&parts())).unwrap().unwrap();
        assert_eq!(request.content_type, "application/xml");
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            r#"<r t="Lamp &lt;out&gt; &amp; &quot;dark&quot;"><d n="n1">u1</d><d n="">u2</d></r>"#
        );
    }

    #[test]
    fn what_is_missing_is_refused_with_its_place_and_without_values() {
        let mapping = mapping(
            "[commands.submit.values]\na = \"payload/x? | trim\"\n[commands.submit.fields]\nb = \"payload/y\"\n",
            "",
        );
        let issues = mapping.unwrap().request(Verb::Submit, &document(&parts())).unwrap().unwrap_err();
        let said: Vec<_> = issues.iter().map(|issue| (issue.code.0, issue.place.path.as_deref().unwrap())).collect();
        assert_eq!(said, [("E048", "payload/x"), ("E048", "payload/y")]);
        assert!(!format!("{issues:?}").contains("Lamp"));
    }

    #[test]
    fn mistakes_in_a_template_stand_in_the_template() {
        let template = "<r>\n  {{ paylod/title }}</r>";
        let issues = mapping("[commands.submit]\ntemplate = \"body.xml\"\n", template).err().unwrap();
        let place = &issues[0].place;
        assert_eq!((place.file.as_deref(), place.line, place.column), (Some("body.xml"), Some(2), Some(6)));
        assert!(mapping("[commands.submit]\ntemplate = \"other.xml\"\n", "").is_err());
        assert!(mapping("[commands.submit]\ntemplate = \"body.xml\"\n", "<r>").is_err());
    }
}
