//! What a broker can do to us, and we to it: topology, redelivery, deleted queues, other consumers, permissions.

#![allow(clippy::unwrap_used)]

use std::future::Future;

use guichet_sdk::{Ack, Batch, Connection, Fault, Limit, Receipt, Retry, Source};
use guichet_testkit::Hub;
use guichet_testkit::broker::broker;
use lapin::BasicProperties;
use serde_json::{Value, json};

mod desk;
use desk::{Desk, unique};

const LIMIT: Limit = Limit { records: 100, bytes: 1 << 20 };

/// Runs a test on a queue of its own, where there is a broker.
fn with<F: Future<Output = Desk>>(kind: &'static str, test: impl FnOnce(Desk) -> F) {
    let Some(broker) = broker() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let desk = test(Desk::open(&broker, kind).await).await;
        desk.close().await;
    });
}

async fn open(desk: &Desk, settings: Value) -> Result<Box<dyn Source>, Fault> {
    let Connection { source, .. } = Hub::default().open(&*desk.plan(settings).unwrap()).await?;
    Ok(source.unwrap())
}

async fn put(desk: &Desk, count: usize) {
    for n in 0..count {
        desk.publish(format!("{{\"n\":{n}}}").as_bytes(), BasicProperties::default()).await;
    }
}

/// The next batch that holds something.
async fn some(source: &mut dyn Source) -> Batch {
    loop {
        let batch = source.next(None, LIMIT).await.unwrap();
        if !batch.records.is_empty() || !batch.broken.is_empty() {
            return batch;
        }
    }
}

/// Batches until so many records came.
async fn records(source: &mut dyn Source, count: usize) -> Vec<Batch> {
    let mut batches = Vec::new();
    while batches.iter().map(|batch: &Batch| batch.records.len()).sum::<usize>() < count {
        batches.push(some(source).await);
    }
    batches
}

fn ack(receipt: &Receipt) -> Ack {
    Ack { receipt: receipt.clone(), quarantined: Vec::new() }
}

#[test]
fn a_receipt_of_a_former_channel_is_never_told_on_a_new_one() {
    with("quorum", |desk| async {
        put(&desk, 5).await;
        let mut source = open(&desk, json!({})).await.unwrap();
        let before = records(&mut *source, 5).await;
        assert_eq!(before.iter().map(|batch| batch.redelivered).sum::<u64>(), 0);
        desk.proxy.drop_all();
        let after = records(&mut *source, 5).await;
        assert_eq!(after.iter().map(|batch| batch.redelivered).sum::<u64>(), 5, "redelivery is counted");
        let codes: Vec<_> = after.iter().flat_map(|batch| &batch.notices).map(|notice| notice.code.0).collect();
        assert!(codes.contains(&"E378") && codes.contains(&"E384"), "the loss and the redelivery are told: {codes:?}");
        // the tags are the same on both channels: told on the new one, this would acknowledge what is not committed
        for batch in &before {
            source.acknowledge(ack(batch.receipt.as_ref().unwrap())).await.unwrap();
        }
        assert_eq!(desk.held().await, 5, "a former receipt took messages");
        for batch in records(&mut *source, 5).await {
            source.acknowledge(ack(&batch.receipt.unwrap())).await.unwrap();
        }
        assert_eq!(desk.held().await, 0);
        desk
    });
}

#[test]
fn a_foreign_receipt_is_refused() {
    with("classic", |desk| async {
        let mut source = open(&desk, json!({})).await.unwrap();
        let fault = source.acknowledge(ack(&Receipt("not ours".into()))).await.unwrap_err();
        assert_eq!(fault.issue.code.0, "E385");
        desk
    });
}

#[test]
fn with_everything_handed_over_it_waits_for_an_acknowledgement() {
    with("quorum", |desk| async {
        put(&desk, 6).await;
        let mut source = open(&desk, json!({ "prefetch": 4 })).await.unwrap();
        let given = [some(&mut *source).await, some(&mut *source).await];
        let sizes: Vec<_> = given.iter().map(|batch| batch.records.len()).collect();
        let held = records(&mut *source, 4 - sizes.iter().sum::<usize>()).await;
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(200), source.next(None, LIMIT)).await;
        assert!(waiting.is_err(), "something came although nothing was acknowledged: {waiting:?}");
        for batch in given.iter().chain(&held) {
            source.acknowledge(ack(batch.receipt.as_ref().unwrap())).await.unwrap();
        }
        let rest = records(&mut *source, 2).await;
        assert_eq!(rest.iter().map(|batch| batch.redelivered).sum::<u64>(), 0, "the wait lost nothing");
        desk
    });
}

