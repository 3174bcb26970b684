//! Cases, their history and lists of them, as different clients see them.

use serde_json::json;

use super::{Hub, NOW, update};
use crate::model::{Audience, CaseUpdate, FlowName, Phase};

#[tokio::test]
async fn a_case_is_answered_whole_by_id_and_by_reference() {
    let hub = Hub::start().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let reference = hub.reference(row);
    let (status, case) =
        hub.get(&format!("/v1/cases/{}", reference.to_lowercase().replace('-', "%20")), "key-portal").await;
    assert_eq!(status, 200, "{case}");
    let expected = json!({
        "id": case["id"], "reference": reference, "source": "planning", "source_reference": "A-1",
        "service": "permit", "title": "case A-1",
        "status": {
            "phase": "in_progress", "source_status": { "code": "T02" },
            "wording": "Examen en cours", "wording_language": "fr",
        },
        "revision": 1, "changed_at": "2023-11-14T22:13:20Z", "observed_at": "2023-11-14T22:13:20Z",
        "sources": [{
            "source": "planning", "observed_at": "2023-11-14T22:13:15Z",
            "verified_at": "2023-11-14T22:13:20Z", "freshness": "fresh",
        }],
    });
    assert_eq!(case, expected);
    let id = case["id"].as_str().unwrap();
    assert_eq!(hub.get(&format!("/v1/cases/{id}"), "key-portal").await, (200, case));
}

#[tokio::test]
async fn only_staff_reads_what_only_staff_reads() {
    let hub = Hub::start().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let path = format!("/v1/cases/{}", hub.reference(row));
    let (_, staff) = hub.get(&path, "key-desk").await;
    assert_eq!((&staff["note"], &staff["confidentiality"]), (&json!("internal"), &json!(0)));
    let (_, party) = hub.get(&path, "key-portal").await;
    assert!(party.get("note").is_none() && party.get("confidentiality").is_none(), "{party}");
}

#[tokio::test]
async fn out_of_scope_answers_exactly_like_absent() {
    let hub = Hub::start().await;
    let mut secret = update("A-1", "permit", Phase::InProgress);
    secret.facts.confidentiality = Some(1);
    let hidden = [
        hub.reference(hub.tell("planning", 1, NOW, secret).await),
        hub.reference(hub.tell("planning", 1, NOW, update("A-2", "aid", Phase::InProgress)).await),
        hub.reference(crate::model::CaseRow(999)),
    ];
    let mut answers = Vec::new();
    for reference in hidden {
        for part in ["", "/timeline"] {
            let request = hub.request("GET", &format!("/v1/cases/{reference}{part}"), "key-portal");
            let response = request.header("x-request-id", "same").send().await.unwrap();
            let mut headers = response.headers().clone();
            headers.remove("date");
            answers.push((response.status(), headers, response.text().await.unwrap()));
        }
    }
    assert_eq!(answers[0].0, 404);
    assert!(answers[0].2.contains("case_not_found"));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(hub.get("/v1/cases", "key-portal").await.1["cases"], json!([]));
}

#[tokio::test]
async fn a_mistyped_reference_gets_a_hint() {
    let hub = Hub::start().await;
    let right = hub.reference(crate::model::CaseRow(1));
    let (body, check) = right.split_at(10);
    let wrong = if check == "0" { "1" } else { "0" };
    let (status, problem) = hub.get(&format!("/v1/cases/{body}{wrong}"), "key-portal").await;
    assert_eq!((status, &problem["code"]), (404, &json!("case_not_found")));
    assert!(problem["hint"].as_str().unwrap().contains("mistyped"), "{problem}");
    let (_, problem) = hub.get("/v1/cases/dossier-2024", "key-portal").await;
    assert!(problem["hint"].as_str().unwrap().contains("7K3M-9QXD-4"), "{problem}");
}

