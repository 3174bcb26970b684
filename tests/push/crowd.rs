//! Many at once: nothing lost, nothing twice, and a full hub says so instead of taking what it cannot keep.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{LINES, WORKS, count, line, project};
use crate::support::hub::Hub;

/// Pushes until it is taken; how each record ended.
fn persist(hub: &Hub, path: &str, body: &str) -> Vec<String> {
    loop {
        let answer = hub.request("POST", path).bearer_auth(WORKS).body(body.to_owned()).send().unwrap();
        match answer.status().as_u16() {
            200 => {
                let told: Value = answer.json().unwrap();
                let results = told["results"].as_array().unwrap().iter();
                return results.map(|result| result["result"].as_str().unwrap().to_owned()).collect();
            }
            503 => assert!(answer.headers().contains_key("retry-after")),
            other => panic!("{other}: {}", answer.text().unwrap()),
        }
        std::thread::yield_now();
    }
}

#[test]
fn i1_i2_a_hundred_pushers_lose_nothing_and_nothing_counts_twice() {
    let hub = Hub::start(&project());
    // each order is pushed by two of them, in either order
    let applied = Mutex::new(0u64);
    std::thread::scope(|scope| {
        for pusher in 0..100u64 {
            let (hub, applied) = (&hub, &applied);
            scope.spawn(move || {
                for round in 0..5 {
                    let order = (pusher / 2) * 5 + round;
                    let states = [line(order, "IN", "2026-11-02"), line(order, "DONE", "2026-11-04")];
                    let body = if pusher % 2 == 0 { states.concat() } else { states.iter().rev().cloned().collect() };
                    let ended = persist(hub, LINES, &body);
                    assert_eq!(ended.len(), 2);
                    let new = ended.iter().filter(|word| *word != "duplicate").count() as u64;
                    *applied.lock().unwrap() += new;
                }
            });
        }
    });
    let cases = hub.histories("&source=works");
    assert_eq!(cases.len(), 250);
    assert!(cases.values().all(|case| case.head == "DONE" && case.entries.len() == 2), "{cases:?}");
    assert_eq!(*applied.lock().unwrap(), 500, "each status was new to exactly one of those who told it");
    let counts = ["received", "applied", "duplicate", "superseded"].map(|name| count(&hub, "lines", name));
    assert_eq!((counts[0], counts[1] + counts[2] + counts[3]), (1000, 1000), "{counts:?}");
    let (_, page) = hub.get("/v1/changes?after=0&limit=200");
    let seen: BTreeSet<_> =
        page["changes"].as_array().unwrap().iter().map(|change| change["seq"].to_string()).collect();
    assert_eq!(seen.len(), 200, "I7: no change twice");
}

/// In snapshot order what is known depends on what was pushed before: the last push of each case is what it is.
#[test]
fn i3_snapshots_pushed_at_once_end_in_one_of_them() {
    let hub = Hub::start(&project());
    std::thread::scope(|scope| {
        for pusher in 0..8 {
            let hub = &hub;
            scope.spawn(move || {
                for state in ["IN", "WORK", "IN", "DONE", "IN"] {
                    persist(hub, "/v1/inbound/works/snapshot", &line(pusher, state, "2026-11-02"));
                }
            });
        }
    });
    let cases = hub.histories("&source=works");
    assert_eq!(cases.len(), 8);
    assert!(cases.values().all(|case| case.head == "IN"), "each ends as it was last pushed: {cases:?}");
    assert_eq!(count(&hub, "snapshot", "received"), 40);
    let (_, held) = hub.get("/ops/v1/quarantine?source=works&flow=snapshot");
    assert_eq!(held["held"], json!([]));
}
