//! Acknowledging: a committed file goes to `done` or `failed`. Idempotent; does nothing with files that stay.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use guichet_sdk::{Ack, Fault, FaultKind};

use crate::codes;
use crate::config::{After, Complete};
use crate::draft::{Fate, Part, Slip};
use crate::moves;
use crate::reader::{Reader, Tally};

impl Reader {
    /// The batch of this receipt is committed.
    ///
    /// What a crash leaves undone here is made good at the next start: the file is found again, its digest is known, and
    /// it is moved then. (What became of its records is not known then: it goes to `done`.)
    pub fn acknowledge(&mut self, ack: &Ack) -> Result<(), Fault> {
        let slip: Slip = serde_json::from_str(&ack.receipt.0).map_err(|error| {
            Fault::new(
                FaultKind::Protocol,
                codes::CURSOR,
                format!("the receipt was not written by this connector: {error}"),
            )
        })?;
        let mut quarantined = ack.quarantined.clone();
        quarantined.sort_unstable();
        let mut touched = BTreeSet::new();
        let mut first = 0;
        for part in &slip.parts {
            let range = first..first + part.records;
            first = range.end;
            self.settle(part, within(&quarantined, range), &mut touched)?;
        }
        touched.iter().try_for_each(|folder| moves::sync(folder))
    }

    fn settle(&mut self, part: &Part, quarantined: usize, touched: &mut BTreeSet<PathBuf>) -> Result<(), Fault> {
        let tally = self.tallies.entry(part.file.clone()).or_default();
        tally.records += part.records + part.broken;
        tally.quarantined += quarantined + part.broken;
        let Some(fate) = &part.fate else { return Ok(()) };
        let failed = failure(fate, tally);
        self.tallies.remove(&part.file);
        if let After::Move { done, failed: target } = &self.intake.after {
            let target = if failed.is_some() { target } else { done };
            if self.put(part, target, failed.as_deref())? {
                touched.extend([self.intake.folder.clone(), target.clone()]);
            }
        }
        if let Some(digest) = &part.digest {
            self.handed.remove(digest);
        }
        Ok(())
    }

    /// Whether anything was moved.
    fn put(&self, part: &Part, target: &Path, reason: Option<&str>) -> Result<bool, Fault> {
        let folder = &self.intake.folder;
        let Some(moved) = moves::shift(folder, &part.file, &part.stamp, part.digest.as_ref(), target)? else {
            return Ok(false);
        };
        if let Some(reason) = reason {
            moves::note(target, &moved, reason)?;
        }
        if let Complete::Marked(suffix) = &self.intake.complete {
            moves::shift_marker(folder, &format!("{}{suffix}", part.file), "marker", target)?;
        }
        Ok(true)
    }
}

/// Why a file belongs into `failed`, if it does.
fn failure(fate: &Fate, tally: &Tally) -> Option<String> {
    match fate {
        Fate::Unreadable(reason) => Some(reason.clone()),
        Fate::Read if tally.complete && tally.records > 0 && tally.quarantined == tally.records => {
            Some(format!("each of its {} records was quarantined; `guichet quarantine ls` tells why", tally.records))
        }
        Fate::Read => None,
    }
}

fn within(sorted: &[usize], range: Range<usize>) -> usize {
    sorted.partition_point(|at| *at < range.end) - sorted.partition_point(|at| *at < range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantined_records_are_counted_for_their_file() {
        let quarantined = [0, 3, 4, 9];
        assert_eq!(
            [
                within(&quarantined, 0..3),
                within(&quarantined, 3..5),
                within(&quarantined, 5..9),
                within(&quarantined, 9..10)
            ],
            [1, 2, 0, 1]
        );
    }

    #[test]
    fn only_a_file_counted_from_its_start_fails_for_its_records() {
        let tally = |complete, records, quarantined| Tally { complete, records, quarantined };
        assert!(failure(&Fate::Read, &tally(true, 3, 3)).is_some());
        assert!(failure(&Fate::Read, &tally(true, 3, 2)).is_none());
        assert!(failure(&Fate::Read, &tally(false, 3, 3)).is_none());
        assert!(failure(&Fate::Read, &tally(true, 0, 0)).is_none());
        assert!(failure(&Fate::Unreadable("why".into()), &tally(false, 3, 0)).is_some());
    }
}
