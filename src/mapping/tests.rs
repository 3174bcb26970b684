//! A mapping as a whole: compiled from text, applied to documents written by hand.

#![allow(clippy::unwrap_used)]

use guichet_sdk::{Document, Node};
use proptest::prelude::*;

use super::Mapping;
use crate::model::{CaseUpdate, Outcome, PartyKind, Phase, Role};

/// A document written as JSON: objects are maps, arrays lists, `null` is empty.
pub fn document(json: &str) -> Document {
    fn node(value: serde_json::Value) -> Node {
        match value {
            serde_json::Value::Null => Node::Empty,
            serde_json::Value::Bool(flag) => Node::Bool(flag),
            serde_json::Value::Number(number) => Node::Number(number.to_string().into()),
            serde_json::Value::String(text) => Node::Text(text.into()),
            serde_json::Value::Array(items) => Node::List(items.into_iter().map(node).collect()),
            serde_json::Value::Object(entries) => {
                Node::Map(entries.into_iter().map(|(name, value)| (name.into(), node(value))).collect())
            }
        }
    }
    Document { root: node(serde_json::from_str(json).unwrap()) }
}

const PLANNING: &str = r#"
[mapping]
id = "urbanisme-dossier"
version = "2026-11-02"
model = "case/1"
valid_from = "2026-01-01"
transition = "event_date"

[source]
format = "xml"
record = "ads:dossier"
tz = "Europe/Paris"
date_formats = ['%d/%m/%Y %H:%M', '%d/%m/%Y']
namespaces = { ads = "urn:exemple:ads:v2" }

[let]
since = "etat/dateEtat | date"

[fields]
case.key        = "entete/reference | trim"
case.service    = "'permis-construire'"
case.title      = "(projet/nature | trim) + ' – ' + terrain/adresse/voie"
case.submitted_at = "entete/dateDepot | date"
location.postcode = "terrain/adresse/cp?"
status.source_code  = "etat@code"
status.phase    = "etat@code | code('ads_status', 'phase', $since)"
status.outcome  = "etat@code | code('ads_status', 'outcome', $since)?"
status.effective_at = "$since"
update.version  = "entete/derniereMaj? | date"
deadline.legal  = "entete/dateLimite? | date"

[lists.parties]
each = "demandeurs/demandeur[*]"
[lists.parties.fields]
role = "@qualite | map('PE': 'applicant', 'MA': 'representative')"
kind = "if(@type == 'PM', 'company', 'natural_person')"
name = "if(@type == 'PM', raisonSociale | trim, ((prenom? ?? '') | trim) + ' ' + (nom | trim))"
identifier.siret = "siret? | digits"

[tables.ads_status]
rows = [
  { code = "INS", phase = "in_progress", valid_from = "2000-01-01" },
  { code = "ACC", phase = "decided", outcome = "granted", valid_from = "2000-01-01" },
  { code = "SUS", phase = "closed", outcome = "lapsed", valid_from = "2000-01-01", valid_to = "2024-01-01" },
  { code = "SUS", phase = "completeness_check", valid_from = "2024-01-01" },
]
"#;

const DOSSIER: &str = r#"{
  "entete": { "reference": " PC 075 24 00012 ", "dateDepot": "02/01/2024", "derniereMaj": null },
  "projet": { "nature": "Maison" },
  "terrain": { "adresse": { "voie": "rue Haute", "cp": "04652" } },
  "etat": { "@code": "ACC", "dateEtat": "01/02/2024 09:30" },
  "demandeurs": { "demandeur": { "@qualite": "PE", "@type": "PP", "nom": "Exemple", "siret": "552 100 554" } }
}"#;

fn compile(text: &str) -> Mapping {
    Mapping::compile("mapping.toml", text, &|_| None).unwrap_or_else(|issues| panic!("{issues:#?}"))
}

fn apply(mapping: &Mapping, json: &str) -> Vec<CaseUpdate> {
    mapping.apply(&document(json)).unwrap_or_else(|refusal| panic!("{refusal:#?}"))
}

