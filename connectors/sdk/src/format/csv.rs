//! Delimited text: cutting rows. Quoted line ends belong to their field; blank lines are no rows; a row that does not
//! fit its header is broken, never padded.

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::csv_row::{Dialect, fields};
use super::framer::{Mark, Step};
use super::intake::{Intake, Spot};
use super::{Limits, Shape, charset, too_large};
use crate::issue::{Code, Issue};

/// Where the scanner stands inside a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// Just after a quote inside a quoted field: it closes the field, or is one half of a doubled quote.
    QuoteSeen,
}

/// How far the row at the start of the buffer is scanned.
#[derive(Debug, Clone)]
struct Scan {
    at: usize,
    state: State,
    fields: usize,
    field_start: usize,
    /// Where the quoted field being scanned was opened.
    opened: usize,
    flaw: Option<(usize, Flaw)>,
}

const FRESH: Scan = Scan { at: 0, state: State::FieldStart, fields: 1, field_start: 0, opened: 0, flaw: None };

#[derive(Debug, Clone, Copy)]
enum Flaw {
    AfterQuote,
    LongField,
}

/// A row with its line end.
struct Row {
    length: usize,
    line_end: usize,
    fields: usize,
    flaw: Option<(usize, Flaw)>,
}

enum Found {
    More,
    Row(Row),
    /// No row ends within the limit.
    Oversize,
    /// A quote, opened here, is not closed within the limit or the file.
    Unclosed(usize),
}

/// Cuts rows.
pub(crate) struct CsvCut {
    dialect: Dialect,
    /// Row number of the header; 0 = none.
    header: u64,
    replaced: usize,
    ragged: bool,
    limits: Limits,
    scan: Scan,
    /// The header row, decoded; `None` while it has not been read.
    names: Option<String>,
    /// Fields a row must have; 0 = not known yet.
    width: usize,
    /// The first bytes of a row longer than a record may be, while the rest of its line is dropped.
    oversize: Option<(Bytes, Spot, Issue)>,
}

impl CsvCut {
    pub(crate) fn new(shape: &Shape, limits: Limits) -> Self {
        let (header, columns, ragged) = match shape {
            Shape::Csv { header, columns, ragged, .. } => (*header, columns.len(), *ragged),
            Shape::Xml { .. } | Shape::Json { .. } | Shape::Ndjson | Shape::Fixed { .. } => (0, 0, false),
        };
        let names = (header == 0).then(String::new);
        let dialect = Dialect::of(shape);
        CsvCut {
            dialect,
            header,
            replaced: columns,
            ragged,
            limits,
            scan: FRESH,
            names,
            width: columns,
            oversize: None,
        }
    }

    /// The header row, as written.
    pub(crate) fn header(&self) -> &str {
        self.names.as_deref().unwrap_or_default()
    }

    pub(crate) fn save(&self, mark: &mut Mark) {
        mark.past = self.names.is_some();
        mark.context = self.header().to_owned();
        mark.width = self.width;
    }

    pub(crate) fn restore(&mut self, mark: &Mark) {
        if mark.past {
            self.names = Some(mark.context.clone());
            self.width = mark.width;
        }
    }

    pub(crate) fn step(&mut self, intake: &mut Intake) -> Result<Step, Issue> {
        loop {
            if self.oversize.is_some() {
                return Ok(self.drop_rest_of_line(intake));
            }
            if self.names.is_none() && intake.spot().line < self.header {
                if intake.bytes().is_empty() || !drop_line(intake) {
                    return self.at_end(intake);
                }
                continue;
            }
            if self.scan.at == 0 && self.skip_blank(intake) {
                self.scan = FRESH;
                intake.drop_anchor();
                continue;
            }
            match self.find(intake) {
                Found::More => return self.at_end(intake),
                Found::Oversize => {
                    let flaw = too_large(self.limits.record_bytes).at(intake.spot().place());
                    self.start_oversize(intake, flaw);
                }
                Found::Unclosed(opened) => return Ok(self.cut_unclosed(intake, opened)),
                Found::Row(row) if self.names.is_none() => self.read_header(intake, &row)?,
                Found::Row(row) => return Ok(self.cut_row(intake, &row)),
            }
        }
    }

