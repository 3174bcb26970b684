//! The `files` connector passes the suite that every connector passes.

#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::Plan;
use guichet_testkit::conformance::{Harness, Hostile, Powers, body, run};

mod inbox;
use inbox::Inbox;

struct Folder {
    inbox: Inbox,
    offered: usize,
}

fn line(n: usize) -> String {
    format!("{{\"key\":\"{}\"}}\n", body(n))
}

#[async_trait]
impl Harness for Folder {
    async fn reset(&mut self) {
        *self = Folder { inbox: Inbox::new(), offered: 0 };
    }

    fn plan(&self) -> Arc<dyn Plan> {
        self.inbox.plan()
    }

    fn powers(&self) -> Powers {
        Powers { cut: true, oversized: true, lying: true, torn: true, recognises: true, ..Powers::default() }
    }

    async fn offer(&mut self, records: Range<usize>) {
        self.inbox.drop_file(&format!("{:03}.json", self.offered), records.map(line).collect::<String>());
        self.offered += 1;
    }

    async fn held(&self) -> usize {
        self.inbox.names("").len()
    }

    async fn offer_hostile(&mut self, what: Hostile) {
        let (first, second) = (line(0).into_bytes(), line(1).into_bytes());
        let content = match what {
            Hostile::Oversized => [first, vec![b'x'; 5_000], b"\n".to_vec(), second].concat(),
            Hostile::Lying => [first, b"\"\xe9t\xe9\"\n".to_vec(), second].concat(),
            Hostile::Torn => {
                let whole = inbox::gzip(&[first, second, line(2).into_bytes()].concat());
                whole[..whole.len() - 9].to_vec()
            }
        };
        self.inbox.drop_file(&format!("{:03}.json", self.offered), content);
        self.offered += 1;
    }

    async fn cut(&mut self, cut: bool) {
        let (here, away) = (self.inbox.folder(), self.inbox.folder().with_extension("away"));
        let (from, to) = if cut { (here, away) } else { (away, here) };
        std::fs::rename(from, to).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_conformance_suite() {
    let report = run(&mut Folder { inbox: Inbox::new(), offered: 0 }).await;
    assert!(report.passed(), "\n{report}");
    let expected = [
        // a folder has no protocol of its own, and no connection
        "an answer cut at any byte loses and doubles nothing",
        "a connection reset at any byte loses and doubles nothing",
        "a peer that drips is a time-out, not a hang",
        "a peer that never answers is a time-out, not a hang",
        "a peer with latency loses and doubles nothing",
        "a failing peer is a fault to retry, and nothing is lost when it recovers",
        "a peer that asks for peace gets it",
        "refused credentials stop after three tries",
    ];
    assert_eq!(report.skipped().collect::<Vec<_>>(), expected, "\n{report}");
}