/// The codes and paths of a refusal.
fn refused(mapping: &Mapping, json: &str) -> Vec<String> {
    let issues = mapping.apply(&document(json)).unwrap_err().issues;
    let show = |issue: &guichet_sdk::Issue| format!("{} {}", issue.code, issue.place.path.clone().unwrap_or_default());
    issues.iter().map(show).collect()
}

#[test]
fn the_mapping_of_the_design_applies() {
    let mapping = compile(PLANNING);
    assert_eq!(&*mapping.stamp, "urbanisme-dossier@2026-11-02");
    let update = apply(&mapping, DOSSIER).remove(0);
    assert_eq!(update.key, "PC 075 24 00012");
    assert_eq!(update.facts.title.as_deref(), Some("Maison – rue Haute"));
    assert_eq!(update.facts.submitted_at.unwrap().rfc3339(), "2024-01-02");
    assert_eq!(update.version, None);
    assert!(update.facts.deadlines.is_empty());
    let status = update.status.unwrap();
    assert_eq!((status.phase, status.outcome), (Phase::Decided, Some(Outcome::Granted)));
    assert_eq!(status.effective_at.unwrap().rfc3339(), "2024-02-01T08:30:00Z");
    let party = &update.facts.parties[0];
    assert_eq!((party.role, party.kind), (Some(Role::Applicant), Some(PartyKind::NaturalPerson)));
    assert_eq!(party.identifiers, [("siret".to_owned(), "552100554".to_owned())]);
}

#[test]
fn trap_1_codes_are_looked_up_on_the_civil_date_of_the_source() {
    let mapping = compile(PLANNING);
    let phase = |date: &str| {
        let json = DOSSIER.replace("ACC", "SUS").replace("01/02/2024 09:30", date);
        apply(&mapping, &json).remove(0).status.unwrap().phase
    };
    assert_eq!(phase("31/12/2023 23:59"), Phase::Closed);
    // Still 2023 in UTC.
    assert_eq!(phase("01/01/2024 00:30"), Phase::CompletenessCheck);
}

#[test]
fn trap_2_a_time_that_does_not_exist_is_refused_or_accepted_as_the_mapping_says() {
    let json = DOSSIER.replace("01/02/2024 09:30", "30/03/2025 02:30");
    assert_eq!(refused(&compile(PLANNING), &json), ["E052 etat/dateEtat"]);
    let lenient = compile(&PLANNING.replace("tz = ", "gap = \"later\"\ntz = "));
    let status = apply(&lenient, &json).remove(0).status.unwrap();
    assert_eq!(status.effective_at.unwrap().rfc3339(), "2025-03-30T01:30:00Z");
}

#[test]
fn trap_3_an_unmapped_code_is_refused_whatever_default_is_written() {
    let mapping = compile(PLANNING);
    assert_eq!(refused(&mapping, &DOSSIER.replace("ACC", "NEW")), ["E042 etat@code", "E042 etat@code"]);
    let hiding = PLANNING.replace("'phase', $since)\"", "'phase', $since) ?? 'unknown'\"");
    let issues = Mapping::compile("m", &hiding, &|_| None).err().unwrap();
    assert!(issues.iter().any(|issue| issue.code.0 == "E041" || issue.code.0 == "E045"), "{issues:?}");
}

