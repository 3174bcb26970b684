//! Commands as a person types them: standard output, standard error and exit code, as goldens. After a wanted change:
//! `INSTA_UPDATE=always cargo test --test cli`, look at the difference, commit it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod collector;
mod desk;

use collector::Collector;
use desk::Desk;
use insta::assert_snapshot;

#[test]
fn help_shows_every_verb_and_what_exit_codes_mean() {
    let desk = Desk::new();
    assert_snapshot!("help", desk.run(&["--help"]));
    assert_snapshot!("help_run", desk.run(&["run", "--help"]));
    assert_snapshot!("help_quarantine_retry", desk.run(&["quarantine", "retry", "--help"]));
    assert_snapshot!("unknown_verb", desk.run(&["serv"]));
}

#[test]
fn check_says_what_there_is_or_everything_that_is_wrong() {
    let desk = Desk::new();
    assert_snapshot!("check_ok", desk.run(&["check"]));
    assert_snapshot!("check_ok_json", desk.run(&["check", "--json"]));
    desk.edit("config/sources/permits.toml", "order = \"version\"", "ordre = \"version\"");
    desk.edit("mappings/permits/mapping.toml", "number | trim", "number | trimm");
    assert_snapshot!("check_wrong", desk.run(&["check"]));
    assert_snapshot!("no_project", desk.run_in("nowhere", &["check"]));
}

#[test]
fn run_ends_caught_up_or_says_what_was_quarantined() {
    let desk = Desk::new();
    assert_snapshot!("run_nothing", desk.run(&["run", "permits/all"]));
    desk.drop_file("1.csv", "number;version;state\nA1;1;DEP\nA2;3;GRA\n");
    assert_snapshot!("run_caught_up", desk.run(&["run", "permits/all"]));
    desk.drop_file("2.csv", "number;version;state\nA3;1;DEP\nA1;2;XXX\nA1;3;GRA\n");
    assert_snapshot!("run_quarantined", desk.run(&["run", "permits/all"]));
    assert_snapshot!("run_unknown_flow", desk.run(&["run", "permit/all"]));
}

#[test]
fn a_flow_paused_by_its_threshold_says_so_and_is_resumed() {
    let desk = Desk::new();
    let wrong: String = (0..120).map(|n| format!("A{n};1;XXX\n")).collect();
    desk.drop_file("1.csv", &format!("number;version;state\n{wrong}"));
    assert_snapshot!("run_exceeded", desk.run(&["run", "permits/all"]));
    assert_snapshot!("run_paused", desk.run(&["run", "permits/all"]));
    assert_snapshot!("run_resumed", desk.run(&["run", "permits/all", "--resume"]));
}

#[test]
fn what_is_held_is_listed_shown_repaired_and_given_up() {
    let desk = Desk::new();
    desk.drop_file("1.csv", "number;version;state\nA1;1;DEP\nA1;2;XXX\nA1;3;GRA\nA2;1;YYY\n");
    desk.run(&["run", "permits/all"]);
    assert_snapshot!("quarantine_ls", desk.run(&["quarantine", "ls"]));
    assert_snapshot!("quarantine_show", desk.run(&["quarantine", "show", "1"]));
    assert_snapshot!("quarantine_show_unknown", desk.run(&["quarantine", "show", "77"]));
    assert_snapshot!("quarantine_retry_in_vain", desk.run(&["quarantine", "retry", "--all"]));
    desk.edit(
        "mappings/permits/mapping.toml",
        "code = \"GRA\"",
        "code = \"XXX\", phase = \"in_progress\" },\n  { code = \"GRA\"",
    );
    assert_snapshot!("quarantine_retry", desk.run(&["quarantine", "retry", "--case", "A1"]));
    assert_snapshot!("quarantine_ls_after", desk.run(&["quarantine", "ls"]));
    let row = desk.held();
    assert_snapshot!("quarantine_dismiss_silent", desk.run(&["quarantine", "dismiss", &row, "--reason", " "]));
    assert_snapshot!("quarantine_dismiss", desk.run(&["quarantine", "dismiss", &row, "--reason", "a test"]));
    assert_snapshot!("quarantine_ls_empty", desk.run(&["quarantine", "ls"]));
}

#[test]
fn cases_are_listed_and_explained() {
    let desk = Desk::new();
    desk.drop_file("1.csv", "number;version;state\nA1;1;DEP\nA2;1;DEP\n");
    desk.run(&["run", "permits/all"]);
    desk.drop_file("2.csv", "number;version;state\nA1;3;GRA\n");
    desk.run(&["run", "permits/all"]);
    assert_snapshot!("cases", desk.run(&["cases", "--phase", "decided"]));
    assert_snapshot!("cases_wrong_filter", desk.run(&["cases", "--phase", "decide"]));
    assert_snapshot!("explain_case", desk.run(&["explain", &desk.reference("A1")]));
    assert_snapshot!("explain_unknown_case", desk.run(&["explain", "0000-0000-0"]));
}

