//! Documents: a record parsed into a format-neutral tree. Refuses to guess types: text stays text.

use std::sync::Arc;

/// A name of an element, attribute (`@name`), column or key; shared between the documents of one flow.
pub type Name = Arc<str>;

/// One node of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Present without content: an empty element, `xsi:nil`, JSON `null`, an empty column.
    Empty,
    /// Text exactly as written (numbers of XML, CSV and fixed width included: leading zeros are text).
    Text(Box<str>),
    /// A JSON number, as written.
    Number(Box<str>),
    /// A JSON boolean.
    Bool(bool),
    /// An element with children or attributes, a JSON object, a row.
    Map(Vec<(Name, Node)>),
    /// Repeated elements or a JSON array.
    List(Vec<Node>),
}

/// The key under which an element with attributes or mixed content keeps its text.
pub const TEXT: &str = "#text";

impl Node {
    /// The child of this name; absent on anything but a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(entries) => entries.iter().find(|(key, _)| &**key == name).map(|(_, node)| node),
            Node::Empty | Node::Text(_) | Node::Number(_) | Node::Bool(_) | Node::List(_) => None,
        }
    }

    /// The scalar text of a node: an element that carries attributes reads as its text.
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Node::Text(text) | Node::Number(text) => Some(text),
            Node::Bool(true) => Some("true"),
            Node::Bool(false) => Some("false"),
            Node::Map(_) => self.get(TEXT).and_then(Node::scalar),
            Node::Empty | Node::List(_) => None,
        }
    }

    /// Adds a child, turning repeats into a list.
    pub fn push(entries: &mut Vec<(Name, Node)>, name: Name, node: Node) {
        match entries.iter_mut().find(|(key, _)| *key == name) {
            None => entries.push((name, node)),
            Some((_, Node::List(items))) => items.push(node),
            Some((_, first)) => {
                let old = std::mem::replace(first, Node::Empty);
                *first = Node::List(vec![old, node]);
            }
        }
    }
}

/// A parsed record.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The tree; for XML the *content* of the record element, so that paths start below it.
    pub root: Node,
}
