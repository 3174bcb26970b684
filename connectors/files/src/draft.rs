//! A batch in the making, with what its receipt and cursor must say. Pure bookkeeping; reads and moves nothing.

use std::sync::Arc;

use guichet_sdk::format::Mark;
use guichet_sdk::{Batch, Cursor, Digest, Issue, Limit, Progress, Receipt, Record};
use serde::{Deserialize, Serialize};

use crate::folder::{Found, Stamp};

/// What a cursor says: the file read last, and how far; without a mark it is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Name of the file.
    pub file: Arc<str>,
    /// Digest of the whole file; a file of the same name with another one is another file.
    pub digest: Option<Digest>,
    /// After the last record of the batch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mark: Option<Mark>,
}

impl Position {
    /// The position a cursor says.
    pub fn read(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(&cursor.0).ok()
    }
}

/// What a receipt says: the files a batch took records from, in the order of those records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slip {
    /// One for each file.
    pub parts: Vec<Part>,
}

/// The part of a batch that came from one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Name of the file.
    pub file: Arc<str>,
    /// Its state when it was taken; a file in another state is another file and stays where it is.
    pub stamp: Stamp,
    /// Its digest, where it was computed.
    pub digest: Option<Digest>,
    /// How many of the batch's records are its.
    pub records: usize,
    /// How many of the batch's broken records are its.
    pub broken: usize,
    /// Set when this is its last part.
    pub fate: Option<Fate>,
}

/// Where a file goes when its last batch is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Read to its end: to `done`, or to `failed` when every record of it was quarantined.
    Read,
    /// Not readable to its end, and why: to `failed`.
    Unreadable(String),
}

/// Files that one batch may end or pass over: a folder full of known or empty ones must not keep one batch busy.
const MOST_FILES: usize = 1_000;

/// A batch in the making.
pub struct Draft {
    /// The batch so far.
    pub batch: Batch,
    limit: Limit,
    bytes: usize,
    files: usize,
    parts: Vec<Part>,
    reached: Option<Position>,
}

impl Draft {
    /// An empty draft.
    pub fn new(limit: Limit) -> Self {
        Draft { batch: Batch::default(), limit, bytes: 0, files: 0, parts: Vec::new(), reached: None }
    }

    /// Whether the batch is as large as it may be. A last record may exceed the bytes by its own size.
    pub fn is_full(&self) -> bool {
        let records = self.batch.records.len() + self.batch.broken.len();
        records >= self.limit.records.max(1) || self.bytes >= self.limit.bytes || self.files >= MOST_FILES
    }

    /// Records that follow come from this file.
    pub fn begin(&mut self, found: &Found, digest: Option<Digest>) {
        let (file, stamp) = (found.name.clone(), found.stamp);
        self.parts.push(Part { file, stamp, digest, records: 0, broken: 0, fate: None });
    }

    /// A record.
    pub fn record(&mut self, record: Record) {
        self.bytes += record.bytes.len();
        self.batch.records.push(record);
        if let Some(part) = self.parts.last_mut() {
            part.records += 1;
        }
    }

    /// A record that could not be cut out.
    pub fn broken(&mut self, record: Record, mut issue: Issue) {
        self.bytes += record.bytes.len();
        issue.place.file.get_or_insert_with(|| record.origin.name.to_string());
        self.batch.broken.push((record, issue));
        if let Some(part) = self.parts.last_mut() {
            part.broken += 1;
        }
    }

    /// The file at hand is read to here.
    pub fn reach(&mut self, position: Position, progress: Progress) {
        self.reached = Some(position);
        self.batch.progress = Some(progress);
    }

    /// The file at hand ends here.
    pub fn end(&mut self, fate: Fate) {
        self.files += 1;
        if let Some(part) = self.parts.last_mut() {
            part.fate = Some(fate);
            self.reached = Some(Position { file: part.file.clone(), digest: part.digest, mark: None });
            let (name, size) = (part.file.to_string(), part.stamp.size);
            self.batch.progress = Some(Progress { name, done: size, total: Some(size) });
        }
    }

    /// A file was looked into, and nothing was taken from it.
    pub fn passed(&mut self) {
        self.files += 1;
    }

    /// The cursor must no longer speak of a file that is gone.
    pub fn leave(&mut self, position: Position) {
        self.reached = Some(Position { mark: None, ..position });
    }

    /// Something to show to an operator.
    pub fn notice(&mut self, mut issue: Issue, file: &str) {
        issue.place.file.get_or_insert_with(|| file.to_owned());
        self.batch.notices.push(issue);
    }

    /// Whether there is nothing in it that anybody needs to be given.
    pub fn is_idle(&self) -> bool {
        self.parts.is_empty() && self.batch.notices.is_empty() && self.reached.is_none() && self.files == 0
    }

    /// The batch with its cursor and receipt.
    pub fn finish(mut self) -> Result<Batch, serde_json::Error> {
        let cursor = self.reached.map(|position| serde_json::to_string(&position)).transpose()?;
        self.parts.retain(|part| part.fate.is_some() || part.records + part.broken > 0);
        if !self.parts.is_empty() {
            self.batch.receipt = Some(Receipt(serde_json::to_string(&Slip { parts: self.parts })?));
        }
        self.batch.cursor = cursor.map(Cursor);
        Ok(self.batch)
    }
}
