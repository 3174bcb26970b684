//! The `amqp` connector passes the suite that every connector passes, against a real broker, on both types of queue.

#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::Plan;
use guichet_testkit::broker::{Broker, broker};
use guichet_testkit::conformance::{Harness, Hostile, Powers, Trouble, body, run};
use guichet_testkit::{Fault, Proxy};
use lapin::BasicProperties;
use serde_json::json;

mod desk;
use desk::Desk;

struct Peer {
    broker: Broker,
    kind: &'static str,
    desk: Option<Desk>,
    accepted: u64,
}

impl Peer {
    fn desk(&self) -> &Desk {
        self.desk.as_ref().unwrap()
    }

    async fn put(&self, body: &[u8]) {
        self.desk().publish(body, BasicProperties::default()).await;
    }
}

fn record(n: usize) -> Vec<u8> {
    format!("{{\"key\":\"{}\"}}", body(n)).into_bytes()
}

#[async_trait]
impl Harness for Peer {
    async fn reset(&mut self) {
        if let Some(desk) = self.desk.take() {
            desk.close().await;
        }
        self.desk = Some(Desk::open(&self.broker, self.kind).await);
    }

    fn plan(&self) -> Arc<dyn Plan> {
        self.desk().plan(json!({})).unwrap()
    }

    fn powers(&self) -> Powers {
        let (cut, oversized, lying, torn) = (true, true, true, true);
        Powers { cut, oversized, lying, torn, redelivers: true, refuses: true, ..Powers::default() }
    }

    async fn offer(&mut self, records: Range<usize>) {
        for n in records {
            self.put(&record(n)).await;
        }
    }

    async fn held(&self) -> usize {
        usize::from(self.desk().held().await > 0)
    }

    async fn offer_hostile(&mut self, what: Hostile) {
        self.put(&record(0)).await;
        match what {
            Hostile::Oversized => self.put(format!("{{\"x\":\"{}\"}}", "x".repeat(5_000)).as_bytes()).await,
            Hostile::Lying => self.put(b"{\"x\":\"\xe9t\xe9\"}").await,
            Hostile::Torn => {}
        }
        self.put(&record(1)).await;
        if what == Hostile::Torn {
            let third = record(2);
            self.put(&third[..third.len() - 5]).await;
        }
    }

    async fn cut(&mut self, cut: bool) {
        self.desk().proxy.set(if cut { Fault::Refuse } else { Fault::None });
        self.desk().proxy.drop_all();
    }

    fn proxy(&self) -> Option<&Proxy> {
        Some(&self.desk().proxy)
    }

    async fn trouble(&mut self, trouble: Trouble) {
        let password = match trouble {
            Trouble::Refusing => "not the password",
            Trouble::None | Trouble::Failing | Trouble::Throttling => &self.broker.password,
        };
        std::fs::write(self.desk().secrets.path().join("password"), password).unwrap();
        self.accepted = self.desk().proxy.accepted();
    }

    async fn refused(&self) -> usize {
        usize::try_from(self.desk().proxy.accepted() - self.accepted).unwrap()
    }
}

async fn passes(kind: &'static str) {
    let Some(broker) = broker() else { return };
    let mut peer = Peer { broker, kind, desk: None, accepted: 0 };
    let report = run(&mut peer).await;
    peer.desk.take().unwrap().close().await;
    assert!(report.passed(), "\n{report}");
    let expected = [
        // a queue has no cursor: what is not acknowledged comes again
        "resumes at the committed cursor after a kill at any batch",
        "rewinds to an older cursor without a reopen",
        "a kill between commit and acknowledgement loses and doubles nothing",
        // records are recognised by the hub, there are no wholes
        "a delivery made twice is not read twice",
        // a broker fails by ending the connection, which is checked above, and asks nobody for peace
        "a failing peer is a fault to retry, and nothing is lost when it recovers",
        "a peer that asks for peace gets it",
        "a record asked for again has the same digest",
    ];
    assert_eq!(report.skipped().collect::<Vec<_>>(), expected, "\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_conformance_suite_on_a_quorum_queue() {
    passes("quorum").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_conformance_suite_on_a_classic_queue() {
    passes("classic").await;
}
