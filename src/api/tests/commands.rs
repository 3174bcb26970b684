//! Commands over HTTP: who may ask what, what stands outside a scope, what a key stands for, and how an operator steps in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use axum::middleware::map_response;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::{Hub, NOW, bounds, catalogue, client, update};
use crate::api::edge::explained;
use crate::api::idempotency::IdempotencyKey;
use crate::api::router::router;
use crate::api::state::Desk;
use crate::config::{Client, Scopes};
use crate::model::{Audience, CaseRow, CommandRule, CommandState, Facts, FlowName, Order, OrderClass, Phase, Verb};
use crate::store::{Commands as _, Store, Upshot};

const MINUTE: i64 = 60_000_000;

/// A client that sees these services and may send these verbs to every one of them.
fn sender(name: &str, services: &[&str], audience: Audience, verbs: &[Verb]) -> Client {
    let scopes = Scopes {
        services: Some(services.iter().map(|&code| code.into()).collect()),
        confidentiality: 1,
        audience,
        commands: BTreeMap::from([("*".to_owned(), verbs.to_vec())]),
        ops: name == "ops",
        push: vec![],
    };
    client(name, scopes)
}

/// `portal` and `kiosk` speak for parties about permits, `clerk` is their staff, `reader` only reads, `tax` is foreign.
async fn hub() -> Hub {
    let usual = [Verb::Submit, Verb::Message];
    let clients = vec![
        sender("portal", &["permit"], Audience::Party, &usual),
        sender("kiosk", &["permit"], Audience::Party, &usual),
        sender("clerk", &["permit"], Audience::Staff, &[Verb::Withdraw, Verb::Supplement]),
        sender("reader", &["permit"], Audience::Party, &[]),
        sender("tax", &["aid"], Audience::Staff, &[Verb::Submit, Verb::Message, Verb::Withdraw]),
        sender("ops", &[], Audience::Public, &[]),
    ];
    let mut catalogue = catalogue();
    let schema = json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
    let rule = CommandRule {
        to: FlowName::new("planning", "cases"),
        schema: crate::model::PayloadSchema::new(schema).unwrap(),
    };
    let permit = catalogue.services.get_mut("permit").unwrap();
    permit.commands = [Verb::Submit, Verb::Message, Verb::Withdraw].map(|verb| (verb, rule.clone())).into();
    catalogue.services.get_mut("aid").unwrap().commands = BTreeMap::from([(Verb::Submit, rule)]);
    let hub = Hub::of(bounds(), clients, catalogue).await;
    hub.store.register(&FlowName::new("planning", "cases"), 0, Order::of(OrderClass::Version)).await.unwrap();
    hub
}

impl Hub {
    /// Sends a command under a key; status and body, without the id of the request.
    async fn send(&self, path: &str, who: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.request("POST", path, &format!("key-{who}")).header("Idempotency-Key", key).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), bare(response.json().await.unwrap()))
    }

    async fn read(&self, path: &str, who: &str) -> (u16, Value) {
        let (status, body) = self.get(path, &format!("key-{who}")).await;
        (status, bare(body))
    }

    /// The id of a command that the source left nobody knowing the end of.
    async fn unknown(&self, key: &str) -> String {
        let (_, ticket) = self.send("/v1/commands", "portal", key, &submission()).await;
        let order = Order::of(OrderClass::Version);
        let flow = self.store.register(&FlowName::new("planning", "cases"), 0, order).await.unwrap();
        let leased = self.store.lease(flow, NOW, NOW + MINUTE, 1).await.unwrap().remove(0);
        assert!(self.store.sending(&leased, "POST /cases", "{}", NOW).await.unwrap());
        assert!(self.store.conclude(&leased, Upshot::of(CommandState::Unknown), NOW).await.unwrap());
        ticket["id"].as_str().unwrap().to_owned()
    }
}

fn bare(mut body: Value) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
    }
    body
}

fn submission() -> Value {
    json!({ "service": "permit", "title": "A shed", "payload": { "text": "please" } })
}