    /// What it means that no more rows can be found.
    fn at_end(&self, intake: &Intake) -> Result<Step, Issue> {
        if !intake.ended() {
            return Ok(Step::More);
        }
        match self.names {
            Some(_) => Ok(Step::Done),
            None => Err(Issue::error(Code("E116"), format!("the file ends before its header, row {}", self.header))
                .at(intake.spot().place())
                .hint("set `header` to the number of the row that names the columns, or 0 if there is none")),
        }
    }

    /// Skips a line end at the start of the buffer.
    fn skip_blank(&self, intake: &mut Intake) -> bool {
        let bytes = intake.bytes();
        if !matches!(bytes.first(), Some(b'\n' | b'\r')) {
            return false;
        }
        match line_end(bytes, 0, intake.ended()) {
            Some(end) => {
                intake.skip(end);
                true
            }
            None => false,
        }
    }

    /// Finds the row at the start of the buffer.
    fn find(&mut self, intake: &Intake) -> Found {
        let bytes = intake.bytes();
        if self.scan.at == 0
            && let Some(row) = self.plain_row(bytes, intake.ended())
        {
            return Found::Row(row);
        }
        let found = self.scan_row(bytes, intake.ended());
        match found {
            Found::More => {}
            Found::Row(_) | Found::Oversize | Found::Unclosed(_) => self.scan = FRESH,
        }
        found
    }

    /// The common case, fast: a whole line without a quote in it.
    fn plain_row(&self, bytes: &[u8], ended: bool) -> Option<Row> {
        let line_end_at = memchr2(b'\n', b'\r', bytes)?;
        let length = line_end(bytes, line_end_at, ended)?;
        let line = &bytes[..line_end_at];
        if line.len() > self.limits.field_bytes.min(self.limits.record_bytes)
            || self.dialect.quote.is_some_and(|quote| memchr(quote, line).is_some())
        {
            return None;
        }
        let fields = memchr_iter(self.dialect.delimiter, line).count() + 1;
        Some(Row { length, line_end: line_end_at, fields, flaw: None })
    }

    /// The general case, byte by byte where it must be; goes on where it stopped when more bytes come.
    fn scan_row(&mut self, bytes: &[u8], ended: bool) -> Found {
        let Dialect { delimiter, quote, .. } = self.dialect;
        let limit = self.limits.record_bytes;
        let scan = &mut self.scan;
        loop {
            let rest = &bytes[scan.at..];
            match scan.state {
                State::Quoted => {
                    let quote = quote.unwrap_or_default();
                    let within = &bytes[scan.at..bytes.len().min(limit.saturating_add(1)).max(scan.at)];
                    let Some(at) = memchr(quote, within) else {
                        scan.at += within.len();
                        let over = bytes.len() > limit;
                        return if over || ended { Found::Unclosed(scan.opened) } else { Found::More };
                    };
                    scan.at += at + 1;
                    scan.state = State::QuoteSeen;
                    continue;
                }
                State::QuoteSeen => match rest.first() {
                    Some(byte) if Some(*byte) == quote => {
                        scan.at += 1;
                        scan.state = State::Quoted;
                        continue;
                    }
                    Some(byte) if *byte == delimiter || matches!(byte, b'\n' | b'\r') => scan.state = State::Plain,
                    Some(_) => {
                        scan.flaw = scan.flaw.or(Some((scan.at, Flaw::AfterQuote)));
                        scan.state = State::Plain;
                    }
                    None if ended => scan.state = State::Plain,
                    None => return Found::More,
                },
                State::FieldStart => match rest.first() {
                    Some(byte) if Some(*byte) == quote => {
                        scan.opened = scan.at;
                        scan.at += 1;
                        scan.state = State::Quoted;
                        continue;
                    }
                    Some(_) => scan.state = State::Plain,
                    None if ended && scan.at > 0 => scan.state = State::Plain,
                    None => return Found::More,
                },
                State::Plain => {}
            }
            let ends = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r');
            let end = match bytes.get(scan.at) {
                Some(byte) if ends(byte) => Some(scan.at),
                _ => memchr3(delimiter, b'\n', b'\r', &bytes[scan.at..]).map(|at| scan.at + at),
            };
            scan.at = end.unwrap_or(bytes.len());
            if scan.at - scan.field_start > self.limits.field_bytes {
                scan.flaw = scan.flaw.or(Some((scan.field_start, Flaw::LongField)));
            }
            match end {
                _ if scan.at > limit => return Found::Oversize,
                Some(at) if bytes[at] == delimiter => {
                    scan.at += 1;
                    scan.fields += 1;
                    scan.field_start = scan.at;
                    scan.state = State::FieldStart;
                }
                Some(at) => {
                    return match line_end(bytes, at, ended) {
                        Some(length) => Found::Row(Row { length, line_end: at, fields: scan.fields, flaw: scan.flaw }),
                        None => Found::More,
                    };
                }
                None if ended => {
                    let length = bytes.len();
                    return Found::Row(Row { length, line_end: length, fields: scan.fields, flaw: scan.flaw });
                }
                None => return Found::More,
            }
        }
    }

