//! Settings and requests: what is refused, and what goes over the wire.

#![allow(clippy::unwrap_used)]

use guichet_http::header::HeaderMap;
use guichet_http::list::{At, Run};
use guichet_http::{Answer, StatusCode};
use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{FlowSettings, Format, Issue};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::config::{Intake, check};
use crate::wire;

fn checked(more: Value) -> Result<Intake, Vec<Issue>> {
    let mut settings = json!({ "base_url": "https://permits.example.org/api/", "path": "/cases.json" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let shape = Shape::Json { record: "cases".to_owned() };
    let format = Format { shape, encoding: "auto".to_owned(), limits: Limits::default() };
    check(FlowSettings { source: "permits".into(), flow: "cases".into(), settings, format, base: "/srv".into() })
}

fn paths(more: Value) -> Vec<String> {
    let issues = checked(more).err().unwrap();
    issues.into_iter().map(|issue| issue.place.path.unwrap()).collect()
}

#[test]
fn every_problem_at_once() {
    let found = paths(json!({
        "base_url": "permits.example.org",
        "path": "",
        "headers": { "Authorization": "Bearer x" },
        "body": {},
        "concurrency": 0,
        "query": { "p": "{page}" },
        "page": { "by": "cursor", "path": "" },
        "detail": { "path": "/cases/all" },
        "since": { "filter": true, "tz": "Mars/Base" },
    }));
    assert_eq!(
        found,
        ["concurrency", "base_url", "path", "headers", "body", "since", "since", "page", "detail", "query"]
    );
    assert_eq!(paths(json!({ "pth": "/x", "method": "PUT", "query": { "a": "{b}" } })), ["pth", "method", "query"]);
}

#[test]
fn bindings_need_something_to_hold_and_paging_a_place_to_stand() {
    assert_eq!(paths(json!({ "query": { "s": "{since}" } })), ["query"]);
    assert_eq!(paths(json!({ "page": { "by": "offset" } })), ["query"]);
    assert_eq!(paths(json!({ "since": { "path": "changed" } })), ["since"]);
    assert_eq!(paths(json!({ "query": { "s": "{since}" }, "since": { "path": "t", "format": "%H:%M" } })), ["since"]);
    assert_eq!(paths(json!({ "query": { "s": "{since}" }, "since": { "path": "t", "start": "soon" } })), ["since"]);
    assert!(checked(json!({ "since": { "path": "changed", "filter": true } })).is_ok());
}

#[test]
fn a_first_pull_leaves_out_what_has_no_value() {
    let intake = checked(json!({
        "query": { "since": ">={since}", "offset": "{offset}", "limit": 100 },
        "page": { "by": "offset" },
        "since": { "path": "changed" },
    }))
    .unwrap();
    let asked = |since| wire::list_call(&intake, since, &At::Offset(200)).unwrap().url.to_string();
    assert_eq!(asked(None), "https://permits.example.org/api/cases.json?limit=100&offset=200");
    assert!(asked(Some("2026-11-24T12:00:00Z")).ends_with("&since=%3E%3D2026-11-24T12%3A00%3A00Z"));
}

#[test]
fn searches_carry_numbers_as_numbers() {
    let body = json!({ "filter": { "from": "{since}", "kind": ["permit"] }, "page": "{page}", "note": "page {page}" });
    let intake =
        checked(json!({ "method": "post", "body": body, "page": { "by": "page" }, "since": { "path": "changed" } }));
    let call = wire::list_call(&intake.unwrap(), None, &At::Number(3)).unwrap();
    let sent: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(sent, json!({ "filter": { "kind": ["permit"] }, "page": 3, "note": "page 3" }));
    assert!(call.repeatable, "a search changes nothing");
}

#[test]
fn link_headers_are_read_as_written() {
    let intake = checked(json!({ "page": { "by": "link" } })).unwrap();
    let next = |link: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("link", link.parse().unwrap());
        let body = "{\"cases\":[]}".into();
        let url = intake.base_url.clone();
        let answer = Answer { about: "GET /".into(), url, status: StatusCode::OK, headers, body, empty: false };
        wire::read_page(&intake, &answer, &Run::new(jiff::Timestamp::UNIX_EPOCH, At::First)).unwrap().next
    };
    let found = Some(At::Url("/b?x=1,2".to_owned()));
    assert_eq!(next("</a>; rel=\"prev\", </b?x=1,2>; rel=\"next\""), found);
    assert_eq!(next("</b?x=1,2>; title=\"next page\"; rel=\"last next\", </c>; rel=last"), found);
    assert_eq!(next("</b?x=1,2>; REL=next"), found);
    assert_eq!(next("</b>; rel=prev"), None);
    assert_eq!(next("</b"), None);
}

proptest! {
    #[test]
    fn an_id_is_one_segment_or_nothing(id in any::<String>()) {
        let intake = checked(json!({ "detail": { "path": "/cases/{id}/full.json", "query": { "key": "{id}" } } })).unwrap();
        let details = intake.detail.as_ref().unwrap();
        match wire::detail_call(&intake, details, &id) {
            Err(_) => prop_assert!(matches!(id.as_str(), "" | "." | "..")),
            Ok(call) => {
                let segments: Vec<_> = call.url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 4, "{}", call.url);
                prop_assert_eq!((segments[0], segments[1], segments[3]), ("api", "cases", "full.json"));
                let pairs: Vec<_> = call.url.query_pairs().collect();
                prop_assert_eq!(pairs.len(), 1);
                prop_assert_eq!(&*pairs[0].1, id.as_str());
            }
        }
    }
}
