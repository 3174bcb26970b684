//! Whole projects through `check`: everything wrong is found in one run, where it stands.

mod commands;
mod mutated;
mod together;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::{
    Capability, Claim, Connection, ConnectorKind, Fault, FaultKind, FlowSettings, Issue, Memory, Plan, Registry,
    VerbCapability,
};

use super::*;

/// A connector with one setting, `folder`, which it claims; it carries out the verbs of `commands`, each of which names
/// a value of the mapping.
struct Folder;

struct FolderPlan(String, BTreeMap<String, VerbCapability>);

impl ConnectorKind for Folder {
    fn name(&self) -> &'static str {
        "files"
    }

    fn schema(&self) -> serde_json::Value {
        let key = serde_json::json!({ "$ref": "#/$defs/SecretRef" });
        serde_json::json!({ "properties": { "folder": { "type": "string" }, "key": key, "commands": { "type": "object" } }, "$defs": { "SecretRef": {} } })
    }

    fn plan(&self, settings: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        match settings.settings["folder"].as_str() {
            Some(folder) => {
                let verbs = settings.settings["commands"].as_object().into_iter().flatten();
                let able = verbs.map(|(verb, value)| {
                    let values = value.as_str().map(str::to_owned).into_iter().collect();
                    (verb.clone(), VerbCapability { values, ..VerbCapability::default() })
                });
                Ok(Arc::new(FolderPlan(folder.to_owned(), able.collect())))
            }
            None => Err(vec![guichet_sdk::settings::unusable("folder", "`folder` is missing")]),
        }
    }
}

#[async_trait]
impl Plan for FolderPlan {
    fn capability(&self) -> Capability {
        Capability { pull: true, commands: self.1.clone(), ..Capability::default() }
    }

    fn claims(&self) -> Vec<Claim> {
        vec![Claim(format!("folder:{}", self.0))]
    }

    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        Err(Fault::new(FaultKind::Refused, guichet_sdk::Code("E001"), "a plan of a test is never opened"))
    }
}

/// A project in a temporary folder.
pub struct Sample(tempfile::TempDir);

