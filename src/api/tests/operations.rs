//! What operators see and do; health and metrics; why a case has its status.

use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::{
    BreakerLook, BreakerState, BreakerView, CertificateLook, CertificateOf, CertificateView, Code, Issue,
};
use serde_json::json;

use super::{Hub, NOW, update};
use crate::model::{CaseUpdate, FlowName, Phase};
use crate::store::{QuarantineRow, Store};

#[tokio::test]
async fn a_status_is_explained_from_its_record_on() {
    let hub = Hub::start().await;
    let row = hub.tell("planning", 7, NOW, update("A-1", "permit", Phase::InProgress)).await;
    hub.tell("planning", 8, NOW, CaseUpdate { status: None, ..update("A-1", "permit", Phase::InProgress) }).await;
    hub.refuse("planning", "A-1", "A-1;T99").await;
    hub.refuse("tax", "A-1", "A-1;T99").await;
    let (status, why) = hub.get(&format!("/v1/cases/{}/explain", hub.reference(row)), "key-desk").await;
    assert_eq!(status, 200, "{why}");
    assert_eq!(
        why["said"][0],
        json!({
            "record": {
                "record": why["said"][0]["record"]["record"], "flow": "planning/cases", "name": "cases.csv", "line": 42, "position": 41,
                "received_at": "2023-11-14T22:13:20Z", "source_reference": "A-1",
            },
            "mapping": "permits@3", "order": "version", "source_status": { "code": "T02" },
            "canonical": { "phase": "in_progress" },
            "standing": "head", "because": "it is the latest in the order of its flow",
        })
    );
    assert_eq!(why["said"][1]["because"], "it states facts only and moves no status");
    assert_eq!(why["wording"], "Examen en cours");
    assert_eq!(why["held"].as_array().unwrap().len(), 1, "of this source only");
    assert_eq!(why["held"][0]["issues"][0]["place"], "cases.csv:42:5 `etat`");
}

#[tokio::test]
async fn flows_are_shown_and_commanded() {
    let hub = Hub::start().await;
    let (_, flows) = hub.get("/ops/v1/flows", "key-ops").await;
    assert_eq!((&flows["flows"][0]["state"], &flows["flows"][0]["freshness"]), (&json!("starting"), &json!("fresh")));
    let path = "/ops/v1/flows/planning/cases";
    assert_eq!(hub.post(&format!("{path}/pause"), "key-ops", &json!({ "reason": "wrong codes" })).await.0, 204);
    assert_eq!(hub.post(&format!("{path}/pause"), "key-ops", &json!({ "reason": " " })).await.0, 422);
    assert_eq!(hub.post(&format!("{path}/resume"), "key-ops", &json!(null)).await.0, 204);
    assert_eq!(hub.post(&format!("{path}/run"), "key-ops", &json!(null)).await.0, 202);
    let (status, problem) = hub.post("/ops/v1/flows/planning/none/run", "key-ops", &json!(null)).await;
    assert_eq!((status, &problem["code"]), (404, &json!("flow_not_found")));
    assert_eq!(*hub.asked.lock().unwrap(), ["pause: wrong codes (by `ops`)", "resume", "run"]);
}

/// A breaker that stands open, and a certificate that expires soon.
struct Open;

impl BreakerView for Open {
    fn look(&self) -> BreakerLook {
        BreakerLook {
            state: BreakerState::Open,
            failures: 5,
            probe_in: Some(Duration::from_millis(12_001)),
            because: Some(Issue::error(Code("E301"), "no answer within `timeouts.read` (30s)")),
        }
    }
}

impl CertificateView for Open {
    fn look(&self) -> Vec<CertificateLook> {
        let issue = Some(Issue::warning(Code("E315"), "it expires soon"));
        vec![CertificateLook { whose: CertificateOf::Peer, expires_at: NOW + 86_400_000_000, issue }]
    }
}

