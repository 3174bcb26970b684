//! The template passes the suite that every connector passes, and its page says what its code does.

#![allow(clippy::unwrap_used)]

mod spool;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::format::{Format, Limits, Shape};
use guichet_sdk::{ConnectorKind, FlowSettings, Plan};
use guichet_template::SpoolKind;
use guichet_testkit::conformance::{Harness, Hostile, Powers, Trouble, body, run};
use guichet_testkit::{Fault, Proxy};
use serde_json::json;

struct Peer {
    desk: spool::Desk,
    proxy: Proxy,
    /// The last number of each delivery.
    deliveries: Vec<u64>,
}

impl Peer {
    async fn new() -> Self {
        let desk = spool::Desk::open().await;
        let proxy = Proxy::start(desk.address).await.unwrap();
        Peer { desk, proxy, deliveries: Vec::new() }
    }

    fn deliver(&mut self, records: impl IntoIterator<Item = Vec<u8>>) {
        let mut held = self.desk.held();
        records.into_iter().for_each(|text| held.put(text));
        self.deliveries.push(held.last);
    }
}

fn record(n: usize) -> Vec<u8> {
    format!("{{\"key\":\"{}\"}}", body(n)).into_bytes()
}

#[async_trait]
impl Harness for Peer {
    async fn reset(&mut self) {
        *self = Peer::new().await;
    }

    fn plan(&self) -> Arc<dyn Plan> {
        let limits = Limits { record_bytes: 4_096, ..Limits::default() };
        let flow = FlowSettings {
            source: "taxis".to_owned(),
            flow: "licences".to_owned(),
            settings: json!({ "address": self.proxy.address().to_string(), "timeout": "1s" }),
            format: Format { shape: Shape::Ndjson, encoding: "utf-8".to_owned(), limits },
            base: "/".into(),
        };
        SpoolKind.plan(flow).unwrap_or_else(|issues| panic!("{issues:?}"))
    }

    fn powers(&self) -> Powers {
        Powers { cut: true, oversized: true, lying: true, failing: true, ..Powers::default() }
    }

    async fn offer(&mut self, records: Range<usize>) {
        self.deliver(records.map(record));
    }

    async fn held(&self) -> usize {
        let oldest = self.desk.held().records.first().map_or(u64::MAX, |(number, _)| *number);
        self.deliveries.iter().filter(|last| **last >= oldest).count()
    }

    async fn offer_hostile(&mut self, what: Hostile) {
        let between = match what {
            Hostile::Oversized => vec![vec![b'x'; 5_000]],
            Hostile::Lying => vec![b"\"\xe9t\xe9\"".to_vec()],
            Hostile::Torn => Vec::new(),
        };
        self.deliver([vec![record(0)], between, vec![record(1)]].concat());
    }

    async fn cut(&mut self, cut: bool) {
        self.proxy.set(if cut { Fault::Refuse } else { Fault::None });
        self.proxy.drop_all();
    }

    fn proxy(&self) -> Option<&Proxy> {
        Some(&self.proxy)
    }

    async fn trouble(&mut self, trouble: Trouble) {
        self.desk.held().failing = trouble == Trouble::Failing;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_conformance_suite() {
    let report = run(&mut Peer::new().await).await;
    assert!(report.passed(), "\n{report}");
    let expected = [
        // a spool tells nobody when something arrives
        "wakes when something arrives",
        "a cancelled `woken` loses nothing",
        // numbers are given once: there is nothing to recognise
        "a delivery made twice is not read twice",
        // half an answer is asked for again, it is no record
        "a torn delivery is located, what came before it arrives",
        // its protocol has no words for these
        "a peer that asks for peace gets it",
        "refused credentials stop after three tries",
    ];
    assert_eq!(report.skipped().collect::<Vec<_>>(), expected, "\n{report}");
}

#[test]
fn the_table_of_settings_is_that_of_the_schema() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    guichet_testkit::table::pin(&page, &SpoolKind.schema()).unwrap();
}
