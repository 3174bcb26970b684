//! The way back, end to end over the real binary: submitted, visible at once, confirmed by a back office that recognises
//! nothing; answers cut after sending; SIGKILL at every named step. The office's own list is the judge: what it took once
//! was created once.
#![allow(clippy::unwrap_used, reason = "a test")]

mod operated;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use guichet_testkit::{Fault as ProxyFault, Office, Proxy};
use serde_json::{Value, json};

use support::hub::Hub;
use support::project::{KEY, Project, client};

/// A back office on a runtime of its own, behind a proxy.
struct Town {
    runtime: tokio::runtime::Runtime,
    office: Office,
    proxy: Proxy,
    project: Project,
}

const MAPPING: &str = r#"
[mapping]
id = "office-request"
version = "1"
model = "case/1"
[source]
format = "json"
record = "cases"
tz = "UTC"
[fields]
case.key = "key"
case.service = "'lamp-report'"
status.phase = "'in_progress'"
status.source_code = "'OPEN'"
update.version = "seq | integer"
[commands.submit.fields]
title = "payload/title"
place.street = "payload/street?"
reference = "case/reference"
[commands.message.fields]
text = "payload/text"
about = "case/key"
"#;

fn source(address: &str) -> String {
    format!(
        r#"
[source]
title = {{ en = "Street office" }}
connector = "rest"
[source.settings]
base_url = "http://{address}"
timeouts = {{ connect = "5s", read = "5s", total = "10s" }}
breaker = {{ failures = 50, wait = "1s" }}
[flows.requests]
mapping = "office/request"
schedule = {{ every = "1s" }}
order = "version"
[flows.requests.settings]
path = "/cases"
[flows.requests.settings.commands.submit]
path = "/requests"
query = {{ ref = "{{command}}" }}
reference = "request/number"
reason = "error"
look_up = {{ path = "/requests", query = {{ ref = "{{command}}" }}, total = "total", reference = "requests/0/number", settle = "500ms" }}
[flows.requests.settings.commands.message]
path = "/requests"
query = {{ ref = "{{command}}", about = "{{case}}" }}
reference = "request/number"
look_up = {{ path = "/requests", query = {{ ref = "{{command}}" }}, total = "total", reference = "requests/0/number", settle = "500ms" }}
"#
    )
}

const SERVICE: &str = r#"
[service]
title = { en = "Street lamp" }
version = "1"
[commands.submit]
to = "office/requests"
[commands.submit.schema]
type = "object"
required = ["title"]
additionalProperties = false
properties = { title = { type = "string", maxLength = 80 }, street = { type = "string" } }
[commands.message]
to = "office/requests"
schema = { type = "object", required = ["text"] }
"#;

/// A project of one source and one service.
fn project(source: &str, service: &str) -> Project {
    let project = Project::new();
    for folder in ["config/sources", "config/services", "mappings"] {
        std::fs::remove_dir_all(project.path(folder)).unwrap();
    }
    project.write("config/sources/office.toml", source);
    project.write("config/services/lamp-report.toml", service);
    project.write("mappings/office/request/mapping.toml", MAPPING);
    let scopes = "services = [\"*\"]\nconfidentiality = 9\naudience = \"staff\"\nops = true\ncommands = { \"*\" = [\"submit\", \"message\"] }";
    project.write("config/guichet.toml", &client("test", KEY, scopes));
    project
}

impl Town {
    fn new() -> Town {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (office, proxy) = runtime.block_on(async {
            let office = Office::open().await.unwrap();
            let proxy = Proxy::start(office.address()).await.unwrap();
            (office, proxy)
        });
        let project = project(&source(&proxy.address().to_string()), SERVICE);
        Town { runtime, office, proxy, project }
    }

    /// The references of what the office took, each with how often.
    fn taken(&self) -> BTreeMap<String, usize> {
        let mut taken = BTreeMap::new();
        for (reference, _) in &self.office.desk().taken {
            *taken.entry(reference.clone()).or_default() += 1;
        }
        taken
    }
}