#[test]
fn commands_are_listed_and_what_cannot_be_decided_is_told() {
    let desk = Desk::new();
    let id = "0198c0de-0000-7000-8000-000000000000";
    assert_snapshot!("commands_ls_empty", desk.run(&["commands", "ls"]));
    assert_snapshot!("commands_ls_wrong_state", desk.run(&["commands", "ls", "--state", "lost"]));
    assert_snapshot!("commands_show_unknown", desk.run(&["commands", "show", id]));
    let settle = ["commands", "settle", id, "--as", "confirmed", "--reason"];
    assert_snapshot!("commands_settle_unknown", desk.run(&[&settle[..], &["found"]].concat()));
    assert_snapshot!("commands_settle_silent", desk.run(&[&settle[..], &[" "]].concat()));
    assert_snapshot!("commands_settle_open", desk.run(&["commands", "settle", id, "--as", "queued", "--reason", "x"]));
    assert_snapshot!("commands_retry_silent", desk.run(&["commands", "retry", id]));
}

#[test]
fn codes_are_explained() {
    let desk = Desk::new();
    assert_snapshot!("explain_code", desk.run(&["explain", "e262"]));
    assert_snapshot!("explain_unknown_code", desk.run(&["explain", "E999"]));
}

#[test]
fn goldens_pass_fail_and_are_blessed_outside_ci_only() {
    let desk = Desk::new();
    desk.write("mappings/permits/samples/01.in.csv", "number;version;state\nA1;1;DEP\n");
    assert_snapshot!("test_no_golden", desk.run(&["test"]));
    assert_snapshot!("test_bless_in_ci", desk.run_with("CI", "true", &["test", "--bless"]));
    assert_snapshot!("test_bless", desk.run(&["test", "--bless"]));
    assert_snapshot!("test_coverage", desk.run(&["test", "--coverage"]));
    desk.edit("mappings/permits/mapping.toml", "phase = \"received\"", "phase = \"submitted\"");
    assert_snapshot!("test_differs", desk.run(&["test"]));
    assert_snapshot!("test_nothing", desk.run(&["test", "config"]));
}

#[test]
fn what_the_surroundings_do_not_allow_is_told_with_what_to_do() {
    let desk = Desk::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = desk.run(&["serve", "--listen", &address]);
    assert_snapshot!("serve_address_taken", told.replace(&address, "[address]"));
    drop(taken);
    let told = desk.run(&["cases", "--url", &address, "--key", "k"]);
    assert_snapshot!("nobody_answers", told.replace(&address, "[address]"));
    let _lock = desk.lock_store();
    assert_snapshot!("store_locked_cases", desk.run(&["cases"]));
    assert_snapshot!("store_locked_run", desk.run(&["run", "permits/all"]));
}

#[test]
fn schemas_and_completions_are_printed() {
    let desk = Desk::new();
    assert_snapshot!("schema_unknown", desk.run(&["schema", "sources"]));
    for kind in ["guichet", "source", "service", "mapping"] {
        let told = desk.run(&["schema", kind]);
        assert!(told.contains("exit code: 0") && told.contains("\"$schema\""), "{told}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let told = desk.run(&["completions", shell]);
        assert!(told.contains("exit code: 0") && told.contains("quarantine"), "{told}");
    }
}

#[test]
fn spans_follow_a_record_from_receipt_to_commit_and_carry_nothing_of_it() {
    let desk = Desk::new();
    let collector = Collector::start();
    desk.write("config/guichet.toml", &format!("[telemetry]\notlp = \"{}\"\nsample = 1.0\n", collector.address));
    desk.drop_file("1.csv", "number;version;state\nCANARY77;1;DEP\nCANARY78;1;XXX\n");
    let told = desk.run(&["run", "permits/all"]);
    assert!(told.contains("exit code: 5"), "{told}");
    let spans = collector.sent_to("/v1/traces");
    for name in
        ["flow.batch", "flow.read", "flow.map", "flow.commit", "record", "permits/all", "applied", "quarantined"]
    {
        assert!(spans.contains(name), "no `{name}` among the spans: {spans}");
    }
    let metrics = collector.sent_to("/v1/metrics");
    assert!(metrics.contains("guichet.commit"), "{metrics}");
    assert!(!spans.contains("CANARY") && !metrics.contains("CANARY"), "a value left the hub: {spans}{metrics}");
}
