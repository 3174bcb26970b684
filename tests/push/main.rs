//! Back offices that push, over the real binary and real sockets: who may, what they are told, and that what they are
//! told is committed. The client is the standard library's socket or reqwest, never code of the hub.
#![allow(clippy::unwrap_used, reason = "a test")]

mod answers;
mod crowd;
mod refusals;
mod soap;
#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;

use support::hub::Hub;
use support::project::{Project, client};
use support::{copy_folder, root};

/// Key of the department that pushes its street works.
const WORKS: &str = "key-of-the-works-department";
/// Key of a client that may push elsewhere.
const OTHER: &str = "key-of-somebody-else";

/// A project with sources that only push.
fn project() -> Project {
    let project = Project::new();
    let files = root().join("tests/push/project");
    copy_folder(&files.join("config"), &project.path("config"));
    copy_folder(&files.join("mappings"), &project.path("mappings"));
    project.write("secrets/desk", "password-of-the-desk");
    let clients = client("works", WORKS, "push = [\"works/*\", \"notices/*\"]")
        + &client("other", OTHER, "push = [\"works/csv\"]");
    let hub = std::fs::read_to_string(project.path("config/guichet.toml")).unwrap();
    project.write("config/guichet.toml", &(hub + &clients));
    project
}

/// Where the flow of JSON documents receives.
const JSON: &str = "/v1/inbound/works/json";
/// Where the flow of JSON lines receives.
const LINES: &str = "/v1/inbound/works/lines";

/// Pushes to a flow: status and answer.
fn push(hub: &Hub, path: &str, body: impl Into<reqwest::blocking::Body>) -> (u16, Value) {
    let answer = hub.request("POST", path).bearer_auth(WORKS).body(body).send().unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// One order as a line.
fn line(number: u64, state: &str, at: &str) -> String {
    format!("{{\"number\":\"W-{number}\",\"state\":\"{state}\",\"at\":\"{at}\"}}\n")
}

/// Count of a flow, by name.
fn count(hub: &Hub, flow: &str, name: &str) -> u64 {
    let (_, flows) = hub.get("/ops/v1/flows");
    let flows = flows["flows"].as_array().unwrap();
    let found = flows.iter().find(|known| known["source"] == "works" && known["flow"] == flow).unwrap();
    found["counts"][name].as_u64().unwrap()
}
