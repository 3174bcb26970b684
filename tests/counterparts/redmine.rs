//! Redmine from Debian, holding the real permit log as tickets: every case and every change of status arrives, over JSON
//! and over XML, and what changes there shows here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::hub::Hub;
use crate::support::oracle::{self, Event};
use crate::support::project::Project;
use crate::support::{copy_folder, real_input, root};
use crate::{peers, skip};

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// A running Redmine on a database of its own, ended when dropped.
struct Redmine {
    process: Child,
    base: String,
    _folder: tempfile::TempDir,
}

impl Redmine {
    /// Installs what is missing and starts one; `None` where that cannot be done.
    fn start(log: &Path) -> Option<Redmine> {
        let script = root().join("tests/counterparts/redmine.sh");
        let installed = Command::new(&script).arg("install").arg(peers()?).arg(log).output().unwrap();
        if !installed.status.success() {
            let told = String::from_utf8_lossy(&installed.stderr);
            let last: Vec<_> = told.lines().rev().take(5).collect();
            skip(&format!("Redmine cannot be installed: {}", last.join(" / ")));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(&script)
            .args(["serve", &port.to_string(), folder.path().to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let redmine = Redmine { process, base: format!("http://127.0.0.1:{port}"), _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(90);
        while redmine.ask("GET", "/issues.json?limit=1", None).is_none() {
            assert!(Instant::now() < deadline, "Redmine was not ready within 90 s");
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(redmine)
    }

    fn ask(&self, method: &str, path: &str, body: Option<serde_json::Value>) -> Option<serde_json::Value> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        request = request.header("X-Redmine-API-Key", KEY);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().ok().filter(|answer| answer.status().is_success())?;
        Some(answer.json().unwrap_or_default())
    }

    /// A project with Redmine as a source, in JSON and in XML.
    fn project(&self) -> Project {
        let project = Project::new();
        let files = root().join("tests/counterparts/redmine");
        copy_folder(&files.join("mappings"), &project.path("mappings"));
        copy_folder(&files.join("config"), &project.path("config"));
        for source in ["redmine", "redmine-xml"] {
            project.edit(&format!("config/sources/{source}.toml"), "http://127.0.0.1:3100", &self.base);
        }
        project.write("secrets/redmine", KEY);
        project
    }
}

impl Drop for Redmine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What Redmine can tell of the log: all of it, with the names of statuses cut at 30 characters.
fn expected(log: &BTreeMap<String, Vec<Event>>) -> BTreeMap<String, Vec<(i64, String)>> {
    let name = |event: &Event| event.activity.chars().take(30).collect::<String>().trim().to_owned();
    // Redmine keeps whole seconds, and a sort by time leaves equal ones in their order
    let told = |event: &Event| (event.at.div_euclid(1_000_000), name(event));
    let history = |events: &Vec<Event>| events.iter().map(told).collect();
    log.iter().map(|(case, events)| (case.clone(), history(events))).collect()
}

#[test]
fn redmine_tells_every_case_and_every_change_of_status() {
    let Some(csv) = real_input("a1-receipt-wabo/input_data/receipt.csv") else { return };
    let Some(redmine) = Redmine::start(&csv) else { return };
    let expected = expected(&oracle::receipt(&csv));
    let project = redmine.project();

    for source in ["redmine", "redmine-xml"] {
        let summary = project.run_to(&format!("{source}/permits"), 0);
        assert_eq!(summary["counts"]["received"], 1434, "{source}: {summary}");
    }
    let hub = Hub::start(&project);
    for source in ["redmine", "redmine-xml"] {
        let histories = hub.histories(&format!("&source={source}"));
        assert_eq!(histories.len(), 1434, "{source}");
        // one entry says how a case began, every other one is a change
        let changes = histories.values().map(|history| history.entries.len() - 1).sum::<usize>();
        assert_eq!(changes, 7143, "{source}");
        let unchanged = histories.values().filter(|history| history.entries.len() == 1).count();
        assert_eq!(unchanged, 116, "{source}");
        for (case, history) in &histories {
            let seconds = |at: &str| at.parse::<jiff::Timestamp>().unwrap().as_second();
            let mut told: Vec<_> = history.entries.iter().map(|(at, code)| (seconds(at), code.clone())).collect();
            let mut said = expected[case].clone();
            // between two changes in one second a status is not believed to go back (I4)
            if let [.., (before, _), (last, name)] = &said[..]
                && before < last
            {
                assert_eq!(name, &history.head, "{source}: status of case {case}");
            }
            told.sort();
            said.sort();
            assert_eq!(told, said, "{source}: case {case}");
        }
    }
    changes_show(&redmine, &hub);
}

#[test]
fn redmine_tells_only_what_changed_since_a_date() {
    let Some(csv) = real_input("a1-receipt-wabo/input_data/receipt.csv") else { return };
    let Some(redmine) = Redmine::start(&csv) else { return };
    let project = redmine.project();
    for source in ["redmine", "redmine-xml"] {
        let since = "since = { start = \"2011-12-01T00:00:00Z\", ";
        project.edit(&format!("config/sources/{source}.toml"), "since = { ", since);
        let summary = project.run_to(&format!("{source}/permits"), 0);
        assert_eq!(summary["counts"]["received"], 108, "{source}: {summary}");
    }
}

/// A change made in Redmine while the hub runs is told by the hub.
fn changes_show(redmine: &Redmine, hub: &Hub) {
    let issue = &redmine.ask("GET", "/issues/2.json", None).unwrap()["issue"];
    let reference = issue["custom_fields"][0]["value"].as_str().unwrap().to_owned();
    // none where the source has not told the case yet: the XML flow knows only what changed lately, until its next poll
    let head = |source: &str| {
        let cases = hub.cases(&format!("&source={source}&reference={reference}"));
        Some(cases.first()?["status"]["source_status"]["code"].as_str().unwrap_or_default().to_owned())
    };
    assert!(head("redmine").is_some_and(|code| code != "Feedback"));
    // 4 is "Feedback": the applicant is asked
    redmine.ask("PUT", "/issues/2.json", Some(json!({ "issue": { "status_id": 4 } }))).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while ["redmine", "redmine-xml"].iter().any(|source| head(source).as_deref() != Some("Feedback")) {
        assert!(Instant::now() < deadline, "a change made in Redmine does not show");
        std::thread::sleep(Duration::from_millis(200));
    }
}
