//! A small hub for the suite: it delivers records to a store as a flow does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use guichet_sdk::{Code, Cursor, Issue, Origin, Record, Refusal};

use super::Stage;
use crate::ledger;
use crate::model::{CaseRow, CaseUpdate, Facts, FlowName, Moment, Order, OrderClass, Phase, Precision, StatusClaim};
use crate::store::{Committed, Counts, Ending, FlowRow, Item, QuarantineFilter, QuarantineRow, Reading, Store, Work};

/// The hub's time in a test: it moves with every unit.
static CLOCK: AtomicI64 = AtomicI64::new(1_700_000_000_000_000);

pub(crate) fn now() -> i64 {
    CLOCK.fetch_add(1_000_000, Ordering::Relaxed)
}

/// A flow of a source at a store.
pub(crate) struct Hub {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) flow: FlowRow,
    pub(crate) order: Order,
    pub(crate) supersedes: bool,
}

/// A store on a new stage, with one flow.
pub(crate) async fn hub<S: Stage>(class: OrderClass) -> (S, Hub) {
    let stage = S::new();
    let store: Arc<dyn Store> = stage.open().unwrap().into();
    let hub = Hub::new(store, "permits", Order::of(class)).await;
    (stage, hub)
}

impl Hub {
    pub(crate) async fn new(store: Arc<dyn Store>, source: &str, order: Order) -> Hub {
        let flow = store.register(&FlowName::new(source, "cases"), 0, order).await.unwrap();
        Hub { store, flow, order, supersedes: order.class == OrderClass::Snapshot }
    }

    /// A record, mapped.
    pub(crate) fn mapped(&self, update: CaseUpdate) -> Item {
        self.carrying(vec![update])
    }

    /// A record that carries several updates of one case.
    pub(crate) fn carrying(&self, updates: Vec<CaseUpdate>) -> Item {
        let export = updates.first().and_then(|update| update.export);
        let bare: Vec<CaseUpdate> =
            updates.iter().map(|update| CaseUpdate { export: None, ..update.clone() }).collect();
        let record = record(&serde_json::to_string(&bare).unwrap(), export);
        let candidates = updates
            .into_iter()
            .map(|update| ledger::prepare(update, self.order, 0, record.origin.export()).unwrap())
            .collect();
        Item { digest: record.digest(), record, reading: Reading::Mapped(candidates) }
    }

    /// A record nobody understands.
    pub(crate) fn refused(&self, key: &str, text: &str, export: Option<i64>) -> Item {
        let record = record(text, export);
        let issues = vec![Issue::error(Code("E042"), "no row for this code")];
        let refusal = Refusal { case_key: Some(key.to_owned()), issues };
        Item { digest: record.digest(), record, reading: Reading::Refused(refusal) }
    }

    pub(crate) fn work(&self, items: Vec<Item>) -> Work {
        Work {
            flow: self.flow,
            now: now(),
            mapping: "test@1".into(),
            items,
            cursor: None,
            finished: Vec::new(),
            verified: true,
            supersedes: self.supersedes,
            retries: Vec::new(),
        }
    }

    /// Commits records as they are.
    pub(crate) async fn commit(&self, items: Vec<Item>) -> Committed {
        self.store.commit(self.work(items)).await.unwrap()
    }

    /// Commits records as a flow does: known ones are not mapped.
    pub(crate) async fn deliver(&self, mut items: Vec<Item>) -> Committed {
        let digests: Vec<_> = items.iter().map(|item| item.digest).collect();
        let known = self.store.known(self.flow, &digests).await.unwrap();
        for (item, known) in items.iter_mut().zip(known) {
            if known {
                item.reading = Reading::Known;
            }
        }
        self.commit(items).await
    }

    pub(crate) async fn say(&self, update: CaseUpdate) -> Ending {
        self.deliver(vec![self.mapped(update)]).await.endings[0]
    }

    pub(crate) async fn retry(&self, row: QuarantineRow, item: Item) -> Ending {
        let work = Work { retries: vec![row], ..self.work(vec![item]) };
        self.store.commit(work).await.unwrap().endings[0]
    }

    pub(crate) async fn held(&self) -> Vec<QuarantineRow> {
        let filter = QuarantineFilter { flow: Some(self.flow), limit: 1000, ..QuarantineFilter::default() };
        self.store.quarantine(&filter).await.unwrap().into_iter().map(|entry| entry.row).collect()
    }

    pub(crate) async fn released(&self) -> Vec<QuarantineRow> {
        let filter =
            QuarantineFilter { flow: Some(self.flow), released: true, limit: 1000, ..QuarantineFilter::default() };
        self.store.quarantine(&filter).await.unwrap().into_iter().map(|entry| entry.row).collect()
    }

    pub(crate) async fn counts(&self) -> Counts {
        let counts = self.store.standing(self.flow).await.unwrap().counts;
        assert!(counts.balanced(), "{counts:?}");
        counts
    }

    pub(crate) async fn row(&self, key: &str) -> CaseRow {
        self.store.find("permits", key).await.unwrap().unwrap()
    }

    /// The case as served, without what depends on when it was first seen.
    pub(crate) async fn served(&self, key: &str) -> Option<String> {
        let row = self.store.find("permits", key).await.unwrap()?;
        let case = self.store.case(row).await.unwrap().unwrap();
        let mut body: serde_json::Value = serde_json::from_str(&case.body).unwrap();
        body["id"].take();
        body["reference"].take();
        let columns = (
            case.phase,
            case.waiting_on,
            case.outcome,
            case.service.clone(),
            case.confidentiality,
            case.source_code.clone(),
        );
        Some(format!("{body}\n{}\n{}\n{columns:?}", case.status, case.staff))
    }
}

pub(crate) fn record(text: &str, export: Option<i64>) -> Record {
    Record {
        bytes: Bytes::from(text.to_owned()),
        context: "".into(),
        origin: Origin {
            name: format!("export-{}.json", export.unwrap_or_default()).into(),
            export_number: export.map(|number| number as u64),
            ..Origin::default()
        },
    }
}

pub(crate) fn moment(minute: i64) -> Moment {
    Moment { micros: minute * 60_000_000, precision: Precision::Minute, civil_day: (minute / 1440) as i32 }
}

/// What a source says: a case, a phase, a minute.
pub(crate) fn said(key: &str, phase: Phase, minute: i64) -> CaseUpdate {
    CaseUpdate {
        key: key.into(),
        status: Some(StatusClaim { effective_at: Some(moment(minute)), ..StatusClaim::of(phase) }),
        ..CaseUpdate::default()
    }
}

/// The same with a title and a service.
pub(crate) fn titled(key: &str, phase: Phase, minute: i64, service: &str, title: &str) -> CaseUpdate {
    let facts = Facts { service: Some(service.into()), title: Some(title.into()), ..Facts::default() };
    CaseUpdate { facts, ..said(key, phase, minute) }
}

/// What an export says about a case.
pub(crate) fn exported(key: &str, phase: Phase, export: i64) -> CaseUpdate {
    CaseUpdate { export: Some(export), ..said(key, phase, 0) }
}

pub(crate) fn cursor(text: &str) -> Option<Cursor> {
    Some(Cursor(text.into()))
}
