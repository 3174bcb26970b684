//! Selecting in a document: names, every item, the items for which a condition holds. One value or a located complaint:
//! several values are never cut down to the first without being asked.

use guichet_sdk::settings::nearest;
use guichet_sdk::{Issue, Node};

use super::codes::{ABSENT, SEVERAL};
use super::eval::{Scene, Stop};
use super::op::Op;
use super::site::Site;
use super::value::Value;

/// A compiled path.
pub struct Path {
    /// Where it stands in the mapping.
    pub site: Site,
    /// As written, without `?`.
    pub text: Box<str>,
    /// Whether it starts at the record rather than at the item.
    pub from_record: bool,
    /// Whether it may be absent or empty.
    pub optional: bool,
    /// Whether it gives a list.
    pub many: bool,
    /// Steps.
    pub steps: Box<[Step]>,
}

/// A step of a compiled path.
pub enum Step {
    /// The child of this name.
    Name(Box<str>),
    /// Every item.
    Each,
    /// The items whose child of this name has this text (`[@key='x']`).
    Key(Box<str>, Box<str>),
    /// The items for which this holds.
    Where(Op),
}

/// What a step leads to: a node, or several.
enum Place<'a> {
    One(&'a Node),
    Many(Vec<&'a Node>),
}

impl Path {
    /// The text of the value at this path, or the texts of a list.
    pub fn read<'a>(&'a self, scene: &Scene<'a>) -> Result<Value<'a>, Stop> {
        if self.many {
            let nodes = self.nodes(scene)?;
            let texts = nodes.into_iter().map(|node| self.scalar(node, scene)).collect::<Result<Vec<_>, Stop>>()?;
            return Ok(Value::List(texts.into_iter().filter(|value| !value.is_blank()).collect()));
        }
        let value = match self.one(scene)? {
            Some(node) => self.scalar(node, scene)?,
            None => Value::Empty,
        };
        if value == Value::Empty && !self.optional {
            return Err(self.absent(scene));
        }
        Ok(value)
    }

    /// Whether there is a value.
    pub fn exists(&self, scene: &Scene<'_>) -> Result<bool, Stop> {
        Ok(self.nodes(scene)?.iter().any(|node| !is_empty(node)))
    }

    /// Every node at this path, whether it gives one or a list.
    pub fn nodes<'a>(&'a self, scene: &Scene<'a>) -> Result<Vec<&'a Node>, Stop> {
        let mut nodes = vec![if self.from_record { scene.record } else { scene.here }];
        for step in &self.steps {
            let mut next = Vec::with_capacity(nodes.len());
            for node in nodes {
                match self.walk(node, step, scene)? {
                    Some(Place::One(node)) => next.push(node),
                    Some(Place::Many(nodes)) => next.extend(nodes),
                    None => {}
                }
            }
            nodes = next;
        }
        if self.many { Ok(nodes) } else { Ok(nodes.into_iter().flat_map(items).collect()) }
    }

    /// The one node at this path.
    fn one<'a>(&'a self, scene: &Scene<'a>) -> Result<Option<&'a Node>, Stop> {
        let mut node = if self.from_record { scene.record } else { scene.here };
        for step in &self.steps {
            node = match self.walk(node, step, scene)? {
                Some(Place::One(node)) => node,
                Some(Place::Many(nodes)) => match nodes.as_slice() {
                    [] => return Ok(None),
                    [only] => only,
                    several => return Err(self.several(several.len(), scene)),
                },
                None => return Ok(None),
            };
        }
        self.single(node, scene)
    }

    fn walk<'a>(&'a self, node: &'a Node, step: &'a Step, scene: &Scene<'a>) -> Result<Option<Place<'a>>, Stop> {
        Ok(match step {
            Step::Name(name) => self.single(node, scene)?.and_then(|node| node.get(name)).map(Place::One),
            Step::Each => Some(Place::Many(items(node).collect())),
            Step::Key(name, wanted) => {
                let holds = |item: &&Node| item.get(name).and_then(Node::scalar) == Some(&**wanted);
                let mut found = items(node).filter(holds);
                match (found.next(), found.next()) {
                    (None, _) => None,
                    (Some(only), None) => Some(Place::One(only)),
                    (Some(first), Some(second)) => {
                        Some(Place::Many([first, second].into_iter().chain(found).collect()))
                    }
                }
            }
            Step::Where(condition) => {
                let mut found = Vec::new();
                for item in items(node) {
                    if condition.holds(&scene.at(item))? {
                        found.push(item);
                    }
                }
                Some(Place::Many(found))
            }
        })
    }

    /// A node that is not a list; a list of one is its item.
    fn single<'a>(&self, node: &'a Node, scene: &Scene<'_>) -> Result<Option<&'a Node>, Stop> {
        match node {
            Node::List(items) => match items.as_slice() {
                [] => Ok(None),
                [only] => self.single(only, scene),
                several => Err(self.several(several.len(), scene)),
            },
            Node::Empty | Node::Text(_) | Node::Number(_) | Node::Bool(_) | Node::Map(_) => Ok(Some(node)),
        }
    }

    fn scalar<'a>(&self, node: &'a Node, scene: &Scene<'_>) -> Result<Value<'a>, Stop> {
        if is_empty(node) {
            return Ok(Value::Empty);
        }
        if let Some(text) = node.scalar() {
            return Ok(Value::Text(text.into()));
        }
        if let Node::List(_) = node {
            return self.single(node, scene)?.map_or(Ok(Value::Empty), |node| self.scalar(node, scene));
        }
        let issue = Issue::error(SEVERAL, "holds other values, and one value is expected");
        let names = children(node);
        let issue =
            if names.is_empty() { issue } else { issue.hint(format!("go one step further: `{}`", names.join("`, `"))) };
        Err(scene.stop(issue, self.site, &self.text))
    }

    fn several(&self, count: usize, scene: &Scene<'_>) -> Stop {
        let issue = Issue::error(SEVERAL, format!("holds {count} values where one is expected"));
        scene.stop(
            issue.hint("say which: `[*]` for all, `first(…)`, `last(…)` or a condition in `[…]`"),
            self.site,
            &self.text,
        )
    }

    /// Says which path is absent, and which name of the document is near.
    fn absent<'a>(&'a self, scene: &Scene<'a>) -> Stop {
        let mut node = if self.from_record { scene.record } else { scene.here };
        let mut near = None;
        for step in &self.steps {
            match self.walk(node, step, scene) {
                Ok(Some(Place::One(next))) => node = next,
                Ok(_) | Err(_) => {
                    if let (Step::Name(name), Ok(Some(parent))) = (step, self.single(node, scene)) {
                        near = nearest(name, children(parent)).map(str::to_owned);
                    }
                    break;
                }
            }
        }
        let issue = Issue::error(ABSENT, "is absent or empty");
        let issue = match near {
            Some(near) => {
                issue.hint(format!("this document has `{near}`; or write `{}?` where it may be absent", self.text))
            }
            None => issue.hint(format!("write `{}?` where it may be absent", self.text)),
        };
        scene.stop(issue, self.site, &self.text)
    }
}

/// The items of a list; any other node is its own only item, and an empty one has none.
fn items(node: &Node) -> impl Iterator<Item = &Node> {
    let (list, one) = match node {
        Node::List(items) => (items.as_slice(), None),
        Node::Empty => (&[][..], None),
        Node::Text(_) | Node::Number(_) | Node::Bool(_) | Node::Map(_) => (&[][..], Some(node)),
    };
    list.iter().chain(one)
}

/// Whether a node holds nothing: no content, white space only, or an element with attributes alone.
fn is_empty(node: &Node) -> bool {
    match node {
        Node::Empty => true,
        Node::Text(text) => text.bytes().all(|byte| byte.is_ascii_whitespace()),
        Node::Number(_) | Node::Bool(_) => false,
        Node::Map(entries) => entries.iter().all(|(name, child)| name.starts_with('@') || is_empty(child)),
        Node::List(items) => items.is_empty(),
    }
}

fn children(node: &Node) -> Vec<&str> {
    match node {
        Node::Map(entries) => entries.iter().map(|(name, _)| &**name).collect(),
        Node::Empty | Node::Text(_) | Node::Number(_) | Node::Bool(_) | Node::List(_) => Vec::new(),
    }
}
