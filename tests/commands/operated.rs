//! Commands through files, without anybody to carry them out, and in the hands of an operator at the command line.

use std::collections::BTreeMap;

use guichet_testkit::Fault as ProxyFault;
use serde_json::{Value, json};

use super::support::hub::Hub;
use super::support::project::Project;
use super::{SERVICE, Town, commands, ended, project, submit, text};

const FILES: &str = r#"
[source]
title = { en = "Street office" }
connector = "files"
[source.settings]
folder = "inbox"
pattern = "*.json"
settle = "0s"
[flows.requests]
mapping = "office/request"
schedule = { every = "1s" }
order = "version"
[flows.requests.settings.commands.submit]
folder = "outbox"
name = "{command}.json"
answers = "answers"
confirmed = "{command}.ok"
refused = "{command}.err"
"#;

#[test]
fn a_file_is_dropped_whole_and_its_acknowledgement_recognised() {
    let project = project(FILES, &SERVICE[..SERVICE.find("[commands.message]").unwrap()]);
    std::fs::create_dir_all(project.path("inbox")).unwrap();
    let hub = Hub::start(&project);
    let tickets = ["Lamp out", "Lamp gone"].map(|title| submit(&hub, title, title).unwrap().1);
    let [done, not] = [0, 1].map(|n: usize| text(&tickets[n]["id"]));
    let state = |id: &str| text(&hub.get(&format!("/v1/commands/{id}")).1["state"]);
    hub.until("both to be dropped", || [&done, &not].iter().all(|id| state(id) == "accepted"));
    for (ticket, title) in tickets.iter().zip(["Lamp out", "Lamp gone"]) {
        let file = project.path("outbox").join(format!("{}.json", text(&ticket["id"])));
        let dropped: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(dropped, json!({ "title": title, "reference": ticket["case"]["reference"] }));
        // the office takes it away: it was dropped all the same
        std::fs::remove_file(&file).unwrap();
    }
    let seen: Vec<_> = std::fs::read_dir(project.path("outbox")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(seen, [".guichet"], "nothing half-written in sight");
    drop(hub);
    let hub = Hub::start(&project);
    let state = |id: &str| text(&hub.get(&format!("/v1/commands/{id}")).1["state"]);
    assert_eq!((state(&done), state(&not)), ("accepted".into(), "accepted".into()), "not dropped again");
    project.write(&format!("answers/{done}.ok"), "R-7\r\n");
    project.write(&format!("answers/{not}.err"), "no such street\n");
    hub.until("both to end", || ended(&hub, 2));
    let (_, confirmed) = hub.get(&format!("/v1/commands/{done}"));
    assert_eq!((&confirmed["state"], &confirmed["reference"]), (&json!("confirmed"), &json!("R-7")), "{confirmed}");
    let (_, refused) = hub.get(&format!("/v1/commands/{not}"));
    assert_eq!((&refused["state"], &refused["reason"]), (&json!("refused"), &json!("no such street")), "{refused}");
    let case = format!("/v1/cases/{}", text(&tickets[0]["case"]["id"]));
    project.drop_bytes(br#"{"cases":[{"key":"R-7","seq":1}]}"#, "", "1.json");
    hub.until("the case to come back", || hub.get(&case).1["status"]["phase"] == "in_progress");
    assert_eq!(hub.get(&case).1["source_reference"], "R-7");
    assert_eq!(hub.cases("").len(), 2, "it is the submitted one");
}

/// A command of the hub's tool: exit code, standard output, standard error.
fn told(project: &Project, words: &[&str]) -> (i32, String, String) {
    let output = project.guichet(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_command_nobody_carries_out_any_more_is_seen_and_goes_on_when_somebody_does() {
    let town = Town::new();
    let mut tickets = Vec::new();
    let mut hub = Hub::start_with(&town.project, &[("GUICHET_FAIL", "after-lease:1")]);
    tickets.extend(submit(&hub, "k1", "Lamp out"));
    assert!(hub.dies_within(std::time::Duration::from_secs(60)), "at its first command");
    let whole = std::fs::read_to_string(town.project.path("config/sources/office.toml")).unwrap();
    let bare = &whole[..whole.find("[flows.requests.settings.commands.submit]").unwrap()];
    town.project.write("config/sources/office.toml", bare);
    town.project.write("config/services/lamp-report.toml", &SERVICE[..SERVICE.find("[commands.submit]").unwrap()]);
    let hub = Hub::start(&town.project);
    let all = commands(&hub);
    let (id, state, next) = (text(&all[0]["id"]), &all[0]["state"], all[0].get("next_at"));
    assert_eq!((all.len(), state, next), (1, &json!("failed"), None), "{all:?}");
    let (_, shown) = hub.get(&format!("/ops/v1/commands/{id}"));
    assert_eq!((&shown["issue"]["code"], &shown["attempts"]), (&json!("E415"), &json!(0)), "{shown}");
    let (_, news) = hub.get("/v1/changes");
    assert!(news.to_string().contains("command.unknown"), "the front office is told: {news}");
    drop(hub);
    let (code, listed, told_beside) = told(&town.project, &["commands", "ls", "--state", "failed"]);
    assert!(code == 0 && listed.contains(&id) && listed.contains("E415"), "{listed}{told_beside}");

    town.project.write("config/sources/office.toml", &whole);
    town.project.write("config/services/lamp-report.toml", SERVICE);
    let hub = Hub::start(&town.project);
    hub.until("it to go on by itself", || ended(&hub, 1));
    assert_eq!(town.taken(), BTreeMap::from([(id, 1)]), "once");
    assert!(tickets.iter().all(|(status, _)| *status == 202));
}

#[test]
fn an_operator_lists_shows_settles_and_retries_from_the_command_line() {
    let town = Town::new();
    // the office cannot be looked up: what is cut after sending waits for an operator
    let look_up = "look_up = { path = \"/requests\", query = { ref = \"{command}\" }, total = \"total\", reference = \"requests/0/number\", settle = \"500ms\" }\n";
    town.project.edit("config/sources/office.toml", look_up, "");
    town.proxy.set(ProxyFault::Cut(0));
    let hub = Hub::start(&town.project);
    let ids = ["k1", "k2"].map(|key| text(&submit(&hub, key, key).unwrap().1["id"]));
    hub.until("both to be unknown", || {
        ids.iter().all(|id| hub.get(&format!("/ops/v1/commands/{id}")).1["issue"]["code"] == "E406")
    });
    drop(hub);
    let [done, again] = &ids;
    let run = |words: &[&str]| told(&town.project, words);
    let (code, listed, _) = run(&["commands", "ls", "--state", "unknown", "--source", "office"]);
    assert!(code == 0 && ids.iter().all(|id| listed.contains(id)) && listed.contains("E406"), "{listed}");
    assert!(!run(&["commands", "ls", "--source", "none"]).1.contains(done));
    let (code, page, _) = run(&["commands", "ls", "--limit", "1", "--json"]);
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!((code, &page["commands"][0]["id"], &page["next"]), (0, &json!(again), &json!(again)));
    let (code, shown, _) = run(&["commands", "show", done]);
    assert!(code == 0, "{shown}");
    for part in ["unknown", "POST /requests", "\\\"title\\\":\\\"k1\\\"", "E406", "settle"] {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
    let settle = ["commands", "settle", done, "--as", "confirmed", "--reference", "R-7", "--reason", "found"];
    assert_eq!(run(&settle).1.trim(), format!("{done} is confirmed"));
    let (code, _, refused) = run(&settle);
    assert!(code != 0 && refused.contains("decided already"), "{refused}");
    assert_eq!(run(&["commands", "retry", again, "--reason", "not there"]).1.trim(), format!("{again} is queued"));
    let (code, _, missing) = run(&["commands", "show", "00000000-0000-0000-0000-000000000000"]);
    assert!(code != 0 && missing.contains("there is no such command"), "{missing}");
    town.proxy.set(ProxyFault::None);
    let hub = Hub::start(&town.project);
    hub.until("the retried one to be sent", || town.taken().get(again) == Some(&2));
    assert_eq!(town.taken().get(done), Some(&1), "what was settled is not sent");
    let (_, audit) = hub.get("/ops/v1/audit");
    let deeds: Vec<_> = audit["done"].as_array().unwrap().iter().map(|deed| text(&deed["what"])).collect();
    assert_eq!(deeds, ["command retry", "command settle"]);
}
