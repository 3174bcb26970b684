//! What is refused, before it costs anything, and how: nothing of it is kept, and nothing outside a scope is told of.

use std::io::{Read, Write};

use serde_json::{Value, json};

use super::{JSON, LINES, OTHER, WORKS, count, line, project, push};
use crate::support::hub::Hub;
use crate::support::project::KEY;

/// Status and problem of a push with some credentials.
fn refused(request: reqwest::blocking::RequestBuilder) -> (u16, Value) {
    let answer = request.body(line(1, "IN", "2026-11-02")).send().unwrap();
    (answer.status().as_u16(), answer.json().unwrap())
}

#[test]
fn a_flow_outside_the_scope_answers_like_one_that_does_not_exist() {
    let hub = Hub::start(&project());
    let ask = |path: &str, key: &str| {
        let (status, mut problem) = refused(hub.request("POST", path).bearer_auth(key));
        problem.as_object_mut().unwrap().remove("instance");
        (status, problem)
    };
    let outside = ask(JSON, OTHER);
    assert_eq!((outside.0, &outside.1["code"]), (404, &json!("flow_not_found")));
    assert_eq!(outside, ask("/v1/inbound/works/nothing", OTHER));
    assert_eq!(outside, ask("/v1/inbound/wabo/receipt", WORKS), "a flow that does not receive is not there");
    assert_eq!(outside, ask(JSON, KEY), "an operator may not push");
    assert_eq!(ask("/v1/inbound/works/csv", OTHER).0, 422, "within its scope it is read, and is no CSV");
    let answer = hub.request("GET", JSON).bearer_auth(OTHER).send().unwrap();
    assert_eq!(answer.status().as_u16(), 404);
}

#[test]
fn credentials_are_a_bearer_key_or_basic_with_name_and_key() {
    let hub = Hub::start(&project());
    let post = || hub.request("POST", LINES);
    assert_eq!(refused(post().basic_auth("works", Some(WORKS))).0, 200);
    for wrong in [
        post(),
        post().bearer_auth("wrong"),
        post().basic_auth("other", Some(WORKS)),
        post().basic_auth("works", Some(OTHER)),
        post().header("authorization", "Basic !"),
        post().header("authorization", "Digest x"),
    ] {
        let (status, problem) = refused(wrong);
        assert_eq!((status, &problem["code"]), (401, &json!("credentials_missing")), "{problem}");
    }
    let answer = post().send().unwrap();
    let offered: Vec<_> = answer.headers().get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect();
    assert_eq!(offered, ["Bearer realm=\"guichet\"", "Basic realm=\"guichet\", charset=\"UTF-8\""]);
    let elsewhere = hub.request("GET", "/v1/cases").basic_auth("works", Some(WORKS)).send().unwrap();
    assert_eq!(elsewhere.status().as_u16(), 401, "basic is for pushing only");
    assert_eq!(count(&hub, "lines", "received"), 1);
}

/// A hundred megabytes from a stranger: the answer comes while next to nothing of them was sent.
#[test]
fn a_stranger_with_a_huge_body_is_refused_before_it_is_read() {
    let hub = Hub::start(&project());
    let mut socket = hub.socket();
    let head = format!("POST {LINES} HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n", 100 << 20);
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 401");
}

#[test]
fn a_body_beyond_the_bounds_of_its_flow_is_refused_whole() {
    let hub = Hub::start(&project());
    let mut socket = hub.socket();
    let head = format!(
        "POST {JSON} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {WORKS}\r\ncontent-length: {}\r\n\r\n",
        (64 << 10) + 1
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 413", "told before the body is sent");

    let orders = |count: u64| {
        let order = |n| json!({ "number": format!("W-{n}"), "state": "IN", "at": "2026-11-02" });
        json!({ "orders": (0..count).map(order).collect::<Vec<_>>() }).to_string()
    };
    let (status, problem) = push(&hub, JSON, orders(101));
    assert_eq!((status, &problem["code"]), (422, &json!("records_unreadable")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().starts_with("E278: "), "{problem}");
    assert_eq!(count(&hub, "json", "received"), 0, "all of it or nothing");
    assert_eq!(push(&hub, JSON, orders(100)).1["counts"]["applied"], 100);
}

#[test]
fn a_body_that_cannot_be_cut_is_refused_with_its_place() {
    let hub = Hub::start(&project());
    let cut = "{\"orders\": [\n {\"number\": \"W-1\", \"state\": \"IN\", \"at\": \"2026-11-02\"},\n {\"number\"";
    let (status, problem) = push(&hub, JSON, cut);
    assert_eq!((status, &problem["code"]), (422, &json!("records_unreadable")), "{problem}");
    assert_eq!(problem["line"], 3, "{problem}");
    assert_eq!(count(&hub, "json", "received"), 0, "the peer still has it");
}

#[test]
fn a_paused_flow_takes_nothing_and_says_when_to_come_again() {
    let hub = Hub::start(&project());
    let pause = hub.request("POST", "/ops/v1/flows/works/lines/pause").bearer_auth(KEY);
    assert_eq!(pause.json(&json!({ "reason": "a test" })).send().unwrap().status().as_u16(), 204);
    let answer = hub.request("POST", LINES).bearer_auth(WORKS).body(line(1, "IN", "2026-11-02")).send().unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(answer.json::<Value>().unwrap()["code"], "flow_paused");
    let resume = hub.request("POST", "/ops/v1/flows/works/lines/resume").bearer_auth(KEY).send().unwrap();
    assert_eq!(resume.status().as_u16(), 204);
    assert_eq!(push(&hub, LINES, line(1, "IN", "2026-11-02")).0, 200);
    let run = hub.request("POST", "/ops/v1/flows/works/lines/run").bearer_auth(KEY).send().unwrap();
    assert_eq!(run.status().as_u16(), 409, "there is nothing to look at");
}

#[test]
fn p5_too_much_nonsense_pauses_the_flow_and_is_kept() {
    let hub = Hub::start(&project());
    let nonsense: String = (0..10).map(|n| line(n, "NONSENSE", "2026-11-02")).collect();
    let (status, told) = push(&hub, LINES, nonsense);
    assert_eq!((status, &told["counts"]["quarantined"]), (200, &json!(10)), "what is kept is told so");
    let (status, problem) = push(&hub, LINES, line(1, "IN", "2026-11-02"));
    assert_eq!((status, &problem["code"]), (503, &json!("flow_paused")), "{problem}");
}
