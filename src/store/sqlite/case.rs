//! Cases under way in one unit: updates enter their histories as the ledger decides, each record makes its changes, and
//! the documents are written once, at the end of the unit.

use std::collections::HashMap;
use std::sync::Arc;

use guichet_sdk::{Code, Digest, Issue};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::desk::Desk;
use super::entries::{self, ENTRIES_PER_CASE};
use super::feed::{self, NewChange};
use super::flows::Flow;
use super::seen::{self, Halves};
use super::{document, terms};
use crate::ledger::{self, Candidate, Decision, Entry, Folded};
use crate::model::{AssertionKind, Audience, CaseRow, MAX_CASES, OrderClass, Phase, RecordRow};
use crate::store::{Ending, StoreFault};

/// What became of a record's updates.
pub(super) enum Applied {
    /// Applied, superseded or duplicate.
    Ended(Ending),
    /// One of them cannot be applied; the others are.
    Refused(Issue),
}

/// The cases a unit speaks about.
pub(super) struct CaseBook {
    flow: Arc<Flow>,
    now: i64,
    stamp: Arc<str>,
    mapping: i64,
    cases: Vec<Case>,
    by_key: HashMap<String, usize>,
    next: Option<i64>,
}

/// A case under way.
pub(super) struct Case {
    pub(super) row: CaseRow,
    pub(super) created_at: i64,
    pub(super) revision: i64,
    pub(super) entries: Vec<Entry>,
    pub(super) folded: Folded,
    /// How it stood before the unit; `None` when the unit makes it.
    before: Option<Folded>,
    /// Revision before the unit.
    was: i64,
    entered: bool,
}

/// What the updates of one record did so far.
#[derive(Default)]
struct Effect {
    moved: bool,
    entered: bool,
    refused: Option<Issue>,
}

impl CaseBook {
    /// An empty book for a unit of this flow.
    pub(super) fn new(flow: Arc<Flow>, now: i64, stamp: Arc<str>, mapping: i64) -> Self {
        CaseBook { flow, now, stamp, mapping, cases: Vec::new(), by_key: HashMap::new(), next: None }
    }

    /// Applies the updates of one record, which are all about one case.
    pub(super) fn apply(
        &mut self,
        desk: &mut Desk,
        candidates: Vec<Candidate>,
        digest: &Digest,
        record: RecordRow,
    ) -> Result<Applied, StoreFault> {
        let halves = Halves::of(self.flow.row, digest);
        let snapshot = self.flow.order.class == OrderClass::Snapshot;
        if !snapshot && !seen::enter(&desk.connection, halves)? {
            return Ok(Applied::Ended(Ending::Duplicate));
        }
        let Some(key) = candidates.first().map(|candidate| candidate.update.key.as_str()) else {
            return Ok(Applied::Ended(Ending::Duplicate));
        };
        let at = self.find(desk, key)?;
        // In a snapshot flow a record is recognised by the one entry it says (again).
        let known_by = (snapshot && candidates.len() == 1 && candidates[0].update.event.is_none()).then_some(halves);
        let mut effect = Effect::default();
        for (n, mut candidate) in candidates.into_iter().enumerate() {
            if self.flow.order.class == OrderClass::Arrival {
                // Nothing better exists: what was received later counts as later.
                (candidate.rank.major, candidate.rank.minor) = (record.0, n as i64);
            }
            self.decide(&desk.connection, at, candidate, record, known_by, &mut effect)?;
        }
        if effect.entered {
            self.change(desk, at)?;
        }
        if let Some(issue) = effect.refused {
            if !snapshot {
                seen::withdraw(&desk.connection, halves)?;
            }
            return Ok(Applied::Refused(issue));
        }
        Ok(Applied::Ended(match (effect.moved, effect.entered) {
            (true, _) => Ending::Applied,
            (false, true) => Ending::Superseded,
            (false, false) => Ending::Duplicate,
        }))
    }

    /// The case of a native key, made when nobody spoke of it before.
    fn find(&mut self, desk: &Desk, key: &str) -> Result<usize, StoreFault> {
        if let Some(at) = self.by_key.get(key) {
            return Ok(*at);
        }
        let next = match self.next {
            Some(next) => next,
            None => highest_case(&desk.connection)? + 1,
        };
        self.next = Some(next);
        let case = match claim(&desk.connection, self.flow.scope(), key, next)? {
            Some(known) => load(desk, CaseRow(known))?,
            None if next >= MAX_CASES => {
                return Err(StoreFault::Failed("the store holds as many cases as it can".into()));
            }
            None => {
                self.next = Some(next + 1);
                Case::new(CaseRow(next), self.now)
            }
        };
        self.by_key.insert(key.to_owned(), self.cases.len());
        self.cases.push(case);
        Ok(self.cases.len() - 1)
    }

    /// Has the ledger decide about one update and performs it.
    fn decide(
        &mut self,
        connection: &Connection,
        at: usize,
        candidate: Candidate,
        record: RecordRow,
        known_by: Option<Halves>,
        effect: &mut Effect,
    ) -> Result<(), StoreFault> {
        let case = &mut self.cases[at];
        match ledger::decide(&case.entries, &candidate) {
            Decision::Enter { overtaken } => {
                let newest = case.newest();
                let export = candidate.rank.major;
                let Some(entry) = self.enter(connection, at, candidate, record, effect)? else { return Ok(()) };
                effect.moved |= !overtaken;
                if let Some(halves) = known_by.filter(|_| !overtaken) {
                    seen::replace(connection, newest, entry, export, halves)?;
                }
            }
            Decision::Restate(facts) => {
                effect.moved |= self.enter(connection, at, *facts, record, effect)?.is_some();
            }
            Decision::Duplicate { confirmed: Some((said, export)) } => {
                case.entries[said].confirmed = case.entries[said].confirmed.max(export);
                if let Some(halves) = known_by {
                    seen::again(connection, entries::key(case.row, said), export, halves)?;
                }
            }
            Decision::Duplicate { confirmed: None } => {}
            Decision::Conflict(issue) => effect.refused = Some(*issue),
        }
        Ok(())
    }

