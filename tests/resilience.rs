//! Trouble of one source stays with that source and is seen: a peer that drips, a peer that fails and recovers.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "an operator's client, not the hub's")]

#[path = "support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use guichet_testkit::proxy::{Fault, Proxy};
use guichet_testkit::{Mood, Office};
use serde_json::Value;

use support::hub::Hub;
use support::project::Project;

const MAPPING: &str = r#"
[mapping]
id = "office"
version = "1"
model = "case/1"
valid_from = "2000-01-01"
[source]
format = "json"
record = "cases"
tz = "UTC"
[fields]
case.key = "key"
case.service = "'city-request'"
status.phase = "'received'"
"#;

/// A project that pulls from these offices, twice a second, and from nobody else.
fn project(offices: &[(String, SocketAddr)]) -> Project {
    let project = Project::new();
    for source in std::fs::read_dir(project.path("config/sources")).unwrap() {
        std::fs::remove_file(source.unwrap().path()).unwrap();
    }
    project.write("mappings/office/case/mapping.toml", MAPPING);
    for (name, address) in offices {
        let source = format!(
            r#"[source]
connector = "rest"
title = {{ en = "{name}" }}
[source.settings]
base_url = "http://{address}"
breaker = {{ failures = 2, wait = "1s" }}
retry = {{ times = 0 }}
# no time-out ends what a test looks at
timeouts = {{ read = "10m", total = "10m" }}
[flows.cases]
mapping = "office/case"
schedule = {{ every = "500ms" }}
order = "arrival"
backoff = {{ first = "100ms", longest = "200ms" }}
[flows.cases.settings]
path = "/cases"
# no two flows may ask the very same list
query = {{ for = "{name}" }}
"#
        );
        project.write(&format!("config/sources/{name}.toml"), &source);
    }
    project
}

fn flow(hub: &Hub, source: &str) -> Value {
    let flows = hub.get("/ops/v1/flows").1["flows"].as_array().unwrap().clone();
    flows.into_iter().find(|flow| flow["source"] == source).unwrap()
}

fn source(hub: &Hub, source: &str) -> Value {
    let sources = hub.get("/v1/sources").1["sources"].as_array().unwrap().clone();
    sources.into_iter().find(|shown| shown["source"] == source).unwrap()
}

/// Waits until something is seen.
fn until(project: &Project, what: &str, seen: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !seen() {
        let log = || std::fs::read_to_string(project.path("serve.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{what}: not seen within 60 s\n{}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn one_source_that_drips_is_seen_and_the_others_do_not_notice() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let office = runtime.block_on(Office::open()).unwrap();
    (1..=5).for_each(|n| office.add(&format!("key-{n}")));
    let drips = runtime.block_on(Proxy::start(office.address())).unwrap();
    drips.set(Fault::Drip(1));
    let mut offices: Vec<_> = (1..20).map(|n| (format!("office-{n:02}"), office.address())).collect();
    offices.push(("slow".to_owned(), drips.address()));
    let project = project(&offices);
    let hub = Hub::start(&project);

    let received = |source: &str| flow(&hub, source)["counts"]["received"].as_u64().unwrap();
    let others: Vec<String> = offices.iter().map(|(name, _)| name.clone()).filter(|name| name != "slow").collect();
    let all_have = |cases: u64| others.iter().all(|name| received(name) >= cases);
    until(&project, "the others catch up", || all_have(5));
    until(&project, "the slow one is shown as slow", || flow(&hub, "slow")["slow_since"].is_string());
    office.add("key-6");
    until(&project, "the others go on", || all_have(6));

    // an answer of some hundred bytes at one a second is still under way
    let slow = flow(&hub, "slow");
    assert_eq!((&slow["state"], &slow["counts"]["received"]), (&Value::from("running"), &Value::from(0)), "{slow}");
    assert!(slow["slow_since"].is_string(), "{slow}");
    assert_eq!(source(&hub, "slow")["freshness"], "unknown");
    for name in &others {
        let flow = flow(&hub, name);
        assert_eq!((&flow["failures"], &flow["breaker"]["state"]), (&Value::from(0), &Value::from("closed")), "{flow}");
        assert_eq!(source(&hub, name)["state"], "ok");
    }
    let asking = |name: &str| {
        let line = format!("guichet_flow_asking_seconds{{flow=\"{name}/cases\"}} ");
        let metrics = hub.text("/metrics");
        metrics.lines().find_map(|text| text.strip_prefix(&*line)).unwrap().parse::<f64>().unwrap()
    };
    assert!(asking("slow") >= 5.0);
}

#[test]
fn a_source_that_fails_and_recovers_is_seen_on_the_board_in_the_metrics_and_in_the_log() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let office = runtime.block_on(Office::open()).unwrap();
    office.add("key-1");
    let project = project(&[("office".to_owned(), office.address())]);
    let hub = Hub::start(&project);
    let breaker = || flow(&hub, "office")["breaker"].clone();
    let metric = |state: &str| {
        let line =
            format!("guichet_source_breaker_state{{flow=\"office/cases\",source=\"office\",state=\"{state}\"}} 1");
        hub.text("/metrics").contains(&line)
    };
    until(&project, "the source is read", || source(&hub, "office")["state"] == "ok");
    assert_eq!(breaker()["state"], "closed");
    assert!(metric("closed"));

    office.desk().mood = Mood::Failing;
    until(&project, "the breaker opens", || breaker()["because"]["code"] == "E305");
    let open = breaker();
    assert!(open["failures"].as_u64().unwrap() >= 2, "{open}");
    assert!(open["because"]["message"].as_str().unwrap().contains("503"), "{open}");
    until(&project, "the front office is told", || source(&hub, "office")["state"] == "down");
    until(&project, "the open breaker is counted", || metric("open"));
    until(&project, "it says when it will ask again", || breaker()["probe_in"].as_u64().is_some_and(|left| left <= 1));

    office.desk().mood = Mood::Well;
    office.add("key-2");
    until(&project, "the source is read again", || flow(&hub, "office")["counts"]["applied"] == 2);
    until(&project, "the breaker closes", || breaker()["state"] == "closed");
    until(&project, "the front office is told", || source(&hub, "office")["state"] == "ok");
    drop(hub);
    let log = std::fs::read_to_string(project.path("serve.log")).unwrap();
    for turn in ["open after 2 failures: ", "half open: a probe goes out", "closed"] {
        assert!(log.contains(&format!("circuit breaker of `office` {turn}")), "`{turn}` is not told:\n{log}");
    }
}
