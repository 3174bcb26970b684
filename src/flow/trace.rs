//! Spans of sampled records, from receipt to commit. They carry a digest, never a value of a person, never a body.

use guichet_sdk::{Digest, Record};
use tracing::{Span, field, info_span};

use super::route::Route;
use crate::store::Ending;

/// The open spans of a batch, by position.
#[derive(Default)]
pub(super) struct Records(Vec<(usize, Span)>);

impl Records {
    /// Opens a span for each record of the sample.
    pub fn open(route: &Route, records: &[(Record, Digest)], batch: &Span) -> Self {
        let span = |(at, (_, digest)): (usize, &(Record, Digest))| {
            let span =
                info_span!(parent: batch, "record", flow = %route.name, record = %digest, outcome = field::Empty);
            (at, span)
        };
        let sampled = records.iter().enumerate().filter(|(_, (_, digest))| chosen(digest, route.sample));
        Records(sampled.map(span).collect())
    }

    /// Closes them with how each record ended.
    pub fn close(self, endings: &[Ending]) {
        for (at, span) in self.0 {
            if let Some(ending) = endings.get(at) {
                span.record("outcome", word(ending));
            }
        }
    }
}

/// The digest decides, so that a record is followed through every hub or through none.
fn chosen(digest: &Digest, share: f64) -> bool {
    let [a, b, c, d, ..] = digest.0;
    f64::from(u32::from_be_bytes([a, b, c, d])) < share * f64::from(u32::MAX)
}

fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Applied => "applied",
        Ending::Duplicate => "duplicate",
        Ending::Superseded => "superseded",
        Ending::Quarantined(_) => "quarantined",
        Ending::Parked => "parked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_follows_its_share() {
        let taken = |share| (0..1000u32).filter(|n| chosen(&Digest::of(&[&n.to_le_bytes()]), share)).count();
        assert_eq!(taken(0.0), 0);
        assert!((50..150).contains(&taken(0.1)), "{}", taken(0.1));
        assert_eq!(taken(1.0), 1000);
    }
}
