//! A city with one desk whose cases change by NDJSON files, and its hub asked as a front office does.

use serde_json::{Value, json};

use crate::support::hub::Hub;
use crate::support::project::{KEY, Project, sha256};

const MAPPING: &str = r#"
[mapping]
id = "desk"
version = "1"
model = "case/1"
valid_from = "2000-01-01"
[source]
format = "ndjson"
tz = "UTC"
[fields]
case.key = "n"
case.service = "service"
status.source_code = "state"
status.phase = "state | code('state', 'phase')"
update.version = "v | integer"
[tables.state]
rows = [
  { code = "A", phase = "received" },
  { code = "B", phase = "in_progress" },
  { code = "C", phase = "decision_pending" },
]
"#;

const SOURCE: &str = r#"
[source]
connector = "files"
title = { en = "Desk" }
[flows.cases]
mapping = "desk/cases"
schedule = { every = "1h" }
order = "version"
freshness = { max_age = "2h" }
[flows.cases.settings]
folder = "inbox/desk"
pattern = "*.ndjson"
settle = "0s"
"#;

/// A project with the desk; `subscriptions` are lines of that table beside the list of allowed receivers.
pub fn city(subscriptions: &str) -> Project {
    let project = Project { folder: tempfile::tempdir().unwrap() };
    project.write("mappings/desk/cases/mapping.toml", MAPPING);
    project.write("config/sources/desk.toml", SOURCE);
    for service in ["permit", "aid"] {
        project
            .write(&format!("config/services/{service}.toml"), "[service]\ntitle = { en = \"x\" }\nversion = \"1\"\n");
    }
    let (all, portal) = (sha256(KEY), sha256("portal"));
    let hub = format!(
        "[clients.test]\nkey_sha256 = \"{all}\"\nservices = [\"*\"]\nconfidentiality = 9\naudience = \"staff\"\nops = true\n\
         [clients.portal]\nkey_sha256 = \"{portal}\"\nservices = [\"permit\"]\n\
         [subscriptions]\nallow = [\"127.0.0.0/8\"]\n{subscriptions}\n"
    );
    project.write("config/guichet.toml", &hub);
    std::fs::create_dir_all(project.path("inbox/desk")).unwrap();
    project
}

/// Lines about so many cases, each in another state than at the round before.
pub fn round(number: usize, cases: usize) -> String {
    let line = |case: usize| {
        let service = if case.is_multiple_of(2) { "permit" } else { "aid" };
        let state = ["A", "B", "C"][number % 3];
        json!({ "n": format!("D-{case}"), "service": service, "state": state, "v": number + 1 }).to_string() + "\n"
    };
    (0..cases).map(line).collect()
}

/// The desk says what changed.
pub fn say(project: &Project, number: usize, cases: usize) {
    project.drop_bytes(round(number, cases).as_bytes(), "desk", &format!("{number:05}.ndjson"));
}

/// Every committed change.
pub fn changes(hub: &Hub) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let (status, page) = hub.get(&format!("/v1/changes?limit=200&after={after}"));
        assert_eq!(status, 200, "{page}");
        all.extend(page["changes"].as_array().unwrap().iter().cloned());
        after = page["next"].as_str().unwrap().to_owned();
        if page["more"] == false {
            return all;
        }
    }
}

/// Makes a subscription and waits until its receiver is verified: id and secret.
pub fn subscribe(hub: &Hub, key: &str, url: &str, filters: Value) -> (String, String) {
    let (id, secret) = ask_for(hub, key, url, filters);
    active(hub, &id);
    (id, secret)
}

/// Makes a subscription.
pub fn ask_for(hub: &Hub, key: &str, url: &str, filters: Value) -> (String, String) {
    let (status, made) = hub.ask("POST", "/v1/subscriptions", key, &json!({ "url": url, "filters": filters }));
    assert_eq!(status, 201, "{made}");
    (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

/// Waits until a subscription is active.
pub fn active(hub: &Hub, id: &str) {
    crate::receiver::wait_for("the receiver is verified", || show(hub, id)["state"] == "active");
}

/// A subscription as an operator sees it.
pub fn show(hub: &Hub, id: &str) -> Value {
    hub.get(&format!("/v1/subscriptions/{id}")).1
}
