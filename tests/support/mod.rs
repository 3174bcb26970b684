//! What end-to-end tests share: real inputs, scratch projects, a running hub and an oracle that shares no code with it.
#![allow(clippy::unwrap_used, dead_code, reason = "each test binary uses its own part")]

pub mod hub;
pub mod oracle;
pub mod page;
pub mod project;

use std::io::Write;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A real input below `shared/data`. Absent: a visible notice and `None`; absent in CI: a failure.
pub fn real_input(path: &str) -> Option<PathBuf> {
    let base = std::env::var_os("GUICHET_SHARED_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let file = base.join(path);
    if file.exists() {
        return Some(file);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "real input {} is absent and CI=true", file.display());
    // Not `eprintln!`: the test harness captures that, and a skipped test must be seen.
    let _ = writeln!(std::io::stderr(), "NOTICE: skipped, {} is absent (set GUICHET_SHARED_DATA)", file.display());
    None
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
