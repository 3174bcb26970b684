//! Real files nobody here wrote (`../shared/data`, see its `INDEX.md`), through the binary and the API.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use support::hub::{History, Hub};
use support::oracle::{self, Event};
use support::project::Project;
use support::real_input;

const LAST_ACTIVITIES: &str = "b217156339b4bb9403b43436a12d4b37a9264b6f3ce89afc4225d0ec5e85c061";

/// Checks every case of the permit log, as the API tells it, against the oracle.
fn expect_receipt(histories: &BTreeMap<String, History>, log: &BTreeMap<String, Vec<Event>>) {
    assert_eq!(histories.len(), 1434);
    assert_eq!(histories.values().map(|h| h.entries.len()).sum::<usize>(), 8577);
    let last = histories.iter().map(|(case, history)| (case.as_str(), history.head.as_str()));
    assert_eq!(oracle::last_activities_digest(last), LAST_ACTIVITIES);
    for (case, events) in log {
        let told: Vec<(i64, &str)> = histories[case]
            .entries
            .iter()
            .map(|(at, code)| (at.parse::<jiff::Timestamp>().unwrap().as_microsecond(), code.as_str()))
            .collect();
        let mut said: Vec<(i64, &str)> = events.iter().map(|e| (e.at, e.activity.as_str())).collect();
        said.sort_by_key(|(at, _)| *at);
        assert_eq!(told, said, "case {case}");
        assert_ne!(histories[case].phase, "unknown", "case {case}");
    }
}

#[test]
fn the_permit_log_as_csv_and_as_xes_gives_the_same_cases() {
    let Some(csv) = real_input("a1-receipt-wabo/input_data/receipt.csv") else { return };
    let Some(xes) = real_input("a1-receipt-wabo/compressed_input_data/08_receipt.xes.gz") else { return };
    let log = oracle::receipt(&csv);
    let project = Project::new();
    project.drop_file(&csv, "wabo", "receipt.csv");
    project.drop_file(&xes, "wabo-xes", "receipt.xes.gz");
    let summary = project.run_to("wabo/receipt", 0);
    assert_eq!(summary["counts"]["received"], 8577, "{summary}");
    let summary = project.run_to("wabo-xes/receipt", 0);
    assert_eq!(summary["counts"]["received"], 1434, "{summary}");
    let hub = Hub::start(&project);
    let from_csv = hub.histories("&source=wabo");
    expect_receipt(&from_csv, &log);
    let from_xes = hub.histories("&source=wabo-xes");
    expect_receipt(&from_xes, &log);
    for case in hub.cases("&source=wabo&reference=case-10011") {
        assert_eq!(case["channel"], "Internet", "{case}");
    }
}

#[test]
fn reading_the_same_log_again_adds_nothing_and_order_does_not_matter() {
    let Some(csv) = real_input("a1-receipt-wabo/input_data/receipt.csv") else { return };
    let log = oracle::receipt(&csv);
    let text = std::fs::read_to_string(&csv).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();

    let project = Project::new();
    let mut lines: Vec<&str> = rows.lines().collect();
    let doubled: Vec<&str> = lines.iter().copied().step_by(2).collect();
    lines.extend(doubled);
    shuffle(&mut lines);
    let shuffled = format!("{header}\n{}\n", lines.join("\n"));
    project.drop_bytes(shuffled.as_bytes(), "wabo", "shuffled.csv");
    let summary = project.run_to("wabo/receipt", 0);
    assert_eq!(summary["counts"]["received"].as_u64().unwrap() as usize, lines.len(), "{summary}");
    assert_eq!(summary["counts"]["duplicate"].as_u64().unwrap() as usize, lines.len() - 8577, "{summary}");

    // The same bytes under another name, then the original order: nothing is new in either.
    project.drop_bytes(shuffled.as_bytes(), "wabo", "again.csv");
    let summary = project.run_to("wabo/receipt", 0);
    assert_eq!(summary["counts"]["received"], 0, "a finished file is recognised whole: {summary}");
    project.drop_file(&csv, "wabo", "original.csv");
    let summary = project.run_to("wabo/receipt", 0);
    assert_eq!(summary["counts"]["received"], summary["counts"]["duplicate"], "{summary}");

    let hub = Hub::start(&project);
    expect_receipt(&hub.histories("&source=wabo"), &log);
}

/// Fisher–Yates over SplitMix64: the same shuffle in every run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 42u64;
    for n in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        items.swap(n, ((z ^ (z >> 31)) % (n as u64 + 1)) as usize);
    }
}

