//! Delimited text: finding where a row ends. Goes on where it stopped when more bytes come, and finds the same row
//! whatever the chunks: nothing beyond the limit of a record is looked at.

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::Limits;
use super::csv_row::Dialect;

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

/// What can be wrong inside a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flaw {
    AfterQuote,
    LongField,
}

/// A row with its line end.
pub(crate) struct Row {
    pub(crate) length: usize,
    pub(crate) line_end: usize,
    pub(crate) fields: usize,
    /// What is wrong inside it, and where.
    pub(crate) flaw: Option<(usize, Flaw)>,
}

/// What was found.
pub(crate) enum Found {
    More,
    Row(Row),
    /// No row ends within the limit.
    Oversize,
    /// A quote, opened here, is not closed within the limit or the file.
    Unclosed(usize),
}

/// Finds rows.
pub(crate) struct RowScan {
    delimiter: u8,
    quote: Option<u8>,
    limits: Limits,
    scan: Scan,
}

impl RowScan {
    pub(crate) fn new(dialect: &Dialect, limits: Limits) -> Self {
        RowScan { delimiter: dialect.delimiter, quote: dialect.quote, limits, scan: FRESH }
    }

    /// Nothing of a row is scanned yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.scan.at == 0
    }

    /// Forgets what was scanned.
    pub(crate) fn reset(&mut self) {
        self.scan = FRESH;
    }

    /// Finds the row at the start of the buffer.
    pub(crate) fn find(&mut self, bytes: &[u8], ended: bool) -> Found {
        if self.is_fresh()
            && let Some(row) = self.plain_row(bytes, ended)
        {
            return Found::Row(row);
        }
        let found = self.scan_row(bytes, ended);
        match found {
            Found::More => {}
            Found::Row(_) | Found::Oversize | Found::Unclosed(_) => self.reset(),
        }
        found
    }

    /// The common case, fast: a whole line without a quote in it.
    fn plain_row(&self, bytes: &[u8], ended: bool) -> Option<Row> {
        let line_end_at = memchr2(b'\n', b'\r', bytes)?;
        let length = line_end(bytes, line_end_at, ended)?;
        let line = &bytes[..line_end_at];
        if line.len() > self.limits.field_bytes.min(self.limits.record_bytes)
            || self.quote.is_some_and(|quote| memchr(quote, line).is_some())
        {
            return None;
        }
        let fields = memchr_iter(self.delimiter, line).count() + 1;
        Some(Row { length, line_end: line_end_at, fields, flaw: None })
    }

    /// The general case, byte by byte where it must be; goes on where it stopped when more bytes come.
    fn scan_row(&mut self, bytes: &[u8], ended: bool) -> Found {
        let (delimiter, quote) = (self.delimiter, self.quote);
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