#[test]
fn trap_4_messages_name_the_field_the_path_and_the_form_but_never_the_value() {
    let json = DOSSIER.replace("02/01/2024", "le 2 janvier").replace("PE", "secret");
    let refusal = compile(PLANNING).apply(&document(&json)).unwrap_err();
    assert_eq!(refusal.case_key.as_deref(), Some("PC 075 24 00012"));
    let shown: String = refusal.issues.iter().map(|issue| format!("{issue}\n")).collect();
    assert!(!shown.contains("janvier") && !shown.contains("secret"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn trap_9_leading_zeros_are_text() {
    let update = apply(&compile(PLANNING), DOSSIER).remove(0);
    assert_eq!(update.facts.location.unwrap().postcode.as_deref(), Some("04652"));
}

#[test]
fn trap_10_a_mapping_says_for_which_model_it_was_written() {
    let issues = Mapping::compile("m", &PLANNING.replace("case/1", "case/2"), &|_| None).err().unwrap();
    assert_eq!((issues.len(), issues[0].hint.as_deref()), (1, Some("did you mean `case/1`?")));
}

#[test]
fn a_source_that_can_never_be_read_is_told_where_it_is_written() {
    let text = PLANNING.replace("[source]", "[source]\nencoding = \"utf-9\"");
    let line = text.lines().position(|line| line.starts_with("encoding")).unwrap() as u64 + 1;
    let issues = Mapping::compile("m", &text, &|_| None).err().unwrap();
    assert_eq!(issues.len(), 1, "{issues:#?}");
    assert_eq!((issues[0].code.0, issues[0].place.line, issues[0].place.column), ("E100", Some(line), Some(12)));
}

#[test]
fn one_many_or_no_items() {
    let mapping = compile(PLANNING);
    let party = r#"{ "@qualite": "PE", "@type": "PM", "raisonSociale": "Exemple SARL" }"#;
    let start = DOSSIER.find(r#"{ "@qualite""#).unwrap();
    let end = DOSSIER.rfind("} }").unwrap();
    let with = |parties: &str| format!("{}{parties}{}", &DOSSIER[..start], &DOSSIER[end + 1..]);
    let count = |parties: &str| apply(&mapping, &with(parties))[0].facts.parties.len();
    assert_eq!((count("null"), count(party), count(&format!("[{party}, {party}]"))), (0, 1, 2));
}

#[test]
fn several_values_are_not_cut_down_to_the_first() {
    let json = DOSSIER.replace("\"Maison\"", "[\"Maison\", \"Garage\"]");
    assert_eq!(refused(&compile(PLANNING), &json), ["E049 projet/nature"]);
}

#[test]
fn an_absent_path_names_what_is_near() {
    let json = DOSSIER.replace("dateDepot", "dateDepos");
    let refusal = compile(PLANNING).apply(&document(&json)).unwrap_err();
    assert_eq!(refusal.issues[0].code.0, "E048");
    assert!(refusal.issues[0].hint.as_deref().unwrap().contains("`dateDepos`"));
}

#[test]
fn an_outcome_beside_an_open_phase_is_refused() {
    let mapping = compile(&PLANNING.replace("phase = \"decided\"", "phase = \"in_progress\""));
    assert_eq!(refused(&mapping, DOSSIER), ["E051 etat@code"]);
}

const HISTORY: &str = r#"
[mapping]
id = "h"
version = "1"
model = "case/1"
[source]
format = "json"
tz = "Europe/Paris"
[fields]
case.key = "id"
case.channel = "channel?"
update.version = "v? | integer"
[updates]
each = "event[@key='x'][*]"
[updates.let]
at = "@on | date"
[updates.fields]
update.event = "@id"
status.phase = "@to | map('a': 'received', 'b': 'closed')"
status.effective_at = "$at"
status.source_label = "^/label?"
"#;

#[test]
fn each_item_of_a_history_is_one_update_and_the_facts_come_last() {
    let mapping = compile(HISTORY);
    let updates = apply(
        &mapping,
        r#"{"id": "7", "channel": "desk", "label": "L", "v": 3, "event": [
            {"@key": "x", "@id": "e1", "@to": "a", "@on": "2024-01-02"},
            {"@key": "y"},
            {"@key": "x", "@id": "e2", "@to": "b", "@on": "2024-03-04"}]}"#,
    );
    let events: Vec<_> = updates.iter().map(|update| (update.event.as_deref(), update.version)).collect();
    assert_eq!(events, [(Some("e1"), Some(3)), (Some("e2"), Some(3)), (None, Some(3))]);
    assert_eq!(updates[1].status.as_ref().unwrap().source_label.as_deref(), Some("L"));
    assert!(updates[0].facts.is_empty() && updates[2].status.is_none());
    assert_eq!(updates[2].as_of.unwrap().rfc3339(), "2024-03-04");
    assert!(apply(&mapping, r#"{"id": "7"}"#).is_empty());
    let wrong = r#"{"id": "7", "event": [{"@key": "x", "@id": "e", "@to": "z", "@on": "x"}]}"#;
    assert_eq!(refused(&mapping, wrong), ["E050 event[@key='x'][1]@on", "E042 event[@key='x'][1]@to"]);
}

#[test]
fn beside_a_history_the_record_itself_can_say_how_it_began() {
    let began = "[[updates]]\n[updates.fields]\nupdate.event = \"'began'\"\n\
        status.phase = \"(first(event[*]@from) ?? now) | map('a': 'received', 'b': 'closed')\"\n\
        status.effective_at = \"made | date\"\n[[updates]]\neach";
    let text = HISTORY.replace("[updates]\neach", began);
    let mapping = compile(&text);
    let told = |json: &str| {
        let updates = apply(&mapping, json);
        let said = |update: &CaseUpdate| {
            let status = update.status.as_ref()?;
            Some((update.event.clone()?, status.phase.word(), status.effective_at?.rfc3339()))
        };
        updates.iter().filter_map(said).collect::<Vec<_>>()
    };
    let began = |at: &str| ("began".to_owned(), "received", at.to_owned());
    assert_eq!(told(r#"{"id": "7", "made": "2024-01-01", "now": "a"}"#), [began("2024-01-01")], "no history yet");
    let history = r#"{"id": "7", "made": "2024-01-01", "now": "b",
        "event": [{"@key": "x", "@id": "e1", "@from": "a", "@to": "b", "@on": "2024-01-02"}]}"#;
    assert_eq!(told(history), [began("2024-01-01"), ("e1".to_owned(), "closed", "2024-01-02".to_owned())]);
    let wrong = r#"{"id": "7", "made": "2024-01-01", "now": "z"}"#;
    assert_eq!(refused(&mapping, wrong).len(), 1);
}

#[test]
fn a_lone_history_walks_a_list() {
    let text = HISTORY.replace("each = \"event[@key='x'][*]\"\n", "");
    let issues = Mapping::compile("m", &text, &|_| None).err().unwrap();
    assert!(issues.iter().any(|issue| issue.message.contains("`updates.each` is missing")), "{issues:#?}");
}

#[test]
fn an_outcome_of_the_record_beside_an_open_item_is_refused() {
    let text = HISTORY.replace("case.channel", "status.outcome = \"end?\"\ncase.channel");
    let json = r#"{"id": "7", "end": "done", "event": [{"@key": "x", "@id": "e", "@to": "a", "@on": "2024-01-02"}]}"#;
    assert_eq!(refused(&compile(&text), json).len(), 1);
}

fn scramble(text: &str, at: usize, cut: usize, insert: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at % chars.len();
    let end = (at + cut).min(chars.len());
    chars[..at].iter().copied().chain(insert.chars()).chain(chars[end..].iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn trap_7_an_edit_of_a_mapping_compiles_or_is_located(at: usize, cut in 0usize..12, insert in "\\PC{0,4}|[\\['\"?|]") {
        if let Err(issues) = Mapping::compile("m", &scramble(PLANNING, at, cut, &insert), &|_| None) {
            prop_assert!(!issues.is_empty());
            prop_assert!(issues.iter().all(|issue| issue.place.line.is_some()), "{issues:?}");
        }
    }

    #[test]
    fn an_edit_of_a_document_is_applied_or_refused_with_its_place(at: usize, cut in 0usize..12) {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&scramble(DOSSIER, at, cut, "")) else { return Ok(()) };
        if let Err(refusal) = compile(PLANNING).apply(&document(&value.to_string())) {
            prop_assert!(!refusal.issues.is_empty());
            prop_assert!(refusal.issues.iter().all(|issue| issue.place.path.is_some()), "{refusal:?}");
        }
    }
}
