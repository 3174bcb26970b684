//! A folder to play with: drops files as a source would, and opens flows on them.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its share")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use guichet_files::FilesKind;
use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{ConnectorKind, FlowSettings, Format, Limit, Plan, Source};
use guichet_testkit::Hub;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Roomy: no test is about this limit unless it says so.
pub const ROOMY: Limit = Limit { records: 1_000, bytes: 8 << 20 };

/// A limit of so many records.
pub fn at_most(records: usize) -> Limit {
    Limit { records, ..ROOMY }
}

pub struct Inbox {
    base: TempDir,
    pub settings: Value,
    pub format: Format,
}

impl Inbox {
    /// Files of one JSON value per line, taken at once.
    pub fn new() -> Self {
        let format = Format {
            shape: Shape::Ndjson,
            encoding: "utf-8".to_owned(),
            limits: Limits { record_bytes: 4_096, ..Limits::default() },
        };
        let inbox = Inbox {
            base: TempDir::new().unwrap(),
            settings: json!({ "folder": "in", "settle": "0s", "poll": "1s" }),
            format,
        };
        fs::create_dir(inbox.folder()).unwrap();
        inbox
    }

    /// The same with other settings.
    pub fn with(settings: Value) -> Self {
        let mut inbox = Inbox::new();
        let all = inbox.settings.as_object_mut().unwrap();
        all.extend(settings.as_object().unwrap().clone());
        inbox
    }

    pub fn folder(&self) -> PathBuf {
        self.base.path().join("in")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub fn plan(&self) -> Arc<dyn Plan> {
        let settings = FlowSettings {
            source: "school".to_owned(),
            flow: "enrolments".to_owned(),
            settings: self.settings.clone(),
            format: self.format.clone(),
            base: self.base.path().to_owned(),
        };
        FilesKind.plan(settings).unwrap_or_else(|issues| panic!("{issues:?}"))
    }

    pub async fn open(&self, hub: &Hub) -> Box<dyn Source> {
        hub.open(&*self.plan()).await.unwrap().source.unwrap()
    }

    /// Opens, reads everything, acknowledges, closes.
    pub async fn drain(&self, hub: &mut Hub) {
        hub.drain(&mut *self.open(hub).await, ROOMY).await.unwrap();
    }

    pub fn drop_file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn drop_gzip(&self, name: &str, members: &[&[u8]]) {
        self.drop_file(name, members.iter().flat_map(|member| gzip(member)).collect::<Vec<_>>());
    }

    /// Names in a folder below the inbox (or the inbox itself, with an empty name), sorted.
    pub fn names(&self, below: &str) -> Vec<String> {
        names(&self.path(below))
    }
}

/// Names of the files in a folder, sorted; a folder that is not there holds none.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap()).filter(|entry| !entry.file_type().unwrap().is_dir());
    let mut names: Vec<_> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Lines `first..last`, one record each.
pub fn lines(records: std::ops::Range<usize>) -> String {
    records.map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

/// The numbers of the committed records.
pub fn numbers(hub: &Hub) -> Vec<usize> {
    let number = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap()["n"].as_u64().unwrap() as usize;
    hub.bytes().into_iter().map(number).collect()
}

/// The codes of what was told, broken records included.
pub fn codes(hub: &Hub) -> Vec<&'static str> {
    hub.broken.iter().map(|(_, issue)| issue.code.0).chain(hub.notices.iter().map(|issue| issue.code.0)).collect()
}
