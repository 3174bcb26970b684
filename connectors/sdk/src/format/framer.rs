//! Cuts records out of a stream of bytes. Push parser in bounded memory: at most one record and one chunk are held.
//! Refuses to guess: what cannot be cut is broken or an error, with its place; nothing is skipped silently.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::charset::{self, Charset};
use super::csv::CsvCut;
use super::intake::{Intake, Spot};
use super::json_cut::JsonCut;
use super::lines::LineCut;
use super::xml_cut::XmlCut;
use super::{Format, Shape};
use crate::issue::{Code, Issue, Place};
use crate::record::{Context, Origin, Record};

/// What was cut.
#[derive(Debug, Clone)]
pub enum Cut {
    /// A record.
    Record(Record),
    /// The bytes of one record that cannot be cut or decoded properly; framing goes on after it.
    Broken(Record, Issue),
}

/// A point from which cutting can be taken up again: seek the decompressed stream to `offset`, push from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Byte offset in the decompressed stream.
    pub offset: u64,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// Records cut so far, broken ones included.
    pub position: u64,
    /// CSV: the context of its records, once the header was read.
    pub context: String,
    /// The encoding, once known.
    pub encoding: Option<String>,
    /// CSV without header: columns of the first row.
    pub width: usize,
    /// XML: the start tags of the open elements. JSON: the open objects and arrays.
    pub open: Vec<String>,
    /// XML: the root element is closed. JSON: the records have been seen.
    pub past: bool,
}

/// What a cutter found.
pub(crate) enum Step {
    /// It needs more bytes.
    More,
    /// There is no more.
    Done,
    /// One record, and why it is broken if it is.
    Cut { bytes: Bytes, spot: Spot, flaw: Option<Box<Issue>> },
}

impl Step {
    pub(crate) fn cut(bytes: Bytes, spot: Spot, flaw: Option<Issue>) -> Self {
        Step::Cut { bytes, spot, flaw: flaw.map(Box::new) }
    }
}

/// Cuts the records of one format.
enum Cutter {
    Csv(CsvCut),
    Lines(LineCut),
    Xml(XmlCut),
    Json(JsonCut),
}

impl Cutter {
    fn new(format: &Format) -> Self {
        let limits = format.limits;
        match &format.shape {
            Shape::Csv { .. } => Cutter::Csv(CsvCut::new(&format.shape, limits)),
            Shape::Fixed { prefix, terminator, .. } => Cutter::Lines(LineCut::new(prefix, terminator.clone(), limits)),
            Shape::Ndjson => Cutter::Lines(LineCut::new("", None, limits)),
            Shape::Xml { record, namespaces, .. } => Cutter::Xml(XmlCut::new(record, namespaces, limits)),
            Shape::Json { record } => Cutter::Json(JsonCut::new(record, limits)),
        }
    }

    fn step(&mut self, intake: &mut Intake) -> Result<Step, Issue> {
        match self {
            Cutter::Csv(cut) => cut.step(intake),
            Cutter::Lines(cut) => cut.step(intake),
            Cutter::Xml(cut) => cut.step(intake),
            Cutter::Json(cut) => cut.step(intake),
        }
    }

    /// What the records cut since the last call need to be read alone, after the line naming their encoding.
    fn context(&self) -> &str {
        match self {
            Cutter::Csv(cut) => cut.header(),
            Cutter::Xml(cut) => cut.scope(),
            Cutter::Lines(_) | Cutter::Json(_) => "",
        }
    }

    fn save(&self, mark: &mut Mark) {
        match self {
            Cutter::Csv(cut) => cut.save(mark),
            Cutter::Xml(cut) => cut.save(mark),
            Cutter::Json(cut) => cut.save(mark),
            Cutter::Lines(_) => {}
        }
    }

    fn restore(&mut self, mark: &Mark) {
        match self {
            Cutter::Csv(cut) => cut.restore(mark),
            Cutter::Xml(cut) => cut.restore(mark),
            Cutter::Json(cut) => cut.restore(mark),
            Cutter::Lines(_) => {}
        }
    }
}

/// Cuts records out of a stream of bytes.
pub struct Framer {
    origin: Arc<str>,
    time: i64,
    encoding: String,
    xml: bool,
    position: u64,
    intake: Intake,
    cutter: Cutter,
    context: Context,
    notices: Vec<Issue>,
    lie_told: bool,
    failed: Option<Issue>,
}

impl Framer {
    /// A framer of one whole, called `origin`, last modified or sent at `time` (microseconds since 1970, 0 = not known).
    pub fn new(format: &Format, origin: Arc<str>, time: i64) -> Self {
        Framer {
            origin,
            time,
            encoding: format.encoding.clone(),
            xml: matches!(format.shape, Shape::Xml { .. }),
            position: 0,
            intake: Intake::new(Spot::at(0, 1, 1), None),
            cutter: Cutter::new(format),
            context: Context::from(""),
            notices: Vec::new(),
            lie_told: false,
            failed: None,
        }
    }

