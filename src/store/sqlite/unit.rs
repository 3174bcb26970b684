//! A unit of work inside the transaction: each record ends in exactly one of five ways, and the counts of its flow move
//! with it, so that they always sum to what was received (I1).

use std::sync::Arc;

use guichet_sdk::{Code, Cursor, Digest, Issue};
use rusqlite::params;

use super::case::{Applied, CaseBook, Told};
use super::desk::Desk;
use super::draft::{self, Draft};
use super::flows::Flow;
use super::quarantine::{self, Holding, Open, Reason};
use super::raw::{self, Block, Packer, Slot};
use super::seen::{self, Halves};
use super::tally::Tally;
use super::terms::TermKey;
use crate::ledger::Candidate;
use crate::model::{AssertionKind, OrderClass, RecordRow};
use crate::store::{Committed, Ending, FlowRow, Held, QuarantineRow, Reading, StoreFault, Work};

/// A unit of work made ready for the writer: its raw records are packed.
pub(super) struct Unit {
    flow: FlowRow,
    now: i64,
    mapping: Arc<str>,
    cursor: Option<Cursor>,
    finished: Vec<Digest>,
    verified: bool,
    supersedes: bool,
    retries: Vec<QuarantineRow>,
    pieces: Vec<Piece>,
    blocks: Vec<Block>,
}

/// A record of a unit, without its bytes.
struct Piece {
    digest: Digest,
    reading: Reading,
    draft: Option<Box<Draft>>,
    export: i64,
    slot: Option<Slot>,
}

impl Unit {
    /// Makes a unit ready, away from the writer: packs its records, drafts the cases it may make. Known records are
    /// counted and not kept again, retried ones are kept already.
    pub(super) fn ready(work: Work, flow: &Flow, terms: TermKey) -> Result<Unit, StoreFault> {
        let drafting = flow.expects_cases();
        let Work { flow: row, now, mapping, items, cursor, finished, verified, supersedes, retries } = work;
        let mut packer = Packer::default();
        let mut pieces = Vec::with_capacity(items.len());
        for item in items {
            let known = matches!(item.reading, Reading::Known);
            let slot = if known || !retries.is_empty() { None } else { Some(packer.add(&item.record)?) };
            let export = item.record.origin.export();
            let (reading, draft) = match item.reading {
                Reading::Mapped(mut candidates) if drafting && candidates.len() == 1 => {
                    let draft = draft::draft(&mut candidates[0], flow, &mapping, terms)?;
                    (Reading::Mapped(candidates), Some(Box::new(draft)))
                }
                other => (other, None),
            };
            pieces.push(Piece { digest: item.digest, reading, draft, export, slot });
        }
        let blocks = packer.finish()?;
        Ok(Unit { flow: row, now, mapping, cursor, finished, verified, supersedes, retries, pieces, blocks })
    }

    /// Records of the unit.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }
}

/// Commits a unit, inside the transaction of the writer. The cases come back so that the caller frees them.
pub(super) fn commit(desk: &mut Desk, mut unit: Unit) -> Result<(Committed, CaseBook), StoreFault> {
    let flow = desk.flows.get(unit.flow)?;
    let now = desk.time(unit.now);
    let mapping = desk.stamp(&unit.mapping)?;
    let mut blocks = Vec::with_capacity(unit.blocks.len());
    for block in &unit.blocks {
        blocks.push(raw::insert(&desk.connection, unit.flow, now, block)?);
    }
    let pieces = std::mem::take(&mut unit.pieces);
    let open = Tally::open(&desk.connection, unit.flow)?;
    let cases = CaseBook::new(flow.clone(), now);
    let mut run = Run { desk, flow, unit: &unit, now, mapping, blocks, tally: Tally::from(open), cases };
    let mut endings = Vec::with_capacity(pieces.len());
    for (at, piece) in pieces.into_iter().enumerate() {
        endings.push(run.take(at, piece)?);
    }
    run.finish(endings)
}

/// What a judged record came to.
enum Verdict {
    /// Applied, duplicate or superseded.
    Ended(Ending),
    /// To be held.
    Held(Reason),
}

