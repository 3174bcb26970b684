//! One file on its way through the framer: cuts records into a draft until it is full or the file ends.

use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use guichet_sdk::format::{Cut, Framer, Mark};
use guichet_sdk::{Digest, Issue, Origin, Progress, Record};

use crate::config::Intake;
use crate::draft::{Draft, Position};
use crate::folder::Found;
use crate::stream::{Stop, Stream};

/// A file being read.
pub struct Whole {
    /// Its name and state.
    pub found: Found,
    /// Its digest.
    pub digest: Digest,
    stream: Stream,
    framer: Framer,
    export_number: Option<u64>,
    ended: bool,
}

impl Whole {
    /// The file from its beginning, or from a mark on.
    pub fn new(
        found: Found,
        digest: Digest,
        mut stream: Stream,
        mark: Option<&Mark>,
        intake: &Intake,
        stop: &AtomicBool,
    ) -> Result<Self, Stop> {
        let (name, time) = (found.name.clone(), found.stamp.micros());
        let framer = match mark {
            Some(mark) => {
                stream.skip(mark.offset, stop)?;
                Framer::resume(&intake.format, name, time, mark)
            }
            None => Framer::new(&intake.format, name, time),
        };
        let export_number = intake.numbered.as_ref().and_then(|numbered| numbered.number(&found.name));
        Ok(Whole { found, digest, stream, framer, export_number, ended: false })
    }

    /// Whether the content can be trusted; see [`Stream::verify`].
    pub fn verify(&mut self, stop: &AtomicBool) -> Result<(), Stop> {
        self.stream.verify(stop)
    }

    /// Cuts records into the draft until it is full (`false`) or the file ends (`true`).
    pub fn fill(&mut self, draft: &mut Draft) -> Result<bool, Stop> {
        let ended = self.cut(draft);
        for notice in self.framer.notices() {
            draft.notice(notice, &self.found.name);
        }
        if !matches!(ended, Ok(true)) {
            draft.reach(self.position(), self.progress());
        }
        ended
    }

    /// The head of what could not be read, so that it is kept and shown.
    pub fn rest(&mut self, intake: &Intake) -> Record {
        let mark = self.framer.mark();
        let bytes = self.stream.head(mark.offset, intake.format.limits.record_bytes);
        let origin = Origin {
            name: self.found.name.clone(),
            line: mark.line,
            column: mark.column,
            position: mark.position + 1,
            time: self.found.stamp.micros(),
            export_number: self.export_number,
        };
        Record { bytes: Bytes::from(bytes), context: mark.context.into(), origin }
    }

    fn cut(&mut self, draft: &mut Draft) -> Result<bool, Stop> {
        while !draft.is_full() {
            match self.framer.next().map_err(Stop::Content)? {
                Some(Cut::Record(record)) => draft.record(self.numbered(record)),
                Some(Cut::Broken(record, issue)) => draft.broken(self.numbered(record), issue),
                None if self.ended => return Ok(true),
                None => self.feed()?,
            }
        }
        Ok(false)
    }

    fn feed(&mut self) -> Result<(), Stop> {
        let chunk = self.stream.chunk()?;
        if chunk.is_empty() {
            self.ended = true;
            self.framer.end();
        } else {
            self.framer.push(chunk);
        }
        Ok(())
    }

    fn numbered(&self, mut record: Record) -> Record {
        record.origin.export_number = self.export_number;
        record
    }

    fn position(&self) -> Position {
        Position { file: self.found.name.clone(), digest: Some(self.digest), mark: Some(self.framer.mark()) }
    }

    fn progress(&self) -> Progress {
        let (name, total) = (self.found.name.to_string(), Some(self.found.stamp.size));
        Progress { name, done: self.stream.consumed(), total }
    }
}

/// The issue, with the file it speaks of and where in it.
pub fn located(mut issue: Issue, record: &Record) -> Issue {
    issue.place.file.get_or_insert_with(|| record.origin.name.to_string());
    if issue.place.line.is_none() && record.origin.line > 0 {
        issue.place.line = Some(record.origin.line);
    }
    issue
}
