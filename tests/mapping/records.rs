//! Records that do not fit: refused with code, field and place, the value never shown; the case is named where it can be.

use guichet::mapping::Mapping;
use guichet_sdk::format::{Cut, Framer, Reader};
use guichet_sdk::{Issue, Refusal};

const MAPPING: &str = r#"
[mapping]
id = "m"
version = "1"
model = "case/1"
[source]
format = "json"
record = "cases"
tz = "Europe/Paris"
[fields]
case.key = "id | trim"
case.title = "title"
case.confidentiality = "level? | integer"
case.submitted_at = "on | date('%d/%m/%Y')"
status.phase = "state | code('states', 'phase', on | date('%d/%m/%Y'))"
status.outcome = "end?"
[lists.parties]
each = "people[*]"
[lists.parties.fields]
role = "as | map('A': 'applicant')"
name = "name"
[tables.states]
rows = [{ code = "O", phase = "received", valid_from = "2024-01-01" }, { code = "C", phase = "closed" }]
"#;

fn apply(record: &str) -> Result<usize, Refusal> {
    let mapping = Mapping::compile("mapping.toml", MAPPING, &|_| None).unwrap();
    let mut framer = Framer::new(&mapping.format, "cases.json".into(), 0);
    framer.push(format!("{{\"cases\": [{record}]}}").as_bytes());
    framer.end();
    let Some(Cut::Record(record)) = framer.next().unwrap() else { panic!("no record") };
    let document = Reader::new(&mapping.format).read(&record).unwrap();
    mapping.apply(&document).map(|updates| updates.len())
}

/// Codes and document paths of a refusal; checks that each is located in the mapping and shows no value.
fn refused(record: &str) -> (Option<String>, Vec<String>) {
    let refusal = apply(record).unwrap_err();
    for issue in &refusal.issues {
        assert!(issue.place.line.is_some() && issue.place.column.is_some(), "{issue}");
        assert!(!issue.to_string().contains("secret"), "a value is shown: {issue}");
    }
    let show = |issue: &Issue| format!("{} {}", issue.code, issue.place.path.as_deref().unwrap_or_default());
    (refusal.case_key, refusal.issues.iter().map(show).collect())
}

#[test]
fn a_record_that_fits_is_applied() {
    assert_eq!(apply(r#"{"id": 7, "title": "t", "on": "31/12/2023", "state": "C", "end": "done"}"#).unwrap(), 1);
}

#[test]
fn every_field_that_fails_is_reported_and_the_case_is_named() {
    let record = r#"{"id": "7", "title": null, "level": "999", "on": "secret", "state": "secret", "end": "secret",
        "people": [{"as": "A", "name": "x"}, {"as": "secret", "name": ["secret", "secret"]}]}"#;
    let (key, issues) = refused(record);
    assert_eq!(key.as_deref(), Some("7"));
    assert_eq!(
        issues,
        ["E048 title", "E050 level", "E050 on", "E050 on", "E046 end", "E042 people[2]/as", "E049 people[2]/name"]
    );
}

#[test]
fn a_code_before_its_first_day_has_no_row() {
    let record = |day: &str| format!(r#"{{"id": "7", "title": "t", "on": "{day}", "state": "O"}}"#);
    assert_eq!(refused(&record("31/12/2023")).1, ["E042 state"]);
    assert!(apply(&record("01/01/2024")).is_ok());
}

#[test]
fn a_record_without_its_key_names_no_case() {
    let (key, issues) = refused(r#"{"title": "t", "on": "01/01/2024", "state": "O", "ident": "7"}"#);
    assert_eq!((key, issues), (None, vec!["E048 id".to_owned()]));
}

#[test]
fn a_value_that_is_an_object_says_to_go_further() {
    let refusal = apply(r#"{"id": "7", "title": {"fr": "secret"}, "on": "01/01/2024", "state": "O"}"#).unwrap_err();
    assert_eq!(refusal.issues[0].code.0, "E049");
    assert!(refusal.issues[0].hint.as_deref().unwrap().contains("`fr`"));
}

#[test]
fn an_outcome_beside_an_open_phase_is_refused() {
    let (_, issues) = refused(r#"{"id": "7", "title": "t", "on": "01/01/2024", "state": "O", "end": "done"}"#);
    assert_eq!(issues, ["E051 end"]);
}

/// What a whole XML file gives: the titles of its cases.
fn titles(xml: &[u8]) -> Vec<String> {
    let text = MAPPING
        .split("[lists.parties]")
        .next()
        .unwrap()
        .replace("\"json\"", "\"xml\"")
        .replace("\"cases\"", "\"case\"");
    let text = text.split("status.phase").next().unwrap().replace("\"title\"", "\"title[*] | join_each(' + ')\"");
    let mapping = Mapping::compile("mapping.toml", &text, &|_| None).unwrap();
    let mut framer = Framer::new(&mapping.format, "cases.xml".into(), 0);
    framer.push(xml);
    framer.end();
    let reader = Reader::new(&mapping.format);
    let mut titles = Vec::new();
    while let Some(Cut::Record(record)) = framer.next().unwrap() {
        let updates = mapping.apply(&reader.read(&record).unwrap()).unwrap();
        titles.push(updates[0].facts.title.clone().unwrap());
    }
    titles
}

#[test]
fn trap_5_repeated_elements_are_all_there() {
    let xml = b"<cases><case><id>1</id><on>01/01/2024</on><title>a</title><title>b</title></case></cases>";
    assert_eq!(titles(xml), ["a + b"]);
}

#[test]
fn trap_6_an_accent_in_the_first_bytes_of_a_latin_1_file() {
    let xml = b"<?xml version='1.0' encoding='ISO-8859-1'?><!-- \xe9t\xe9 --><cases><case><id>1</id><on>01/01/2024</on><title>\xe9t\xe9</title></case></cases>";
    assert_eq!(titles(xml), ["\u{e9}t\u{e9}"]);
}
