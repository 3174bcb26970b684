//! Ten thousand tiny files: few batches, one listing for each, all moved.

#![allow(clippy::unwrap_used)]

use guichet_testkit::Hub;

mod inbox;
use inbox::{Inbox, ROOMY, lines, numbers};

#[tokio::test]
async fn ten_thousand_tiny_files() {
    let inbox = Inbox::new();
    for n in 0..10_000 {
        inbox.drop_file(&format!("{n:05}.json"), lines(n..n + 1));
    }
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    let mut batches = 0;
    while !hub.step(&mut *source, ROOMY).await.unwrap() {
        batches += 1;
    }
    assert_eq!(numbers(&hub), (0..10_000).collect::<Vec<_>>());
    assert_eq!(batches, 10, "a batch spans files: one commit for a thousand of them");
    assert_eq!((inbox.names("").len(), inbox.names("done").len()), (0, 10_000));
}
