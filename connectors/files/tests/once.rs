//! Nothing is processed twice, and nothing is skipped that is new.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;

use guichet_sdk::Limit;
use guichet_testkit::Hub;
use serde_json::json;

mod inbox;
use inbox::{Inbox, ROOMY, at_most, codes, lines, numbers};

#[tokio::test]
async fn the_same_content_under_any_name_is_read_once() {
    let inbox = Inbox::new();
    let mut hub = Hub::default();
    for name in ["a.json", "a.json", "renamed.json"] {
        inbox.drop_file(name, lines(0..3));
        inbox.drain(&mut hub).await;
    }
    // and twice in one look
    inbox.drop_file("x.json", lines(3..5));
    inbox.drop_file("y.json", lines(3..5));
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [0, 1, 2, 3, 4]);
    assert_eq!(codes(&hub), ["E148", "E148", "E148"]);
    assert_eq!((inbox.names("").len(), inbox.names("done").len()), (0, 5));
}

#[tokio::test]
async fn a_later_export_that_says_what_an_earlier_one_said_is_read() {
    let inbox = Inbox::with(json!({ "export_number": "export-{number}.json" }));
    let mut hub = Hub::default();
    for (number, first) in [(1, 0), (2, 5), (3, 0), (3, 0)] {
        inbox.drop_file(&format!("export-{number}.json"), lines(first..first + 1));
        inbox.drain(&mut hub).await;
    }
    assert_eq!(numbers(&hub), [0, 5, 0], "export 3 takes back what 2 said; delivered again it is known");
}

#[tokio::test]
async fn the_same_name_with_other_content_is_another_file() {
    let inbox = Inbox::new();
    let mut hub = Hub::default();
    for first in [0, 3] {
        inbox.drop_file("export.csv.json", lines(first..first + 3));
        inbox.drain(&mut hub).await;
    }
    assert_eq!(numbers(&hub), [0, 1, 2, 3, 4, 5]);
    let done = inbox.names("done");
    assert_eq!(done.len(), 2);
    assert!(done.contains(&"export.csv.json".to_owned()), "{done:?}");
}

#[tokio::test]
async fn kept_files_are_read_once_across_restarts_and_read_again_when_they_change() {
    let inbox = Inbox::with(json!({ "keep": true }));
    inbox.drop_file("a.json", lines(0..3));
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    hub.drain(&mut *source, ROOMY).await.unwrap();
    hub.drain(&mut *source, ROOMY).await.unwrap();
    drop(source);
    inbox.drain(&mut hub).await;
    assert_eq!((numbers(&hub), codes(&hub)), (vec![0, 1, 2], vec![]));
    inbox.drop_file("a.json", lines(0..4));
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [0, 1, 2, 0, 1, 2, 3]);
    assert_eq!(inbox.names(""), ["a.json"]);
    assert!(!inbox.path("done").exists());
}

#[tokio::test]
async fn a_kept_file_that_cannot_be_read_is_not_tried_for_ever() {
    let inbox = Inbox::with(json!({ "keep": true }));
    let whole = inbox::gzip(lines(0..3).as_bytes());
    inbox.drop_file("a.json.gz", &whole[..whole.len() - 4]);
    let mut hub = Hub::default();
    for _ in 0..3 {
        inbox.drain(&mut hub).await;
    }
    assert_eq!((numbers(&hub), codes(&hub)), (vec![0, 1, 2], vec!["E150"]));
}

#[tokio::test]
async fn a_file_that_failed_is_read_again_when_it_is_put_back() {
    let inbox = Inbox::new();
    let whole = inbox::gzip(lines(0..3).as_bytes());
    let mut hub = Hub::default();
    for _ in 0..2 {
        inbox.drop_file("a.json.gz", &whole[..whole.len() - 4]);
        inbox.drain(&mut hub).await;
    }
    assert_eq!((numbers(&hub), codes(&hub)), (vec![0, 1, 2, 0, 1, 2], vec!["E150", "E150"]));
}

#[tokio::test]
async fn a_crash_between_commit_and_move_is_made_good() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..3));
    let mut hub = Hub::default();
    let batch = inbox.open(&hub).await.next(None, ROOMY).await.unwrap();
    hub.commit(batch);
    assert_eq!(inbox.names(""), ["a.json"]);
    inbox.drain(&mut hub).await;
    assert_eq!(
        (numbers(&hub), inbox.names(""), inbox.names("done")),
        (vec![0, 1, 2], vec![], vec!["a.json".to_owned()])
    );
}

#[tokio::test]
async fn a_file_replaced_before_its_acknowledgement_stays() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..3));
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    let batch = source.next(None, ROOMY).await.unwrap();
    fs::remove_file(inbox.path("a.json")).unwrap();
    inbox.drop_file("a.json", lines(3..7));
    let ack = hub.commit(batch).unwrap();
    source.acknowledge(ack).await.unwrap();
    assert_eq!(inbox.names(""), ["a.json"]);
    hub.drain(&mut *source, ROOMY).await.unwrap();
    assert_eq!(numbers(&hub), [0, 1, 2, 3, 4, 5, 6]);
}

/// More than one chunk, so that the end is not in memory before the file changes.
fn large() -> String {
    lines(0..40_000)
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_read_is_read_again() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", large());
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    hub.step(&mut *source, at_most(10)).await.unwrap();
    fs::File::options()
        .append(true)
        .open(inbox.path("a.json"))
        .unwrap()
        .write_all(lines(40_000..40_001).as_bytes())
        .unwrap();
    let roomy = Limit { records: 100_000, bytes: 64 << 20 };
    for _ in 0..2 {
        hub.drain(&mut *source, roomy).await.unwrap();
    }
    assert_eq!(codes(&hub), ["E147"]);
    let again: Vec<_> = numbers(&hub).into_iter().rev().take(40_001).rev().collect();
    assert_eq!(again, (0..40_001).collect::<Vec<_>>());
    assert_eq!(inbox.names("done"), ["a.json"]);
}

#[tokio::test]
async fn a_file_that_changed_under_its_cursor_is_read_from_its_beginning() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..6));
    let mut hub = Hub::default();
    hub.step(&mut *inbox.open(&hub).await, at_most(4)).await.unwrap();
    inbox.drop_file("a.json", lines(0..7));
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(codes(&hub), ["E147"]);
}

#[tokio::test]
async fn a_file_that_disappeared_under_its_cursor_is_told() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..6));
    let mut hub = Hub::default();
    hub.step(&mut *inbox.open(&hub).await, at_most(4)).await.unwrap();
    fs::remove_file(inbox.path("a.json")).unwrap();
    inbox.drop_file("b.json", lines(6..7));
    inbox.drain(&mut hub).await;
    inbox.drain(&mut hub).await;
    assert_eq!((numbers(&hub), codes(&hub)), (vec![0, 1, 2, 3, 6], vec!["E147"]));
}
