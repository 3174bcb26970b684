//! The counts of a flow, moving: what is received, how it ended, and what changes its end later (I1).

use rusqlite::{Connection, params};

use crate::store::{Counts, Ending, FlowRow, Held, StoreFault};

/// How the counts of a flow move within one unit.
#[derive(Debug, Default)]
pub(super) struct Tally {
    received: i64,
    applied: i64,
    duplicate: i64,
    superseded: i64,
    quarantined: i64,
    parked: i64,
    open: i64,
    open_before: i64,
}

impl Tally {
    /// Open rows of a flow.
    pub(super) fn open(connection: &Connection, flow: FlowRow) -> Result<i64, StoreFault> {
        let open =
            connection.prepare_cached("SELECT open FROM flow WHERE id = ?1")?.query_row([flow.0], |row| row.get(0))?;
        Ok(open)
    }

    /// A tally of a flow with so many open rows.
    pub(super) fn from(open: i64) -> Self {
        Tally { open_before: open, ..Tally::default() }
    }

    /// Whether anything is held for the flow: when not, no record needs to be looked up in quarantine.
    pub(super) fn anything_open(&self) -> bool {
        self.open_before + self.open > 0
    }

    /// A record was received and ended so.
    pub(super) fn receive(&mut self, ending: Ending) {
        self.received += 1;
        *self.count(ending) += 1;
    }

    /// A row was opened for a record.
    pub(super) fn opened(&mut self) {
        self.open += 1;
    }

    /// An open row is held otherwise now.
    pub(super) fn moved(&mut self, from: Held, to: Held) {
        *self.held(from) -= 1;
        *self.held(to) += 1;
    }

    /// An open row was settled.
    pub(super) fn settled(&mut self, from: Held, ending: Ending) {
        self.open -= 1;
        *self.held(from) -= 1;
        *self.count(ending) += 1;
    }

    /// Writes the counts.
    pub(super) fn write(&self, connection: &Connection, flow: FlowRow) -> Result<(), StoreFault> {
        connection
            .prepare_cached(
                "UPDATE flow SET received = received + ?2, applied = applied + ?3, duplicate = duplicate + ?4,
                 superseded = superseded + ?5, quarantined = quarantined + ?6, parked = parked + ?7, open = open + ?8
                 WHERE id = ?1",
            )?
            .execute(params![
                flow.0,
                self.received,
                self.applied,
                self.duplicate,
                self.superseded,
                self.quarantined,
                self.parked,
                self.open,
            ])?;
        Ok(())
    }

    fn count(&mut self, ending: Ending) -> &mut i64 {
        match ending {
            Ending::Applied => &mut self.applied,
            Ending::Duplicate => &mut self.duplicate,
            Ending::Superseded => &mut self.superseded,
            Ending::Quarantined(_) => &mut self.quarantined,
            Ending::Parked => &mut self.parked,
        }
    }

    /// Dismissed rows stay in `quarantined`.
    fn held(&mut self, held: Held) -> &mut i64 {
        match held {
            Held::Parked => &mut self.parked,
            Held::Quarantined | Held::Settled | Held::Dismissed => &mut self.quarantined,
        }
    }
}

/// The endings of a unit, summed.
pub(super) fn sum(endings: &[Ending]) -> Counts {
    let mut counts = Counts { received: endings.len() as u64, ..Counts::default() };
    for ending in endings {
        match ending {
            Ending::Applied => counts.applied += 1,
            Ending::Duplicate => counts.duplicate += 1,
            Ending::Superseded => counts.superseded += 1,
            Ending::Quarantined(_) => counts.quarantined += 1,
            Ending::Parked => counts.parked += 1,
        }
    }
    counts
}
