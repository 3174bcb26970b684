//! The store alone: units of mapped records committed one after another, against the same rows inserted bare.

use std::path::Path;
use std::time::{Duration, Instant};

use guichet::ledger;
use guichet::model::{
    CaseUpdate, Facts, FlowName, Location, Moment, Order, OrderClass, PartyClaim, Phase, Precision, StatusClaim,
};
use guichet::store::{Bounds, FlowRow, Item, Reading, Sqlite, Store, Work};
use guichet_sdk::{Origin, Record};

use crate::{ceiling, report, size};

/// Records of a unit.
const BATCH: u64 = 1_000;

/// New cases, then the same records again, then one new update of each case.
pub fn bench() {
    let records = size("GUICHET_BENCH_RECORDS", 200_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let rate = |took: Duration| records as f64 / took.as_secs_f64();
    let cold = run(&file, records, 0, false);
    let written = ceiling::snapshot(&file);
    let bare = written.insert_only(records, BATCH);
    report("store-cold", rate(cold), rate(bare), "records/s");
    let known = run(&file, records, 0, true);
    println!("store-known ours={:.0} unit=records/s", rate(known));
    let update = run(&file, records, 1, false);
    let bare = written.since(&file).insert_only(records, BATCH);
    report("store-update", rate(update), rate(bare), "records/s");
}

/// Records per second while a store grows: the last tenth against the first.
pub fn growth() {
    let cases = size("GUICHET_BENCH_GROWTH", 1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let step = cases / 10;
    for part in 0..10 {
        let took =
            with_store(&file, async |store, flow| commit(store, flow, part * step..(part + 1) * step, 0, false).await);
        println!(
            "store-growth cases={} ours={:.0} unit=records/s",
            (part + 1) * step,
            step as f64 / took.as_secs_f64()
        );
    }
}

fn run(file: &Path, records: u64, minute: i64, ask: bool) -> Duration {
    with_store(file, async |store, flow| commit(store, flow, 0..records, minute, ask).await)
}

fn with_store(file: &Path, work: impl AsyncFnOnce(&Sqlite, FlowRow) -> Duration) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Sqlite::open(file, Bounds::default()).unwrap();
        let flow = store.register(&FlowName::new("bench", "cases"), 0, Order::of(OrderClass::Time)).await.unwrap();
        let took = work(&store, flow).await;
        store.close().await;
        took
    })
}

/// Commits the records of these cases; only the time of the store counts.
async fn commit(store: &Sqlite, flow: FlowRow, cases: std::ops::Range<u64>, minute: i64, ask: bool) -> Duration {
    let mut took = Duration::ZERO;
    let mut from = cases.start;
    while from < cases.end {
        let upto = (from + BATCH).min(cases.end);
        let mut items: Vec<Item> = (from..upto).map(|case| item(case, minute)).collect();
        let digests: Vec<_> = items.iter().map(|item| item.digest).collect();
        let started = Instant::now();
        let known = if ask { store.known(flow, &digests).await.unwrap() } else { Vec::new() };
        for (item, _) in items.iter_mut().zip(known).filter(|(_, known)| *known) {
            item.reading = Reading::Known;
        }
        store.commit(work(flow, items, from)).await.unwrap();
        took += started.elapsed();
        from = upto;
    }
    took
}

fn work(flow: FlowRow, items: Vec<Item>, from: u64) -> Work {
    Work {
        flow,
        now: 1_764_000_000_000_000 + from as i64,
        mapping: "bench@1".into(),
        items,
        cursor: None,
        finished: Vec::new(),
        verified: true,
        supersedes: false,
        retries: Vec::new(),
    }
}

/// A record of about 1.3 KB with one update.
fn item(case: u64, minute: i64) -> Item {
    let moment =
        |at: i64| Moment { micros: at * 60_000_000, precision: Precision::Minute, civil_day: (at / 1440) as i32 };
    let noise = case.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let update = CaseUpdate {
        key: format!("PC-{:04}-{case:07}", 2000 + case % 25),
        status: Some(StatusClaim {
            phase: Phase::ALL[(1 + (case % 5) as usize + minute as usize) % 9],
            waiting_on: None,
            hold: None,
            outcome: None,
            source_code: Some("INS".into()),
            source_label: Some("Instruction en cours".into()),
            step: None,
            note: None,
            effective_at: Some(moment(27_000_000 + minute)),
            transition: None,
            audience: guichet::model::Audience::Public,
        }),
        facts: Facts {
            service: Some(
                ["permis-construire", "declaration-prealable", "voirie", "aide-sociale"][(case % 4) as usize].into(),
            ),
            title: Some(format!("Extension d'une maison individuelle, lot {}", noise % 977)),
            submitted_at: Some(moment(26_900_000)),
            location: Some(Location {
                address: Some(format!("{} rue de la République", noise % 211)),
                city: Some("Exempleville".into()),
                ..Location::default()
            }),
            parties: vec![PartyClaim { name: Some(format!("Demandeur {noise:x}")), ..PartyClaim::default() }],
            ..Facts::default()
        },
        ..CaseUpdate::default()
    };
    let json = serde_json::to_string(&update).unwrap();
    let filler: String =
        (0..12).map(|n| format!(r#","champ_{n}":"valeur {} du dossier""#, noise.rotate_left(n) % 100_003)).collect();
    let record = Record {
        bytes: format!("{}{filler}}}", &json[..json.len() - 1]).into_bytes().into(),
        context: "".into(),
        origin: Origin { name: "bench.ndjson".into(), line: case, position: case, ..Origin::default() },
    };
    let candidate = ledger::prepare(update, Order::of(OrderClass::Time), 0, 0).unwrap();
    Item { digest: record.digest(), record, reading: Reading::Mapped(vec![candidate]) }
}
