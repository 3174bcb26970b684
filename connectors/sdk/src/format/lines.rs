//! Line-oriented formats (NDJSON, fixed width): every line is a record. Blank lines are none.

use bytes::Bytes;
use memchr::memchr2;

use super::csv::drop_line;
use super::csv_scan::line_end;
use super::framer::Step;
use super::intake::{Intake, Spot};
use super::{Limits, Terminator, too_large};
use crate::issue::Issue;

/// Cuts lines.
pub(crate) struct LineCut {
    prefix: Vec<u8>,
    terminator: Option<Terminator>,
    limits: Limits,
    /// Bytes of the line at the start of the buffer known to hold no line end.
    scanned: usize,
    /// The first bytes of a line longer than a record may be, while its rest is dropped.
    oversize: Option<(Bytes, Spot)>,
}

impl LineCut {
    pub(crate) fn new(prefix: &str, terminator: Option<Terminator>, limits: Limits) -> Self {
        LineCut { prefix: prefix.as_bytes().to_vec(), terminator, limits, scanned: 0, oversize: None }
    }

    pub(crate) fn step(&mut self, intake: &mut Intake) -> Result<Step, Issue> {
        loop {
            if self.oversize.is_some() {
                return Ok(self.drop_rest(intake));
            }
            let bytes = intake.bytes();
            let found = memchr2(b'\n', b'\r', &bytes[self.scanned..]).map(|at| self.scanned + at);
            let line = found.unwrap_or(bytes.len());
            if line > self.limits.record_bytes {
                self.scanned = 0;
                self.oversize = Some((Bytes::copy_from_slice(&bytes[..self.limits.record_bytes]), intake.spot()));
                intake.skip(self.limits.record_bytes);
                continue;
            }
            let length = match found {
                Some(at) => line_end(bytes, at, intake.ended()),
                None if intake.ended() => Some(line).filter(|length| *length > 0),
                None => None,
            };
            let Some(length) = length else {
                self.scanned = line;
                return Ok(if intake.ended() { Step::Done } else { Step::More });
            };
            self.scanned = 0;
            let text = &bytes[..line];
            if text.iter().all(u8::is_ascii_whitespace) || !text.starts_with(&self.prefix) {
                intake.skip(length);
                intake.drop_anchor();
                continue;
            }
            let flaw = self.terminator.as_ref().and_then(|terminator| terminator.flaw(text));
            let flaw = flaw.map(|issue| issue.at(intake.spot_at(line).place()));
            let spot = intake.spot();
            let mut bytes = intake.take(length);
            bytes.truncate(line);
            intake.drop_anchor();
            return Ok(Step::cut(bytes, spot, flaw));
        }
    }

    fn drop_rest(&mut self, intake: &mut Intake) -> Step {
        if !drop_line(intake) {
            return Step::More;
        }
        match self.oversize.take() {
            Some((bytes, spot)) => Step::cut(bytes, spot, Some(too_large(self.limits.record_bytes).at(spot.place()))),
            None => Step::More,
        }
    }
}
