//! The settings of a flow of files: as written, and checked. Pure; the folder itself is looked at by `open`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::settings::{Period, Size, read, unusable};
use guichet_sdk::{FlowSettings, Format, Issue};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::outbox::{self, DropSettings, Outbox};
use crate::pattern::{Numbered, Pattern};
use crate::stream::Limits;

/// Settings of a flow that reads files from a folder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Required. Folder in which the source drops its files, relative to the project. Subfolders are not read.
    #[schemars(required)]
    pub folder: Option<String>,
    /// Names of the files to take, every one when not written; `*` is any text, `?` one character. Names that start with
    /// a dot are left alone.
    pub pattern: String,
    /// A file is taken when its size and time have not changed for this long; 2s when not written.
    pub settle: Period,
    /// A file is taken as soon as a file of the same name with this suffix exists (`.done`), instead of `settle`.
    #[schemars(with = "Option<String>")]
    pub ready: Option<String>,
    /// Where finished files go, relative to `folder`; `done` when not written.
    pub done: String,
    /// Where files go of which nothing, or not everything, could be read, relative to `folder`; `failed` when not written.
    pub failed: String,
    /// Leave files where they are (a read-only share); their digests tell which were processed. False when not written.
    pub keep: bool,
    /// Order in which files are read; `name` when not written.
    pub order: Order,
    /// Where the number of an export stands in the file name, as `export-{number}.csv`.
    #[schemars(with = "Option<String>")]
    pub export_number: Option<String>,
    /// How often the folder is looked at where the system does not tell of new files (network shares); 30s when not
    /// written.
    pub poll: Period,
    /// Largest file, unpacked; 2 GiB when not written.
    pub max_size: Size,
    /// A packed file may unpack to this many times its size (from 1 MiB on); 100 when not written.
    pub max_ratio: u64,
    /// How commands are dropped, by verb (`submit`); none when not written.
    pub commands: BTreeMap<String, DropSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            folder: None,
            pattern: "*".to_owned(),
            settle: Period(Duration::from_secs(2)),
            ready: None,
            done: "done".to_owned(),
            failed: "failed".to_owned(),
            keep: false,
            order: Order::Name,
            export_number: None,
            poll: Period(Duration::from_secs(30)),
            max_size: Size(2 << 30),
            max_ratio: 100,
            commands: BTreeMap::new(),
        }
    }
}

/// Order in which files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By name.
    Name,
    /// By time of last change, then by name.
    Modified,
}

/// Checked settings: what the rest of the crate works with.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Where files arrive.
    pub folder: PathBuf,
    /// Which are taken.
    pub pattern: Pattern,
    /// When one is complete.
    pub complete: Complete,
    /// Where files go after their last batch is committed.
    pub after: After,
    /// In which order they are read.
    pub order: Order,
    /// Where the export number stands.
    pub numbered: Option<Numbered>,
    /// Longest wait between two looks at the folder.
    pub poll: Duration,
    /// How large a file may be.
    pub limits: Limits,
    /// How records are written.
    pub format: Format,
    /// How commands are dropped, by verb.
    pub outboxes: Arc<BTreeMap<String, Outbox>>,
}

/// When a file is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complete {
    /// Unchanged for this long.
    Settled(Duration),
    /// A marker of the same name with this suffix exists.
    Marked(String),
}

/// Where files go after their last batch is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Nowhere.
    Keep,
    /// Into one of two folders.
    Move {
        /// Read to the end.
        done: PathBuf,
        /// Not.
        failed: PathBuf,
    },
}

/// Checks the settings of a flow; tells every problem at once.
pub fn check(flow: FlowSettings) -> Result<Intake, Vec<Issue>> {
    let Settings {
        folder,
        pattern,
        settle,
        ready,
        done,
        failed,
        keep,
        order,
        export_number,
        poll,
        max_size,
        max_ratio,
        commands,
    } = read(&flow.settings)?;
    let mut issues = Vec::new();
    let folder = folder.as_deref().unwrap_or_default();
    if folder.trim().is_empty() {
        issues.push(
            unusable("folder", "`folder` is missing").hint("write `folder = \"inbox\"`, relative to the project"),
        );
    }
    for (key, path) in [("folder", folder), ("done", &done), ("failed", &failed)] {
        issues.extend(path_issue(key, path));
    }
    issues.extend(pattern_issue(&pattern));
    issues.extend(ready.as_deref().and_then(ready_issue));
    issues.extend(target_issues(&done, &failed));
    if poll.0 < SHORTEST_POLL {
        issues.push(
            unusable("poll", "`poll` is shorter than 100ms")
                .hint("write `poll = \"30s\"`; file events wake the flow at once where the system has them"),
        );
    }
    if max_ratio == 0 || max_size.0 == 0 {
        let key = if max_ratio == 0 { "max_ratio" } else { "max_size" };
        issues.push(unusable(key, format!("`{key}` is 0: no file could be read")).hint("leave it out for the default"));
    }
    let numbered = export_number.as_deref().map(|text| Numbered::parse(text).ok_or_else(|| number_issue(text)));
    let numbered = numbered.transpose().map_err(|issue| issues.push(issue)).unwrap_or_default();
    let outboxes = outbox::check(&commands, &flow.base, &mut issues);
    if !issues.is_empty() {
        return Err(issues);
    }
    let folder = tidy(&flow.base.join(folder));
    let after = if keep {
        After::Keep
    } else {
        After::Move { done: tidy(&folder.join(done)), failed: tidy(&folder.join(failed)) }
    };
    Ok(Intake {
        folder,
        pattern: Pattern::new(&pattern),
        complete: ready.map_or(Complete::Settled(settle.0), Complete::Marked),
        after,
        order,
        numbered,
        poll: poll.0,
        limits: Limits { size: max_size.0, ratio: max_ratio },
        format: flow.format,
        outboxes: Arc::new(outboxes),
    })
}

