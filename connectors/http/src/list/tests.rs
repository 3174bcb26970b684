//! Lists over a peer in memory: what is asked for when, and what a batch is made of.

#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use guichet_sdk::format::{Cut, Format, Limits, Shape};
use guichet_sdk::{Batch, Code, Cursor, Fault, FaultKind, Issue, Limit, Source};
use jiff::Timestamp;

use super::{Asks, At, BoxStream, Changed, Item, List, Loaded, Reading, Run, Standing};

const ROOMY: Limit = Limit { records: 1_000, bytes: 1 << 20 };

/// A list of pages of ten records each.
#[derive(Clone, Default)]
struct Peer {
    pages: u64,
    /// The page that cannot be had.
    fails: Option<u64>,
    details: bool,
    /// Records whose details are refused.
    refuses: Range<u64>,
    asked: Arc<Mutex<Vec<u64>>>,
}

impl Peer {
    fn new(pages: u64) -> Self {
        Peer { pages, ..Peer::default() }
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until so many pages were asked for.
    async fn was_asked(&self, times: usize) {
        let started = Instant::now();
        while self.asked().len() < times {
            assert!(started.elapsed() < Duration::from_secs(60), "asked for {:?} only", self.asked());
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Asks for Peer {
    fn since(&self) -> Option<&Changed> {
        None
    }

    async fn page(&self, standing: &Standing) -> Result<Option<Loaded>, Fault> {
        let run = standing.run.clone().unwrap_or_else(|| Run::new(Timestamp::UNIX_EPOCH, At::Number(0)));
        let At::Number(number) = run.at else { panic!("{:?}", run.at) };
        self.asked.lock().unwrap().push(number);
        if self.fails == Some(number) {
            return Err(Fault::new(FaultKind::Protocol, Code("E305"), "away"));
        }
        let format = Format {
            shape: Shape::Json { record: "cases".to_owned() },
            encoding: "auto".to_owned(),
            limits: Limits::default(),
        };
        let records: Vec<String> = (number * 10..number * 10 + 10).map(|n| format!("{{\"n\":{n}}}")).collect();
        let body = Bytes::from(format!("{{\"cases\":[{}]}}", records.join(",")));
        let mut page = Reading { format: &format, since: None, id: None }.page(&"list".into(), &body, &run)?;
        page.next = (number + 1 < self.pages).then_some(At::Number(number + 1));
        Ok(Some(Loaded { run, page, version: None }))
    }

    fn details<'a>(&'a self, items: Vec<&'a Item>) -> Option<BoxStream<'a, Result<Result<Cut, Issue>, Fault>>> {
        let refused = |cut: &Cut| match cut {
            Cut::Record(record) => self.refuses.contains(&number(&record.bytes)),
            Cut::Broken(..) => false,
        };
        let told = || Fault::new(FaultKind::Refused, Code("E306"), "no");
        let cuts: Vec<_> = items
            .into_iter()
            .map(|item| if refused(&item.cut) { Err(told()) } else { Ok(Ok(item.cut.clone())) })
            .collect();
        self.details.then(|| futures_util::stream::iter(cuts).boxed())
    }

    fn notices(&self) -> Vec<Issue> {
        Vec::new()
    }
}

fn number(bytes: &[u8]) -> u64 {
    serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["n"].as_u64().unwrap()
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.records.iter().map(|record| number(&record.bytes)).collect()
}

/// The next batch after a cursor, once the peer was asked for so many pages and they lie ready.
async fn after(list: &mut List<Peer>, peer: &Peer, cursor: Option<&Cursor>, asked: usize, limit: Limit) -> Batch {
    peer.was_asked(asked).await;
    // the asking task runs on this thread: what was asked for is put down before it waits again
    tokio::task::yield_now().await;
    list.next(cursor, limit).await.unwrap()
}

#[tokio::test]
async fn pages_that_lie_ready_make_one_batch() {
    let peer = Peer::new(5);
    let mut list = List::new(peer.clone());
    let first = list.next(None, ROOMY).await.unwrap();
    assert_eq!((numbers(&first), first.caught_up), ((0..10).collect(), false), "a page is not waited for");
    let rest = after(&mut list, &peer, first.cursor.as_ref(), 5, ROOMY).await;
    assert_eq!((numbers(&rest), rest.caught_up), ((10..50).collect(), true));
    let positions: Vec<u64> = rest.records.iter().map(|record| record.origin.position).collect();
    assert_eq!((positions, peer.asked()), ((11..=50).collect(), vec![0, 1, 2, 3, 4]));
}

#[tokio::test]
async fn a_batch_keeps_to_its_limit_and_its_cursor_leads_into_a_page() {
    let peer = Peer::new(5);
    let mut list = List::new(peer.clone());
    let limit = Limit { records: 7, ..ROOMY };
    let first = list.next(None, limit).await.unwrap();
    let second = after(&mut list, &peer, first.cursor.as_ref(), 2, limit).await;
    assert_eq!((numbers(&first), numbers(&second)), ((0..7).collect(), (7..14).collect()));
    // as after a kill: another connection goes on at the cursor, in the middle of a page
    let mut again = List::new(peer.clone());
    let third = again.next(second.cursor.as_ref(), limit).await.unwrap();
    assert_eq!(numbers(&third), (14..20).collect::<Vec<_>>());
    // and this one goes back
    let repeated = list.next(first.cursor.as_ref(), limit).await.unwrap();
    assert_eq!(numbers(&repeated), (7..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_more_than_a_batch_and_a_page_is_kept_ready() {
    for limit in [Limit { records: 20, ..ROOMY }, Limit { bytes: 180, ..ROOMY }] {
        let peer = Peer::new(50);
        let mut list = List::new(peer.clone());
        list.next(None, limit).await.unwrap();
        // two that fill a batch, and one in the hand of who asks
        peer.was_asked(4).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(peer.asked(), [0, 1, 2, 3], "{limit:?}");
    }
}

#[tokio::test]
async fn a_fault_comes_after_what_was_had_before_it() {
    let peer = Peer { fails: Some(3), ..Peer::new(5) };
    let mut list = List::new(peer.clone());
    let first = list.next(None, ROOMY).await.unwrap();
    let second = after(&mut list, &peer, first.cursor.as_ref(), 4, ROOMY).await;
    assert_eq!(numbers(&second), (10..30).collect::<Vec<_>>());
    for asked in [4, 5] {
        let fault = list.next(second.cursor.as_ref(), ROOMY).await.unwrap_err();
        assert_eq!((fault.issue.code.0, peer.asked().len()), ("E305", asked));
    }
}

#[tokio::test]
async fn details_are_a_batch_of_their_own_for_each_page() {
    let peer = Peer { details: true, ..Peer::new(3) };
    let mut list = List::new(peer.clone());
    let first = list.next(None, ROOMY).await.unwrap();
    let second = after(&mut list, &peer, first.cursor.as_ref(), 3, ROOMY).await;
    assert_eq!(numbers(&second), (10..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_detail_is_the_affair_of_its_record_and_many_in_a_row_are_not() {
    let peer = Peer { details: true, refuses: 3..5, ..Peer::new(1) };
    let batch = List::new(peer).next(None, ROOMY).await.unwrap();
    let broken: Vec<_> = batch.broken.iter().map(|(record, issue)| (number(&record.bytes), issue.code.0)).collect();
    assert_eq!((numbers(&batch).len(), broken, batch.caught_up), (8, vec![(3, "E306"), (4, "E306")], true));
    // over two pages, with one good record before: the tenth is kept, the eleventh stops the flow
    for (refuses, stops) in [(3..13, false), (3..14, true)] {
        let mut list = List::new(Peer { details: true, refuses, ..Peer::new(2) });
        let first = list.next(None, ROOMY).await.unwrap();
        let second = list.next(first.cursor.as_ref(), ROOMY).await;
        assert_eq!((numbers(&first).len(), second.is_err()), (3, stops));
        if let Err(fault) = second {
            assert_eq!((fault.issue.code.0, fault.kind), ("E306", FaultKind::Refused));
            assert!(fault.issue.message.starts_with("11 details in a row cannot be had"), "{}", fault.issue.message);
        }
    }
}

#[tokio::test]
async fn who_is_dropped_asks_no_more() {
    let peer = Peer::new(1_000_000);
    let mut list = List::new(peer.clone());
    list.next(None, ROOMY).await.unwrap();
    drop(list);
    let started = Instant::now();
    // the task holds the peer as long as it lives
    while Arc::strong_count(&peer.asked) > 1 {
        assert!(started.elapsed() < Duration::from_secs(60), "it is still asking");
        tokio::task::yield_now().await;
    }
}
