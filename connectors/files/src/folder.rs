//! Looks at the folder: which files are complete, which are refused. Never opens, reads or moves one.
//!
//! A file is complete when *we* saw it unchanged for `settle`. Its own time stamp is not trusted for that: the clock of
//! a file server may run behind ours, and a copy may keep the time of the original.

use std::collections::{HashMap, HashSet};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guichet_sdk::{Code, Issue, Place};
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::config::{Complete, Intake, Order};

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change, nanoseconds since 1970.
    pub modified: i64,
}

impl Stamp {
    /// The stamp of a regular file; `None` for anything else.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        })
    }

    /// Last change, microseconds since 1970.
    pub fn micros(&self) -> i64 {
        self.modified.div_euclid(1_000)
    }
}

/// A file that matches the pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name in the folder.
    pub name: Arc<str>,
    /// Its state when it was looked at.
    pub stamp: Stamp,
}

/// What one look at the folder showed.
#[derive(Debug, Default)]
pub struct Look {
    /// Complete files, in the order in which to read them.
    pub complete: Vec<Found>,
    /// Markers whose file is gone (a crash between two moves).
    pub orphans: Vec<Arc<str>>,
    /// How long until the next one may be complete; `None` when none is waited for.
    pub wait: Option<Duration>,
    /// Refused files, each told once.
    pub notices: Vec<Issue>,
}

/// Notices of one look; the others are told by the next ones.
const MOST_NOTICES: usize = 100;

impl Look {
    fn has_room(&self) -> bool {
        self.notices.len() < MOST_NOTICES
    }
}

/// What is remembered between two looks; bounded by what is in the folder.
#[derive(Debug, Default)]
pub struct Folder {
    seen: HashMap<Arc<str>, Seen>,
    taken: HashMap<Arc<str>, Stamp>,
    told: HashSet<(Code, String)>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    since: Instant,
}

