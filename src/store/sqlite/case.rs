//! Cases under way in one unit: updates enter their histories as the ledger decides, each record makes its changes, and
//! the documents are written once, at the end of the unit.

use std::collections::HashMap;
use std::sync::Arc;

use guichet_sdk::{Code, Issue};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::desk::Desk;
use super::document::Parts;
use super::draft::Draft;
use super::entries::{self, ENTRIES_PER_CASE};
use super::feed::{self, NewChange};
use super::flows::Flow;
use super::seen::{self, Halves};
use super::{document, terms};
use crate::ledger::{self, Candidate, Decision, Entry, Folded};
use crate::model::{AssertionKind, CaseRow, CaseUpdate, MAX_CASES, OrderClass, Phase, RecordRow};
use crate::store::{Ending, StoreFault};

/// What became of a record's updates.
pub(super) enum Applied {
    /// Applied, superseded or duplicate.
    Ended(Ending),
    /// One of them cannot be applied; the others are.
    Refused(Issue),
}

/// Where the updates of a record come from.
pub(super) struct Told {
    /// Digest of the record, in its flow.
    pub(super) halves: Halves,
    /// Its kept bytes.
    pub(super) record: RecordRow,
    /// Mapping that read it.
    pub(super) stamp: Arc<str>,
    /// Row of that stamp.
    pub(super) mapping: i64,
    /// How it came about.
    pub(super) kind: AssertionKind,
}

/// The cases a unit speaks about.
pub(super) struct CaseBook {
    flow: Arc<Flow>,
    now: i64,
    cases: Vec<Case>,
    by_key: HashMap<String, usize>,
    next: Option<i64>,
    /// Written already; kept so that the whole book is freed by the caller, not by the writer.
    spent: Vec<Box<[u8]>>,
}

/// A case under way.
pub(super) struct Case {
    pub(super) row: CaseRow,
    pub(super) created_at: i64,
    pub(super) revision: i64,
    pub(super) entries: Vec<Entry>,
    pub(super) folded: Folded,
    /// Its document, when a draft of it is still right.
    pub(super) draft: Option<Parts>,
    /// Hashes of its search terms, with the draft.
    terms: Option<Vec<i64>>,
    /// How it stood before the unit; `None` when the unit makes it.
    before: Option<Folded>,
    /// Revision before the unit.
    was: i64,
    entered: bool,
}