fn message(verb: &str) -> Value {
    json!({ "verb": verb, "payload": { "text": "hello" } })
}

/// Status and code of a problem.
fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_verb_needs_its_scope_and_a_service_that_takes_it() {
    let hub = hub().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let path = format!("/v1/cases/{}/commands", hub.reference(row));
    assert_eq!(hub.send(&path, "portal", "k1", &message("message")).await.0, 202);
    assert_eq!(hub.send(&path, "clerk", "k1", &message("withdraw")).await.0, 202);
    for (who, verb, expected) in [
        ("portal", "withdraw", (403, "scope_missing")),
        ("clerk", "message", (403, "scope_missing")),
        ("reader", "message", (403, "scope_missing")),
        ("clerk", "supplement", (422, "command_not_accepted")),
        ("portal", "submit", (422, "command_not_accepted")),
        ("portal", "shout", (422, "body_invalid")),
    ] {
        assert_eq!(code(&hub.send(&path, who, "k2", &message(verb)).await), expected, "{who} {verb}");
    }
    for who in ["reader", "clerk"] {
        assert_eq!(code(&hub.send("/v1/commands", who, "k2", &submission()).await), (403, "scope_missing"), "{who}");
    }
    let listed = hub.read(&format!("{path}?limit=200"), "clerk").await.1;
    assert_eq!(listed["commands"].as_array().unwrap().len(), 2, "what was refused is not queued: {listed}");
}

#[tokio::test]
async fn outside_a_scope_everything_is_as_if_it_were_not_there() {
    let hub = hub().await;
    let (_, ticket) = hub.send("/v1/commands", "portal", "k1", &submission()).await;
    let (id, case) = (ticket["id"].as_str().unwrap(), ticket["case"]["id"].as_str().unwrap());
    let (absent, nobody) = (Uuid::now_v7(), hub.reference(CaseRow(999)));

    let other = json!({ "service": "none", "payload": {} });
    let nowhere = hub.send("/v1/commands", "tax", "k1", &other).await;
    assert_eq!(code(&nowhere), (404, "service_not_found"));
    for payload in [json!({}), json!({ "text": "please" })] {
        let asked = json!({ "service": "permit", "payload": payload });
        assert_eq!(hub.send("/v1/commands", "tax", "k1", &asked).await, nowhere);
    }
    for body in [message("message"), message("submit"), message("shout"), json!({ "verb": "message", "payload": 1 })] {
        let foreign = hub.send(&format!("/v1/cases/{case}/commands"), "tax", "k2", &body).await;
        assert_eq!(foreign, hub.send(&format!("/v1/cases/{nobody}/commands"), "tax", "k2", &body).await, "{body}");
        assert!(foreign.0 == 404 || body["verb"] == "shout", "{foreign:?}");
    }
    let list = |case: &str| format!("/v1/cases/{case}/commands");
    assert_eq!(hub.read(&list(case), "tax").await, hub.read(&list(&nobody), "tax").await);
    let gone = hub.read(&format!("/v1/commands/{absent}"), "portal").await;
    assert_eq!(code(&gone), (404, "command_not_found"));
    for who in ["tax", "kiosk", "reader", "ops"] {
        assert_eq!(
            hub.read(&format!("/v1/commands/{id}"), who).await,
            hub.read(&format!("/v1/commands/{absent}"), who).await
        );
        if who != "ops" {
            assert_eq!(hub.read("/v1/commands", who).await, (200, json!({ "commands": [] })), "{who}");
        }
    }
    for who in ["portal", "clerk"] {
        assert_eq!(hub.read(&format!("/v1/commands/{id}"), who).await.1["state"], "queued", "{who}");
        assert_eq!(hub.read("/v1/commands", who).await.1["commands"][0]["id"], id, "{who}");
    }
    assert_eq!(
        hub.read(&list(case), "kiosk").await,
        (200, json!({ "commands": [] })),
        "the case is seen, not the command"
    );

    // one's own later command is no way to find out about that of another
    hub.send("/v1/commands", "kiosk", "k3", &submission()).await;
    hub.send("/v1/commands", "portal", "k4", &submission()).await;
    let newest = hub.read("/v1/commands?limit=1", "portal").await.1["commands"][0]["id"].clone();
    let before = |id: &str| format!("/v1/commands?before={id}");
    let foreign = hub.read(&before(newest.as_str().unwrap()), "kiosk").await;
    assert_eq!(foreign, hub.read(&before(&absent.to_string()), "kiosk").await);
    assert_eq!(
        hub.read(&before(newest.as_str().unwrap()), "portal").await.1["commands"][0]["id"],
        id,
        "its own page on"
    );
}

