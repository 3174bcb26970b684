//! The children of a map being built. Finds a name fast among few and among very many, so that a record made of a
//! hundred thousand distinct names takes no longer than its size deserves.

use std::collections::HashMap;

use crate::document::{Name, Node};

/// Up to this many entries are searched one by one.
const FEW: usize = 32;

/// Children, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    list: Vec<(Name, Node)>,
    index: HashMap<Name, usize>,
}

impl Entries {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a child, turning repeats into a list.
    pub(crate) fn push(&mut self, name: Name, node: Node) {
        match self.find(&name) {
            None => self.append(name, node),
            Some(at) => match &mut self.list[at].1 {
                Node::List(items) => items.push(node),
                first => {
                    let old = std::mem::replace(first, Node::Empty);
                    *first = Node::List(vec![old, node]);
                }
            },
        }
    }

    /// Adds a child whose name must be new; whether it was.
    pub(crate) fn insert(&mut self, name: Name, node: Node) -> bool {
        let new = self.find(&name).is_none();
        if new {
            self.append(name, node);
        }
        new
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.list.truncate(length);
    }

    pub(crate) fn into_map(self) -> Node {
        Node::Map(self.list)
    }

    fn find(&self, name: &Name) -> Option<usize> {
        // Repeats mostly follow each other.
        if self.list.last().is_some_and(|(last, _)| last == name) {
            return Some(self.list.len() - 1);
        }
        if self.index.is_empty() {
            return self.list.iter().position(|(key, _)| key == name);
        }
        self.index.get(name).copied()
    }

    fn append(&mut self, name: Name, node: Node) {
        let at = self.list.len();
        if at == FEW {
            self.index = self.list.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
        if at >= FEW {
            self.index.insert(name.clone(), at);
        }
        self.list.push((name, node));
    }
}
