//! Conservation: whatever is killed after any batch, every record is committed once and in order (I1, I2).

#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{Format, Limit, Record};
use guichet_testkit::Hub;
use proptest::prelude::*;
use tokio::runtime::Runtime;

mod inbox;
use inbox::{Inbox, gzip, lines, numbers};

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// What happens after a batch.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Committed and acknowledged.
    Settled,
    /// Committed; killed before the acknowledgement.
    Committed,
    /// Killed before the commit.
    Lost,
}

fn fates() -> impl Strategy<Value = Vec<(Fate, usize, usize)>> {
    let fate = prop_oneof![Just(Fate::Settled), Just(Fate::Committed), Just(Fate::Lost)];
    proptest::collection::vec((fate, 1usize..40, 1usize..600), 1..40)
}

async fn play(files: &[(usize, bool)], fates: &[(Fate, usize, usize)]) -> (Vec<usize>, usize, Vec<String>) {
    let inbox = Inbox::new();
    let mut first = 0;
    for (n, (records, packed)) in files.iter().enumerate() {
        let content = lines(first..first + records);
        first += records;
        inbox.drop_file(&format!("{n:03}.json"), if *packed { gzip(content.as_bytes()) } else { content.into_bytes() });
    }
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    for (fate, records, bytes) in fates {
        let batch = source.next(hub.cursor.as_ref(), Limit { records: *records, bytes: *bytes }).await.unwrap();
        match fate {
            Fate::Settled => {
                if let Some(ack) = hub.commit(batch) {
                    source.acknowledge(ack).await.unwrap();
                }
                continue;
            }
            Fate::Committed => drop(hub.commit(batch)),
            Fate::Lost => drop(batch),
        }
        source = inbox.open(&hub).await;
    }
    hub.drain(&mut *source, Limit { records: 7, bytes: 1 << 20 }).await.unwrap();
    (numbers(&hub), first, inbox.names(""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_is_lost_and_nothing_doubled(files in proptest::collection::vec((1usize..60, any::<bool>()), 1..6), fates in fates()) {
        let (numbers, offered, left) = runtime().block_on(play(&files, &fates));
        prop_assert_eq!(numbers, (0..offered).collect::<Vec<_>>());
        prop_assert_eq!(left, Vec::<String>::new());
    }
}

/// Batches of many chunks, so that a resume seeks (or unpacks) far into the file.
#[test]
fn a_large_file_resumes_far_into_it() {
    let fates =
        [(Fate::Settled, 50_000, 64 << 20), (Fate::Committed, 20_000, 64 << 20), (Fate::Lost, 20_000, 64 << 20)];
    for packed in [false, true] {
        let (numbers, offered, left) = runtime().block_on(play(&[(90_000, packed)], &fates));
        assert_eq!(numbers.len(), offered);
        assert!(numbers.iter().enumerate().all(|(n, number)| n == *number) && left.is_empty());
    }
}

/// Each format carries its own context (header, namespaces, open arrays, encoding) over a kill after each batch.
#[test]
fn every_format_resumes_with_its_context() {
    let csv = "clé;état\n1;\"reçu;\nen deux lignes\"\n2;instruit\n3;accordé\n4;clos\n5;rouvert\n".to_owned();
    let latin = csv.chars().map(|c| c as u8).collect::<Vec<_>>();
    let wide = csv.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let csv_shape = || Shape::Csv {
        delimiter: b';',
        quote: Some(b'"'),
        header: 1,
        columns: vec![],
        ragged: false,
        terminator: None,
    };
    let xml = "<?xml version=\"1.0\"?><x:all xmlns:x=\"urn:x\"><x:r><k>1</k></x:r>\n<x:r><k>2</k></x:r><x:r/><x:r><k>4</k></x:r></x:all>";
    let xml_shape = Shape::Xml { record: "x:r".into(), namespaces: vec![("x".into(), "urn:x".into())], raw: vec![] };
    let json = r#"{"head":{"n":3},"rows":[{"k":1},{"k":"]"},{"k":3}, {"k":4}],"tail":[1]}"#;
    for (shape, encoding, content) in [
        (csv_shape(), "utf-8", csv.clone().into_bytes()),
        (csv_shape(), "windows-1252", latin),
        (csv_shape(), "utf-16le", wide),
        (xml_shape, "auto", xml.as_bytes().to_vec()),
        (Shape::Json { record: "rows".into() }, "utf-8", json.as_bytes().to_vec()),
    ] {
        let format = Format { shape, encoding: encoding.to_owned(), limits: Limits::default() };
        for packed in [false, true] {
            let content = if packed { gzip(&content) } else { content.clone() };
            let (undisturbed, killed) = runtime().block_on(async {
                (read_all(&format, &content, false).await, read_all(&format, &content, true).await)
            });
            assert!(undisturbed.len() >= 4, "{format:?}: {undisturbed:?}");
            assert_eq!(killed, undisturbed, "{format:?}, packed {packed}");
        }
    }
}

/// Bytes, context, line and position of each record.
async fn read_all(format: &Format, content: &[u8], kill: bool) -> Vec<(Vec<u8>, String, u64, u64)> {
    let mut inbox = Inbox::new();
    inbox.format = format.clone();
    inbox.drop_file("a", content);
    let mut hub = Hub::default();
    let mut source = inbox.open(&hub).await;
    while !hub.step(&mut *source, Limit { records: 1, bytes: 1 << 20 }).await.unwrap() {
        if kill {
            source = inbox.open(&hub).await;
        }
    }
    assert!(hub.broken.is_empty(), "{:?}", hub.broken);
    let whole = |record: &Record| {
        (record.bytes.to_vec(), record.context.to_string(), record.origin.line, record.origin.position)
    };
    hub.records.iter().map(whole).collect()
}
