//! Moves files out of the way once they are committed: never over another file, never a file that is not ours any more.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use guichet_sdk::{Digest, Fault, FaultKind, Place};

use crate::codes;
use crate::folder::Stamp;

/// How many names are tried before giving up on a target folder.
const NAMES: usize = 1_000;

/// Moves a file in this state into another folder, under its own name or, where that is taken, one with its digest in
/// it. `None` when there is nothing to move: it was moved before, or another file has its name now.
pub fn shift(
    folder: &Path,
    name: &str,
    stamp: &Stamp,
    digest: Option<&Digest>,
    target: &Path,
) -> Result<Option<String>, Fault> {
    if stamp_at(&folder.join(name)) != Some(*stamp) {
        return Ok(None);
    }
    let mark = digest.map_or_else(|| "empty".to_owned(), |digest| digest.to_string()[..8].to_owned());
    let moved = rename(folder, name, target, &mark).map_err(|error| unmoved(name, target, &error))?;
    if stamp_at(&target.join(&moved)) == Some(*stamp) {
        return Ok(Some(moved));
    }
    // replaced between the look and the move: what was moved has not been read, so it goes back
    rename(target, &moved, folder, &mark).map_err(|error| unmoved(name, folder, &error))?;
    Ok(None)
}

/// Moves the marker of a file, if it is there.
pub fn shift_marker(folder: &Path, marker: &str, mark: &str, target: &Path) -> Result<(), Fault> {
    match rename(folder, marker, target, mark) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unmoved(marker, target, &error)),
    }
}

/// Writes why a file failed beside it. An existing note stays.
pub fn note(target: &Path, name: &str, reason: &str) -> Result<(), Fault> {
    let note = format!("{name}.error.txt");
    let written = OpenOptions::new().write(true).create_new(true).open(target.join(&note)).and_then(|mut file| {
        writeln!(file, "{reason}")?;
        file.sync_all()
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(unmoved(&note, target, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes moves durable: a power loss must not bring a file back, nor lose it between two folders.
pub fn sync(folder: &Path) -> Result<(), Fault> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // some network shares cannot sync a folder, and say so
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(unmoved(".", folder, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn stamp_at(path: &Path) -> Option<Stamp> {
    std::fs::symlink_metadata(path).ok().as_ref().and_then(Stamp::of)
}

/// Takes a free name by creating it, then renames over that empty file of ours. (A rename that refuses to overwrite
/// exists on Linux only, and not on network shares.)
fn rename(from: &Path, name: &str, to: &Path, mark: &str) -> io::Result<String> {
    for candidate in names(name, mark) {
        let target = to.join(&candidate);
        match OpenOptions::new().write(true).create_new(true).open(&target) {
            Ok(_) => {
                return std::fs::rename(from.join(name), &target).map(|()| candidate).inspect_err(|_| {
                    // the rename's own error is the one to tell
                    let _ = std::fs::remove_file(&target);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `a.csv.gz`, `a.3f2a9c81.csv.gz`, `a.3f2a9c81-2.csv.gz`…
fn names(name: &str, mark: &str) -> impl Iterator<Item = String> {
    let dot = name.char_indices().skip(1).find(|(_, c)| *c == '.').map_or(name.len(), |(at, _)| at);
    let (stem, tail) = name.split_at(dot);
    let numbered = (2..NAMES).map(move |n| format!("{stem}.{mark}-{n}{tail}"));
    [name.to_owned(), format!("{stem}.{mark}{tail}")].into_iter().chain(numbered)
}

fn unmoved(name: &str, target: &Path, error: &io::Error) -> Fault {
    let mut fault = Fault::new(
        FaultKind::Environment,
        codes::MOVE,
        format!("the file cannot be moved to `{}`: {error}", target.display()),
    );
    fault.issue.place = Place::file(name);
    fault.issue.hint = Some(match error.kind() {
        io::ErrorKind::CrossesDevices => "put `done` and `failed` on the same file system as `folder`".to_owned(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let the hub write in `folder`, `done` and `failed`, or write `keep = true`".to_owned()
        }
        _ => "nothing is lost: the file was processed, and is moved at the next start".to_owned(),
    });
    fault
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_extension() {
        let first: Vec<_> = names("export.csv.gz", "3f2a").take(3).collect();
        assert_eq!(first, ["export.csv.gz", "export.3f2a.csv.gz", "export.3f2a-2.csv.gz"]);
        assert_eq!(names("README", "3f2a").nth(1).unwrap(), "README.3f2a");
        assert_eq!(names(".hidden", "3f2a").nth(1).unwrap(), ".hidden.3f2a");
        assert_eq!(names("é.csv", "3f2a").nth(1).unwrap(), "é.3f2a.csv");
    }

    #[test]
    fn never_over_an_existing_file() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(to.path().join("a.csv"), "theirs").unwrap();
        for content in ["one", "two"] {
            std::fs::write(from.path().join("a.csv"), content).unwrap();
            let stamp = stamp_at(&from.path().join("a.csv")).unwrap();
            assert!(shift(from.path(), "a.csv", &stamp, None, to.path()).unwrap().is_some());
        }
        let read = |name: &str| std::fs::read_to_string(to.path().join(name)).unwrap();
        assert_eq!(
            (read("a.csv"), read("a.empty.csv"), read("a.empty-2.csv")),
            ("theirs".into(), "one".into(), "two".into())
        );
    }

    #[test]
    fn a_file_in_another_state_stays() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = from.path().join("a.csv");
        std::fs::write(&path, "one").unwrap();
        let stamp = stamp_at(&path).unwrap();
        std::fs::write(&path, "longer").unwrap();
        assert_eq!(shift(from.path(), "a.csv", &stamp, None, to.path()).unwrap(), None);
        assert!(path.exists());
        assert_eq!(shift(from.path(), "gone.csv", &stamp, None, to.path()).unwrap(), None);
    }
}
