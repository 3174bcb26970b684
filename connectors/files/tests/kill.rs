//! Conservation: whatever is killed after any batch, every record is committed once and in order (I1, I2).

#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use guichet_sdk::Limit;
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