#[tokio::test]
async fn a_case_that_became_narrower_takes_its_commands_with_it() {
    let hub = hub().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let path = format!("/v1/cases/{}/commands", hub.reference(row));
    let (_, ticket) = hub.send(&path, "portal", "k1", &message("message")).await;
    let shown = format!("/v1/commands/{}", ticket["id"].as_str().unwrap());
    assert_eq!(hub.read(&shown, "portal").await.0, 200);
    let mut narrow = update("A-1", "permit", Phase::InProgress);
    narrow.facts = Facts { confidentiality: Some(2), ..narrow.facts };
    hub.tell("planning", 2, NOW, narrow).await;
    for who in ["portal", "clerk"] {
        assert_eq!(code(&hub.read(&shown, who).await), (404, "command_not_found"), "{who}");
        assert_eq!(hub.read("/v1/commands", who).await.1["commands"], json!([]), "{who}");
        assert_eq!(code(&hub.send(&path, who, "k1", &message("message")).await), (404, "case_not_found"), "{who}");
    }
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_client() {
    let hub = hub().await;
    let row = hub.tell("planning", 1, NOW, update("A-1", "permit", Phase::InProgress)).await;
    let path = format!("/v1/cases/{}/commands", hub.reference(row));
    let missing = hub.post("/v1/commands", "key-portal", &submission()).await;
    assert_eq!(code(&missing), (400, "idempotency_key_missing"));
    assert_eq!(hub.send("/v1/commands", "portal", &"k".repeat(256), &submission()).await.0, 400);
    let first = hub.send("/v1/commands", "portal", "k1", &submission()).await;
    assert_eq!(first.0, 202);
    let reordered = json!({ "payload": { "text": "please" }, "title": "A shed", "service": "permit" });
    assert_eq!(hub.send("/v1/commands", "portal", "k1", &reordered).await, first, "the same request, the same answer");
    let mut other = submission();
    other["payload"]["text"] = json!("please!");
    for (path, body) in [("/v1/commands", &other), (path.as_str(), &message("message"))] {
        let reused = hub.send(path, "portal", "k1", body).await;
        assert_eq!(code(&reused), (422, "idempotency_key_reused"), "{body}");
    }
    let elsewhere = hub.send("/v1/commands", "kiosk", "k1", &other).await;
    assert_eq!(elsewhere.0, 202, "keys of other clients are other keys");
    assert_ne!(elsewhere.1["id"], first.1["id"]);
    assert_eq!(hub.read("/v1/commands", "clerk").await.1["commands"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_in_use_is_told_and_free_again_afterwards() {
    let hub = hub().await;
    let desk = Arc::new(Desk::new(hub.api()));
    let submit = async |who: &str| {
        let request = Request::post("/v1/commands")
            .header("authorization", format!("Bearer key-{who}"))
            .header("idempotency-key", "k1")
            .header("content-type", "application/json")
            .body(Body::from(submission().to_string()));
        let explained = map_response(|response| async { explained(response, "a test") });
        let response = router(desk.clone()).layer(explained).oneshot(request.unwrap()).await.unwrap();
        (response.status().as_u16(), response.headers().get("retry-after").cloned())
    };
    let portal = desk.callers.iter().find(|caller| caller.client.name == "portal").unwrap();
    let held = desk.in_hand.take(portal, &IdempotencyKey("k1".into())).unwrap();
    let (status, again) = submit("portal").await;
    assert_eq!((status, again.unwrap().to_str().unwrap()), (409, "1"));
    assert_eq!(submit("kiosk").await.0, 202, "of the same client only");
    drop(held);
    assert_eq!(submit("portal").await.0, 202);
    // whatever the interleaving: one command, and every answer is its ticket or "ask again"
    let before = hub.read("/v1/commands?limit=200", "clerk").await.1["commands"].as_array().unwrap().len();
    let asked = submission();
    let answers =
        futures_util::future::join_all((0..16).map(|_| hub.send("/v1/commands", "portal", "k2", &asked))).await;
    let taken: Vec<_> = answers.iter().filter(|answer| answer.0 == 202).collect();
    assert!(!taken.is_empty() && taken.iter().all(|answer| answer.1 == taken[0].1), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.0 == 202 || code(answer) == (409, "idempotency_key_in_use")));
    let after = hub.read("/v1/commands?limit=200", "clerk").await.1["commands"].as_array().unwrap().len();
    assert_eq!(after, before + 1);
}

#[tokio::test]
async fn an_operator_settles_and_retries_and_says_why() {
    let hub = hub().await;
    let (done, again) = (hub.unknown("k1").await, hub.unknown("k2").await);
    let step = async |id: &str, verb: &str, who: &str, body: Value| {
        let answer = hub.post(&format!("/ops/v1/commands/{id}/{verb}"), &format!("key-{who}"), &body).await;
        (answer.0, bare(answer.1))
    };
    let found = json!({ "as": "confirmed", "reference": "R-7", "reason": "found at the desk" });
    for who in ["portal", "clerk"] {
        assert_eq!(code(&step(&done, "settle", who, found.clone()).await), (403, "scope_missing"), "{who}");
        let retried = step(&done, "retry", who, json!({ "reason": "x" })).await;
        assert_eq!(code(&retried), (403, "scope_missing"), "{who}");
    }
    for (verb, body) in [
        ("settle", json!({ "as": "confirmed", "reason": " " })),
        ("settle", json!({ "as": "queued", "reason": "x" })),
        ("settle", json!({ "reason": "x" })),
        ("retry", json!({ "reason": "" })),
    ] {
        assert_eq!(code(&step(&done, verb, "ops", body.clone()).await), (422, "body_invalid"), "{body}");
    }
    for id in [Uuid::now_v7().to_string(), "x".to_owned()] {
        assert_eq!(code(&step(&id, "settle", "ops", found.clone()).await), (404, "command_not_found"));
    }
    let (status, settled) = step(&done, "settle", "ops", found.clone()).await;
    assert_eq!((status, &settled["state"], &settled["reference"]), (200, &json!("confirmed"), &json!("R-7")));
    assert_eq!(hub.read(&format!("/v1/commands/{done}"), "portal").await.1["reference"], "R-7");
    let (status, queued) = step(&again, "retry", "ops", json!({ "reason": "it is not there" })).await;
    assert_eq!((status, &queued["state"]), (200, &json!("queued")), "{queued}");
    for (id, verb, body) in [(&done, "settle", found), (&done, "retry", json!({ "reason": "x" }))] {
        assert_eq!(code(&step(id, verb, "ops", body).await), (409, "command_decided"), "{verb}");
    }
    let (_, audit) = hub.read("/ops/v1/audit", "ops").await;
    let deeds = audit["done"].as_array().unwrap().iter();
    let deeds = deeds.map(|deed| ["who", "what", "target", "why"].map(|key| deed[key].as_str().unwrap()));
    let [settle, retry] = [(&done, "confirmed"), (&again, "queued")].map(|(id, to)| format!("{id} unknown → {to}"));
    assert_eq!(
        deeds.collect::<Vec<_>>(),
        [["ops", "command retry", &retry, "it is not there"], ["ops", "command settle", &settle, "found at the desk"]]
    );
}
