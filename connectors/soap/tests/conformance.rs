//! The `soap` connector passes the suite that every connector passes.

#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::Plan;
use guichet_testkit::conformance::{Harness, Hostile, PEACE, Powers, Trouble, body, run};
use guichet_testkit::{Fault, Proxy, SoapMood, SoapOffice};
use serde_json::json;

mod desk;

struct Peer {
    office: SoapOffice,
    proxy: Proxy,
}

impl Peer {
    async fn new() -> Self {
        let office = SoapOffice::open().await.unwrap();
        let proxy = Proxy::start(office.address()).await.unwrap();
        Peer { office, proxy }
    }

    fn put(&self, text: Vec<u8>) {
        self.office.desk().cases.push(text);
    }
}

#[async_trait]
impl Harness for Peer {
    async fn reset(&mut self) {
        *self = Peer::new().await;
    }

    fn plan(&self) -> Arc<dyn Plan> {
        let body = desk::list("<q:after>{since}</q:after><q:page>{page}</q:page><q:size>{size}</q:size>");
        let settings = desk::settings(
            self.proxy.address(),
            json!({
                "body": body,
                "page": { "by": "page", "size": 7, "total": "ListCasesResponse/total" },
                "since": { "path": "o:number", "counts": "number" },
            }),
        );
        desk::plan(settings).unwrap()
    }

    fn powers(&self) -> Powers {
        Powers {
            cut: true,
            oversized: true,
            lying: true,
            never_forgets: true,
            failing: true,
            throttles: true,
            refuses: true,
            ..Powers::default()
        }
    }

    async fn offer(&mut self, records: Range<usize>) {
        records.for_each(|n| self.office.add(&body(n)));
    }

    async fn held(&self) -> usize {
        0
    }

    async fn offer_hostile(&mut self, what: Hostile) {
        self.office.add(&body(0));
        match what {
            Hostile::Oversized => self.put(format!("<c:x>{}</c:x>", "x".repeat(5_000)).into_bytes()),
            Hostile::Lying => self.put(b"<c:x>\xe9t\xe9</c:x>".to_vec()),
            Hostile::Torn => {}
        }
        self.office.add(&body(1));
    }

    async fn cut(&mut self, cut: bool) {
        self.proxy.set(if cut { Fault::Refuse } else { Fault::None });
        self.proxy.drop_all();
    }

    fn proxy(&self) -> Option<&Proxy> {
        Some(&self.proxy)
    }

    async fn trouble(&mut self, trouble: Trouble) {
        self.office.desk().mood = match trouble {
            Trouble::None => SoapMood::Well,
            Trouble::Failing => SoapMood::Failing,
            Trouble::Throttling => SoapMood::Throttling(PEACE.as_secs()),
            Trouble::Refusing => SoapMood::Refusing,
        };
    }

    async fn refused(&self) -> usize {
        self.office.desk().refused
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_conformance_suite() {
    let report = run(&mut Peer::new().await).await;
    assert!(report.passed(), "\n{report}");
    let expected = [
        // a list is only read, and wakes nobody
        "wakes when something arrives",
        "a cancelled `woken` loses nothing",
        "acknowledges nothing on its own",
        "acknowledges what is committed",
        "a delivery made twice is not read twice",
        // a page that is not whole is asked for again, it is no record
        "a torn delivery is located, what came before it arrives",
    ];
    assert_eq!(report.skipped().collect::<Vec<_>>(), expected, "\n{report}");
}
