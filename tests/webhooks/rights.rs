//! Who is told what: scopes, filters, ownership, and receivers the hub may not send to.

use serde_json::json;

use crate::city::{active, ask_for, changes, city, say, show, subscribe};
use crate::receiver::{Manner, Receivers, wait_for};
use crate::support::hub::Hub;
use crate::support::project::KEY;

#[test]
fn a_client_is_told_what_it_may_see_and_asked_for() {
    let (project, receivers) = (city(""), Receivers::start());
    let hub = Hub::start(&project);
    let (portal, _) = subscribe(&hub, "portal", &receivers.url("portal"), json!({}));
    let filters = json!({ "services": ["permit"], "types": ["case.status_changed"], "phases": ["in_progress"] });
    let (filtered, _) = subscribe(&hub, KEY, &receivers.url("filtered"), filters);
    let (all, _) = subscribe(&hub, KEY, &receivers.url("all"), json!({}));
    for number in 0..3 {
        say(&project, number, 10);
        wait_for("all of the round", || receivers.count("all") == 10 * (number + 1));
    }
    wait_for("what is within the scope", || receivers.count("portal") == 15);
    wait_for("what was asked for", || receivers.count("filtered") == 5);
    // what comes after proves that nothing else was on its way
    say(&project, 3, 10);
    wait_for("the next round", || receivers.count("portal") == 20 && receivers.count("all") == 40);
    for received in receivers.received("portal") {
        assert_eq!(received.event()["data"]["case"]["service"], "permit");
    }
    for received in receivers.received("filtered") {
        let event = received.event();
        assert_eq!(
            (&event["type"], &event["data"]["case"]["phase"]),
            (&json!("case.status_changed"), &json!("in_progress"))
        );
    }
    let path = |id: &str| format!("/v1/subscriptions/{id}");
    assert_eq!(hub.ask("GET", &path(&all), "portal", &json!(null)).0, 404, "another client's");
    assert_eq!(hub.ask("GET", &path(&portal), "portal", &json!(null)).0, 200);
    assert_eq!(hub.ask("DELETE", &path(&filtered), "portal", &json!(null)).0, 404);
    let (_, own) = hub.ask("GET", "/v1/subscriptions", "portal", &json!(null));
    assert_eq!(own["subscriptions"].as_array().unwrap().len(), 1);
    assert_eq!(hub.ask("DELETE", &path(&filtered), KEY, &json!(null)).0, 204);
    assert_eq!(hub.get(&path(&filtered)).0, 404);

    // the scope of today counts: a client that is gone is told nothing, and one that sees less is told less
    drop(hub);
    project.edit("config/guichet.toml", "services = [\"permit\"]", "services = [\"aid\"]");
    let hub = Hub::start(&project);
    say(&project, 4, 10);
    wait_for("the round after", || receivers.count("portal") == 25);
    let aid = receivers.received("portal").into_iter().filter(|r| r.event()["data"]["case"]["service"] == "aid");
    assert_eq!(aid.count(), 5);
    assert_eq!(changes(&hub).len(), 50);
}

#[test]
fn receivers_the_hub_may_not_send_to_are_refused_in_every_spelling() {
    let (project, receivers) = (city(""), Receivers::start());
    let hub = Hub::start(&project);
    for url in [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://0xa.1/",
        "https://167772161/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "http://hooks.example/",
        "ftp://127.0.0.1/",
        "https://user:pass@hooks.example/",
        "/relative",
    ] {
        let (status, problem) = hub.ask("POST", "/v1/subscriptions", KEY, &json!({ "url": url }));
        assert_eq!((status, &problem["code"]), (422, &json!("receiver_refused")), "{url}: {problem}");
    }
    for filters in [
        json!({ "services": ["nothing"] }),
        json!({ "sources": ["nothing"] }),
        json!({ "types": ["case.x"] }),
        json!({ "party": "x" }),
    ] {
        let (status, problem) =
            hub.ask("POST", "/v1/subscriptions", KEY, &json!({ "url": receivers.url("x"), "filters": filters }));
        assert_eq!((status, &problem["code"]), (422, &json!("body_invalid")), "{filters}: {problem}");
    }
    // a name is checked where it is connected to: this one leads to this host, which is listed by address only
    let url = format!("https://localhost:{}/named", receivers.port);
    let (id, _) = ask_for(&hub, KEY, &url, json!({}));
    wait_for("a failed challenge", || show(&hub, &id)["reason"].is_string());
    assert_eq!(show(&hub, &id)["state"], "pending");
}

#[test]
fn a_receiver_that_is_gone_is_disabled_and_comes_back_where_it_stood() {
    let (project, receivers) = (city(""), Receivers::start());
    let hub = Hub::start(&project);
    let (id, _) = subscribe(&hub, KEY, &receivers.url("gone"), json!({}));
    receivers.behave("gone", Manner::Status(410));
    say(&project, 0, 5);
    wait_for("it is disabled", || show(&hub, &id)["state"] == "disabled");
    assert!(show(&hub, &id)["reason"].as_str().unwrap().contains("410"));
    receivers.behave("gone", Manner::Good);
    say(&project, 1, 5);
    let before = receivers.count("gone");
    assert_eq!(hub.ask("POST", &format!("/v1/subscriptions/{id}/verify"), KEY, &json!({})).0, 200);
    active(&hub, &id);
    let all = || changes(&hub).iter().map(|change| change["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    wait_for("everything since", || {
        let got: Vec<_> = receivers.received("gone")[before..].iter().map(|received| received.id()).collect();
        let all = all();
        all.len() == 10 && all.iter().all(|id| got.contains(id))
    });
}
