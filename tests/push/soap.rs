//! Envelopes that a peer pushes: a success is only said of what is committed, and the rest is a fault in its own words.

use reqwest::blocking::Response;
use serde_json::json;

use super::{OTHER, WORKS, project};
use crate::support::hub::Hub;
use crate::support::project::KEY;

const STATUS: &str = "/v1/inbound/notices/status";

/// An envelope with a status of an order.
fn envelope(version: &str, number: u32, state: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{version}\"><s:Body>\n<Status xmlns=\"urn:city:works\"><number>N-{number}</number>\
         <state>{state}</state><at>2026-11-02</at></Status></s:Body></s:Envelope>"
    )
}

const S11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const S12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// Sends with HTTP basic, as old systems do.
fn send(hub: &Hub, key: &str, body: String) -> Response {
    let request = hub.request("POST", STATUS).basic_auth("works", Some(key)).header("content-type", "text/xml");
    request.body(body).send().unwrap()
}

/// Status and text.
fn told(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().unwrap())
}

#[test]
fn an_envelope_is_committed_and_answered_in_its_version() {
    let hub = Hub::start(&project());
    for (version, number) in [(S11, 1), (S12, 2)] {
        let answer = send(&hub, WORKS, envelope(version, number, "DONE"));
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let (status, text) = told(answer);
        assert_eq!(status, 200, "{text}");
        assert!(text.contains(version) && text.contains("<kept>1</kept><held>0</held>"), "{text}");
        assert_eq!(kind.starts_with("application/soap+xml"), version == S12, "{kind}");
    }
    let (status, text) = told(send(&hub, WORKS, envelope(S11, 1, "DONE")));
    assert!(status == 200 && text.contains("<kept>1</kept>"), "sent again: {text}");
    let (_, text) = told(send(&hub, WORKS, envelope(S11, 3, "NONSENSE")));
    assert!(text.contains("<kept>1</kept><held>1</held>"), "kept in quarantine is kept: {text}");
    let cases = hub.histories("&source=notices");
    assert_eq!(cases.len(), 2);
    assert!(cases.values().all(|case| case.head == "DONE" && case.entries.len() == 1), "{cases:?}");
}

#[test]
fn what_is_not_taken_is_a_fault_and_nothing_is_kept() {
    let hub = Hub::start(&project());
    let cut = envelope(S11, 1, "IN").replace("</s:Envelope>", "");
    let (status, text) = told(send(&hub, WORKS, cut));
    assert!(status == 500 && text.contains("s:Client") && text.contains("<g:line>2</g:line>"), "{text}");
    let (status, text) = told(send(&hub, WORKS, format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", envelope(S12, 1, "IN"))));
    assert!(status == 500 && text.contains("E123"), "{text}");
    let other = envelope(S12, 1, "IN").replace("Status", "Other");
    let (status, text) = told(send(&hub, WORKS, other));
    assert!(status == 400 && text.contains("s:Sender") && text.contains("E280"), "{text}");

    let pause = hub.request("POST", "/ops/v1/flows/notices/status/pause").bearer_auth(KEY);
    assert_eq!(pause.json(&json!({ "reason": "a test" })).send().unwrap().status().as_u16(), 204);
    let answer = send(&hub, WORKS, envelope(S11, 1, "IN"));
    assert!(answer.headers().contains_key("retry-after"));
    let (status, text) = told(answer);
    assert!(status == 503 && text.contains("s:Server") && text.contains("E279"), "{text}");
    assert_eq!(hub.cases("&source=notices").len(), 0);
}

#[test]
fn the_wsdl_is_told_to_whoever_may_push() {
    let hub = Hub::start(&project());
    let ask = |key: &str| {
        let answer = hub.request("GET", &format!("{STATUS}?wsdl")).basic_auth("works", Some(key)).send().unwrap();
        told(answer)
    };
    let (status, text) = ask(WORKS);
    assert!(status == 200 && text.contains("location=\"http://127.0.0.1:") && text.contains(STATUS), "{text}");
    assert_eq!(ask("wrong").0, 401);
    let outside = hub.request("GET", &format!("{STATUS}?wsdl")).bearer_auth(OTHER).send().unwrap();
    assert_eq!(outside.status().as_u16(), 404);
    let none = hub.request("GET", "/v1/inbound/works/json?wsdl").bearer_auth(WORKS).send().unwrap();
    assert_eq!(none.status().as_u16(), 404);
}
