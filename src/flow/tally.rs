//! The tally of a run: how its records ended, and where the quarantined ones came from.

use std::collections::BTreeMap;

use guichet_sdk::{Code, Origin, Place};

use crate::config::Threshold;
use crate::store::{Committed, Counts, Ending};

/// Places kept per code: enough to start looking, never a second quarantine.
const PLACES: usize = 5;

/// Records quarantined with one code.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// Where the first of them stand.
    pub places: Vec<Place>,
}

/// How the records of a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Counts.
    pub counts: Counts,
    /// Quarantined records by code.
    pub refused: BTreeMap<&'static str, Refused>,
}

impl Tally {
    /// Adds a commit; `origins` are those of its items, in order.
    pub(super) fn add<'o>(&mut self, committed: &Committed, origins: impl IntoIterator<Item = &'o Origin>) {
        self.counts.add(&committed.counts);
        for (ending, origin) in committed.endings.iter().zip(origins) {
            match ending {
                Ending::Quarantined(code) => self.refuse(*code, origin),
                Ending::Applied | Ending::Duplicate | Ending::Superseded | Ending::Parked => {}
            }
        }
    }

    fn refuse(&mut self, code: Code, origin: &Origin) {
        let refused = self.refused.entry(code.0).or_default();
        refused.count += 1;
        if refused.places.len() < PLACES {
            let line = (origin.line > 0).then_some(origin.line);
            refused.places.push(Place { line, ..Place::file(&*origin.name) });
        }
    }

    /// The counts, when more of them went into quarantine than the flow allows.
    pub(super) fn exceeding(self, threshold: Threshold) -> Option<Counts> {
        self.exceeds(threshold).then_some(self.counts)
    }

    /// Whether more of the run went into quarantine than the flow allows.
    pub(super) fn exceeds(&self, threshold: Threshold) -> bool {
        let Counts { received, quarantined, .. } = self.counts;
        quarantined > 0 && received >= threshold.after && quarantined as f64 > threshold.share * received as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_places_of_each_code_are_kept() {
        let origins: Vec<Origin> =
            (1..=8).map(|line| Origin { name: "in.csv".into(), line, ..Origin::default() }).collect();
        let endings = origins.iter().map(|origin| match origin.line {
            1 => Ending::Applied,
            _ => Ending::Quarantined(Code("E042")),
        });
        let committed = Committed { endings: endings.collect(), ..Committed::default() };
        let mut tally = Tally::default();
        tally.add(&committed, &origins);
        let refused = &tally.refused["E042"];
        assert_eq!((refused.count, refused.places.len()), (7, PLACES));
        assert_eq!(refused.places[0].to_string(), "in.csv:2");
    }

    #[test]
    fn a_share_counts_only_once_enough_records_were_seen() {
        let threshold = Threshold { share: 0.1, after: 100 };
        let tally = |received, quarantined| Tally {
            counts: Counts { received, quarantined, ..Counts::default() },
            ..Tally::default()
        };
        assert!(!tally(99, 99).exceeds(threshold));
        assert!(!tally(100, 10).exceeds(threshold));
        assert!(tally(100, 11).exceeds(threshold));
        assert!(!tally(0, 0).exceeds(Threshold { share: 0.0, after: 0 }), "an empty run proves nothing");
    }
}
