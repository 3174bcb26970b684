//! SIGKILL at random moments and at named points of the route, then restart: nothing lost, nothing twice, the cases of an
//! undisturbed run. The oracle (`support/oracle.rs`) shares no code with the hub. `GUICHET_KILLS` sets the number of kills.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::hub::{History, Hub};
use support::oracle;
use support::project::Project;
use support::real_input;

const LOG: &str = "a1-receipt-wabo/input_data/receipt.csv";

/// A project whose flow takes small batches, so that a run has many commits to be killed between.
fn project() -> Option<Project> {
    let csv = real_input(LOG)?;
    let project = Project::new();
    project.edit("config/sources/wabo.toml", "[flows.receipt]", "[flows.receipt]\nbatch = { records = 40 }");
    project.drop_file(&csv, "wabo", "receipt.csv");
    Some(project)
}

/// What must hold once a flow has caught up, however it got there.
fn judge(project: &Project, undisturbed: &BTreeMap<String, History>) {
    let log = oracle::receipt(&real_input(LOG).unwrap());
    let hub = Hub::start(project);
    let histories = hub.histories("&source=wabo");
    assert_eq!(&histories, undisturbed, "the cases of an undisturbed run");
    for (case, events) in &log {
        assert_eq!(histories[case].entries.len(), events.len(), "case {case}: an event lost or applied twice");
    }
    let (status, flows) = hub.get("/ops/v1/flows");
    assert_eq!(status, 200, "{flows}");
    let text = flows.to_string();
    let mut flow = flows["flows"].as_array().unwrap_or_else(|| panic!("{text}")).iter();
    let flow = flow.find(|flow| flow.to_string().contains("\"wabo\"")).cloned().unwrap_or_else(|| panic!("{text}"));
    let count = |name: &str| flow["counts"][name].as_u64().unwrap_or_else(|| panic!("{flow}"));
    let ended = count("applied") + count("duplicate") + count("superseded") + count("quarantined") + count("parked");
    assert_eq!(count("received"), ended, "I1: {flow}");
    assert_eq!(count("received"), 8577, "each row received once, re-reads start where the last commit ended: {flow}");
    let changes = feed(&hub);
    assert!(changes.windows(2).all(|two| two[1] == two[0] + 1), "I7: the feed has a gap");
    let done = std::fs::read_dir(project.path("inbox/wabo/done")).unwrap().count();
    assert_eq!(done, 1, "the file is moved once, after its last commit");
}

/// Positions of the change feed, all of them.
fn feed(hub: &Hub) -> Vec<i64> {
    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(0);
        let (status, page) = hub.get(&format!("/v1/changes?after={after}&limit=200"));
        assert_eq!(status, 200, "{page}");
        let changes = page["changes"].as_array().unwrap_or_else(|| panic!("{page}"));
        if changes.is_empty() {
            return seen;
        }
        let position = |change: &serde_json::Value| change["seq"].as_i64().unwrap_or_else(|| panic!("{change}"));
        seen.extend(changes.iter().map(position));
    }
}

fn undisturbed() -> Option<(BTreeMap<String, History>, Duration)> {
    let project = project()?;
    let started = Instant::now();
    project.run_to("wabo/receipt", 0);
    let took = started.elapsed();
    let histories = Hub::start(&project).histories("&source=wabo");
    assert_eq!(histories.len(), 1434);
    Some((histories, took))
}

#[test]
fn i1_killed_at_random_moments_nothing_is_lost_or_twice() {
    let Some((expected, took)) = undisturbed() else { return };
    let kills: u32 = std::env::var("GUICHET_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let (mut killed, mut seed, mut histories) = (0, 20_261_124u64, 0);
    while killed < kills {
        let project = project().unwrap();
        loop {
            let mut child =
                project.guichet(&["run", "wabo/receipt"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Up to half an undisturbed run: a history takes several lives to finish.
            let wait = took.mul_f64((seed >> 33) as f64 / (1u64 << 31) as f64 * 0.5);
            let deadline = Instant::now() + wait;
            let ended = loop {
                match child.try_wait().unwrap() {
                    Some(status) => break Some(status),
                    None if Instant::now() >= deadline => break None,
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            };
            if let Some(status) = ended {
                assert!(status.success(), "after {killed} kills: {status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        judge(&project, &expected);
        histories += 1;
    }
    assert!(histories > 0 && killed >= kills);
}

#[test]
fn i1_killed_at_every_named_point_nothing_is_lost_or_twice() {
    let Some((expected, _)) = undisturbed() else { return };
    for point in ["in-transaction", "before-commit", "after-commit", "before-ack", "after-ack"] {
        let project = project().unwrap();
        let mut died = 0;
        for time in [1, 2, 7, 30, 90] {
            let mut command = project.guichet(&["run", "wabo/receipt"]);
            command.env("GUICHET_FAIL", format!("{point}:{time}")).stdout(Stdio::null()).stderr(Stdio::null());
            if !command.status().unwrap().success() {
                died += 1;
            }
        }
        assert!(died > 0, "the point `{point}` was never passed");
        project.run_to("wabo/receipt", 0);
        judge(&project, &expected);
    }
}
