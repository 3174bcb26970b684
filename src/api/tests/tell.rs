//! What sources tell in these tests: records committed to the real store, versions deciding the order.

use std::sync::Arc;

use guichet_sdk::{Code, Issue, Origin, Place, Record, Refusal};

use super::{Hub, NOW};
use crate::ledger::prepare;
use crate::model::{CaseRow, CaseUpdate, FlowName, Order, OrderClass};
use crate::store::{Item, Reading, Store, Work};

const ORDER: Order = Order::of(OrderClass::Version);

impl Hub {
    /// A source says something about a case.
    pub async fn tell(&self, source: &str, version: i64, recorded_at: i64, update: CaseUpdate) -> CaseRow {
        let key = update.key.clone();
        self.tell_all(source, version, recorded_at, vec![update]).await;
        self.store.find(source, &key).await.unwrap().unwrap()
    }

    /// A source says something about many cases, at once.
    pub async fn tell_all(&self, source: &str, version: i64, recorded_at: i64, updates: Vec<CaseUpdate>) {
        let read = updates.into_iter().map(|update| {
            let bytes = format!("{} {version} {update:?}", update.key);
            let update = CaseUpdate { version: Some(version), ..update };
            (bytes, Reading::Mapped(vec![prepare(update, ORDER, 0, 0).unwrap()]))
        });
        self.commit(source, recorded_at, read.collect()).await;
    }

    /// A source says something about a case that cannot be understood.
    pub async fn refuse(&self, source: &str, key: &str, bytes: &str) {
        let place = Place::file("cases.csv").at(42, 5).path("etat");
        let issue = Issue::error(Code("E301"), "the code is not known").at(place);
        let refusal = Refusal { case_key: Some(key.into()), issues: vec![issue] };
        self.commit(source, NOW, vec![(bytes.into(), Reading::Refused(refusal))]).await;
    }

    async fn commit(&self, source: &str, now: i64, read: Vec<(String, Reading)>) {
        let flow = self.store.register(&FlowName::new(source, "cases"), 0, ORDER).await.unwrap();
        let items = read.into_iter().map(|(bytes, reading)| {
            let origin = Origin { name: "cases.csv".into(), line: 42, position: 41, ..Origin::default() };
            let record = Record { bytes: bytes.into(), context: Arc::from(""), origin };
            Item { digest: record.digest(), record, reading }
        });
        let work = Work {
            flow,
            now,
            mapping: "permits@3".into(),
            items: items.collect(),
            cursor: None,
            finished: Vec::new(),
            verified: true,
            supersedes: false,
            retries: Vec::new(),
        };
        self.store.commit(work).await.unwrap();
    }
}