/// A unit under way.
struct Run<'a> {
    desk: &'a mut Desk,
    flow: Arc<Flow>,
    unit: &'a Unit,
    now: i64,
    mapping: i64,
    blocks: Vec<i64>,
    tally: Tally,
    cases: CaseBook,
}

impl Run<'_> {
    fn take(&mut self, at: usize, piece: Piece) -> Result<Ending, StoreFault> {
        match self.unit.retries.get(at) {
            Some(row) => self.retry(*row, piece),
            None => self.receive(piece),
        }
    }

    /// A record that was not received before, or was and is still held.
    fn receive(&mut self, piece: Piece) -> Result<Ending, StoreFault> {
        let held = match self.tally.anything_open() {
            true => quarantine::find(&self.desk.connection, self.unit.flow, &piece.digest)?,
            false => None,
        };
        let (digest, export) = (piece.digest, piece.export);
        let record = match (held, piece.slot) {
            (Some(open), _) => open.record,
            (None, slot) => slot.and_then(|slot| slot.row(&self.blocks)).unwrap_or(RecordRow(0)),
        };
        let verdict = self.judge(piece, record, held)?;
        let ending = match (verdict, held) {
            (Verdict::Ended(ending), held) => {
                // Delivered again and now applicable: the held delivery was the duplicate.
                held.map_or(Ok(()), |open| self.settle(open, Ending::Duplicate))?;
                ending
            }
            (Verdict::Held(reason), None) => self.hold(&digest, export, record, &reason)?,
            (Verdict::Held(reason), Some(open)) => {
                self.refresh(open, &reason)?;
                Ending::Duplicate
            }
        };
        self.tally.receive(ending);
        Ok(ending)
    }

    /// A held record tried again.
    fn retry(&mut self, row: QuarantineRow, piece: Piece) -> Result<Ending, StoreFault> {
        let Some(open) = quarantine::get(&self.desk.connection, row)? else { return Ok(Ending::Duplicate) };
        match self.judge(piece, open.record, Some(open))? {
            Verdict::Ended(ending) => {
                self.settle(open, ending)?;
                Ok(ending)
            }
            Verdict::Held(reason) => {
                let held = self.refresh(open, &reason)?;
                Ok(if held == Held::Parked { Ending::Parked } else { Ending::Quarantined(reason.code) })
            }
        }
    }

    fn judge(&mut self, piece: Piece, record: RecordRow, held: Option<Open>) -> Result<Verdict, StoreFault> {
        match piece.reading {
            Reading::Known => self.known(&piece.digest, piece.export, held),
            Reading::Refused(refusal) => Ok(Verdict::Held(Reason::refused(refusal.case_key, true, &refusal.issues))),
            Reading::Mapped(candidates) => {
                let halves = Halves::of(self.unit.flow, &piece.digest);
                let (stamp, kind) = (self.unit.mapping.clone(), AssertionKind::Observed);
                let told = Told { halves, record, stamp, mapping: self.mapping, kind };
                self.mapped(candidates, piece.draft, &told, held)
            }
        }
    }

    /// A record whose digest is known. In a snapshot flow it confirms its entry in this export, or says it anew.
    fn known(&mut self, digest: &Digest, export: i64, held: Option<Open>) -> Result<Verdict, StoreFault> {
        let duplicate = Verdict::Ended(Ending::Duplicate);
        if self.flow.order.class != OrderClass::Snapshot {
            return Ok(duplicate);
        }
        let halves = Halves::of(self.unit.flow, digest);
        let Some(entry) = seen::entry(&self.desk.connection, halves)? else {
            return Err(StoreFault::Failed("a record handed over as known is not known".into()));
        };
        let Some(entry) = entry else { return Ok(duplicate) };
        match self.cases.said_again(self.desk, entry, export, halves)? {
            Some((candidate, told)) => self.mapped(vec![candidate], None, &told, held),
            None => Ok(duplicate),
        }
    }

    fn mapped(
        &mut self,
        candidates: Vec<Candidate>,
        draft: Option<Box<Draft>>,
        told: &Told,
        held: Option<Open>,
    ) -> Result<Verdict, StoreFault> {
        let Some(first) = candidates.first() else { return Ok(Verdict::Ended(Ending::Duplicate)) };
        let key = first.update.key.clone();
        if candidates.iter().any(|candidate| candidate.update.key != key) {
            let issue = Issue::error(Code("E236"), "the updates of one record carry different case keys")
                .hint("a record is about one case: cut the source into smaller records, or read `case.key` from outside the list");
            return Ok(Verdict::Held(Reason::refused(None, false, &[issue])));
        }
        if self.tally.anything_open() && !self.unit.supersedes {
            let own = held.map(|open| open.row);
            if let Some(behind) = quarantine::blocker(&self.desk.connection, self.unit.flow, &key, own)? {
                return Ok(Verdict::Held(Reason::waits(key, behind)));
            }
        }
        let major = first.rank.major;
        match self.cases.apply(self.desk, candidates, draft, told)? {
            Applied::Ended(ending) => {
                if ending == Ending::Applied && self.unit.supersedes && self.tally.anything_open() {
                    self.supersede(&key, major, held)?;
                }
                Ok(Verdict::Ended(ending))
            }
            Applied::Refused(issue) => Ok(Verdict::Held(Reason::refused(Some(key), false, &[issue]))),
        }
    }

    /// A newer whole truth about a case makes pointless what was held for it.
    fn supersede(&mut self, key: &str, export: i64, own: Option<Open>) -> Result<(), StoreFault> {
        for open in quarantine::superseded(&self.desk.connection, self.unit.flow, key, export)? {
            if own.is_none_or(|own| own.row != open.row) {
                self.settle(open, Ending::Superseded)?;
            }
        }
        Ok(())
    }

    fn hold(&mut self, digest: &Digest, export: i64, record: RecordRow, reason: &Reason) -> Result<Ending, StoreFault> {
        let export = (self.flow.order.class == OrderClass::Snapshot).then_some(export);
        let holding = Holding { flow: self.unit.flow, record, at: self.now, export, mapping: self.mapping, digest };
        quarantine::hold(&self.desk.connection, &holding, reason)?;
        self.tally.opened();
        Ok(if reason.held == Held::Parked { Ending::Parked } else { Ending::Quarantined(reason.code) })
    }

    /// Gives an open row its new reason and moves the counts; how it is held now. A quarantined row that would only wait
    /// keeps its own reason.
    fn refresh(&mut self, open: Open, reason: &Reason) -> Result<Held, StoreFault> {
        if reason.held == Held::Parked {
            return Ok(open.held);
        }
        quarantine::refresh(&self.desk.connection, open.row, self.mapping, reason)?;
        self.tally.moved(open.held, reason.held);
        Ok(reason.held)
    }

    fn settle(&mut self, open: Open, ending: Ending) -> Result<(), StoreFault> {
        quarantine::settle(&self.desk.connection, open.row)?;
        self.tally.settled(open.held, ending);
        Ok(())
    }

    fn finish(self, endings: Vec<Ending>) -> Result<(Committed, CaseBook), StoreFault> {
        let Run { desk, unit, now, tally, mut cases, .. } = self;
        cases.write(desk)?;
        let connection = &desk.connection;
        for whole in &unit.finished {
            connection
                .prepare_cached("INSERT OR IGNORE INTO finished (flow, digest, at) VALUES (?1, ?2, ?3)")?
                .execute(params![unit.flow.0, whole.0, now])?;
        }
        tally.write(connection, unit.flow)?;
        connection
            .prepare_cached(
                "UPDATE flow SET cursor = coalesce(?2, cursor), verified_at = CASE WHEN ?3 THEN ?4 ELSE verified_at END,
                 observed_at = CASE WHEN ?5 THEN ?4 ELSE observed_at END WHERE id = ?1",
            )?
            .execute(params![
                unit.flow.0,
                unit.cursor.as_ref().map(|cursor| &cursor.0),
                unit.verified,
                now,
                !endings.is_empty() && unit.retries.is_empty(),
            ])?;
        let change = super::feed::last(connection)?;
        Ok((Committed { counts: super::tally::sum(&endings), endings, change }, cases))
    }
}