#[tokio::test]
async fn what_still_stands_is_not_read_again() {
    let hub = Hub::start().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let path = format!("/v1/cases/{}", hub.reference(row));
    let tag = |response: reqwest::Response| response.headers()["etag"].to_str().unwrap().to_owned();
    let ask = |key: &'static str, given: &str, lang: &'static str| {
        let request = hub.request("GET", &path, key).header("if-none-match", given).header("accept-language", lang);
        async move { request.send().await.unwrap() }
    };
    let first = tag(ask("key-portal", "W/\"nothing\"", "fr").await);
    let again = ask("key-portal", &format!("\"other\", {first}"), "fr").await;
    assert_eq!((again.status().as_u16(), tag(again)), (304, first.clone()));

    assert_eq!(ask("key-portal", &first, "en").await.status(), 200, "another language");
    assert_eq!(ask("key-desk", &first, "fr").await.status(), 200, "another audience");
    hub.board.update(&FlowName::new("planning", "cases"), |status| status.verified_at = Some(NOW - 61_000_000));
    let stale = ask("key-portal", &first, "fr").await;
    assert_eq!(stale.status(), 200, "a source went stale");
    let second = tag(stale);
    hub.tell("planning", 2, NOW, update("A-1", "permit", Phase::Decided)).await;
    assert_eq!(ask("key-portal", &second, "fr").await.status(), 200, "another revision");
}

