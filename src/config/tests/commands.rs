//! The way back: what a service takes, who carries it out, and what flow and mapping owe each other.

use super::*;

const MAPPING: &str = "\
[mapping]
id = 'permit'
version = '1'
model = 'case/1'
[source]
format = 'csv'
tz = 'Europe/Paris'
[fields]
case.key = 'key'
case.service = \"'permit'\"
status.source_code = 'state'
status.phase = \"state | map('N': 'received')\"
[commands.submit.values]
street = 'payload/street'
[commands.submit.fields]
title = 'payload/title'
[commands.message.fields]
text = 'payload/text'
";

const USABLE: &str = "[commands.submit]\nto = 'permits/dossiers'\nschema = { type = 'object' }\n";

/// What is said of a project whose flow has these commands, and whose service takes these.
fn said(flow: &str, service: &str, beside: Option<&str>) -> Vec<String> {
    let source = format!(
        "[source]\ntitle = {{ en = 'Permits' }}\nconnector = 'files'\n[flows.dossiers]\nmapping = 'permits/dossier'\n\
         schedule = {{ every = '30s' }}\norder = 'snapshot'\n[flows.dossiers.settings]\nfolder = 'in'\ncommands = {flow}\n"
    );
    let service = format!("[service]\ntitle = {{ en = 'Permit' }}\nversion = '1'\n{service}");
    let sample = Sample::of(&[
        ("mappings/permits/dossier/mapping.toml", MAPPING),
        ("config/sources/permits.toml", &source),
        ("config/services/permit.toml", &service),
    ]);
    if let Some(text) = beside {
        sample.write("config/services/permit.json", text);
    }
    let (_, report) = sample.check(&[]);
    let hint = |issue: &Issue| issue.hint.clone().unwrap_or_default();
    report
        .issues()
        .iter()
        .map(|issue| format!("{} {}: {}; {}", issue.code, issue.place, issue.message, hint(issue)))
        .collect()
}

/// Exactly one thing is said, and it holds all this.
fn only(said: &[String], parts: &[&str]) {
    assert_eq!(said.len(), 1, "{said:#?}");
    for part in parts {
        assert!(said[0].contains(part), "`{part}` is not in {}", said[0]);
    }
}

const BOTH: &str = "{ submit = 'street', message = {} }";

#[test]
fn what_fits_together_is_said_nothing_of() {
    assert_eq!(said(BOTH, USABLE, None), [""; 0]);
    let named = USABLE.replace("{ type = 'object' }", "'permit.json'");
    assert_eq!(said(BOTH, &named, Some("{\"type\":\"object\"}")), [""; 0]);
}

#[test]
fn a_service_names_a_flow_that_carries_the_verb_out() {
    let near = USABLE.replace("permits/dossiers", "permits/dossier");
    only(
        &said(BOTH, &near, None),
        &["E401", "permit.toml:5:", "no usable flow `permits/dossier`", "did you mean `permits/dossiers`?"],
    );
    let far = USABLE.replace("permits/dossiers", "somewhere");
    only(&said(BOTH, &far, None), &["E401", "`somewhere`", "SOURCE/FLOW"]);
    let withdraw = USABLE.replace("submit", "withdraw");
    let parts = ["E401", "cannot carry out `withdraw`", "[flows.dossiers.settings.commands.withdraw]"];
    only(&said(BOTH, &withdraw, None), &parts);
}

#[test]
fn a_schema_is_there_and_can_be_used() {
    let schema = |written: &str| USABLE.replace("{ type = 'object' }", written);
    for (written, beside, part) in [
        ("'permit.json'", None, "`permit.json` cannot be read: "),
        ("'permit.json'", Some("{"), "`permit.json` cannot be read: EOF"),
        ("'permit.json'", Some("[]"), "is an object"),
        ("'../permit.json'", None, "not the name of a file"),
        ("{ type = 'objekt' }", None, "cannot be used"),
        ("{ \"$ref\" = 'https://example.org/schema.json' }", None, "cannot be used"),
    ] {
        only(&said(BOTH, &schema(written), beside), &["E402", "permit.toml:6:", part]);
    }
}

#[test]
fn flow_and_mapping_know_the_same_verbs_and_values() {
    let none = "";
    let unknown = "{ submit = 'street', message = {}, submitt = {} }";
    only(&said(unknown, none, None), &["E403", "permits.toml", "`submitt` is not a verb", "did you mean `submit`?"]);
    let untranslated = "{ submit = 'street', message = {}, withdraw = {} }";
    let parts = ["E403", "does not translate `withdraw`", "[commands.withdraw.fields]"];
    only(&said(untranslated, none, None), &parts);
    let value = "{ submit = 'town', message = {} }";
    only(&said(value, none, None), &["E403", "`{town}` is not a value", "[commands.submit.values]"]);
    let unsent = "{ submit = 'street' }";
    only(
        &said(unsent, none, None),
        &["E403", "the mapping translates `message`", "[flows.dossiers.settings.commands.message]"],
    );
}
