//! The sources of the workspace, split into what ships and what tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of the workspace.
pub struct Source {
    /// Path relative to the workspace.
    pub path: String,
    /// Everything.
    pub text: String,
}

impl Source {
    /// What ships: code without comments and without its tests.
    pub fn shipped(&self) -> String {
        if self.only_tests() {
            return String::new();
        }
        let code = self.text.split("#[cfg(test)]\n#[allow").next().unwrap_or_default();
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    /// What tests: the test module, or the whole file.
    pub fn tests(&self) -> &str {
        if self.only_tests() {
            return &self.text;
        }
        self.text.find("#[cfg(test)]").map_or("", |at| &self.text[at..])
    }

    /// Whether the file holds nothing but tests.
    pub fn only_tests(&self) -> bool {
        let parts: Vec<_> = self.path.split('/').collect();
        let folder = parts[..parts.len() - 1].iter().any(|part| ["tests", "suite"].contains(part));
        folder || parts.last() == Some(&"tests.rs") || self.path.starts_with("connectors/testkit/")
    }

    /// The top-level module of the hub it belongs to (`src/flow/board.rs` → `flow`).
    pub fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        inside.split('/').next().map(|first| first.trim_end_matches(".rs"))
    }
}

/// The workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file.
pub fn sources() -> Vec<Source> {
    let read = |path: &PathBuf| Source { path: shown(path), text: fs::read_to_string(path).unwrap() };
    let all: Vec<_> = files().iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).map(read).collect();
    assert!(all.len() > 30, "the sources were not found");
    all
}

/// Every file of the project: no build output, nothing hidden but `.ci`.
pub fn files() -> Vec<PathBuf> {
    let mut all = Vec::new();
    walk(&root(), &mut all);
    all.sort();
    all
}

/// A path relative to the workspace, with `/`.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

fn walk(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && name != "target" && (!name.starts_with('.') || name == ".ci") {
            walk(&entry.path(), all);
        } else if kind.is_file() {
            all.push(entry.path());
        }
    }
}