    /// The header names the columns, each once.
    fn read_header(&mut self, intake: &mut Intake, row: &Row) -> Result<(), Issue> {
        let spot = intake.spot();
        let charset = intake.charset();
        let bytes = intake.take(row.length);
        intake.drop_anchor();
        let line = &bytes[..row.line_end];
        let text = charset.of_records().decode(line).map_err(|_| charset::invalid(charset, line).at(spot.place()))?;
        let names = fields(&text, &self.dialect);
        let issue = |message: String| Issue::error(Code("E112"), message).at(spot.place());
        if self.replaced > 0 && self.replaced != names.len() {
            let message = format!("the header has {} columns where `columns` names {}", names.len(), self.replaced);
            return Err(issue(message).hint("name every column of the file, in its order"));
        }
        if names.len() > self.limits.columns {
            return Err(too_many_columns(names.len(), self.limits.columns).at(spot.place()));
        }
        if self.replaced == 0 {
            for (index, name) in names.iter().enumerate() {
                let told = |what: &str| {
                    issue(what.to_owned()).hint("name the columns yourself with `columns = […]` in `[source]`")
                };
                if name.trim().is_empty() {
                    return Err(told(&format!("column {} of the header has no name", index + 1)));
                }
                if let Some(first) = names[..index].iter().position(|other| other == name) {
                    return Err(told(&format!(
                        "columns {} and {} of the header are both `{name}`",
                        first + 1,
                        index + 1
                    )));
                }
            }
        }
        self.width = names.len();
        self.names = Some(text.into_owned());
        Ok(())
    }

    fn cut_row(&mut self, intake: &mut Intake, row: &Row) -> Step {
        let spot = intake.spot();
        if self.width == 0 {
            self.width = row.fields;
        }
        let flaw = self.flaw(intake, row);
        let mut bytes = intake.take(row.length);
        bytes.truncate(row.line_end);
        intake.drop_anchor();
        Step::cut(bytes, spot, flaw)
    }

    /// Why a row is broken.
    fn flaw(&self, intake: &Intake, row: &Row) -> Option<Issue> {
        let here = || intake.spot().place();
        match row.flaw {
            Some((at, Flaw::AfterQuote)) => {
                let issue = Issue::error(Code("E114"), "text follows a closing quote").at(intake.spot_at(at).place());
                return Some(issue.hint("quotes inside a quoted field are doubled: `\"say \"\"yes\"\"\"`"));
            }
            Some((at, Flaw::LongField)) => {
                let message = format!("a field is longer than {} bytes", self.limits.field_bytes);
                return Some(
                    Issue::error(Code("E113"), message)
                        .at(intake.spot_at(at).place())
                        .hint("is a quote missing before it?"),
                );
            }
            None => {}
        }
        if row.fields > self.limits.columns {
            return Some(too_many_columns(row.fields, self.limits.columns).at(here()));
        }
        if !self.ragged && row.fields != self.width {
            return Some(self.uneven(row.fields).at(here()));
        }
        self.dialect
            .terminator
            .as_ref()?
            .flaw(&intake.bytes()[..row.line_end])
            .map(|issue| issue.at(intake.spot_at(row.line_end).place()))
    }