/// How a record is known when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recognised {
    /// There is nothing new in it.
    ByDigest,
    /// It says this one entry again.
    ByEntry,
    /// Not at all: several updates would have to be confirmed.
    Never,
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
    pub(super) fn new(flow: Arc<Flow>, now: i64) -> Self {
        CaseBook { flow, now, cases: Vec::new(), by_key: HashMap::new(), next: None, spent: Vec::new() }
    }

    /// Applies the updates of one record, which are all about one case.
    pub(super) fn apply(
        &mut self,
        desk: &mut Desk,
        candidates: Vec<Candidate>,
        draft: Option<Box<Draft>>,
        told: &Told,
    ) -> Result<Applied, StoreFault> {
        let recognised = self.recognised(&candidates);
        if recognised == Recognised::ByDigest && !seen::enter(&desk.connection, told.halves)? {
            return Ok(Applied::Ended(Ending::Duplicate));
        }
        let Some(key) = candidates.first().map(|candidate| candidate.update.key.as_str()) else {
            return Ok(Applied::Ended(Ending::Duplicate));
        };
        let at = self.find(desk, key)?;
        let mut effect = Effect::default();
        for (n, mut candidate) in candidates.into_iter().enumerate() {
            if self.flow.order.class == OrderClass::Arrival {
                // Nothing better exists: what was received later counts as later.
                (candidate.rank.major, candidate.rank.minor) = (told.record.0, n as i64);
            }
            self.decide(&desk.connection, at, candidate, told, recognised, &mut effect)?;
        }
        if effect.entered {
            self.change(desk, at, draft)?;
        }
        if let Some(issue) = effect.refused {
            if recognised == Recognised::ByDigest {
                seen::withdraw(&desk.connection, told.halves)?;
            }
            return Ok(Applied::Refused(issue));
        }
        Ok(Applied::Ended(match (effect.moved, effect.entered) {
            (true, _) => Ending::Applied,
            (false, true) => Ending::Superseded,
            (false, false) => Ending::Duplicate,
        }))
    }

    /// How a record of this flow will be known when it comes again.
    fn recognised(&self, candidates: &[Candidate]) -> Recognised {
        let events = candidates.iter().all(|candidate| candidate.update.event.is_some());
        match self.flow.order.class {
            OrderClass::Version | OrderClass::Time | OrderClass::Arrival => Recognised::ByDigest,
            OrderClass::Snapshot if events => Recognised::ByDigest,
            OrderClass::Snapshot if candidates.len() == 1 => Recognised::ByEntry,
            OrderClass::Snapshot => Recognised::Never,
        }
    }

    /// What a known record of a snapshot flow says, if it says something: the update of the entry its digest stands for,
    /// with where that came from. `None`: it was the newest of its case, and is confirmed.
    pub(super) fn said_again(
        &mut self,
        desk: &mut Desk,
        entry: i64,
        export: i64,
        halves: Halves,
    ) -> Result<Option<(Candidate, Told)>, StoreFault> {
        if seen::confirm(&desk.connection, entry, export)? {
            if let Some(case) = self.cases.iter_mut().find(|case| case.row == entries::case(entry)) {
                let confirmed = &mut case.entries[entries::ordinal(entry)].confirmed;
                *confirmed = (*confirmed).max(export);
            }
            return Ok(None);
        }
        let Some(said) = entries::get(&desk.connection, &desk.flows, entry)? else { return Ok(None) };
        let update = CaseUpdate { export: Some(export), ..said.update };
        let candidate = ledger::prepare(update, self.flow.order, said.rank.minor, export)
            .map_err(|issue| StoreFault::Failed(issue.message))?;
        let mapping = desk.stamp(&said.mapping)?;
        Ok(Some((candidate, Told { halves, record: said.record, stamp: said.mapping, mapping, kind: said.kind })))
    }

    /// A new case nobody but the hub speaks of yet.
    pub(super) fn make(&mut self, desk: &Desk) -> Result<usize, StoreFault> {
        let row = highest_case(&desk.connection)? + 1;
        if row >= MAX_CASES {
            return Err(StoreFault::Failed("the store holds as many cases as it can".into()));
        }
        self.cases.push(Case::new(CaseRow(row), self.now));
        Ok(self.cases.len() - 1)
    }

    /// A case that exists.
    pub(super) fn open(&mut self, desk: &Desk, row: CaseRow) -> Result<usize, StoreFault> {
        self.cases.push(load(desk, row)?);
        Ok(self.cases.len() - 1)
    }

    /// Its history has grown by that of a case it became one with, which had this revision.
    pub(super) fn reload(&mut self, desk: &mut Desk, at: usize, revision: i64) -> Result<(), StoreFault> {
        let case = &mut self.cases[at];
        case.entries = entries::load(&desk.connection, &desk.flows, case.row)?;
        // whoever holds an answer about either of them must not be told that it still stands
        case.revision = case.revision.max(revision);
        self.change(desk, at, None)
    }

    /// The row of a case.
    pub(super) fn row(&self, at: usize) -> CaseRow {
        self.cases[at].row
    }

    /// Where a case stands.
    pub(super) fn stands(&self, at: usize) -> Option<Phase> {
        self.cases[at].folded.status(&self.cases[at].entries).map(|claim| claim.phase)
    }

    /// Whether a source has spoken of a case.
    pub(super) fn observed(&self, at: usize) -> bool {
        self.cases[at].entries.iter().any(|entry| entry.kind == AssertionKind::Observed)
    }

    /// How often the hub itself has spoken of a case.
    pub(super) fn stated(&self, at: usize) -> i64 {
        self.cases[at].entries.iter().filter(|entry| entry.kind == AssertionKind::Computed).count() as i64
    }

    /// Something the hub itself says of a case.
    pub(super) fn say(
        &mut self,
        desk: &mut Desk,
        at: usize,
        candidate: Candidate,
        told: &Told,
    ) -> Result<(), StoreFault> {
        let mut effect = Effect::default();
        self.enter(&desk.connection, at, candidate, told, &mut effect)?;
        match effect.refused {
            Some(issue) => Err(StoreFault::Failed(issue.message)),
            None => self.change(desk, at, None),
        }
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
        told: &Told,
        recognised: Recognised,
        effect: &mut Effect,
    ) -> Result<(), StoreFault> {
        let case = &mut self.cases[at];
        let by_entry = recognised == Recognised::ByEntry;
        match ledger::decide(&case.entries, &candidate) {
            Decision::Enter { overtaken } => {
                let export = candidate.rank.major;
                let Some(entry) = self.enter(connection, at, candidate, told, effect)? else { return Ok(()) };
                effect.moved |= !overtaken;
                if by_entry {
                    seen::said(connection, entry, export, !overtaken)?;
                }
                if by_entry && !overtaken {
                    seen::link(connection, told.halves, entry)?;
                }
            }
            Decision::Restate(facts) => {
                effect.moved |= self.enter(connection, at, *facts, told, effect)?.is_some();
            }
            Decision::Duplicate { confirmed: Some((said, export)) } => {
                let entry = entries::key(case.row, said);
                case.entries[said].confirmed = case.entries[said].confirmed.max(export);
                seen::confirm(connection, entry, export)?;
                if by_entry {
                    seen::link(connection, told.halves, entry)?;
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
        told: &Told,
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
            kind: told.kind,
            source: self.flow.name.source.clone(),
            flow: self.flow.name.flow.clone(),
            record: told.record,
            mapping: told.stamp.clone(),
            recorded_at: self.now,
            update,
        };
        let id = entries::key(case.row, case.entries.len());
        entries::insert(connection, id, (self.flow.row, told.mapping), &entry, &json)?;
        case.entries.push(entry);
        self.spent.push(json);
        effect.entered = true;
        Ok(Some(id))
    }

    /// A record is through: the case as it stands now, and what that changes for those who follow it.
    fn change(&mut self, desk: &mut Desk, at: usize, draft: Option<Box<Draft>>) -> Result<(), StoreFault> {
        let case = &mut self.cases[at];
        let drafted = draft.filter(|_| !case.exists());
        let folded = match drafted {
            Some(draft) => {
                let Draft { folded, parts, terms } = *draft;
                (case.draft, case.terms) = (Some(parts), Some(terms));
                folded
            }
            None => {
                (case.draft, case.terms) = (None, None);
                ledger::fold(&case.entries)
            }
        };
        let old = case.exists().then_some((&case.folded, &case.entries[..]));
        let kinds = ledger::changes(old, (&folded, &case.entries));
        let old = std::mem::replace(&mut case.folded, folded);
        if !case.is_new() && case.before.is_none() {
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
            service: case.folded.facts.service.as_deref(),
        };
        for (kind, audience) in kinds {
            feed::append(&desk.connection, kind, audience, &new)?;
        }
        Ok(())
    }

    /// Writes the documents of the cases that moved.
    pub(super) fn write(&mut self, desk: &mut Desk) -> Result<(), StoreFault> {
        let mut made = 0;
        for case in self.cases.iter_mut().filter(|case| case.entered) {
            made += usize::from(case.is_new());
            if case.revision == case.was {
                document::touch(&desk.connection, case, self.now)?;
                desk.moved(case.row, case.revision);
                continue;
            }
            let before = case.before.as_ref().map(|before| &before.facts);
            if before.is_none_or(|before| *before != case.folded.facts) {
                let old = before.map_or_else(Vec::new, |facts| desk.terms.of_facts(facts));
                let new = case.terms.take().unwrap_or_else(|| desk.terms.of_facts(&case.folded.facts));
                terms::change(&desk.connection, case.row, &old, &new)?;
            }
            document::write(&desk.connection, desk.seal, case, self.flow.source, self.now)?;
            desk.moved(case.row, case.revision);
        }
        if !self.cases.is_empty() {
            self.flow.makes_cases(2 * made >= self.cases.len());
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
            draft: None,
            terms: None,
            before: None,
            was: 0,
            entered: false,
        }
    }

    fn exists(&self) -> bool {
        self.revision > 0
    }

    /// Whether the unit makes it.
    pub(super) fn is_new(&self) -> bool {
        self.was == 0
    }
}

/// The highest case row. One that became another case counts, so that no reference is given twice.
fn highest_case(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT max(coalesce((SELECT max(id) FROM cases), 0), coalesce((SELECT max(gone) FROM merged), 0))",
        )?
        .query_row([], |row| row.get(0))
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
    Ok(Case { created_at, revision, entries, folded, was: revision, ..Case::new(row, created_at) })
}
