//! Evil receivers among good ones.

use serde_json::json;

use crate::city::{active, ask_for, city, say};
use crate::receiver::{Manner, Receivers, wait_for};
use crate::support::hub::Hub;
use crate::support::project::KEY;

const RECEIVERS: usize = 200;
const EVIL: [Manner; 10] = [
    Manner::Hang,
    Manner::Drip,
    Manner::Hang,
    Manner::Drip,
    Manner::Status(500),
    Manner::Redirect,
    Manner::Endless,
    Manner::Bomb,
    Manner::Cut,
    Manner::Status(429),
];

#[test]
fn ten_evil_receivers_of_two_hundred_stop_nobody() {
    let (project, receivers) = (city("timeout = \"1m\""), Receivers::start());
    let hub = Hub::start(&project);
    let ids: Vec<_> = (0..RECEIVERS).map(|n| ask_for(&hub, KEY, &receivers.url(&n.to_string()), json!({})).0).collect();
    ids.iter().for_each(|id| active(&hub, id));
    for (n, manner) in EVIL.into_iter().enumerate() {
        receivers.behave(&n.to_string(), manner);
    }
    for number in 0..2 {
        say(&project, number, 10);
    }
    wait_for("every good receiver has everything", || {
        (EVIL.len()..RECEIVERS).all(|n| receivers.count(&n.to_string()) == 20)
    });
    assert!(receivers.held() >= 4, "the slow ones still hold their deliveries");
    // an answer that never ends, or is a bomb, is an answer: the event was accepted, the rest is not read
    for n in [6, 7] {
        wait_for("both have everything, too", || receivers.count(&n.to_string()) == 20);
    }
    assert_eq!(receivers.count("canary"), 0, "redirects are not followed");
}
