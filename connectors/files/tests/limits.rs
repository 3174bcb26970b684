//! Packed, damaged, empty, too large and wholly wrong files.

#![allow(clippy::unwrap_used)]

use std::fs;

use guichet_sdk::format::Shape;
use guichet_testkit::Hub;
use serde_json::json;

mod inbox;
use inbox::{Inbox, at_most, codes, lines, numbers};

#[tokio::test]
async fn gzip_is_recognised_by_its_bytes_and_may_have_several_members() {
    let inbox = Inbox::new();
    let (first, second) = (lines(0..500), lines(500..1_000));
    inbox.drop_gzip("no-suffix.json", &[first.as_bytes(), second.as_bytes()]);
    inbox.drop_file("plain.gz", lines(1_000..1_001));
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert_eq!(numbers(&hub), (0..1_001).collect::<Vec<_>>());
    assert!(codes(&hub).is_empty());
}

#[tokio::test]
async fn a_gzip_file_cut_short_gives_what_came_before_and_fails_with_its_place() {
    let inbox = Inbox::new();
    let packed = inbox::gzip(lines(0..20_000).as_bytes());
    inbox.drop_file("a.json.gz", &packed[..packed.len() / 2]);
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    let whole = numbers(&hub);
    assert!(whole.len() > 1_000 && whole == (0..whole.len()).collect::<Vec<_>>());
    let [(rest, issue)] = &hub.broken[..] else { panic!("one rest of the file is kept") };
    assert_eq!(
        (issue.code.0, issue.place.file.as_deref(), issue.place.line),
        ("E150", Some("a.json.gz"), Some(whole.len() as u64 + 1))
    );
    assert_eq!(rest.origin.position, whole.len() as u64 + 1);
    assert_eq!(inbox.names("failed"), ["a.json.gz", "a.json.gz.error.txt"]);
    let note = fs::read_to_string(inbox.path("failed/a.json.gz.error.txt")).unwrap();
    assert!(note.contains("E150") && note.contains("a.json.gz"), "{note}");
}

#[tokio::test]
async fn nothing_is_taken_from_a_damaged_gzip_file() {
    let packed = inbox::gzip(lines(0..20_000).as_bytes());
    let last = packed.len() - 1;
    // in its middle, in the checksum, behind its end
    let damages: [fn(&mut Vec<u8>, usize); 3] = [
        |bytes, last| bytes[last / 2] ^= 0xff,
        |bytes, last| bytes[last - 6] ^= 0xff,
        |bytes, _| bytes.extend([0; 64]),
    ];
    for damage in damages {
        let inbox = Inbox::new();
        let mut bytes = packed.clone();
        damage(&mut bytes, last);
        inbox.drop_file("a.json.gz", bytes);
        let mut hub = Hub::default();
        inbox.drain(&mut hub).await;
        assert_eq!((hub.records.len(), codes(&hub)), (0, vec!["E150"]));
        assert!(!hub.broken[0].0.bytes.is_empty());
        assert_eq!(inbox.names("failed"), ["a.json.gz", "a.json.gz.error.txt"]);
    }
}

#[tokio::test]
async fn a_bomb_is_stopped_at_its_ratio() {
    let inbox = Inbox::new();
    let bomb = " ".repeat(4_000) + "\n";
    inbox.drop_gzip("bomb.json", &[lines(0..2).as_bytes(), bomb.repeat(4_000).as_bytes()]);
    inbox.drop_file("c.json", lines(2..3));
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert_eq!((numbers(&hub), codes(&hub)), (vec![2], vec!["E152"]));
    assert_eq!(inbox.names("failed"), ["bomb.json", "bomb.json.error.txt"]);
    assert_eq!(inbox.names("done"), ["c.json"]);
}

#[tokio::test]
async fn the_size_limit_is_exact() {
    let content = lines(0..100);
    for (limit, expected) in [(content.len() - 1, "E151"), (content.len(), ""), (content.len() + 1, "")] {
        for packed in [false, true] {
            let inbox = Inbox::with(json!({ "max_size": format!("{limit}B") }));
            let bytes = if packed { inbox::gzip(content.as_bytes()) } else { content.clone().into_bytes() };
            inbox.drop_file("a.json", bytes);
            let mut hub = Hub::default();
            inbox.drain(&mut hub).await;
            assert_eq!(codes(&hub).concat(), expected, "limit {limit}, packed {packed}");
            if expected.is_empty() {
                assert_eq!(numbers(&hub).len(), 100);
            } else {
                assert_eq!(inbox.names("failed"), ["a.json", "a.json.error.txt"]);
                assert!(!hub.broken[0].0.bytes.is_empty(), "the head of what is refused is kept");
            }
        }
    }
}

#[tokio::test]
async fn an_empty_file_is_told_and_put_away_each_time() {
    let inbox = Inbox::new();
    let mut hub = Hub::default();
    for _ in 0..2 {
        inbox.drop_file("a.json", "");
        inbox.drain(&mut hub).await;
    }
    assert_eq!((codes(&hub), inbox.names("done").len(), inbox.names("").len()), (vec!["E149", "E149"], 2, 0));
}

#[tokio::test]
async fn a_file_whose_records_are_all_quarantined_fails_across_batches_and_the_others_do_not() {
    let inbox = Inbox::new();
    inbox.drop_file("a.json", lines(0..10));
    let mut hub = Hub { quarantines: true, ..Hub::default() };
    let mut source = inbox.open(&hub).await;
    hub.drain(&mut *source, at_most(4)).await.unwrap();
    assert_eq!(inbox.names("failed"), ["a.json", "a.json.error.txt"]);
    // two files in one batch: the first is wholly quarantined, of the second one record is
    inbox.drop_file("b.json", lines(10..12));
    inbox.drop_file("c.json", lines(12..14));
    let batch = source.next(hub.cursor.as_ref(), at_most(100)).await.unwrap();
    let mut ack = hub.commit(batch).unwrap();
    ack.quarantined = vec![0, 1, 3];
    source.acknowledge(ack).await.unwrap();
    assert_eq!(inbox.names("failed"), ["a.json", "a.json.error.txt", "b.json", "b.json.error.txt"]);
    assert_eq!(inbox.names("done"), ["c.json"]);
}

#[tokio::test]
async fn a_file_that_breaks_half_way_keeps_its_head_and_its_rest() {
    let mut inbox = Inbox::new();
    inbox.format.shape = Shape::Xml { record: "r".into(), namespaces: vec![], raw: vec![] };
    inbox.drop_file("a.xml", "<all>\n<r>1</r>\n<r>2</r>\n</wrong><r>3</r></all>");
    let mut hub = Hub::default();
    inbox.drain(&mut hub).await;
    assert_eq!(hub.records.len(), 2);
    let [(rest, issue)] = &hub.broken[..] else { panic!("one rest of the file is kept: {:?}", hub.broken) };
    assert!(String::from_utf8_lossy(&rest.bytes).contains("</wrong><r>3</r></all>"), "{rest:?}");
    assert_eq!((issue.place.file.as_deref(), issue.place.line), (Some("a.xml"), Some(4)));
    assert_eq!(inbox.names("failed"), ["a.xml", "a.xml.error.txt"]);
}