#[test]
fn fines_without_a_time_of_day_are_ordered_by_their_place_in_the_file() {
    let Some(csv) = real_input("a2-road-traffic-small/input_data/roadtraffic100traces.csv") else { return };
    let text = std::fs::read_to_string(&csv).unwrap();
    let rows = oracle::rows(&text);
    let column = |name: &str| rows[0].iter().position(|h| h == name).unwrap();
    let (case, activity) = (column("case:concept:name"), column("concept:name"));
    let last: BTreeMap<String, String> = rows[1..].iter().map(|r| (r[case].clone(), r[activity].clone())).collect();

    let project = Project::new();
    project.drop_file(&csv, "fines", "fines.csv");
    let summary = project.run_to("fines/roadtraffic", 0);
    assert_eq!(summary["counts"]["received"], 390, "{summary}");
    let hub = Hub::start(&project);
    let histories = hub.histories("&source=fines");
    assert_eq!(histories.len(), 100);
    assert_eq!(histories.values().map(|h| h.entries.len()).sum::<usize>(), 390);
    let heads: BTreeMap<String, String> = histories.into_iter().map(|(case, h)| (case, h.head)).collect();
    assert_eq!(heads, last);
    let count = |what: &str| heads.values().filter(|head| *head == what).count();
    assert_eq!((count("Payment"), count("Send for Credit Collection"), count("Send Fine")), (47, 36, 17));
}