fn submit(hub: &Hub, key: &str, title: &str) -> Option<(u16, Value)> {
    send(hub, "/v1/commands", key, &json!({ "service": "lamp-report", "title": title, "payload": { "title": title } }))
}

/// `None` when the hub died meanwhile.
fn send(hub: &Hub, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
    let request = hub.request("POST", path).bearer_auth(KEY).header("Idempotency-Key", key).json(body);
    let answer = request.send().ok()?;
    let status = answer.status().as_u16();
    let location = answer.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
    let body: Value = answer.json().ok()?;
    if let Some(location) = location {
        assert_eq!(location, format!("/v1/commands/{}", body["id"].as_str().unwrap()));
    }
    Some((status, body))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// Every command, page by page.
fn commands(hub: &Hub) -> Vec<Value> {
    let (mut all, mut before): (Vec<Value>, _) = (Vec::new(), String::new());
    loop {
        let (status, page) = hub.get(&format!("/v1/commands?limit=200{before}"));
        assert_eq!(status, 200, "{page}");
        all.extend(page["commands"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

fn ended(hub: &Hub, expected: usize) -> bool {
    let all = commands(hub);
    all.len() == expected && all.iter().all(|one| ["confirmed", "refused"].contains(&one["state"].as_str().unwrap()))
}

#[test]
fn a_submitted_case_is_visible_confirmed_and_the_same_when_it_comes_back() {
    let town = Town::new();
    let hub = Hub::start(&town.project);
    let (status, ticket) = submit(&hub, "key-1", "Lamp out").unwrap();
    assert_eq!(status, 202, "{ticket}");
    let case = text(&ticket["case"]["id"]);
    let (status, shown) = hub.get(&format!("/v1/cases/{case}"));
    assert_eq!((status, &shown["id"], &shown["title"]), (200, &ticket["case"]["id"], &json!("Lamp out")), "{shown}");
    assert_eq!(submit(&hub, "key-1", "Lamp out").unwrap(), (202, ticket.clone()), "the same answer");
    let (status, problem) = submit(&hub, "key-1", "Another lamp").unwrap();
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));
    let bad = json!({ "service": "lamp-report", "payload": { "titel": "x" } });
    let (status, problem) = send(&hub, "/v1/commands", "key-2", &bad).unwrap();
    assert_eq!((status, &problem["code"]), (422, &json!("payload_invalid")));
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    let path = format!("/v1/cases/{}/commands", text(&ticket["case"]["reference"]));
    let message = json!({ "verb": "message", "payload": { "text": "still dark" } });
    assert_eq!(send(&hub, &path, "key-3", &message).unwrap().0, 202);
    assert_eq!(submit(&hub, "key-4", "refuse me").unwrap().0, 202);
    hub.until("all to end", || ended(&hub, 3));
    let (_, list) = hub.get(&path);
    let states: Vec<_> = list["commands"].as_array().unwrap().iter().map(|one| text(&one["state"])).collect();
    assert_eq!(states, ["confirmed", "confirmed"]);
    hub.until("the case to come back", || hub.get(&format!("/v1/cases/{case}")).1["status"]["phase"] == "in_progress");
    let (_, shown) = hub.get(&format!("/v1/cases/{case}"));
    assert_eq!((&shown["id"], &shown["source_reference"]), (&ticket["case"]["id"], &json!("R-1")), "{shown}");
    let desk = town.office.desk();
    let first: Value = serde_json::from_slice(&desk.taken[0].1).unwrap();
    assert_eq!(first, json!({ "title": "Lamp out", "reference": ticket["case"]["reference"] }));
    assert_eq!(serde_json::from_slice::<Value>(&desk.taken[1].1).unwrap()["about"], "R-1", "after the submission");
    drop(desk);
    let (_, refused) = hub.get("/v1/commands?state=refused");
    assert_eq!(refused["commands"][0]["reason"], "no such street", "{refused}");
    drop(town.runtime);
}

#[test]
fn a_thousand_commands_with_every_tenth_answer_cut_are_created_once_each() {
    let count: usize = std::env::var("GUICHET_COMMANDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let town = Town::new();
    let cut = |n: usize| if n % 10 == 3 { ProxyFault::Cut(0) } else { ProxyFault::None };
    town.proxy.schedule((0..20 * count).map(cut));
    let hub = Hub::start(&town.project);
    let tickets: Vec<Value> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..8)
            .map(|hand| {
                let hub = &hub;
                scope.spawn(move || {
                    (hand..count)
                        .step_by(8)
                        .map(|n| submit(hub, &format!("k{n}"), &format!("Lamp {n}")).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        hands
            .into_iter()
            .flat_map(|hand| hand.join().unwrap())
            .map(|(status, ticket)| {
                assert_eq!(status, 202, "{ticket}");
                ticket
            })
            .collect()
    });
    hub.until("all to end", || ended(&hub, count));
    let taken = town.taken();
    let ids: BTreeSet<String> = tickets.iter().map(|ticket| text(&ticket["id"])).collect();
    assert_eq!(ids.len(), count);
    assert!(commands(&hub).iter().all(|one| one["state"] == "confirmed"), "nothing was refused");
    assert_eq!(taken.keys().cloned().collect::<BTreeSet<_>>(), ids, "none lost, none invented");
    assert!(taken.values().all(|times| *times == 1), "none created twice");
    hub.until("the office's cases to come back", || {
        let cases = hub.cases("");
        cases.len() == count && cases.iter().all(|case| case["status"]["phase"] == "in_progress")
    });
    let own: BTreeSet<String> = tickets.iter().map(|ticket| text(&ticket["case"]["id"])).collect();
    assert_eq!(
        hub.cases("").iter().map(|case| text(&case["id"])).collect::<BTreeSet<_>>(),
        own,
        "each is the submitted one"
    );
    let (_, unknown) = hub.get("/ops/v1/commands?state=unknown");
    assert_eq!(unknown["commands"], json!([]));
}

#[test]
fn killed_at_every_named_step_no_command_is_lost_or_created_twice() {
    for (point, times) in [
        ("after-lease", [1, 3, 6]),
        ("before-send", [1, 4, 9]),
        ("after-send", [1, 4, 9]),
        ("after-settle", [1, 4, 9]),
        ("in-transaction", [12, 20, 35]),
        ("before-commit", [12, 20, 35]),
        ("after-commit", [12, 20, 35]),
    ] {
        let town = Town::new();
        let (mut tickets, mut died) = (BTreeMap::new(), 0);
        for (life, time) in times.into_iter().enumerate() {
            let hub = Hub::start_with(&town.project, &[("GUICHET_FAIL", &format!("{point}:{time}"))]);
            for n in 0..12 {
                // a front office that got no answer asks again with the same key, in this life or the next
                for n in (0..=life).map(|life| 100 * life + n) {
                    if let Some((status, ticket)) = submit(&hub, &format!("k{n}"), &format!("Lamp {n}")) {
                        assert_eq!(status, 202, "{ticket}");
                        let known = tickets.insert(n, ticket.clone());
                        assert!(known.is_none_or(|known| known == ticket), "the same answer in every life");
                    }
                }
            }
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3);
            while hub.request("GET", "/healthz").send().is_ok() && std::time::Instant::now() < deadline {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            died += usize::from(hub.request("GET", "/healthz").send().is_err());
        }
        assert!(died > 0, "the step `{point}` was never passed");
        let hub = Hub::start(&town.project);
        let expected = commands(&hub).len();
        hub.until(&format!("all to end after `{point}`"), || ended(&hub, expected));
        let taken = town.taken();
        assert!(taken.values().all(|times| *times == 1), "{point}: created twice: {taken:?}");
        assert_eq!(taken.len(), expected, "{point}: each command once at the office");
        for ticket in tickets.values() {
            assert!(taken.contains_key(&text(&ticket["id"])), "{point}: an answered command is lost");
        }
        hub.until("the office's cases to come back", || {
            let cases = hub.cases("");
            cases.len() == expected && cases.iter().all(|case| case["status"]["phase"] == "in_progress")
        });
    }
}
