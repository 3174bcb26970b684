//! A small store in memory: what the API needs of one, assembled by the ledger as the real one does.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use guichet_sdk::{Digest, Memory};
use tokio::sync::watch;

use crate::ledger::{self, Entry, Rank, fold};
use crate::model::{
    AssertionKind, Audience, CaseRow, CaseUpdate, ChangeKind, FlowName, Order, OrderClass, Phase, RecordRow, Seal,
};
use crate::store::{
    CaseDocument, CasePage, CaseQuery, Change, ChangedCase, Committed, FlowRow, FlowStanding, KeptRecord, PageMark,
    QuarantineEntry, QuarantineFilter, QuarantineRow, Store, StoreFault, Term, Vitals, Work,
};

pub const SEAL: Seal = Seal(0x5eed);

pub struct Fake {
    told: Mutex<Told>,
    top: watch::Sender<i64>,
}

#[derive(Default)]
struct Told {
    cases: Vec<(CaseDocument, Vec<Entry>)>,
    changes: Vec<Change>,
    held: Vec<QuarantineEntry>,
    records: Vec<KeptRecord>,
    reads: usize,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        Arc::new(Fake { told: Mutex::default(), top: watch::Sender::new(0) })
    }

    /// A source says something about a case: what the real store would keep of it. Versions decide the order.
    pub fn tell(&self, source: &str, version: i64, recorded_at: i64, update: CaseUpdate) -> CaseRow {
        let mut told = self.told.lock().unwrap();
        let at = told.cases.iter().position(|(_, entries)| {
            entries.iter().any(|entry| *entry.source == *source && entry.update.key == update.key)
        });
        let row = CaseRow(at.unwrap_or(told.cases.len()) as i64 + 1);
        let (mut entries, revision) = match at {
            Some(at) => (told.cases[at].1.clone(), told.cases[at].0.revision + 1),
            None => (Vec::new(), 1),
        };
        let audience = update.status.as_ref().map_or(Audience::Public, |status| status.audience);
        entries.push(entry(source, version, recorded_at, update));
        let document = document(row, revision, &entries, recorded_at);
        let case = ChangedCase {
            row,
            id: document.id,
            revision,
            service: document.service.clone(),
            confidentiality: document.confidentiality,
            phase: document.phase,
            audience,
        };
        match at {
            Some(at) => told.cases[at] = (document, entries),
            None => told.cases.push((document, entries)),
        }
        let seq = told.changes.len() as i64 + 1;
        let kind = if revision == 1 { ChangeKind::Registered } else { ChangeKind::StatusChanged };
        told.changes.push(Change { seq, kind, at: recorded_at, case: Some(case), source: source.into() });
        self.top.send_replace(seq);
        row
    }

    pub fn hold(&self, entry: QuarantineEntry, record: KeptRecord) {
        let mut told = self.told.lock().unwrap();
        told.held.push(entry);
        told.records.push(record);
    }

    /// How often a case document was read.
    pub fn reads(&self) -> usize {
        self.told.lock().unwrap().reads
    }
}

fn entry(source: &str, version: i64, recorded_at: i64, update: CaseUpdate) -> Entry {
    let digest = Digest::of(&[&version.to_le_bytes(), update.key.as_bytes()]);
    let rank = Rank { major: version, minor: 0, progress: 0, tie: digest };
    Entry {
        key: digest,
        content: digest,
        rank,
        confirmed: version,
        order: Order::of(OrderClass::Version),
        kind: AssertionKind::Observed,
        source: source.into(),
        flow: "cases".into(),
        record: RecordRow(version),
        mapping: "permits@3".into(),
        recorded_at,
        update,
    }
}

fn document(row: CaseRow, revision: i64, entries: &[Entry], now: i64) -> CaseDocument {
    let folded = fold(entries);
    let (id, reference) = (SEAL.case_id(row, 1_700_000_000_000), SEAL.reference(row));
    let status = folded.status(entries);
    let text = |value: serde_json::Value| value.to_string().into_boxed_str();
    let mut sources: Vec<Arc<str>> = entries.iter().map(|entry| entry.source.clone()).collect();
    sources.sort();
    sources.dedup();
    CaseDocument {
        row,
        id,
        revision,
        source: sources[0].clone(),
        sources,
        service: folded.facts.service.as_deref().map(Into::into),
        confidentiality: folded.facts.confidentiality.unwrap_or(0),
        phase: status.map_or(Phase::Unknown, |status| status.phase),
        waiting_on: status.and_then(|status| status.waiting_on),
        outcome: status.and_then(|status| status.outcome),
        source_code: status.and_then(|status| status.source_code.clone()),
        changed_at: now,
        observed_at: now,
        body: text(serde_json::json!(ledger::body(&folded, entries, id.to_string(), reference))),
        status: text(serde_json::json!(ledger::status(&folded, entries))),
        staff: text(serde_json::json!(ledger::staff(&folded, entries))),
    }
}

