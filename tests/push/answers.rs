//! What a peer is told: per record, in the order of what it sent, and only of what is committed.

use std::io::Write;

use serde_json::{Value, json};

use super::{JSON, LINES, WORKS, count, line, project, push};
use crate::support::hub::Hub;

#[test]
fn every_record_of_json_is_told_how_it_ended() {
    let hub = Hub::start(&project());
    let body = "{\"orders\": [\n {\"number\": \"W-1\", \"state\": \"IN\", \"at\": \"2026-11-02\"},\n \
                {\"number\": \"W-2\", \"state\": \"LOST\", \"at\": \"2026-11-02\"},\n \
                {\"number\": \"W-2\", \"state\": \"DONE\", \"at\": \"2026-11-03\"},\n \
                {\"number\": \"W-1\", \"state\": \"DONE\", \"at\": \"2026-11-04\"},\n \
                {\"number\": \"W-1\", \"state\": \"WORK\", \"at\": \"2026-11-03\"}\n]}";
    let (status, told) = push(&hub, JSON, body);
    assert_eq!(status, 200, "{told}");
    let results = told["results"].as_array().unwrap();
    let ended: Vec<_> = results.iter().map(|result| result["result"].as_str().unwrap()).collect();
    assert_eq!(ended, ["applied", "quarantined", "parked", "applied", "superseded"], "{told}");
    assert_eq!(results.iter().map(|result| result["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    let issue = &results[1]["issue"];
    assert_eq!(issue["code"], "E042", "{issue}");
    assert!(issue["place"].as_str().unwrap().contains(":3:2 `state`"), "{issue}");
    assert!(issue["hint"].is_string(), "{issue}");
    assert_eq!(
        told["counts"],
        json!({ "received": 5, "applied": 2, "duplicate": 0, "superseded": 1, "quarantined": 1, "parked": 1 })
    );
    let cases = hub.histories("&source=works");
    assert_eq!((cases.len(), cases["W-1"].head.as_str(), cases["W-1"].entries.len()), (1, "DONE", 3));
    let (_, held) = hub.get("/ops/v1/quarantine?source=works&flow=json");
    assert_eq!(held["held"].as_array().unwrap().len(), 2, "what is held is kept: {held}");
}

#[test]
fn i2_the_same_body_twice_is_applied_once() {
    let hub = Hub::start(&project());
    let body = line(1, "IN", "2026-11-02") + &line(2, "BROKEN", "2026-11-02");
    let (_, first) = push(&hub, LINES, body.clone());
    let (status, again) = push(&hub, LINES, body);
    let ended = |told: &Value| {
        let results = told["results"].as_array().unwrap().iter();
        results.map(|result| result["result"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((status, ended(&first)), (200, vec!["applied".to_owned(), "quarantined".to_owned()]));
    assert_eq!(ended(&again), ["duplicate", "quarantined"], "still held, and said so: {again}");
    assert_eq!(hub.histories("&source=works")["W-1"].entries.len(), 1);
    assert_eq!((count(&hub, "lines", "received"), count(&hub, "lines", "quarantined")), (4, 1));
}

#[test]
fn of_csv_the_counts_are_told_and_what_is_held() {
    let hub = Hub::start(&project());
    let (status, told) =
        push(&hub, "/v1/inbound/works/csv", "number,state,at\nW-1,IN,2026-11-02\nW-2,?,2026-11-02\nW-3,DONE\n");
    assert_eq!((status, &told["counts"]["applied"], &told["counts"]["quarantined"]), (200, &json!(1), &json!(2)));
    let results = told["results"].as_array().unwrap();
    let lines: Vec<_> = results.iter().map(|result| result["line"].as_u64().unwrap()).collect();
    assert_eq!((lines, results[1]["issue"]["code"].as_str()), (vec![3, 4], Some("E110")), "{told}");
}

#[test]
fn a_gzip_body_is_unpacked_and_a_bomb_is_not() {
    let hub = Hub::start(&project());
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let send = |body: Vec<u8>, encoding: &str| {
        let request = hub.request("POST", LINES).bearer_auth(WORKS).header("content-encoding", encoding).body(body);
        let answer = request.send().unwrap();
        (answer.status().as_u16(), answer.json::<Value>().unwrap())
    };
    let (status, told) = send(packed(line(1, "IN", "2026-11-02").as_bytes()), "gzip");
    assert_eq!((status, &told["counts"]["applied"]), (200, &json!(1)), "{told}");
    let (status, problem) = send(packed(&vec![b'\n'; 3 << 20]), "gzip");
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")), "{problem}");
    assert_eq!(send(b"not packed".to_vec(), "gzip").0, 400);
    assert_eq!(send(b"{}".to_vec(), "br").0, 415);
}

#[test]
fn i1_killed_between_commit_and_answer_and_sent_again_counts_once() {
    let project = project();
    let body = line(7, "IN", "2026-11-02");
    {
        let hub = Hub::start_with(&project, &[("GUICHET_FAIL", "before-ack:1")]);
        let lost = hub.request("POST", LINES).bearer_auth(WORKS).body(body.clone()).send();
        assert!(lost.is_err(), "the hub died before it could answer");
    }
    let hub = Hub::start(&project);
    assert_eq!(hub.histories("&source=works")["W-7"].entries.len(), 1, "it was committed");
    let (status, told) = push(&hub, LINES, body);
    assert_eq!((status, &told["results"][0]["result"]), (200, &json!("duplicate")));
    assert_eq!(hub.histories("&source=works")["W-7"].entries.len(), 1);
    let (_, changes) = hub.get("/v1/changes?after=0&limit=200");
    let of_cases = changes["changes"].as_array().unwrap().iter().filter(|change| change["case"].is_object());
    assert_eq!(of_cases.count(), 1, "one change of one case: {changes}");
}

#[test]
fn a_push_is_a_sign_of_life_and_silence_is_told() {
    let project = project();
    let age = "[flows.lines]\nfreshness = { max_age = \"1s\" }";
    project.edit("config/sources/works.toml", "[flows.lines]", age);
    let hub = Hub::start(&project);
    let freshness = || {
        let (_, flows) = hub.get("/ops/v1/flows");
        let flows = flows["flows"].as_array().unwrap().clone();
        flows.iter().find(|flow| flow["flow"] == "lines").unwrap()["freshness"].as_str().unwrap().to_owned()
    };
    assert_eq!(freshness(), "unknown", "it never said anything");
    let (status, told) = push(&hub, LINES, "");
    assert_eq!((status, &told["counts"]["received"]), (200, &json!(0)), "nothing new is said too: {told}");
    assert_ne!(freshness(), "unknown");
    hub.until("silence beyond `max_age` to be called stale", || freshness() == "stale");
}