/// Below this, looking at the folder would be all the hub does.
const SHORTEST_POLL: Duration = Duration::from_millis(100);

fn path_issue(key: &str, path: &str) -> Option<Issue> {
    let up = Path::new(path).components().any(|part| part == Component::ParentDir);
    up.then(|| unusable(key, format!("`{key}` leads upwards with `..`")).hint("write an absolute path instead"))
}

fn pattern_issue(pattern: &str) -> Option<Issue> {
    let hint = "write a pattern on the file name only, as `pattern = \"*.csv\"`, and the folder in `folder`";
    if pattern.is_empty() {
        Some(unusable("pattern", "`pattern` is empty: it matches no file").hint(hint))
    } else if pattern.contains('/') {
        Some(unusable("pattern", "`pattern` holds a folder").hint(hint))
    } else {
        None
    }
}

fn ready_issue(ready: &str) -> Option<Issue> {
    (ready.is_empty() || ready.contains('/')).then(|| {
        unusable("ready", "`ready` is not a suffix of a file name")
            .hint("write `ready = \".done\"` where `a.csv.done` tells that `a.csv` is complete")
    })
}

fn target_issues(done: &str, failed: &str) -> Vec<Issue> {
    let here = |path: &str| tidy(Path::new(path)).as_os_str().is_empty();
    let mut issues: Vec<_> = [("done", done), ("failed", failed)]
        .into_iter()
        .filter(|(_, path)| here(path))
        .map(|(key, _)| {
            unusable(key, format!("`{key}` is the folder itself: files moved there would be read again"))
                .hint(format!("write `{key} = \"{key}\"`, or `keep = true` to leave files where they are"))
        })
        .collect();
    if issues.is_empty() && tidy(Path::new(done)) == tidy(Path::new(failed)) {
        issues.push(unusable("failed", "`failed` and `done` are the same folder").hint("write `failed = \"failed\"`"));
    }
    issues
}

fn number_issue(text: &str) -> Issue {
    unusable("export_number", format!("`{text}` does not hold `{}` exactly once", Numbered::MARK))
        .hint("write `export_number = \"export-{number}.csv\"`")
}

/// The path without `.` and doubled slashes, so that two spellings of a folder are one claim.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::format::{Limits, Shape};
    use serde_json::{Value, json};

    use super::*;

    fn flow(settings: Value) -> FlowSettings {
        let format = Format { shape: Shape::Ndjson, encoding: "utf-8".to_owned(), limits: Limits::default() };
        FlowSettings {
            source: "school".into(),
            flow: "enrolments".into(),
            settings,
            format,
            base: "/srv/project".into(),
        }
    }

    fn paths(issues: &[Issue]) -> Vec<&str> {
        issues.iter().map(|issue| issue.place.path.as_deref().unwrap()).collect()
    }

    #[test]
    fn defaults() {
        let intake = check(flow(json!({ "folder": "./inbox//a/" }))).unwrap();
        assert_eq!(intake.folder, Path::new("/srv/project/inbox/a"));
        assert_eq!(intake.complete, Complete::Settled(Duration::from_secs(2)));
        let After::Move { done, failed } = intake.after else { panic!("files are moved unless `keep`") };
        assert_eq!(
            (done.as_path(), failed.as_path()),
            (Path::new("/srv/project/inbox/a/done"), Path::new("/srv/project/inbox/a/failed"))
        );
        assert_eq!((intake.limits.size, intake.limits.ratio), (2 << 30, 100));
    }

    #[test]
    fn an_absolute_folder_stays_absolute() {
        let intake = check(flow(json!({ "folder": "/mnt/share", "done": "/mnt/archive", "ready": ".done" }))).unwrap();
        assert_eq!(intake.folder, Path::new("/mnt/share"));
        assert!(matches!(intake.after, After::Move { done, .. } if done == Path::new("/mnt/archive")));
        assert_eq!(intake.complete, Complete::Marked(".done".to_owned()));
    }

    #[test]
    fn every_problem_at_once() {
        let issues = check(flow(json!({
            "folder": "../in", "pattern": "a/*.csv", "ready": "", "done": ".", "poll": "1ms", "max_ratio": 0, "export_number": "x.csv"
        })))
        .unwrap_err();
        assert_eq!(paths(&issues), ["folder", "pattern", "ready", "done", "poll", "max_ratio", "export_number"]);
        assert!(issues.iter().all(|issue| issue.hint.is_some() && issue.code.0 == "E141"));
    }

    #[test]
    fn wrong_keys_and_types_are_all_reported() {
        let issues = check(flow(json!({ "folder": 3, "setle": "2s", "settle": "2", "order": "size" }))).unwrap_err();
        assert_eq!(paths(&issues), ["folder", "setle", "settle", "order"]);
        assert_eq!(issues[1].hint.as_deref(), Some("did you mean `settle`?"));
    }

    #[test]
    fn a_missing_folder_and_equal_targets_are_refused() {
        assert_eq!(paths(&check(flow(json!({}))).unwrap_err()), ["folder"]);
        assert_eq!(
            paths(&check(flow(json!({ "folder": "in", "done": "x", "failed": "./x/" }))).unwrap_err()),
            ["failed"]
        );
    }
}