impl Sample {
    pub fn of(files: &[(&str, &str)]) -> Self {
        let sample = Sample(tempfile::tempdir().unwrap());
        for (name, text) in files {
            sample.write(name, text);
        }
        sample
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn check(&self, environment: &[(&str, &str)]) -> (Option<Project>, Report) {
        let registry = Registry::new(vec![Arc::new(Folder)]);
        check(self.path(), &registry, &Environment::of(environment))
    }

    /// Everything said, one line each: `code place`.
    pub fn said(&self, environment: &[(&str, &str)]) -> Vec<String> {
        let (_, report) = self.check(environment);
        report.issues().iter().map(|issue| format!("{} {}", issue.code, issue.place)).collect()
    }
}

#[test]
fn the_compiled_in_defaults_are_complete_and_valid() {
    let (project, report) = Sample::of(&[("config/guichet.toml", "")]).check(&[]);
    assert_eq!(report.issues(), []);
    let hub = project.unwrap().hub;
    assert_eq!(hub.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((hub.server.body_bytes, hub.server.uri_bytes, hub.server.headers), (256 << 10, 8 << 10, 64));
    assert_eq!((hub.store.raw_retention, hub.telemetry.otlp), (None, None));
}

#[test]
fn the_environment_wins_over_files_and_files_over_defaults() {
    let sample = Sample::of(&[("config/guichet.toml", "[server]\nlisten = '0.0.0.0:81'\nheaders = 32\n")]);
    let (project, report) = sample.check(&[("GUICHET_SERVER__LISTEN", "[::1]:90"), ("GUICHET_STORE__READERS", "2")]);
    assert_eq!(report.issues(), []);
    let hub = project.unwrap().hub;
    assert_eq!((hub.server.listen.to_string().as_str(), hub.server.headers, hub.store.readers), ("[::1]:90", 32, 2));
}

#[test]
fn problems_of_the_environment_name_the_variable() {
    let sample = Sample::of(&[("config/guichet.toml", "")]);
    let variables =
        [("GUICHET_SERVER__LISTEN", "here"), ("GUICHET_SERVER__HEADER", "3"), ("GUICHET_STORE__READERS", "many")];
    let mut said = sample.said(&variables);
    said.sort();
    assert_eq!(
        said,
        [
            "E003 environment `GUICHET_SERVER__HEADER`",
            "E004 environment `GUICHET_SERVER__LISTEN`",
            "E004 environment `GUICHET_STORE__READERS`",
        ]
    );
}

#[test]
fn every_mistake_of_the_hub_is_found_in_one_run() {
    let text = "\
[server]
lissen = '127.0.0.1:80'
header_timeout = 10
body = '256'
headers = 'many'
drain = '2 fortnights'
concurrency = 0
[store]
url = 'postgres://somewhere'
raw_retention = 'long'
[telemetry]
format = 'prety'
sample = 2
[wording]
languages = 'en'
[clients.Portal]
key = 'hunter2'
services = ['*']
[clients.counter]
key_sha256 = 'abc'
audience = 'publik'
[clients.back]
key = { env = 'NOT_SET' }
";
    let sample = Sample::of(&[("config/guichet.toml", text)]);
    let f = "config/guichet.toml";
    assert_eq!(
        sample.said(&[]),
        [
            format!("E003 {f}:2:1 `server.lissen`"),
            format!("E004 {f}:3:18 `server.header_timeout`"),
            format!("E004 {f}:4:8 `server.body`"),
            format!("E004 {f}:5:11 `server.headers`"),
            format!("E004 {f}:6:9 `server.drain`"),
            format!("E004 {f}:7:15 `server.concurrency`"),
            format!("E004 {f}:9:7 `store.url`"),
            format!("E004 {f}:10:17 `store.raw_retention`"),
            format!("E004 {f}:12:10 `telemetry.format`"),
            format!("E004 {f}:13:10 `telemetry.sample`"),
            format!("E004 {f}:15:13 `wording.languages`"),
            format!("E006 {f}:16:10 `clients.Portal`"),
            format!("E007 {f}:17:7 `clients.Portal.key`"),
            format!("E005 {f}:19:10 `clients.counter.services`"),
            format!("E004 {f}:20:14 `clients.counter.key_sha256`"),
            format!("E004 {f}:21:12 `clients.counter.audience`"),
            format!("E005 {f}:22:10 `clients.back.services`"),
            format!("E008 {f}:23:7 `clients.back.key`"),
        ]
    );
    let (_, report) = sample.check(&[]);
    assert!(!report.render(false).contains("hunter2") && !report.json().to_string().contains("hunter2"));
}

#[test]
fn every_mistake_of_a_source_is_found_in_one_run() {
    let source = "\
[source]
titel = { en = 'Permits' }
connector = 'file'
[flows.dossiers]
mapping = 'permits/dossiers'
schedule = { every = '30 moons' }
ordre = 'time'
freshness = { maxage = '1h' }
[flows.payments]
schedule = { cron = '61 * * * *', tz = 'Europe/Pari' }
order = { by = 'tyme', ties = 'file' }
quarantine = { share = 3 }
[flows.letters]
schedule = 'sometimes'
order = 'arrival'
mapping = 3
";
    let sample = Sample::of(&[("config/sources/permits.toml", source), ("config/sources/old.toml", "[source\n")]);
    let f = "config/sources/permits.toml";
    let said = sample.said(&[]);
    assert!(said[0].starts_with("E002 config/sources/old.toml:1:"), "{said:?}");
    assert_eq!(
        said[1..],
        [
            format!("E005 {f}:1:2 `source.title`"),
            format!("E003 {f}:2:1 `source.titel`"),
            format!("E011 {f}:3:13 `source.connector`"),
            format!("E005 {f}:4:8 `flows.dossiers.order`"),
            format!("E012 {f}:5:11 `flows.dossiers.mapping`"),
            format!("E004 {f}:6:22 `flows.dossiers.schedule.every`"),
            format!("E003 {f}:7:1 `flows.dossiers.ordre`"),
            format!("E003 {f}:8:15 `flows.dossiers.freshness.maxage`"),
            format!("E005 {f}:9:8 `flows.payments.mapping`"),
            format!("E014 {f}:10:21 `flows.payments.schedule.cron`"),
            format!("E014 {f}:10:40 `flows.payments.schedule.tz`"),
            format!("E004 {f}:11:16 `flows.payments.order.by`"),
            format!("E004 {f}:12:24 `flows.payments.quarantine.share`"),
            format!("E004 {f}:14:12 `flows.letters.schedule`"),
            format!("E004 {f}:16:11 `flows.letters.mapping`"),
        ]
    );
}

#[test]
fn hints_name_the_nearest_word() {
    let sample = Sample::of(&[(
        "config/sources/a.toml",
        "[source]\ntitle = { en = 'A' }\nconnector = 'fils'\n[flows.f]\nschedul = 1\n",
    )]);
    let (_, report) = sample.check(&[]);
    let hints: Vec<_> = report.issues().iter().filter_map(|issue| issue.hint.as_deref()).collect();
    assert!(hints.contains(&"did you mean `files`?") && hints.contains(&"did you mean `schedule`?"), "{hints:?}");
}

#[test]
fn a_secret_is_shown_nowhere_whatever_is_wrong_with_it() {
    for line in [
        "key = 'hunter2'",
        "key = ['hunter2']",
        "kye = 'hunter2'",
        "key_sha256 = 'hunter2'",
        "key = { evn = 'hunter2' }",
    ] {
        let sample = Sample::of(&[("config/guichet.toml", &format!("[clients.a]\nservices = ['*']\n{line}\n"))]);
        let (project, report) = sample.check(&[("GUICHET_CLIENTS__B__KEY", "hunter2")]);
        assert!(project.is_none() && !report.render(false).contains("hunter2"), "{line}: {report}");
        assert!(!report.json().to_string().contains("hunter2"), "{line}");
    }
}

#[test]
fn a_folder_without_config_is_no_project() {
    assert_eq!(Sample::of(&[("README.md", "")]).said(&[]), ["E010 "]);
}

#[test]
fn services_are_checked() {
    let service = "\
[service]
title = { en = 'Permit', fr = 'Permis' }
descripton = { en = 'x' }
[[steps]]
code = 'a'
phase = 'recieved'
[[steps]]
code = 'a'
[[steps]]
title = { en = 'B', fr = 'B' }
[[wording]]
phase = 'decided'
outcome = 'grantd'
text = { en = 'Granted' }
[[wording]]
phase = 'closed'
";
    let languages = "[wording]\nlanguages = ['en', 'fr']\n";
    let sample = Sample::of(&[("config/services/permit.toml", service), ("config/guichet.toml", languages)]);
    let f = "config/services/permit.toml";
    assert_eq!(
        sample.said(&[]),
        [
            format!("E005 {f}:1:2 `service.version`"),
            format!("E003 {f}:3:1 `service.descripton`"),
            format!("E004 {f}:6:9 `steps.0.phase`"),
            format!("E004 {f}:8:8 `steps.1.code`"),
            format!("E005 {f}:9:1 `steps.2.code`"),
            format!("E004 {f}:13:11 `wording.0.outcome`"),
            format!("E020 {f}:14:8 `wording.0.text`"),
            format!("E005 {f}:15:1 `wording.1.text`"),
        ]
    );
}

#[test]
fn secrets_are_found_where_they_are_kept_and_open_ones_reported() {
    let text = "[clients.a]\nkey = { file = 'secrets/a' }\nservices = ['*']\n[clients.b]\nkey = { env = 'B' }\nservices = ['permit']\n";
    let sample = Sample::of(&[("config/guichet.toml", text), ("secrets/a", "same\n")]);
    let said = sample.said(&[("B", "same")]);
    assert!(said.contains(&"E009 secrets/a".to_owned()), "{said:?}");
    assert!(said.contains(&"E017 config/guichet.toml:4:1 `clients.b`".to_owned()), "{said:?}");
    let (project, report) = sample.check(&[("B", "other")]);
    let clients = project.unwrap().hub.clients;
    assert_eq!(
        (clients[0].scopes.services.clone(), clients[1].scopes.services.clone()),
        (None, Some(vec!["permit".into()]))
    );
    assert!(report.issues().iter().any(|issue| issue.code.0 == "E016"));
}

/// I9: every bound stands in the documented defaults with its meaning, and a value beyond it is refused.
#[test]
fn i9_every_bound_is_stated_and_enforced() {
    let beyond = [
        ("server", "header_timeout", "'11m'"),
        ("server", "body_timeout", "'0s'"),
        ("server", "idle_timeout", "'2h'"),
        ("server", "handler_timeout", "'1d'"),
        ("server", "connections", "0"),
        ("server", "concurrency", "1000000"),
        ("server", "body", "'1 GiB'"),
        ("server", "uri", "'1 B'"),
        ("server", "headers", "1"),
        ("server", "streams", "1000001"),
        ("server", "drain", "'11m'"),
        ("store", "raw_retention", "'1s'"),
        ("store", "group_records", "0"),
        ("store", "group_wait", "'2s'"),
        ("store", "readers", "65"),
        ("telemetry", "sample", "1.5"),
    ];
    for (table, key, value) in beyond {
        let sample = Sample::of(&[("config/guichet.toml", &format!("[{table}]\n{key} = {value}\n"))]);
        let place = format!("E004 config/guichet.toml:2:{} `{table}.{key}`", key.len() + 4);
        assert_eq!(sample.said(&[]), [place]);
    }
    let lines: Vec<_> = DEFAULTS.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].contains(" = ") && !pair[1].starts_with('#')) {
        assert!(pair[0].starts_with("# "), "`{}` has no comment above it", pair[1]);
    }
}