fn wanted(query: &CaseQuery, document: &CaseDocument, entries: &[Entry]) -> bool {
    let in_scope = query.scope_services.as_ref().is_none_or(|services| {
        document.service.as_ref().is_some_and(|service| services.iter().any(|code| **code == **service))
    });
    in_scope
        && document.confidentiality <= query.scope_confidentiality
        && query.service.as_ref().is_none_or(|service| document.service.as_deref() == Some(service))
        && query.phase.is_none_or(|phase| phase == document.phase)
        && query.source.as_ref().is_none_or(|source| document.sources.iter().any(|s| **s == **source))
        && query.updated_since.is_none_or(|since| document.changed_at >= since)
        && query.terms.iter().all(|term| match term {
            Term::Reference(key) => entries.iter().any(|entry| entry.update.key == *key),
            Term::Identifier(..) | Term::Address(_) | Term::Parcel(_) => false,
        })
}

#[async_trait]
impl Store for Fake {
    fn seal(&self) -> Seal {
        SEAL
    }

    async fn quarantine(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantineEntry>, StoreFault> {
        let told = self.told.lock().unwrap();
        let held = told.held.iter().filter(|entry| {
            filter.case_key.as_ref().is_none_or(|key| entry.case_key.as_ref() == Some(key))
                && (filter.rows.is_empty() || filter.rows.contains(&entry.row))
                && filter.after.is_none_or(|after| entry.row > after)
        });
        Ok(held.take(filter.limit).cloned().collect())
    }

    async fn record(&self, record: RecordRow) -> Result<Option<KeptRecord>, StoreFault> {
        Ok(self.told.lock().unwrap().records.iter().find(|kept| kept.row == record).cloned())
    }

    async fn case(&self, case: CaseRow) -> Result<Option<CaseDocument>, StoreFault> {
        let mut told = self.told.lock().unwrap();
        told.reads += 1;
        Ok(told.cases.iter().find(|(document, _)| document.row == case).map(|(document, _)| document.clone()))
    }

    async fn revision(&self, case: CaseRow) -> Result<Option<i64>, StoreFault> {
        let told = self.told.lock().unwrap();
        Ok(told.cases.iter().find(|(document, _)| document.row == case).map(|(document, _)| document.revision))
    }

    async fn entries(&self, case: CaseRow) -> Result<Vec<Entry>, StoreFault> {
        let told = self.told.lock().unwrap();
        let found = told.cases.iter().find(|(document, _)| document.row == case);
        Ok(found.map(|(_, entries)| entries.clone()).unwrap_or_default())
    }

    async fn cases(&self, query: &CaseQuery) -> Result<CasePage, StoreFault> {
        let told = self.told.lock().unwrap();
        let mark = |document: &CaseDocument| (document.changed_at, document.row);
        let after = query.after.map(|after| (after.changed_at, after.row));
        let mut cases: Vec<CaseDocument> = told
            .cases
            .iter()
            .filter(|(document, entries)| wanted(query, document, entries))
            .filter(|(document, _)| after.is_none_or(|after| mark(document) < after))
            .map(|(document, _)| document.clone())
            .collect();
        cases.sort_by_key(|document| std::cmp::Reverse(mark(document)));
        let more = cases.len() > query.limit;
        cases.truncate(query.limit);
        let next = cases.last().filter(|_| more).map(|d| PageMark { changed_at: d.changed_at, row: d.row });
        Ok(CasePage { cases, next })
    }

    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>, StoreFault> {
        let told = self.told.lock().unwrap();
        Ok(told.changes.iter().filter(|change| change.seq > after).take(limit).cloned().collect())
    }

    async fn changed(&self, after: i64) -> i64 {
        let mut top = self.top.subscribe();
        top.wait_for(|top| *top > after).await.map_or(after, |top| *top)
    }

    async fn vitals(&self) -> Result<Vitals, StoreFault> {
        Ok(Vitals { change: *self.top.borrow(), ..Vitals::default() })
    }

    async fn close(&self) {}

    // What the API never asks of a store.

    fn memory(&self, _: FlowRow) -> Arc<dyn Memory> {
        unreachable!()
    }

    async fn register(&self, _: &FlowName, _: u32, _: Order) -> Result<FlowRow, StoreFault> {
        unreachable!()
    }

    async fn known(&self, _: FlowRow, _: &[Digest]) -> Result<Vec<bool>, StoreFault> {
        unreachable!()
    }

    async fn commit(&self, _: Work) -> Result<Committed, StoreFault> {
        unreachable!()
    }

    async fn standing(&self, _: FlowRow) -> Result<FlowStanding, StoreFault> {
        unreachable!()
    }

    async fn pause(&self, _: FlowRow, _: Option<&str>) -> Result<(), StoreFault> {
        unreachable!()
    }

    async fn announce(&self, _: &str, _: ChangeKind, _: i64) -> Result<(), StoreFault> {
        unreachable!()
    }

    async fn records(&self, _: FlowRow, _: RecordRow, _: usize) -> Result<Vec<KeptRecord>, StoreFault> {
        unreachable!()
    }

    async fn dismiss(&self, _: &[QuarantineRow], _: &str, _: &str, _: i64) -> Result<u64, StoreFault> {
        unreachable!()
    }

    async fn find(&self, _: &str, _: &str) -> Result<Option<CaseRow>, StoreFault> {
        unreachable!()
    }

    async fn forget_raw(&self, _: i64) -> Result<u64, StoreFault> {
        unreachable!()
    }
}