impl Folder {
    /// One look. Costs one listing and one `lstat` for each matching name, whatever is remembered.
    pub fn look(&mut self, intake: &Intake, now: Instant) -> io::Result<Look> {
        let mut look = Look::default();
        let mut names = HashSet::new();
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&intake.folder)? {
            let entry = entry?;
            match name_of(&entry, intake) {
                Name::Other => {}
                Name::Unsafe(shown) => {
                    self.refuse_name(&shown, &mut look);
                    names.insert(Arc::from(shown));
                }
                Name::Safe(name) => {
                    names.insert(name.clone());
                    if !is_marker(&name, intake) {
                        files.push((name, entry));
                    }
                }
            }
        }
        let mut present = HashSet::new();
        for (name, entry) in files {
            let Some(found) = self.regular(name, &entry, &mut look) else { continue };
            present.insert(found.name.clone());
            self.judge(found, intake, &names, now, &mut look);
        }
        if let Complete::Marked(suffix) = &intake.complete {
            look.orphans = orphans(&names, suffix, intake);
        }
        self.forget_absent(&names, &present);
        sort(&mut look.complete, intake.order);
        Ok(look)
    }

    /// The file in this state was taken: it is not listed again while it stays as it is.
    pub fn take(&mut self, found: &Found) {
        self.taken.insert(found.name.clone(), found.stamp);
    }

    /// The file could not be read as it was listed: it must settle again.
    pub fn unsettle(&mut self, name: &str) {
        self.seen.remove(name);
        self.taken.remove(name);
    }

    /// Nothing was taken: a rewind.
    pub fn untake_all(&mut self) {
        self.taken.clear();
    }

    /// Whether this is the first time that this is said of this file.
    pub fn tell_once(&mut self, code: Code, name: &str) -> bool {
        self.told.insert((code, name.to_owned()))
    }

    fn refuse_name(&mut self, shown: &str, look: &mut Look) {
        if look.has_room() && self.tell_once(codes::NAME, shown) {
            look.notices.push(
                Issue::error(
                    codes::NAME,
                    "a file name holds control characters or is not UTF-8; the file is left alone",
                )
                .at(Place::file(shown))
                .hint("rename the file, and tell the source to write plain names"),
            );
        }
    }

    fn regular(&mut self, name: Arc<str>, entry: &DirEntry, look: &mut Look) -> Option<Found> {
        // `DirEntry::metadata` does not follow symbolic links; an error means that the file is gone already
        let metadata = entry.metadata().ok()?;
        if let Some(stamp) = Stamp::of(&metadata) {
            return Some(Found { name, stamp });
        }
        if !metadata.is_dir() && look.has_room() && self.tell_once(codes::KIND, &name) {
            look.notices.push(
                Issue::error(codes::KIND, "not a regular file (a symbolic link, a pipe or a device); it is left alone")
                    .at(Place::file(&*name))
                    .hint("put the file itself into the folder"),
            );
        }
        None
    }

    fn judge(&mut self, found: Found, intake: &Intake, names: &HashSet<Arc<str>>, now: Instant, look: &mut Look) {
        if self.taken.get(&found.name) == Some(&found.stamp) {
            return;
        }
        let settle = match &intake.complete {
            Complete::Settled(settle) => *settle,
            Complete::Marked(suffix) => {
                if names.contains(&*format!("{}{suffix}", found.name)) {
                    look.complete.push(found);
                }
                return;
            }
        };
        let since = match self.seen.get(&found.name) {
            Some(seen) if seen.stamp == found.stamp => seen.since,
            before => {
                let changed = before.is_some();
                if changed && look.has_room() && self.tell_once(codes::GROWING, &found.name) {
                    look.notices.push(
                        Issue::warning(
                            codes::GROWING,
                            "the file is still being written; it is read when it stays unchanged",
                        )
                        .at(Place::file(&*found.name)),
                    );
                }
                self.seen.insert(found.name.clone(), Seen { stamp: found.stamp, since: now });
                now
            }
        };
        let left = settle.saturating_sub(now.saturating_duration_since(since));
        if left.is_zero() {
            look.complete.push(found);
        } else {
            look.wait = Some(look.wait.map_or(left, |wait| wait.min(left)));
        }
    }

    fn forget_absent(&mut self, names: &HashSet<Arc<str>>, present: &HashSet<Arc<str>>) {
        self.seen.retain(|name, _| present.contains(name));
        self.taken.retain(|name, _| present.contains(name));
        self.told.retain(|(_, name)| names.contains(name.as_str()));
    }
}

enum Name {
    /// Does not match the pattern.
    Other,
    /// Refused; as it may be shown.
    Unsafe(String),
    /// Matches, or is the marker of one that does.
    Safe(Arc<str>),
}

fn name_of(entry: &DirEntry, intake: &Intake) -> Name {
    let raw = entry.file_name();
    let shown = raw.to_string_lossy();
    let base = match &intake.complete {
        Complete::Settled(_) => &*shown,
        Complete::Marked(suffix) => shown.strip_suffix(suffix.as_str()).unwrap_or(&shown),
    };
    if !intake.pattern.matches(base) {
        return Name::Other;
    }
    match raw.to_str().filter(|name| !name.chars().any(is_unsafe)) {
        Some(name) => Name::Safe(Arc::from(name)),
        None => Name::Unsafe(shown.escape_debug().collect()),
    }
}

fn is_marker(name: &str, intake: &Intake) -> bool {
    matches!(&intake.complete, Complete::Marked(suffix) if name.ends_with(suffix.as_str()))
}

/// Looks again for the file itself: it may have come after the listing passed its place.
fn orphans(names: &HashSet<Arc<str>>, suffix: &str, intake: &Intake) -> Vec<Arc<str>> {
    let alone = |name: &&Arc<str>| {
        name.strip_suffix(suffix)
            .is_some_and(|base| !names.contains(base) && std::fs::symlink_metadata(intake.folder.join(base)).is_err())
    };
    names.iter().filter(alone).cloned().collect()
}