#[tokio::test]
async fn the_breaker_of_a_source_is_shown_to_operators_and_in_one_word_to_the_front_office() {
    let hub = Hub::start().await;
    let state = async || hub.get("/v1/sources", "key-desk").await.1["sources"][0]["state"].clone();
    assert_eq!(state().await, "ok");
    let name = FlowName::new("planning", "cases");
    hub.board.show_breaker(&name, Some(Arc::new(Open)));
    hub.board.show_certificates(&name, Some(Arc::new(Open)));
    hub.board.update(&name, |status| status.asked_at = Some(NOW - 7_000_000));
    let (_, flows) = hub.get("/ops/v1/flows", "key-ops").await;
    let because = json!({ "code": "E301", "message": "no answer within `timeouts.read` (30s)" });
    let breaker = json!({ "state": "open", "failures": 5, "probe_in": 13, "because": because });
    assert_eq!(flows["flows"][0]["breaker"], breaker);
    let issue = json!({ "code": "E315", "message": "it expires soon" });
    let certificates = json!([{ "what": "peer", "expires_at": "2023-11-15T22:13:20Z", "issue": issue }]);
    assert_eq!(flows["flows"][0]["certificates"], certificates);
    assert_eq!(flows["flows"][0]["slow_since"], "2023-11-14T22:13:13Z");
    assert_eq!(state().await, "down");
}

#[tokio::test]
async fn quarantine_is_listed_shown_retried_and_dismissed() {
    let hub = Hub::start().await;
    for row in 1..=5 {
        hub.refuse(if row == 3 { "tax" } else { "planning" }, "A-1", &format!("A-1;T9{row}")).await;
    }
    let (_, page) = hub.get("/ops/v1/quarantine?source=planning&limit=3", "key-ops").await;
    let rows: Vec<_> = page["held"].as_array().unwrap().iter().map(|held| held["row"].clone()).collect();
    assert_eq!((rows, &page["next"]), (vec![json!(1), json!(2), json!(4)], &json!(4)));
    let (_, page) = hub.get("/ops/v1/quarantine?source=planning&limit=3&after=4", "key-ops").await;
    assert_eq!((page["held"].as_array().unwrap().len(), page.get("next")), (1, None));
    assert_eq!(hub.get("/ops/v1/quarantine?flow=cases", "key-ops").await.0, 400);

    let (_, held) = hub.get("/ops/v1/quarantine/2", "key-ops").await;
    assert_eq!(
        (&held["content"], &held["line"], &held["state"]),
        (&json!("A-1;T92"), &json!(42), &json!("quarantined"))
    );
    assert_eq!(hub.get("/ops/v1/quarantine/99", "key-ops").await.0, 404);
    assert_eq!(hub.get("/ops/v1/quarantine/x", "key-ops").await.1["code"], "quarantine_not_found");

    let (_, retried) = hub.post("/ops/v1/quarantine/retry", "key-ops", &json!({ "rows": [1, 2] })).await;
    assert_eq!(retried, json!({ "tried": 2, "settled": 1, "held": 1 }));
    let asked = json!({ "rows": [4], "reason": "test data" });
    assert_eq!(hub.post("/ops/v1/quarantine/dismiss", "key-ops", &asked).await.1, json!({ "dismissed": 1 }));
    assert_eq!(hub.post("/ops/v1/quarantine/dismiss", "key-ops", &json!({ "rows": [], "reason": "x" })).await.0, 422);
    assert_eq!(*hub.asked.lock().unwrap(), ["retry 2", "dismiss 1 by ops: test data"]);

    hub.store.dismiss(&[QuarantineRow(1)], "ops", "test data", NOW).await.unwrap();
    let (_, audit) = hub.get("/ops/v1/audit?limit=1", "key-ops").await;
    let deed = &audit["done"][0];
    assert_eq!(
        (&deed["who"], &deed["why"], &deed["at"]),
        (&json!("ops"), &json!("test data"), &json!("2023-11-14T22:13:20Z"))
    );
}

#[tokio::test]
async fn health_and_metrics_answer() {
    let hub = Hub::start().await;
    assert_eq!(hub.get("/healthz", "").await, (200, json!({ "status": "ok" })));
    assert_eq!(hub.get("/readyz", "").await.0, 200);
    let metrics = hub.request("GET", "/metrics", "key-ops").send().await.unwrap();
    assert_eq!(metrics.text().await.unwrap(), "# HELP up\n");
}
