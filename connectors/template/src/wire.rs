//! What is said to a spool and what it answers, as bytes. Pure: no clock, no connection, no async.
//!
//! ```text
//! PEEK 42 100     records after number 42, at most 100   →   43 {"licence":…}   one line each, numbers rise
//!                                                            .                  the answer is whole
//! DROP 142        all up to 142 are committed            →   .
//! STAT            how many are waiting                   →   17 .
//! ```
//!
//! Instead of any answer: `ERR WORD`. A spool never gives a number twice, not after a restart either.

use std::sync::Arc;

use bytes::Bytes;
use guichet_sdk::format::{Cut, Framer};
use guichet_sdk::{Cursor, Fault, FaultKind, Format, Issue, Place, Receipt, Record, Retry};
use serde::{Deserialize, Serialize};

use crate::codes;

/// Longer than the number in front of a record.
pub const NUMBER_BYTES: usize = 24;

/// Where a flow stands: the number of the last record it has. What the hub commits with the records it covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// The number.
    pub after: u64,
}

impl At {
    /// Reads a cursor; none is the beginning. One that is not ours is refused: starting over would be a guess.
    pub fn read(cursor: Option<&Cursor>) -> Result<At, Fault> {
        cursor.map_or(Ok(At::default()), |cursor| {
            serde_json::from_str(&cursor.0).map_err(|error| {
                let told = format!("the cursor was not written by this connector: {error}");
                Fault::new(FaultKind::Protocol, codes::CURSOR, told)
            })
        })
    }

    /// As it is committed.
    pub fn cursor(self) -> Cursor {
        Cursor(format!("{{\"after\":{}}}", self.after))
    }

    /// What acknowledges everything up to here.
    pub fn receipt(self) -> Receipt {
        Receipt(self.after.to_string())
    }

    /// Reads a receipt.
    pub fn of_receipt(receipt: &Receipt) -> Result<At, Fault> {
        let told = || Fault::new(FaultKind::Protocol, codes::CURSOR, "the receipt was not written by this connector");
        receipt.0.parse().map(|after| At { after }).map_err(|_| told())
    }
}

/// Asks for records.
pub fn peek(at: At, most: usize) -> String {
    format!("PEEK {} {most}\n", at.after)
}

/// Tells what is committed.
pub fn drop(at: At) -> String {
    format!("DROP {}\n", at.after)
}

/// Asks how many records wait.
pub const STAT: &str = "STAT\n";

/// A line of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A numbered record.
    Record(u64, &'a [u8]),
    /// The answer is whole.
    End,
}

/// Reads a line, without its end. An error of the spool is a fault to retry: it may get over it.
pub fn read(line: &[u8]) -> Result<Line<'_>, Fault> {
    if line == b"." {
        return Ok(Line::End);
    }
    let (first, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
    let rest = rest.get(1..).unwrap_or_default();
    if first == b"ERR" {
        // only the word: what follows may hold anything
        let word: String =
            rest.iter().take(20).map(|byte| char::from(*byte)).take_while(char::is_ascii_alphanumeric).collect();
        return Err(not_now(format!("the spool answers `ERR {word}`")));
    }
    let number = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok());
    number.map(|number| Line::Record(number, rest)).ok_or_else(|| not_now("the spool answers a line without a number"))
}

/// An answer that helps nobody now.
pub fn not_now(told: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Protocol, codes::PROTOCOL, told).retry(Retry::After(None))
}

/// A record out of the text of a line: whole, or broken with what is wrong and where (encoding, size).
pub fn cut(format: &Format, address: &str, number: u64, text: &[u8]) -> Cut {
    let name: Arc<str> = format!("{address}#{number}").into();
    let mut framer = Framer::new(format, name.clone(), 0);
    framer.push(text);
    framer.end();
    let mut cut = match framer.next() {
        Ok(Some(cut)) => cut,
        Ok(None) => broken(text, Issue::error(codes::PROTOCOL, "the record is empty"), &name),
        Err(issue) => broken(text, issue, &name),
    };
    let (Cut::Record(record) | Cut::Broken(record, _)) = &mut cut;
    record.origin.name = name;
    record.origin.position = number;
    cut
}

fn broken(text: &[u8], issue: Issue, name: &str) -> Cut {
    let record = Record {
        bytes: Bytes::copy_from_slice(text),
        context: "utf-8\n".into(),
        origin: guichet_sdk::Origin::default(),
    };
    let place = Place { file: Some(name.to_owned()), ..issue.place.clone() };
    Cut::Broken(record, issue.at(place))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::format::{Limits, Shape};

    use super::*;

    #[test]
    fn lines_are_records_ends_and_errors() {
        assert_eq!(read(b".").unwrap(), Line::End);
        assert_eq!(read(b"43 {\"a\": 1}").unwrap(), Line::Record(43, b"{\"a\": 1}"));
        assert_eq!(read(b"43").unwrap(), Line::Record(43, b""));
        for (line, told) in [(&b"ERR BUSY Mrs Doe"[..], "`ERR BUSY`"), (b"<html>", "number"), (b"\xff 1", "number")] {
            let fault = read(line).unwrap_err();
            assert!(fault.issue.message.contains(told) && !fault.issue.message.contains("Doe"), "{fault}");
            assert_eq!(fault.retry, Retry::After(None));
        }
    }

    #[test]
    fn a_cursor_leads_back_and_a_foreign_one_is_refused() {
        let at = At { after: 142 };
        assert_eq!(At::read(Some(&at.cursor())).unwrap(), at);
        assert_eq!(At::of_receipt(&at.receipt()).unwrap(), at);
        for text in ["", "142", "{}", r#"{"after":1,"file":"x"}"#, r#"{"after":-1}"#] {
            assert_eq!(At::read(Some(&Cursor(text.to_owned()))).unwrap_err().retry, Retry::Never, "{text}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_is_broken_with_its_place() {
        let limits = Limits { record_bytes: 10, ..Limits::default() };
        let format = Format { shape: Shape::Ndjson, encoding: "utf-8".to_owned(), limits };
        for text in [&b"{\"a\":\"0123456789\"}"[..], b"\"\xe9t\xe9\"", b""] {
            let Cut::Broken(record, issue) = cut(&format, "host:1", 7, text) else { panic!("{text:?} is read") };
            assert_eq!((&*record.origin.name, record.origin.position), ("host:1#7", 7));
            assert_eq!(issue.place.file.as_deref(), Some("host:1#7"));
        }
        assert!(matches!(cut(&format, "host:1", 7, b"{}"), Cut::Record(_)));
    }
}