/// Control characters forge log lines and paths; the bidirectional ones make a name read as another.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn sort(files: &mut [Found], order: Order) {
    match order {
        Order::Name => files.sort_unstable_by(|a, b| a.name.cmp(&b.name)),
        Order::Modified => files.sort_unstable_by(|a, b| (a.stamp.modified, &a.name).cmp(&(b.stamp.modified, &b.name))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use guichet_sdk::FlowSettings;
    use guichet_sdk::Format;
    use guichet_sdk::format::{Limits, Shape};
    use serde_json::{Value, json};
    use tempfile::tempdir;

    use super::*;

    fn intake(folder: &Path, mut settings: Value) -> Intake {
        settings["folder"] = json!(folder.to_str().unwrap());
        let format = Format { shape: Shape::Ndjson, encoding: "utf-8".to_owned(), limits: Limits::default() };
        let flow = FlowSettings { source: "s".into(), flow: "f".into(), settings, format, base: "/".into() };
        crate::config::check(flow).unwrap()
    }

    fn names(look: &Look) -> Vec<&str> {
        look.complete.iter().map(|found| &*found.name).collect()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_file_settles_when_it_was_seen_unchanged_long_enough() {
        let inbox = tempdir().unwrap();
        let intake = intake(inbox.path(), json!({ "settle": "2s" }));
        let (mut folder, start) = (Folder::default(), Instant::now());
        let file = inbox.path().join("a.csv");
        std::fs::write(&file, "one").unwrap();
        // an old time stamp alone settles nothing: it may be a copy's, or another clock's
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let look = folder.look(&intake, start).unwrap();
        assert_eq!((names(&look), look.wait), (vec![], Some(2 * SECOND)));
        let look = folder.look(&intake, start + SECOND).unwrap();
        assert_eq!((names(&look), look.wait), (vec![], Some(SECOND)));
        // it grows: the wait starts again, and that is told once
        std::fs::write(&file, "longer").unwrap();
        let look = folder.look(&intake, start + 2 * SECOND).unwrap();
        assert_eq!((names(&look), look.wait, look.notices[0].code), (vec![], Some(2 * SECOND), codes::GROWING));
        std::fs::write(&file, "longer still").unwrap();
        assert!(folder.look(&intake, start + 3 * SECOND).unwrap().notices.is_empty());
        let look = folder.look(&intake, start + 5 * SECOND).unwrap();
        assert_eq!((names(&look), look.wait), (vec!["a.csv"], None));
    }

    #[test]
    fn a_taken_file_is_not_listed_again_until_it_changes() {
        let inbox = tempdir().unwrap();
        let intake = intake(inbox.path(), json!({ "settle": "0s" }));
        let (mut folder, now) = (Folder::default(), Instant::now());
        std::fs::write(inbox.path().join("a.csv"), "one").unwrap();
        let found = folder.look(&intake, now).unwrap().complete.remove(0);
        folder.take(&found);
        assert!(folder.look(&intake, now).unwrap().complete.is_empty());
        std::fs::write(inbox.path().join("a.csv"), "longer").unwrap();
        assert_eq!(names(&folder.look(&intake, now).unwrap()), ["a.csv"]);
        folder.take(&found);
        folder.untake_all();
        assert_eq!(names(&folder.look(&intake, now).unwrap()), ["a.csv"]);
    }

    #[test]
    fn what_left_the_folder_is_forgotten() {
        let inbox = tempdir().unwrap();
        let intake = intake(inbox.path(), json!({ "settle": "1h" }));
        let (mut folder, now) = (Folder::default(), Instant::now());
        for name in ["a.csv", "b\n.csv"] {
            std::fs::write(inbox.path().join(name), "one").unwrap();
        }
        folder.look(&intake, now).unwrap();
        assert_eq!((folder.seen.len(), folder.told.len()), (1, 1));
        for name in ["a.csv", "b\n.csv"] {
            std::fs::remove_file(inbox.path().join(name)).unwrap();
        }
        folder.look(&intake, now).unwrap();
        assert_eq!((folder.seen.len(), folder.told.len(), folder.taken.len()), (0, 0, 0));
    }
}