#[test]
fn street_anomalies_need_the_right_key_and_the_wrong_one_is_reported() {
    let Some(csv) = real_input("b3-dansmarue/data/raw/raw_data.csv") else { return };
    let project = Project::new();
    project.drop_file(&csv, "dansmarue", "anomalies.csv");
    let summary = project.run_to("dansmarue/anomalies", 0);
    assert_eq!(summary["counts"]["received"], 10_000, "{summary}");
    assert_eq!(summary["counts"]["applied"], 10_000, "{summary}");

    let wrong = Project::new();
    wrong.edit("mappings/streets/dansmarue/mapping.toml", "\"id_dmr", "\"numero");
    wrong.edit("config/sources/dansmarue.toml", "[flows.anomalies]", "[flows.anomalies]\nquarantine = { share = 1.0 }");
    wrong.drop_file(&csv, "dansmarue", "anomalies.csv");
    let summary = wrong.run_to("dansmarue/anomalies", 5);
    assert_eq!(summary["counts"]["applied"], 9_559, "one case per distinct number: {summary}");
    assert_eq!(summary["counts"]["quarantined"], 10_000 - 9_559, "every collision is held, none merged: {summary}");
    let listed = wrong.guichet(&["quarantine", "ls", "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("E220") && text.contains("case.key"), "{text}");
}

#[test]
fn new_york_dates_are_local_and_written_the_american_way() {
    let Some(csv) = real_input("b4-nyc311/311_Service_Requests.csv") else { return };
    let project = Project::new();
    project.drop_file(&csv, "nyc311", "requests.csv");
    let summary = project.run_to("nyc311/requests", 0);
    assert_eq!(summary["counts"]["applied"], 117, "{summary}");
    let hub = Hub::start(&project);
    let cases = hub.cases("&source=nyc311");
    assert_eq!(cases.len(), 117);
    assert!(cases.iter().all(|case| case["status"]["phase"] == "closed"));
    let one = cases.iter().find(|case| case["source_reference"] == "33648024").unwrap();
    // 06/20/2016 10:04:21 PM in New York, in summer.
    assert_eq!(one["submitted_at"], "2016-06-21T02:04:21Z", "{one}");
}

/// A source over a folder, with a mapping of the test's own.
fn source(project: &Project, name: &str, mapping: &str, order: &str) {
    project.write(&format!("mappings/{name}/mapping.toml"), mapping);
    let toml = format!(
        "[source]\ntitle = {{ en = \"{name}\" }}\nconnector = \"files\"\n[flows.all]\nmapping = \"{name}\"\nschedule = \"on_demand\"\norder = \"{order}\"\nquarantine = {{ share = 1.0 }}\n[flows.all.settings]\nfolder = \"inbox/{name}\"\npattern = \"*\"\nsettle = \"0s\"\n"
    );
    project.write(&format!("config/sources/{name}.toml"), &toml);
}

fn head(name: &str) -> String {
    format!("[mapping]\nid = \"{name}\"\nversion = \"1\"\nmodel = \"case/1\"\nvalid_from = \"2000-01-01\"\n")
}

#[test]
fn french_open_data_with_doubled_headers_and_quoted_json() {
    let Some(csv) = real_input("d4-csv-detective/tests/data/a_test_file.csv") else { return };
    let expected = std::fs::read_to_string(&csv).unwrap().lines().skip(3).filter(|line| !line.is_empty()).count();
    let project = Project::new();
    let mapping = format!(
        "{}[source]\nformat = \"csv\"\ndelimiter = \";\"\nheader = 3\ntz = \"Europe/Paris\"\n[fields]\ncase.key = \"NUMCOM\"\ncase.title = \"NOMCOM\"\ncase.attributes.epci = \"NUMEPCI?\"\n[coverage]\nignore = [\"*\"]\n",
        head("communes")
    );
    source(&project, "communes", &mapping, "snapshot");
    project.drop_file(&csv, "communes", "communes.csv");
    let summary = project.run_to("communes/all", 0);
    assert_eq!(summary["counts"]["received"].as_u64().unwrap() as usize, expected, "{summary}");
    let hub = Hub::start(&project);
    let cases = hub.cases("&source=communes");
    assert!(cases.iter().any(|case| case["source_reference"] == "01001"), "leading zeros are text");
    assert!(cases.iter().all(|case| case["status"]["phase"] == "unknown"), "no status was said, none is shown (I5)");
}

#[test]
fn a_row_longer_than_its_header_is_located() {
    let Some(csv) = real_input("d4-csv-detective/tests/data/c_test_file.csv") else { return };
    let project = Project::new();
    let mapping = format!(
        "{}[source]\nformat = \"csv\"\ndelimiter = \";\"\ntz = \"Europe/Paris\"\n[fields]\ncase.key = \"columnB\"\n[coverage]\nignore = [\"*\"]\n",
        head("ragged")
    );
    source(&project, "ragged", &mapping, "arrival");
    project.drop_file(&csv, "ragged", "c.csv");
    let summary = project.run_to("ragged/all", 5);
    assert_eq!(summary["counts"]["quarantined"], 1, "{summary}");
    let listed = project.guichet(&["quarantine", "ls", "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("c.csv:2"), "{text}");
}

#[test]
fn bank_files_are_read_line_by_line_and_the_broken_one_is_located() {
    let mut broken = 0;
    for (name, lines) in [
        ("account_trailer_amount_blank_example.bai2", 8),
        ("citi_example.bai2", 14),
        ("nwb_example.bai2", 18),
        ("svb_us_example.bai2", 20),
    ] {
        let Some(file) = real_input(&format!("d2-bai2/tests/data/{name}")) else { return };
        let project = Project::new();
        let mapping = format!(
            "{}[source]\nformat = \"csv\"\nheader = 0\nragged = true\nterminator = \"/\"\ntz = \"Europe/London\"\n[fields]\ncase.key = \"c1 + '-' + (c2? ?? '')\"\n[coverage]\nignore = [\"*\"]\n",
            head("bank")
        );
        source(&project, "bank", &mapping, "arrival");
        project.drop_file(&file, "bank", name);
        let output = project.run("bank/all");
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["counts"]["received"], lines, "{name}: {summary}");
        if name.starts_with("svb") {
            let listed = project.guichet(&["quarantine", "ls", "--json"]).output().unwrap();
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            assert!(text.contains("svb_us_example.bai2") && text.contains("20"), "{text}");
            broken += 1;
        }
    }
    assert_eq!(broken, 1);
}

#[test]
fn seventy_one_broken_event_logs_give_located_errors_or_clean_imports() {
    let Some(folder) = real_input("a7-xes-malformed") else { return };
    let project = Project::new();
    project.edit("config/sources/wabo-xes.toml", "[flows.receipt]", "[flows.receipt]\nquarantine = { share = 1.0 }");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        project.drop_file(&entry.path(), "wabo-xes", entry.file_name().to_str().unwrap());
        files += 1;
    }
    assert_eq!(files, 71);
    let output = project.run("wabo-xes/receipt");
    let code = output.status.code();
    assert!(code == Some(0) || code == Some(5), "{code:?} {}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| summary["counts"][name].as_u64().unwrap();
    let ended = count("applied") + count("duplicate") + count("superseded") + count("quarantined") + count("parked");
    assert_eq!(count("received"), ended, "{summary}");
    let listed = project.guichet(&["quarantine", "ls", "--json", "--limit", "200"]).output().unwrap();
    let held: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    for row in held["held"].as_array().unwrap() {
        assert!(row["issues"][0]["place"].is_string(), "not located: {row}");
    }
}
