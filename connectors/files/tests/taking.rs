//! Which files are taken, and in which order.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use guichet_testkit::Hub;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

mod inbox;
use inbox::{Inbox, ROOMY, codes, lines, numbers};

#[tokio::test]
async fn only_names_that_match_and_no_subfolders() {
    let inbox = Inbox::with(json!({ "pattern": "a-*.json" }));
    inbox.drop_file("a-1.json", lines(0..2));
    inbox.drop_file("b-1.json", lines(2..4));
    inbox.drop_file(".a-2.json.Xy12", lines(4..6));
    fs::create_dir(inbox.path("a-3.json")).unwrap();
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [0, 1]);
    assert_eq!(
        (inbox.names("done"), inbox.names("")),
        (vec!["a-1.json".to_owned()], vec![".a-2.json.Xy12".to_owned(), "b-1.json".to_owned()])
    );
    assert!(codes(&hub).is_empty());
}

#[tokio::test]
async fn a_file_is_read_once_it_has_settled() {
    let inbox = Inbox::with(json!({ "settle": "50ms" }));
    inbox.drop_file("a.json", lines(0..3));
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [0, 1, 2]);
}

#[tokio::test]
async fn a_marker_tells_that_a_file_is_complete() {
    let inbox = Inbox::with(json!({ "ready": ".done" }));
    inbox.drop_file("a.json", lines(0..3));
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert!(hub.records.is_empty());
    inbox.drop_file("a.json.done", "");
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [0, 1, 2]);
    assert_eq!((inbox.names("done"), inbox.names("")), (vec!["a.json".to_owned(), "a.json.done".to_owned()], vec![]));
    // left behind by a crash between the two moves, it must not vouch for the next file of this name
    inbox.drop_file("a.json.done", "");
    inbox.drain(&mut hub).await;
    inbox.drop_file("a.json", lines(3..4));
    inbox.drain(&mut hub).await;
    assert_eq!(inbox.names(""), ["a.json"]);
}

#[tokio::test]
async fn files_are_read_in_the_order_asked_for() {
    for (order, expected) in [("name", [2, 1, 3]), ("modified", [3, 1, 2])] {
        let inbox = Inbox::with(json!({ "order": order }));
        for (name, n, age) in [("a.json", 2, 10), ("b.json", 1, 20), ("c.json", 3, 30)] {
            inbox.drop_file(name, lines(n..n + 1));
            let time = SystemTime::now() - Duration::from_secs(age);
            fs::File::options().write(true).open(inbox.path(name)).unwrap().set_modified(time).unwrap();
        }
        let mut hub = Hub::default();
        inbox.drain(&mut hub).await;
        assert_eq!(numbers(&hub), expected, "by {order}");
    }
}

#[tokio::test]
async fn the_export_number_is_read_from_the_name() {
    let inbox = Inbox::with(json!({ "export_number": "export-{number}.json" }));
    inbox.drop_file("export-0042.json", lines(0..1));
    inbox.drop_file("other.json", lines(1..2));
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    let seen: Vec<_> = hub.records.iter().map(|record| record.origin.export_number).collect();
    assert_eq!(seen, [Some(42), None]);
    assert_eq!(codes(&hub), ["E155"]);
}

#[tokio::test]
async fn links_pipes_and_bad_names_are_left_alone_and_told_once() {
    let inbox = Inbox::new();
    let secret = inbox.folder().with_file_name("secret");
    fs::write(&secret, lines(7..8)).unwrap();
    symlink(&secret, inbox.path("link.json")).unwrap();
    mknodat(CWD, inbox.path("pipe.json"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    inbox.drop_file("two\nlines.json", lines(8..9));
    fs::write(inbox.folder().join(std::ffi::OsStr::from_bytes(b"latin\xe9.json")), lines(9..10)).unwrap();
    inbox.drop_file("good.json", lines(0..2));
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    for _ in 0..3 {
        hub.drain(&mut *source, ROOMY).await.unwrap();
    }
    assert_eq!(numbers(&hub), [0, 1]);
    let mut told = codes(&hub);
    told.sort_unstable();
    assert_eq!(told, ["E144", "E144", "E145", "E145"]);
    assert!(hub.notices.iter().all(|notice| !notice.to_string().contains("two\nlines")));
    assert_eq!(inbox.names("").len(), 4);
}

#[tokio::test]
async fn an_unreadable_file_does_not_stop_the_others() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..1));
    inbox.drop_file("b.json", lines(1..2));
    fs::set_permissions(inbox.path("a.json"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(inbox.path("a.json")).is_ok() {
        // the superuser may read everything
        return;
    }
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert_eq!((numbers(&hub), codes(&hub)), (vec![1], vec!["E146"]));
    fs::set_permissions(inbox.path("a.json"), fs::Permissions::from_mode(0o600)).unwrap();
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), [1, 0]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_says_what_to_do() {
    let inbox = Inbox::with(json!({ "folder": "nowhere" }));
    let Err(fault) = Hub::default().open(&*inbox.plan()).await else { panic!("opened a folder that is not there") };
    assert_eq!(fault.issue.code.0, "E142");
    assert!(fault.issue.hint.is_some());
}

#[tokio::test]
async fn the_probe_tells_what_waits() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..1));
    inbox.drop_file("b.json", lines(1..2));
    let connection = Hub::default().open(&*inbox.plan()).await.unwrap();
    let facts = connection.probe.probe().await.unwrap();
    assert!(facts.ends_with("2 files waiting for `*`"), "{facts}");
    fs::remove_dir_all(inbox.folder()).unwrap();
    assert_eq!(connection.probe.probe().await.unwrap_err().issue.code.0, "E142");
}