#[test]
fn a_declared_queue_is_made_and_bound_once_and_one_that_differs_is_told() {
    with("classic", |desk| async move {
        desk.delete().await;
        let exchange = unique("exchange");
        let declare = |with: Value| {
            let exchange = json!({ "name": exchange, "type": "topic" });
            let mut declare = json!({ "type": "quorum", "exchange": exchange, "bindings": ["aid.#", "housing.*"] });
            let with: serde_json::Map<String, Value> = serde_json::from_value(with).unwrap();
            declare.as_object_mut().unwrap().extend(with);
            json!({ "declare": declare })
        };
        for _ in 0..2 {
            open(&desk, declare(json!({}))).await.unwrap();
            desk.held().await;
        }
        desk.publish_to(&exchange, "housing.new", b"{}", BasicProperties::default()).await;
        let mut source = open(&desk, declare(json!({}))).await.unwrap();
        assert_eq!(some(&mut *source).await.records.len(), 1);
        drop(source);
        for differing in [json!({ "type": "classic" }), json!({ "arguments": { "x-max-length": 9 } })] {
            let Err(fault) = open(&desk, declare(differing)).await else { panic!("it differs") };
            assert_eq!((fault.issue.code.0, fault.retry), ("E377", Retry::Never), "{fault}");
            assert!(fault.issue.message.contains("inequivalent arg"), "{fault}");
            assert_eq!(fault.issue.place.file.as_deref(), Some(&*desk.queue));
        }
        desk.delete_exchange(&exchange).await;
        desk
    });
}

#[test]
fn a_queue_that_is_deleted_is_told_and_taken_up_again_when_it_is_back() {
    with("quorum", |desk| async {
        let mut source = open(&desk, json!({})).await.unwrap();
        assert!(source.next(None, LIMIT).await.unwrap().caught_up);
        desk.delete().await;
        source.woken().await;
        let fault = loop {
            match source.next(None, LIMIT).await {
                Ok(batch) => assert!(batch.records.is_empty()),
                Err(fault) => break fault,
            }
        };
        assert_eq!((fault.issue.code.0, fault.retry), ("E376", Retry::After(None)), "{fault}");
        desk.make().await;
        put(&desk, 1).await;
        assert_eq!(some(&mut *source).await.records.len(), 1);
        desk
    });
}

#[test]
fn another_consumer_is_not_let_in_unless_the_queue_is_shared() {
    with("classic", |desk| async {
        let _first = open(&desk, json!({})).await.unwrap();
        let Err(fault) = open(&desk, json!({})).await else { panic!("two consumers share an exclusive queue") };
        assert_eq!((fault.issue.code.0, fault.retry), ("E379", Retry::After(None)), "{fault}");
        desk.held().await;
        let _one = open(&desk, json!({ "exclusive": false })).await.unwrap();
        open(&desk, json!({ "exclusive": false })).await.unwrap();
        desk
    });
}

#[test]
fn a_second_consumer_of_a_declared_quorum_queue_waits_for_the_first_to_go() {
    with("quorum", |desk| async {
        desk.delete().await;
        let declared = json!({ "declare": { "type": "quorum" } });
        let mut first = open(&desk, declared.clone()).await.unwrap();
        let mut second = open(&desk, declared).await.unwrap();
        put(&desk, 4).await;
        let given = records(&mut *first, 4).await;
        first.acknowledge(ack(given[0].receipt.as_ref().unwrap())).await.unwrap();
        let told = given[0].records.len();
        assert!(second.next(None, LIMIT).await.unwrap().records.is_empty());
        drop(first);
        if told < 4 {
            records(&mut *second, 4 - told).await;
        }
        put(&desk, 1).await;
        assert_eq!(some(&mut *second).await.records.len(), 1);
        desk
    });
}

#[test]
fn a_virtual_host_that_is_not_there_is_told() {
    with("classic", |desk| async {
        let Err(fault) = open(&desk, json!({ "vhost": "no-such-host" })).await else { panic!("there is none") };
        assert_eq!((fault.issue.code.0, fault.retry), ("E375", Retry::Never), "{fault}");
        desk
    });
}

#[test]
fn what_a_message_says_of_itself_is_heeded() {
    with("classic", |desk| async {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(b"[{\"n\":1},{\"n\":2}]").unwrap();
        let properties = BasicProperties::default().with_content_encoding("gzip".into()).with_timestamp(1_700_000_000);
        desk.publish(&packed.finish().unwrap(), properties.with_content_type("application/json".into())).await;
        desk.publish(b"<a/>", BasicProperties::default().with_content_type("text/xml".into())).await;
        let mut source = open(&desk, json!({})).await.unwrap();
        let batches = records(&mut *source, 2).await;
        assert_eq!(batches[0].records[0].origin.time, 1_700_000_000_000_000);
        let mut broken: Vec<_> = batches.into_iter().flat_map(|batch| batch.broken).collect();
        if broken.is_empty() {
            broken = some(&mut *source).await.broken;
        }
        assert_eq!(broken[0].1.code.0, "E381");
        desk
    });
}