#[tokio::test]
async fn a_tag_of_one_client_opens_nothing_to_another() {
    let hub = Hub::start().await;
    let row = hub.tell("planning", 1, NOW, update("A-2", "aid", Phase::InProgress)).await;
    let path = format!("/v1/cases/{}", hub.reference(row));
    let seen = hub.request("GET", &path, "key-desk").send().await.unwrap();
    let tag = seen.headers()["etag"].clone();
    let other = hub.request("GET", &path, "key-portal").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn the_timeline_has_every_status_and_knows_what_was_known_when() {
    let hub = Hub::start().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::Received)).await;
    let facts = CaseUpdate { status: None, ..update("A-1", "permit", Phase::Received) };
    hub.tell("planning", 2, NOW + 1, facts).await;
    let mut internal = update("A-1", "permit", Phase::InProgress);
    internal.status.as_mut().unwrap().audience = Audience::Staff;
    hub.tell("planning", 3, NOW + 86_400_000_000, internal).await;
    hub.tell("planning", 4, NOW + 2 * 86_400_000_000, update("A-1", "permit", Phase::Decided)).await;
    let path = format!("/v1/cases/{}/timeline", hub.reference(row));

    let (_, staff) = hub.get(&path, "key-desk").await;
    let shown = |timeline: &serde_json::Value| -> Vec<String> {
        let entries = timeline["entries"].as_array().unwrap().iter();
        entries
            .map(|e| format!("{} {} {}", e["sequence"], e["phase"].as_str().unwrap(), e["standing"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(shown(&staff), ["1 received passed", "2 in_progress passed", "3 decided head"]);
    assert!(staff["entries"][0]["record"].is_i64());
    assert_eq!(staff["entries"][0]["mapping"], "permits@3");
    let (_, party) = hub.get(&path, "key-portal").await;
    assert_eq!(shown(&party), ["1 received passed", "2 decided head"]);
    assert!(party["entries"][0].get("record").is_none());
    let (_, then) = hub.get(&format!("{path}?as_of=2023-11-14"), "key-desk").await;
    assert_eq!(shown(&then), ["1 received head"]);
    assert_eq!(then["as_of"], "2023-11-14T23:59:59.999999Z");
}

#[tokio::test]
async fn lists_are_paged_by_cursors_of_their_own() {
    let hub = Hub::start().await;
    for n in 0..5 {
        hub.tell("planning", 1, NOW + n, update(&format!("A-{n}"), "permit", Phase::InProgress)).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/cases?limit=2".to_owned();
    loop {
        let (status, page) = hub.get(&path, "key-portal").await;
        assert_eq!(status, 200, "{page}");
        seen.extend(page["cases"].as_array().unwrap().iter().map(|case| case["source_reference"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        let (status, problem) = hub.get(&format!("/v1/cases?phase=closed&cursor={next}"), "key-portal").await;
        assert_eq!((status, &problem["code"]), (400, &json!("cursor_invalid")), "another filter");
        assert_eq!(hub.get(&format!("/v1/cases?cursor={next}"), "key-desk").await.0, 400, "another client");
        path = format!("/v1/cases?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["A-4", "A-3", "A-2", "A-1", "A-0"]);
}

#[tokio::test]
async fn a_failing_source_never_looks_like_no_cases() {
    let hub = Hub::start().await;
    hub.board.update(&FlowName::new("planning", "cases"), |status| status.failures = 1);
    hub.board.update(&FlowName::new("tax", "bills"), |_| {});
    let (_, page) = hub.get("/v1/cases", "key-portal").await;
    assert_eq!(page["cases"], json!([]));
    let states: Vec<_> =
        page["sources"].as_array().unwrap().iter().map(|s| (s["source"].clone(), s["state"].clone())).collect();
    assert_eq!(states, [(json!("planning"), json!("failed")), (json!("tax"), json!("stale"))]);
    let (_, sources) = hub.get("/v1/sources", "key-portal").await;
    assert_eq!(sources["sources"][0]["title"]["fr"], "Urbanisme");
    assert_eq!(sources["sources"][1]["freshness"], "unknown");
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_what_was_meant() {
    let hub = Hub::start().await;
    for (query, hint) in [
        ("fase=closed", "did you mean `phase`?"),
        ("phase=close", "did you mean `closed`?"),
        ("limit=201", "write 1 to 200"),
        ("updated_since=yesterday", "write `2026-11-23`"),
        ("phase=closed&phase=closed", "give it once"),
    ] {
        let (status, problem) = hub.get(&format!("/v1/cases?{query}"), "key-portal").await;
        assert_eq!((status, &problem["code"]), (400, &json!("query_invalid")), "{query}");
        assert!(problem["hint"].as_str().unwrap().starts_with(hint), "{query}: {problem}");
    }
    assert_eq!(hub.get("/v1/cases?limit=many", "key-portal").await.0, 400);
}

#[tokio::test]
async fn search_finds_by_native_reference_and_locates_mistakes_in_its_body() {
    let hub = Hub::start().await;
    hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let (_, found) = hub.post("/v1/cases/search", "key-portal", &json!({ "reference": "A-1" })).await;
    assert_eq!(found["cases"][0]["source_reference"], "A-1");
    let (status, problem) = hub.post("/v1/cases/search", "key-portal", &json!({})).await;
    assert_eq!((status, &problem["code"]), (422, &json!("body_invalid")));

    let send = |body: &'static str, kind: &'static str| {
        let request = hub.request("POST", "/v1/cases/search", "key-portal").header("content-type", kind).body(body);
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<serde_json::Value>().await.unwrap())
        }
    };
    let (status, problem) = send("{\n  \"adress\": \"x\"}", "application/json").await;
    assert_eq!((status, &problem["line"], &problem["column"]), (422, &json!(2), &json!(10)), "{problem}");
    let (status, problem) = send("{\n  oops", "application/json").await;
    assert_eq!((status, &problem["code"], &problem["line"]), (400, &json!("body_not_json"), &json!(2)));
    assert_eq!(send("x=1", "application/x-www-form-urlencoded").await.0, 415);
}

#[tokio::test]
async fn the_catalogue_is_open_where_a_service_says_so() {
    let hub = Hub::start().await;
    let codes = |answer: &serde_json::Value| -> Vec<String> {
        answer["services"].as_array().unwrap().iter().map(|s| s["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&hub.get("/v1/services", "").await.1), ["permit"]);
    assert_eq!(codes(&hub.get("/v1/services", "key-desk").await.1), ["aid", "permit"]);
    assert_eq!(hub.get("/v1/services/permit", "").await.1["wording"][0]["text"]["fr"], "Examen en cours");
    let (hidden, absent) = (hub.get("/v1/services/aid", "").await, hub.get("/v1/services/nothing", "").await);
    assert_eq!((hidden.0, &hidden.1["detail"]), (404, &absent.1["detail"]));
    assert_eq!(hub.get("/v1/services", "key-wrong").await.0, 401);
}
