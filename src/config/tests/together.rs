//! What the files of a project owe each other.

use super::*;

const MAPPING: &str = "\
[mapping]
id = 'permit'
version = '1'
model = 'case/1'
[source]
format = 'csv'
tz = 'Europe/Paris'
date_formats = ['%Y-%m-%d']
[fields]
case.key = 'key'
case.service = \"'permit'\"
status.source_code = 'state'
status.phase = \"state | map('N': 'received')\"
";

const SERVICE: &str = "[service]\ntitle = { en = 'Permit' }\nversion = '1'\n";

fn flow(name: &str, order: &str, folder: &str) -> String {
    format!(
        "[flows.{name}]\nmapping = 'permits/dossier'\nschedule = {{ every = '30s' }}\norder = '{order}'\n\
         [flows.{name}.settings]\nfolder = '{folder}'\n"
    )
}

fn project(flows: &[String], services: &[&str]) -> Sample {
    let source = format!("[source]\ntitle = {{ en = 'Permits' }}\nconnector = 'files'\n{}", flows.concat());
    let services: Vec<_> = services.iter().map(|code| format!("config/services/{code}.toml")).collect();
    let mut files = vec![("mappings/permits/dossier/mapping.toml", MAPPING), ("config/sources/permits.toml", &source)];
    files.extend(services.iter().map(|file| (file.as_str(), SERVICE)));
    Sample::of(&files)
}

#[test]
fn a_whole_project_is_ready_to_run() {
    let sample = project(&[flow("dossiers", "snapshot", "in")], &["permit"]);
    let (project, report) = sample.check(&[]);
    assert_eq!(report.issues(), []);
    let project = project.unwrap();
    let flow = &project.flows[0];
    assert_eq!((flow.name.to_string().as_str(), &*flow.mapping.stamp), ("permits/dossiers", "permit@1"));
    assert_eq!((flow.batch_records, flow.batch_bytes, flow.contract.max_age), (4000, 2 << 20, 86_400_000_000));
    assert!(project.services.contains_key("permit") && project.sources.contains_key("permits"));
}

#[test]
fn the_settings_of_a_flow_are_checked_although_its_mapping_is_broken() {
    let flow = flow("dossiers", "snapshot", "in").replace("folder", "foldr");
    let sample = project(&[flow], &["permit"]);
    sample.write("mappings/permits/dossier/mapping.toml", &MAPPING.replace("case.key", "case.kee"));
    let said = sample.said(&[]);
    assert!(said.iter().any(|line| line.starts_with("E141") && line.contains("permits.toml")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("mapping.toml")), "{said:?}");
}

#[test]
fn a_fingerprint_changes_with_what_decides_how_the_flow_runs() {
    let fingerprint = |flow: String| {
        let (project, _) = project(&[flow], &["permit"]).check(&[]);
        project.unwrap().flows[0].fingerprint
    };
    let first = fingerprint(flow("dossiers", "snapshot", "in"));
    assert_eq!(first, fingerprint(flow("dossiers", "snapshot", "in")));
    assert_ne!(first, fingerprint(flow("dossiers", "snapshot", "in2")));
    let sample = project(&[flow("dossiers", "snapshot", "in")], &["permit"]);
    sample.write("mappings/permits/dossier/mapping.toml", &format!("{MAPPING}# new\n"));
    assert_ne!(first, sample.check(&[]).0.unwrap().flows[0].fingerprint);
}

#[test]
fn two_flows_may_not_take_the_same_thing() {
    let flows = [flow("a", "snapshot", "in"), flow("b", "snapshot", "in"), flow("c", "snapshot", "other")];
    assert_eq!(project(&flows, &["permit"]).said(&[]), ["E013 config/sources/permits.toml:14:1 `flows.b.settings`"]);
}

#[test]
fn an_order_needs_its_field() {
    let f = "config/sources/permits.toml";
    for (order, code) in [("version", "E015"), ("time", "E015"), ("arrival", "E021")] {
        assert_eq!(
            project(&[flow("a", order, "in")], &["permit"]).said(&[]),
            [format!("{code} {f}:7:9 `flows.a.order`")]
        );
    }
}

#[test]
fn services_of_mappings_are_looked_for_in_the_catalogue() {
    let said = project(&[flow("a", "snapshot", "in")], &["permits"]).said(&[]);
    assert_eq!(said, ["E016 mappings/permits/dossier/mapping.toml `fields.case.service`"]);
}

#[test]
fn an_unused_mapping_and_an_unkept_contract_are_warnings() {
    let slow = "[flows.a]\nmapping = 'permits/dossier'\nschedule = { every = '2d' }\norder = 'snapshot'\nsettings = { folder = 'x' }\n";
    let sample = project(&[slow.to_owned()], &["permit"]);
    sample.write("mappings/old/one/mapping.toml", MAPPING);
    let (project, report) = sample.check(&[]);
    assert!(project.is_some());
    let said: Vec<_> = report.issues().iter().map(|issue| format!("{} {}", issue.code, issue.place)).collect();
    assert_eq!(
        said,
        ["E019 config/sources/permits.toml:4:8 `flows.a.freshness.max_age`", "E018 mappings/old/one/mapping.toml",]
    );
}

#[test]
fn settings_are_located_where_they_are_written() {
    let source = "[source]\ntitle = { en = 'P' }\nconnector = 'files'\n[source.settings]\nfolder = 3\n";
    let flow = "[flows.a]\nmapping = 'permits/dossier'\nschedule = 'on_demand'\norder = 'snapshot'\n";
    let sample = project(&[], &["permit"]);
    let write = |text: String| sample.write("config/sources/permits.toml", &text);
    write(format!("{source}{flow}"));
    assert_eq!(sample.said(&[]), ["E141 config/sources/permits.toml:5:10 `source.settings.folder`"]);
    write(format!("{source}{flow}settings = {{ folder = true }}\n"));
    assert_eq!(sample.said(&[]), ["E141 config/sources/permits.toml:10:23 `flows.a.settings.folder`"]);
    write(format!("{}{flow}", source.replace("folder = 3", "")));
    assert_eq!(sample.said(&[]), ["E141 config/sources/permits.toml:6:8 `flows.a.settings.folder`"]);
}

#[test]
fn secrets_of_connectors_are_looked_for_by_check() {
    let source = "[source]\ntitle = { en = 'P' }\nconnector = 'files'\n[source.settings]\nfolder = 'in'\nkey = { env = 'KEY' }\n";
    let flow = "[flows.a]\nmapping = 'permits/dossier'\nschedule = 'on_demand'\norder = 'snapshot'\n";
    let sample = project(&[], &["permit"]);
    sample.write("config/sources/permits.toml", &format!("{source}{flow}"));
    assert_eq!(sample.said(&[]), ["E008 config/sources/permits.toml:6:7 `source.settings.key`"]);
    assert_eq!(sample.said(&[("KEY", "secret")]), Vec::<String>::new());
}