    /// A framer that goes on after a mark; the caller pushes the bytes from `mark.offset` on.
    pub fn resume(format: &Format, origin: Arc<str>, time: i64, mark: &Mark) -> Self {
        let mut framer = Framer::new(format, origin, time);
        let charset = mark.encoding.as_deref().and_then(Charset::named);
        framer.intake = Intake::new(Spot::at(mark.offset, mark.line, mark.column), charset);
        framer.position = mark.position;
        framer.cutter.restore(mark);
        framer
    }

    /// Takes the next bytes of the decompressed stream, in the source's own encoding.
    pub fn push(&mut self, chunk: &[u8]) {
        self.intake.push(chunk);
    }

    /// No more bytes will come.
    pub fn end(&mut self) {
        self.intake.end();
    }

    /// The next record. `None`: more bytes are needed, or after `end` there is no more. An error, located: the rest of
    /// the whole cannot be read; it is repeated by every later call.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: `None` may be followed by more")]
    pub fn next(&mut self) -> Result<Option<Cut>, Issue> {
        if let Some(issue) = &self.failed {
            return Err(issue.clone());
        }
        let cut = self.cut().map_err(|issue| self.located(issue));
        if let Err(issue) = &cut {
            self.failed = Some(issue.clone());
        }
        cut
    }

    /// The point just after the last cut returned.
    pub fn mark(&self) -> Mark {
        let Spot { offset, line, column, .. } = self.intake.anchor();
        let encoding = self.intake.known_charset().map(|charset| charset.name().into_owned());
        let position = self.position;
        let mut mark = Mark {
            offset,
            line,
            column,
            position,
            context: String::new(),
            encoding,
            width: 0,
            open: Vec::new(),
            past: false,
        };
        self.cutter.save(&mut mark);
        mark
    }

    /// What is worth telling an operator since the last call: a declared encoding that lies.
    pub fn notices(&mut self) -> Vec<Issue> {
        std::mem::take(&mut self.notices)
    }

    fn cut(&mut self) -> Result<Option<Cut>, Issue> {
        let (known, lie) = self.intake.settle(&self.encoding, self.xml)?;
        if let Some(lie) = lie {
            self.tell(lie);
        }
        if !known {
            return Ok(None);
        }
        let (bytes, spot, flaw) = match self.cutter.step(&mut self.intake)? {
            Step::More | Step::Done => return Ok(None),
            Step::Cut { bytes, spot, flaw } => (bytes, spot, flaw),
        };
        self.position += 1;
        let flaw = flaw.map(|flaw| *flaw).or_else(|| self.flaw_of_bytes(&bytes, spot));
        let context = self.context();
        let Spot { line, column, .. } = spot;
        let (name, position, time) = (self.origin.clone(), self.position, self.time);
        let origin = Origin { name, line, column, position, time, ..Origin::default() };
        let record = Record { bytes, context, origin };
        Ok(Some(match flaw {
            None => Cut::Record(record),
            Some(issue) => Cut::Broken(record, self.located(issue)),
        }))
    }

    /// What makes these bytes unreadable in their encoding. Also notices single-byte text that is UTF-8 in truth.
    fn flaw_of_bytes(&mut self, bytes: &[u8], spot: Spot) -> Option<Issue> {
        let charset = self.intake.charset();
        if let Some(at) = memchr(0, bytes) {
            let issue = Issue::error(Code("E104"), "a NUL character stands in the record");
            return Some(
                issue
                    .at(place_in(bytes, at, spot, charset))
                    .hint("ask the source for a clean export, or set `encoding` if it writes UTF-16"),
            );
        }
        if bytes.is_ascii() {
            return None;
        }
        match charset {
            Charset::Utf8 | Charset::Utf16 { .. } => {
                let at = std::str::from_utf8(bytes).err()?.valid_up_to();
                Some(charset::invalid(charset, bytes).at(place_in(bytes, at, spot, charset)))
            }
            Charset::Single(_) | Charset::Oem(_) => {
                if !self.lie_told && charset::looks_like_utf8(bytes) {
                    self.tell(charset::suspected(charset).at(spot.place()));
                }
                let at = charset.decode(bytes).err()?;
                Some(charset::invalid(charset, bytes).at(place_in(bytes, at, spot, charset)))
            }
        }
    }

    fn tell(&mut self, lie: Issue) {
        self.lie_told = true;
        let lie = self.located(lie);
        self.notices.push(lie);
    }

    /// One allocation for all records that share a context.
    fn context(&mut self) -> Context {
        let rest = self.cutter.context();
        if self.context.split_once('\n').is_none_or(|(_, known)| known != rest) {
            let name = self.intake.charset().of_records().name();
            self.context = format!("{name}\n{rest}").into();
        }
        self.context.clone()
    }

    fn located(&self, mut issue: Issue) -> Issue {
        issue.place.file = Some(self.origin.to_string());
        issue
    }
}

/// Where a byte of a record stands.
fn place_in(bytes: &[u8], at: usize, mut spot: Spot, charset: Charset) -> Place {
    spot.advance(charset, &bytes[..at]);
    spot.place()
}