    /// An update enters the history; its key, unless the history is full.
    fn enter(
        &mut self,
        connection: &Connection,
        at: usize,
        candidate: Candidate,
        record: RecordRow,
        effect: &mut Effect,
    ) -> Result<Option<i64>, StoreFault> {
        let case = &mut self.cases[at];
        if case.entries.len() >= ENTRIES_PER_CASE {
            let message = format!("the case has {ENTRIES_PER_CASE} entries, as many as a case can hold");
            let hint = "is `case.key` really the key of one case?";
            effect.refused = Some(Issue::error(Code("E230"), message).hint(hint));
            return Ok(None);
        }
        let Candidate { update, json, key, content, rank } = candidate;
        let entry = Entry {
            key,
            content,
            rank,
            confirmed: rank.major,
            order: self.flow.order,
            kind: AssertionKind::Observed,
            source: self.flow.name.source.clone(),
            flow: self.flow.name.flow.clone(),
            record,
            mapping: self.stamp.clone(),
            recorded_at: self.now,
            update,
        };
        let id = entries::key(case.row, case.entries.len());
        entries::insert(connection, id, (self.flow.row, self.mapping), &entry, &json)?;
        case.entries.push(entry);
        effect.entered = true;
        Ok(Some(id))
    }

    /// A record is through: the case as it stands now, and what that changes for those who follow it.
    fn change(&mut self, desk: &mut Desk, at: usize) -> Result<(), StoreFault> {
        let case = &mut self.cases[at];
        let folded = ledger::fold(&case.entries);
        let old = case.exists().then_some((&case.folded, &case.entries[..]));
        let kinds = ledger::changes(old, (&folded, &case.entries));
        let old = std::mem::replace(&mut case.folded, folded);
        if case.was > 0 && case.before.is_none() {
            case.before = Some(old);
        }
        case.entered = true;
        if kinds.is_empty() {
            return Ok(());
        }
        case.revision += 1;
        let claim = case.folded.status(&case.entries);
        let new = NewChange {
            at: self.now,
            source: self.flow.source,
            case: case.row,
            revision: case.revision,
            confidentiality: case.folded.facts.confidentiality.unwrap_or_default(),
            phase: claim.map_or(Phase::Unknown, |claim| claim.phase),
            audience: claim.map_or(Audience::Public, |claim| claim.audience),
            service: case.folded.facts.service.as_deref(),
        };
        for kind in kinds {
            feed::append(&desk.connection, kind, &new)?;
        }
        Ok(())
    }

    /// Writes the documents of the cases that moved.
    pub(super) fn write(self, desk: &mut Desk) -> Result<(), StoreFault> {
        for case in self.cases.iter().filter(|case| case.entered) {
            if case.revision == case.was {
                document::touch(&desk.connection, case, self.now)?;
                continue;
            }
            let before = case.before.as_ref().map(|before| &before.facts);
            if before.is_none_or(|before| *before != case.folded.facts) {
                let old = before.map_or_else(Vec::new, |facts| desk.terms.of_facts(facts));
                terms::change(&desk.connection, case.row, &old, &desk.terms.of_facts(&case.folded.facts))?;
            }
            document::write(&desk.connection, desk.seal, case, self.flow.source, self.now, case.was == 0)?;
            desk.moved(case.row, case.revision);
        }
        Ok(())
    }
}

impl Case {
    fn new(row: CaseRow, now: i64) -> Self {
        Case {
            row,
            created_at: now,
            revision: 0,
            entries: Vec::new(),
            folded: Folded::default(),
            before: None,
            was: 0,
            entered: false,
        }
    }

    fn exists(&self) -> bool {
        self.revision > 0
    }

    /// The key of the entry that is the latest in the order.
    fn newest(&self) -> Option<i64> {
        let newest = self.entries.iter().enumerate().max_by_key(|(_, entry)| ledger::latest(entry));
        newest.map(|(ordinal, _)| entries::key(self.row, ordinal))
    }
}

/// The highest case row. Cases are never deleted, so that no reference is given twice.
fn highest_case(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(id), 0) FROM cases")?.query_row([], |row| row.get(0))
}

/// Claims a native key for a new case; the case that has it already, if there is one.
fn claim(connection: &Connection, scope: i64, key: &str, new: i64) -> rusqlite::Result<Option<i64>> {
    let rows = connection
        .prepare_cached("INSERT OR IGNORE INTO alias (scope, key, \"case\") VALUES (?1, ?2, ?3)")?
        .execute(params![scope, key, new])?;
    if rows == 1 {
        return Ok(None);
    }
    connection
        .prepare_cached("SELECT \"case\" FROM alias WHERE scope = ?1 AND key = ?2")?
        .query_row(params![scope, key], |row| row.get(0))
        .optional()
}

/// A case that exists, with its history.
fn load(desk: &Desk, row: CaseRow) -> Result<Case, StoreFault> {
    let (created_at, revision) = desk
        .connection
        .prepare_cached("SELECT created_at, revision FROM cases WHERE id = ?1")?
        .query_row([row.0], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    let entries = entries::load(&desk.connection, &desk.flows, row)?;
    let folded = ledger::fold(&entries);
    Ok(Case { row, created_at, revision, entries, folded, before: None, was: revision, entered: false })
}
