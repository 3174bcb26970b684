//! Delimited text: cutting rows. Quoted line ends belong to their field; blank lines are no rows; a row that does not
//! fit its header is broken, never padded.

use bytes::Bytes;
use memchr::memchr2;

use super::csv_row::{Dialect, fields};
use super::csv_scan::{Flaw, Found, Row, RowScan, line_end};
use super::framer::{Mark, Step};
use super::intake::{Intake, Spot};
use super::{Limits, Shape, charset, too_large};
use crate::issue::{Code, Issue};

/// Cuts rows.
pub(crate) struct CsvCut {
    dialect: Dialect,
    /// Row number of the header; 0 = none.
    header: u64,
    replaced: usize,
    ragged: bool,
    limits: Limits,
    scan: RowScan,
    /// The header row, decoded; `None` while it has not been read.
    names: Option<String>,
    /// Fields a row must have; 0 = not known yet.
    width: usize,
    /// The first bytes of a row longer than a record may be, while the rest of its line is dropped.
    dropping: Option<(Bytes, Spot, Issue)>,
}

impl CsvCut {
    pub(crate) fn new(shape: &Shape, limits: Limits) -> Self {
        let (header, columns, ragged) = match shape {
            Shape::Csv { header, columns, ragged, .. } => (*header, columns.len(), *ragged),
            Shape::Xml { .. } | Shape::Json { .. } | Shape::Ndjson | Shape::Fixed { .. } => (0, 0, false),
        };
        let names = (header == 0).then(String::new);
        let dialect = Dialect::of(shape);
        let scan = RowScan::new(&dialect, limits);
        CsvCut { dialect, header, replaced: columns, ragged, limits, scan, names, width: columns, dropping: None }
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
            if self.dropping.is_some() {
                return Ok(self.drop_rest_of_line(intake));
            }
            if self.names.is_none() && intake.spot().line < self.header {
                if intake.bytes().is_empty() || !drop_line(intake) {
                    return self.at_end(intake);
                }
                continue;
            }
            if self.scan.is_fresh() && self.skip_blank(intake) {
                self.scan.reset();
                intake.drop_anchor();
                continue;
            }
            match self.scan.find(intake.bytes(), intake.ended()) {
                Found::More => return self.at_end(intake),
                Found::Row(row) if self.names.is_none() => self.read_header(intake, &row)?,
                Found::Row(row) => return Ok(self.cut_row(intake, &row)),
                Found::Oversize if self.names.is_none() => return Err(self.oversize(intake)),
                Found::Oversize => {
                    let flaw = self.oversize(intake);
                    self.start_oversize(intake, flaw);
                }
                Found::Unclosed(opened) if self.names.is_none() => return Err(unclosed(intake, opened)),
                Found::Unclosed(opened) => return Ok(self.cut_unclosed(intake, opened)),
            }
        }
    }

    fn oversize(&self, intake: &Intake) -> Issue {
        too_large(self.limits.record_bytes).at(intake.spot().place())
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

    /// The header names the columns, each once.
    fn read_header(&mut self, intake: &mut Intake, row: &Row) -> Result<(), Issue> {
        if let Some((at, flaw)) = row.flaw {
            return Err(self.explain(flaw).at(intake.spot_at(at).place()));
        }
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
        if let Some((at, flaw)) = row.flaw {
            return Some(self.explain(flaw).at(intake.spot_at(at).place()));
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

    fn explain(&self, flaw: Flaw) -> Issue {
        match flaw {
            Flaw::AfterQuote => Issue::error(Code("E114"), "text follows a closing quote")
                .hint("quotes inside a quoted field are doubled: `\"say \"\"yes\"\"\"`"),
            Flaw::LongField => {
                Issue::error(Code("E113"), format!("a field is longer than {} bytes", self.limits.field_bytes))
                    .hint("is a quote missing before it?")
            }
        }
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
        let flaw = unclosed(intake, opened);
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
        self.dropping = Some((kept, intake.spot(), flaw));
        intake.skip(self.limits.record_bytes);
    }

    /// Drops an oversize row up to the next line end, then cuts it as broken.
    fn drop_rest_of_line(&mut self, intake: &mut Intake) -> Step {
        if !drop_line(intake) {
            return Step::More;
        }
        match self.dropping.take() {
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

fn unclosed(intake: &Intake, opened: usize) -> Issue {
    let opened = intake.spot_at(opened);
    Issue::error(Code("E111"), format!("a quote opened at line {} is never closed", opened.line))
        .at(opened.place())
        .hint("close it, double it, or set `quote` to what the source quotes with (`\"\"` = nothing)")
}

fn too_many_columns(columns: usize, limit: usize) -> Issue {
    Issue::error(Code("E113"), format!("row has {columns} columns; {limit} are allowed"))
        .hint("is the delimiter right?")
}
