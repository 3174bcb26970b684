//! Settings and requests: what is refused, and what goes over the wire.

#![allow(clippy::unwrap_used)]

use guichet_http::list::At;
use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{FlowSettings, Format, Issue};
use serde_json::{Value, json};

use crate::config::{Intake, check};
use crate::wire;

fn checked(more: Value) -> Result<Intake, Vec<Issue>> {
    let mut settings = json!({
        "url": "https://planning.example.org/Cases.svc",
        "action": "urn:p/List",
        "body": "<List xmlns='urn:p'/>",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let shape = Shape::Xml { record: "case".to_owned(), namespaces: Vec::new(), raw: Vec::new() };
    let format = Format { shape, encoding: "auto".to_owned(), limits: Limits::default() };
    check(FlowSettings { source: "planning".into(), flow: "cases".into(), settings, format, base: "/srv".into() })
}

fn paths(more: Value) -> Vec<String> {
    let issues = checked(more).err().unwrap();
    issues.into_iter().map(|issue| issue.place.path.unwrap()).collect()
}

#[test]
fn every_problem_at_once() {
    let found = paths(json!({
        "url": "planning.example.org",
        "concurrency": 0,
        "faults": [{ "means": "ok" }],
        "headers": { "Authorization": "Bearer x", "Content-Type": "text/xml" },
        "content_type": "\n",
        "security": { "user": "hub", "expires": "0s" },
        "addressing": {},
        "action": null,
        "body": "<List><a></List>",
        "since": { "path": "", "tz": "Mars/Base" },
        "page": { "by": "cursor", "path": "" },
        "detail": { "body": "<Get/>" },
    }));
    let expected = [
        "concurrency",
        "faults[0]",
        "url",
        "headers",
        "headers",
        "content_type",
        "security",
        "addressing",
        "body",
        "since",
        "since",
        "page",
        "detail",
    ];
    assert_eq!(found, expected);
    assert_eq!(paths(json!({ "bdy": "<a/>", "version": "1.3" })), ["bdy", "version"]);
    assert_eq!(paths(json!({ "body": null })), ["body"]);
    let issues = checked(json!({ "body": "<List>\n  <a>{sinc}</a></List>" })).err().unwrap();
    assert!(issues[0].message.starts_with("line 2, column 6 of the body: "), "{}", issues[0]);
}

#[test]
fn bindings_need_something_to_hold_and_paging_a_place_to_stand() {
    assert_eq!(paths(json!({ "body": "<l>{since}</l>" })), ["body"]);
    assert_eq!(paths(json!({ "page": { "by": "offset" } })), ["body"]);
    assert_eq!(paths(json!({ "since": { "path": "changed" } })), ["since"]);
    assert!(checked(json!({ "since": { "path": "changed", "filter": true } })).is_ok());
    assert!(checked(json!({ "body": "<l n='{size}'>{page}</l>", "page": { "by": "page", "size": 10 } })).is_ok());
}

#[test]
fn a_password_does_not_travel_in_the_open() {
    let text = json!({ "user": "hub", "password": { "env": "P" }, "type": "text" });
    assert_eq!(paths(json!({ "url": "http://planning.example.org/", "security": text })), ["security"]);
    assert!(checked(json!({ "security": text })).is_ok());
    assert!(checked(json!({ "url": "http://127.0.0.1:8080/", "security": text })).is_ok());
}

#[test]
fn the_action_travels_as_the_peer_wants_it() {
    let sent = |more: Value| {
        let call = wire::list_call(&checked(more).unwrap(), None, &At::First);
        let header = |name: &str| call.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        (header("content-type").unwrap(), header("soapaction"))
    };
    let quoted = Some("\"urn:p/List\"".to_owned());
    assert_eq!(sent(json!({})), ("text/xml; charset=utf-8".to_owned(), quoted));
    assert_eq!(sent(json!({ "action_written": "bare" })).1.as_deref(), Some("urn:p/List"));
    assert_eq!(sent(json!({ "action_written": "empty" })).1.as_deref(), Some("\"\""));
    assert_eq!(sent(json!({ "action_written": "absent" })).1, None);
    assert_eq!(sent(json!({ "action": null })).1.as_deref(), Some("\"\""));
    let soap12 = "application/soap+xml; charset=utf-8; action=\"urn:p/List\"";
    assert_eq!(sent(json!({ "version": "1.2" })), (soap12.to_owned(), None));
    assert!(!sent(json!({ "version": "1.2", "action_written": "absent" })).0.contains("action"));
    assert_eq!(sent(json!({ "content_type": "text/xml" })).0, "text/xml");
}

#[test]
fn a_first_pull_leaves_out_what_has_no_value() {
    let body = "<List xmlns='urn:p'><since>{since}</since><page>{page}</page></List>";
    let intake = checked(json!({ "body": body, "page": { "by": "page" }, "since": { "path": "changed" } })).unwrap();
    let asked = |since| String::from_utf8(wire::list_call(&intake, since, &At::Number(3)).body.to_vec()).unwrap();
    assert_eq!(asked(None), "<List xmlns='urn:p'><page>3</page></List>");
    assert!(asked(Some("<2026>")).contains("<since>&lt;2026&gt;</since>"));
    let call = wire::list_call(&intake, None, &At::Number(1));
    assert!(call.repeatable && &*call.about == "List /Cases.svc", "{}", call.about);
}

#[test]
fn an_id_leads_to_its_detail_or_nowhere() {
    let detail = json!({ "body": "<Get xmlns='urn:p'><n>{id}</n></Get>", "action": "urn:p/Get", "record": "one" });
    let intake = checked(json!({ "detail": detail })).unwrap();
    let details = intake.detail.as_ref().unwrap();
    let call = wire::detail_call(&intake, details, "a&b").unwrap();
    assert_eq!((&call.body[..], &*call.about), (&b"<Get xmlns='urn:p'><n>a&amp;b</n></Get>"[..], "Get a&b"));
    assert!(wire::detail_call(&intake, details, " ").is_err());
}