    fn uneven(&self, fields: usize) -> Issue {
        let reference = match (self.replaced, self.header) {
            (0, 0) => "the first row",
            (0, _) => "the header",
            (_, _) => "`columns`",
        };
        let plural = if fields == 1 { "" } else { "s" };
        Issue::error(Code("E110"), format!("row has {fields} field{plural} where {reference} has {}", self.width))
            .hint("is the delimiter right, and is text that contains it quoted? `ragged = true` accepts uneven rows")
    }

    /// A quote that never closes spoils its own line only: cutting goes on with the next one.
    fn cut_unclosed(&mut self, intake: &mut Intake, opened: usize) -> Step {
        let spot = intake.spot();
        let opened = intake.spot_at(opened);
        let flaw = Issue::error(Code("E111"), format!("a quote opened at line {} is never closed", opened.line))
            .at(opened.place())
            .hint("close it, double it, or set `quote` to what the source quotes with (`\"\"` = nothing)");
        let bytes = intake.bytes();
        let (length, line) = match memchr2(b'\n', b'\r', bytes).filter(|at| *at <= self.limits.record_bytes) {
            Some(at) => match line_end(bytes, at, intake.ended()) {
                Some(length) => (length, at),
                None => return Step::More,
            },
            None if bytes.len() <= self.limits.record_bytes => (bytes.len(), bytes.len()),
            None => {
                self.start_oversize(intake, flaw);
                return self.drop_rest_of_line(intake);
            }
        };
        let mut bytes = intake.take(length);
        bytes.truncate(line);
        intake.drop_anchor();
        Step::cut(bytes, spot, Some(flaw))
    }

    fn start_oversize(&mut self, intake: &mut Intake, flaw: Issue) {
        let kept = Bytes::copy_from_slice(&intake.bytes()[..self.limits.record_bytes]);
        self.oversize = Some((kept, intake.spot(), flaw));
        intake.skip(self.limits.record_bytes);
    }

    /// Drops an oversize row up to the next line end, then cuts it as broken.
    fn drop_rest_of_line(&mut self, intake: &mut Intake) -> Step {
        if !drop_line(intake) {
            return Step::More;
        }
        match self.oversize.take() {
            Some((bytes, spot, flaw)) => Step::cut(bytes, spot, Some(flaw)),
            None => Step::More,
        }
    }
}

/// Drops bytes up to and with the next line end; false while it is not there.
pub(crate) fn drop_line(intake: &mut Intake) -> bool {
    let bytes = intake.bytes();
    let found = memchr2(b'\n', b'\r', bytes);
    let length = match found.map(|at| line_end(bytes, at, intake.ended())) {
        Some(Some(length)) => length,
        Some(None) => return false,
        None => bytes.len(),
    };
    let whole = found.is_some() || intake.ended();
    intake.skip(length);
    if whole {
        intake.drop_anchor();
    }
    whole
}

/// The length of a line whose end starts at this index; `None` where a `\n` may still follow its `\r`.
pub(crate) fn line_end(bytes: &[u8], at: usize, ended: bool) -> Option<usize> {
    match (bytes[at], bytes.get(at + 1)) {
        (b'\n', _) => Some(at + 1),
        (_, Some(b'\n')) => Some(at + 2),
        (_, None) if !ended => None,
        (_, _) => Some(at + 1),
    }
}

fn too_many_columns(columns: usize, limit: usize) -> Issue {
    Issue::error(Code("E113"), format!("row has {columns} columns; {limit} are allowed"))
        .hint("is the delimiter right?")
}
