//! Every route: what it is declared to demand is what it demands, and what it is documented as is what it is.

use serde_json::{Value, json};

use super::{Hub, bounds};
use crate::api::router::{Access, ROUTES, document};
use crate::config::Server;

/// Method and a path that could be asked, of every route.
fn asked() -> Vec<(Access, String, String)> {
    let routes = ROUTES.iter().flat_map(|route| {
        let (_, paths, _) = (route.entry)();
        let path = route.path.replace("{case}", "7K3M-9QXD-4").replace("{row}", "1");
        let path = path.replace("{command}", "0195f0c4-0000-7000-8000-000000000000");
        let path = path.replace("{id}", "0192f0c1-0000-7000-8000-000000000001");
        let path = path.replace("{code}", "permit").replace("{source}", "planning").replace("{flow}", "cases");
        let value = serde_json::to_value(&paths).unwrap();
        let item = value.get(route.path).unwrap_or_else(|| panic!("{} is documented under another path", route.path));
        let methods: Vec<String> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        methods.into_iter().map(move |method| (route.access, method, path.clone()))
    });
    routes.collect()
}

#[tokio::test]
async fn no_route_is_without_authorisation() {
    let hub = Hub::start().await;
    for (access, method, path) in asked() {
        let status = |key: &'static str| {
            let request = hub.request(&method, &path, key);
            async move { request.send().await.unwrap().status().as_u16() }
        };
        let (nobody, wrong, portal) = (status("").await, status("key-wrong").await, status("key-portal").await);
        let context = format!("{method} {path}: {access:?}: {nobody} {wrong} {portal}");
        match access {
            Access::Public => assert_eq!((nobody, wrong), (200, 200), "{context}"),
            Access::Anyone => assert_eq!((nobody, wrong, portal), (200, 401, 200), "{context}"),
            Access::FrontOffice => {
                assert_eq!((nobody, wrong), (401, 401), "{context}");
                assert!(![401, 403].contains(&portal), "{context}");
            }
            Access::Pusher => assert_eq!((nobody, wrong, portal), (401, 401, 404), "{context}"),
            Access::Staff | Access::Ops => assert_eq!((nobody, wrong, portal), (401, 401, 403), "{context}"),
        }
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let hub = Hub::with(Server { rate: 1, ..bounds() }).await;
    let nothing = hub.request("GET", "/v2/nothing", "").send().await.unwrap();
    let instance = nothing.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(nothing.headers()["content-type"], "application/problem+json");
    let problem: Value = nothing.json().await.unwrap();
    assert_eq!(
        problem,
        json!({
            "type": "urn:guichet:problem:route_not_found", "title": "there is no such resource", "status": 404,
            "code": "route_not_found", "detail": "nothing is served under this path", "instance": instance,
        })
    );
    let wrong = hub.request("DELETE", "/healthz", "").send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), &wrong.headers()["allow"]), (405, &"GET,HEAD".parse().unwrap()));
    assert_eq!(wrong.json::<Value>().await.unwrap()["code"], "method_not_allowed");
    let nobody = hub.request("GET", "/v1/cases", "").send().await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer realm=\"guichet\"");
    assert_eq!(hub.get("/v1/sources", "key-portal").await.0, 200);
    let (status, problem) = hub.get("/v1/sources", "key-portal").await;
    assert_eq!((status, &problem["code"]), (429, &json!("rate_exceeded")));
    assert_eq!(hub.get("/v1/sources", "key-desk").await.0, 200, "another client has its own rate");
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let hub = Hub::start().await;
    let response = hub.request("GET", "/healthz", "").header("x-request-id", "abc-1").send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(header("x-request-id"), "abc-1");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    let forged = hub.request("GET", "/healthz", "").header("x-request-id", "a b\u{7f}").send().await;
    assert!(forged.is_err() || forged.unwrap().headers()["x-request-id"] != "a b");
}

/// The document is pinned: a change of the API is seen in a review. `GUICHET_BLESS=1` writes it anew, never in CI.
#[test]
fn the_openapi_document_is_the_pinned_one() {
    let document = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api/openapi.json");
    if std::env::var_os("GUICHET_BLESS").is_some() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "nothing is blessed in CI");
        std::fs::write(&file, &document).unwrap();
    }
    let pinned = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        pinned == document,
        "src/api/openapi.json is not what the code says: look at it, then GUICHET_BLESS=1 cargo test openapi"
    );
}

#[test]
fn the_document_names_every_route_and_refers_only_to_what_it_holds() {
    let document = serde_json::to_value(document()).unwrap();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
    assert_eq!(
        document["paths"].as_object().unwrap().len(),
        ROUTES.iter().map(|route| route.path).collect::<std::collections::BTreeSet<_>>().len()
    );
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<_> = operations.clone().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation has an id of its own");
    for response in operations.flat_map(|operation| operation["responses"].as_object().unwrap().values()) {
        assert!(!response["description"].as_str().unwrap().is_empty());
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} is not in the document");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
