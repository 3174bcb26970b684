//! What the samples of a mapping do not show: paths of the source nobody reads, fields no sample sets, rows of code
//! tables no sample needs.

use std::cell::RefCell;
use std::collections::BTreeSet;

use guichet_sdk::{Document, Node, Place};

use super::Mapping;
use super::compile::Field;
use super::site::Site;
use super::table::{Row, Table};

/// What served while samples were applied.
#[derive(Default)]
pub struct Seen {
    rows: RefCell<BTreeSet<(Box<str>, Site)>>,
    fields: RefCell<BTreeSet<Site>>,
    paths: RefCell<BTreeSet<Vec<String>>>,
}

/// What the samples do not show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Paths of the samples that no expression reads, and that `[coverage] ignore` does not name.
    pub unread: Vec<String>,
    /// Fields no sample sets, where they are written.
    pub unset: Vec<(String, Place)>,
    /// Rows no sample needs: table, and where the row is written.
    pub unseen: Vec<(String, Place)>,
}

impl Seen {
    /// Notes that a row served.
    pub(super) fn row(&self, table: &Table, row: &Row) {
        self.rows.borrow_mut().insert((table.name.clone(), row.site));
    }

    /// Notes that a field was set.
    pub(super) fn field(&self, field: &Field) {
        self.fields.borrow_mut().insert(field.site);
    }

    /// Notes the paths of a document.
    pub(super) fn document(&self, document: &Document) {
        leaves(&document.root, &mut Vec::new(), &mut self.paths.borrow_mut());
    }

    /// What was not seen of a mapping.
    pub(super) fn coverage(&self, mapping: &Mapping) -> Coverage {
        let read = |path: &Vec<String>| mapping.paths_read.contains(path);
        let ignored = |path: &[String]| mapping.ignored.iter().any(|pattern| matches(pattern, path));
        let paths = self.paths.borrow();
        let unread = paths.iter().filter(|path| !read(path) && !ignored(path)).map(|path| shown(path)).collect();
        let fields = self.fields.borrow();
        let walks = mapping.updates.iter().chain(&mapping.lists).map(|walk| &walk.scope);
        let all = std::iter::once(&mapping.record).chain(walks).flat_map(|scope| &scope.fields);
        let unset = all.filter(|field| !fields.contains(&field.site));
        let unset = unset.map(|field| (field.name.to_string(), field.site.place(&mapping.file))).collect();
        let rows = self.rows.borrow();
        let unseen = mapping.tables.iter().flat_map(|table| {
            let sites = table.rows().into_iter().filter(|site| !rows.contains(&(table.name.clone(), *site)));
            sites.map(|site| (table.name.to_string(), site.place(table.file()))).collect::<Vec<_>>()
        });
        Coverage { unread, unset, unseen: unseen.collect() }
    }
}

/// The paths of the values below a node; items of a list share one path.
fn leaves(node: &Node, path: &mut Vec<String>, found: &mut BTreeSet<Vec<String>>) {
    match node {
        Node::Map(entries) => {
            for (name, child) in entries {
                if &**name == guichet_sdk::TEXT {
                    leaves(child, path, found);
                    continue;
                }
                path.push(name.to_string());
                leaves(child, path, found);
                path.pop();
            }
        }
        Node::List(items) => items.iter().for_each(|item| leaves(item, path, found)),
        Node::Empty => {}
        Node::Text(_) | Node::Number(_) | Node::Bool(_) => {
            found.insert(path.clone());
        }
    }
}

/// A path as it is written in expressions.
fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for name in path {
        if !text.is_empty() && !name.starts_with('@') {
            text.push('/');
        }
        text.push_str(name);
    }
    text
}

/// Whether a pattern names a path: `*` is any one name, at the end any rest.
fn matches(pattern: &str, path: &[String]) -> bool {
    let pattern = pattern.replace('@', "/@");
    let mut names = pattern.split('/').filter(|name| !name.is_empty()).peekable();
    let mut path = path.iter();
    while let Some(wanted) = names.next() {
        let last = names.peek().is_none();
        match path.next() {
            None => return false,
            Some(_) if wanted == "*" && last => return true,
            Some(name) if wanted == "*" || wanted == name => {}
            Some(_) => return false,
        }
    }
    path.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_name_one_path_or_all_below() {
        let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert!(matches("pieces/piece/*", &path("pieces/piece/nom/@lang")));
        assert!(matches("a/*/c", &path("a/b/c")));
        assert!(matches("etat@code", &path("etat/@code")));
        assert!(matches("*", &path("a/b")));
        assert!(!matches("a/b", &path("a/b/c")));
        assert!(!matches("pieces/piece/*", &path("pieces/piece")));
    }
}
