//! SIGKILL and aborts at every step of the delivery route: each committed change arrives at least once, in the order of
//! its case; nothing arrives that was not committed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::json;

use crate::city::{changes, city, say, subscribe};
use crate::receiver::{Receivers, wait_for};
use crate::support::hub::Hub;
use crate::support::project::KEY;

const POINTS: [&str; 7] =
    ["before-post", "after-post", "before-written", "after-written", "in-transaction", "before-commit", "after-commit"];
const CASES: usize = 8;

#[test]
fn i7_killed_anywhere_every_committed_change_arrives_in_order_and_no_other() {
    let kills: usize = std::env::var("GUICHET_WEBHOOK_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let (project, receivers) = (city("retries = [\"20ms\", \"50ms\"]"), Receivers::start());
    let hub = Hub::start(&project);
    subscribe(&hub, KEY, &receivers.url("kept"), json!({}));
    drop(hub);
    let (mut seed, mut died) = (20_261_124u64, BTreeMap::<&str, usize>::new());
    for number in 0..kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chance = (seed >> 33) as usize;
        say(&project, number, CASES);
        let point = POINTS[number % POINTS.len()];
        let times = 1 + chance % if point.ends_with("post") { 12 } else { 3 };
        let mut hub = Hub::start_to_die(&project, &format!("{point}:{times}"));
        // some are killed from outside, before they reach the point
        let patience =
            if number % 4 == 3 { Duration::from_millis(20 + chance as u64 % 300) } else { Duration::from_secs(2) };
        if hub.dies_within(patience) {
            *died.entry(point).or_default() += 1;
        }
    }
    assert!(POINTS.iter().all(|point| died.contains_key(point)), "a point was never passed: {died:?}");

    let hub = Hub::start(&project);
    wait_for("everything was read", || changes(&hub).len() == kills * CASES);
    let committed = changes(&hub);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let ids: HashSet<String> = committed.iter().map(|change| text(&change["id"])).collect();
    wait_for("everything arrived", || {
        let got: HashSet<String> = receivers.received("kept").iter().map(|received| received.id()).collect();
        ids.iter().all(|id| got.contains(id))
    });
    let mut first: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut seen = HashSet::new();
    let received = receivers.received("kept");
    for delivery in &received {
        assert!(ids.contains(&delivery.id()), "a change arrived that is not committed: {}", delivery.body);
        if seen.insert(delivery.id()) {
            first.entry(text(&delivery.event()["subject"])).or_default().push(delivery.id());
        }
    }
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in &committed {
        expected.entry(text(&change["case"]["id"])).or_default().push(text(&change["id"]));
    }
    assert_eq!(first, expected, "the order of a case");
    assert!(
        received.len() > ids.len(),
        "no kill made anything arrive twice: the kills came too late to prove anything"
    );
}
