//! A receiver that is down for longer than deliveries are tried: here seconds stand for hours; the lane's own tests play the
//! seventy-two hours through.

use std::collections::BTreeSet;

use serde_json::json;

use crate::city::{active, changes, city, say, show, subscribe};
use crate::receiver::{Manner, Receivers, wait_for};
use crate::support::hub::Hub;
use crate::support::project::KEY;

#[test]
fn after_an_outage_everything_arrives_or_is_found_among_the_dead() {
    let table = "retries = [\"50ms\", \"100ms\", \"200ms\", \"400ms\"]\nbudget = \"3s\"";
    let (project, receivers) = (city(table), Receivers::start());
    let hub = Hub::start(&project);
    let (id, _) = subscribe(&hub, KEY, &receivers.url("down"), json!({}));
    receivers.behave("down", Manner::Status(500));
    for number in 0..30 {
        say(&project, number, 10);
    }
    wait_for("it is disabled", || show(&hub, &id)["state"] == "disabled");
    let stands = show(&hub, &id);
    assert!(stands["dead"].as_u64().unwrap() >= 1, "{stands}");
    let log = std::fs::read_to_string(project.path("serve.log")).unwrap();
    for told in ["percent=50", "percent=70", "percent=90", "percent=100", "E430", "E431"] {
        assert!(log.contains(told), "operators were not told `{told}`\n{log}");
    }
    wait_for("everything is committed", || changes(&hub).len() == 300);
    let before = receivers.count("down");
    assert!(before < 100, "a receiver that is down is left to rest: {before} attempts for 300 changes");

    receivers.behave("down", Manner::Good);
    assert_eq!(hub.ask("POST", &format!("/v1/subscriptions/{id}/verify"), KEY, &json!({})).0, 200);
    active(&hub, &id);
    let path = format!("/v1/subscriptions/{id}/deliveries?dead=true&limit=200");
    let dead: BTreeSet<String> = hub.get(&path).1["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["id"].as_str().unwrap().to_owned())
        .collect();
    let committed: Vec<String> = changes(&hub).iter().map(|change| change["id"].as_str().unwrap().to_owned()).collect();
    let got = || receivers.received("down")[before..].iter().map(|received| received.id()).collect::<Vec<_>>();
    wait_for("everything else", || {
        let got: BTreeSet<_> = got().into_iter().collect();
        committed.iter().all(|id| got.contains(id) != dead.contains(id))
    });

    // a replay brings the dead, too, in order, and the list of the dead is empty after it
    let start = got().len();
    let (status, replayed) =
        hub.ask("POST", &format!("/v1/subscriptions/{id}/replay"), KEY, &json!({ "since": "2020-01-01" }));
    assert_eq!((status, &replayed["replaying"]), (200, &json!(true)), "{replayed}");
    wait_for("the replay", || got().len() >= start + 300);
    let order: Vec<_> = got()[start..].to_vec();
    let cases = |id: &String| changes_case(&hub, id);
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 300);
    for case in 0..10 {
        let of = |ids: &[String]| ids.iter().filter(|id| cases(id) == case).cloned().collect::<Vec<_>>();
        assert_eq!(of(&order), of(&committed), "the order of a case");
    }
    wait_for("no dead letter is left", || show(&hub, &id)["dead"] == 0 && show(&hub, &id)["replaying"] == false);
}

/// A number for the case of a change, the same for each of its changes.
fn changes_case(hub: &Hub, id: &str) -> usize {
    use std::sync::OnceLock;
    static CASES: OnceLock<std::collections::HashMap<String, usize>> = OnceLock::new();
    let map = CASES.get_or_init(|| {
        let mut known: Vec<String> = Vec::new();
        let number = |case: &str, known: &mut Vec<String>| {
            known.iter().position(|other| other == case).unwrap_or_else(|| {
                known.push(case.to_owned());
                known.len() - 1
            })
        };
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        changes(hub).iter().map(|c| (text(&c["id"]), number(&text(&c["case"]["id"]), &mut known))).collect()
    });
    map[id]
}
