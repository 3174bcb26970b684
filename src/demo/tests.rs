#![allow(clippy::unwrap_used)]
//! The city stands: its project passes `check` without a word, and its mappings read every generated file with exactly
//! the accidents that were meant to happen.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use guichet_files::FilesKind;
use guichet_rest::RestKind;
use guichet_sdk::format::{Cut, Framer, Reader};
use guichet_sdk::{Issue, Registry};
use guichet_soap::SoapKind;
use jiff::ToSpan;
use jiff::civil::date;

use super::generator::{City, Department, Dropped};
use super::{city, departments};
use crate::config::{self, Environment, Project};
use crate::mapping::Mapping;
use crate::model::{CaseUpdate, PartyKind};

fn project(root: &Path) -> Project {
    city::unpack(root).unwrap();
    let registry =
        Registry::new(vec![Arc::new(FilesKind), Arc::new(RestKind::default()), Arc::new(SoapKind::default())]);
    let (project, report) = config::check(root, &registry, &Environment::of(&[]));
    assert!(report.issues().is_empty(), "{}", report.render(false));
    project.unwrap()
}

fn mapping(project: &Project, department: Department) -> Arc<Mapping> {
    let of = |flow: &&config::FlowConfig| *flow.name.source == *department.word();
    project.flows.iter().find(of).unwrap().mapping.clone()
}

/// What a mapping makes of a file: its updates, and what it refused.
fn read(mapping: &Mapping, file: &Dropped) -> (Vec<CaseUpdate>, Vec<Issue>) {
    let mut bytes = file.bytes.clone();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        bytes = Vec::new();
        std::io::copy(&mut GzDecoder::new(&*file.bytes), &mut bytes).unwrap();
    }
    let mut framer = Framer::new(&mapping.format, file.name.as_str().into(), 0);
    let reader = Reader::new(&mapping.format);
    framer.push(&bytes);
    framer.end();
    let (mut updates, mut refused) = (Vec::new(), Vec::new());
    while let Some(cut) = framer.next().unwrap() {
        match cut {
            Cut::Record(record) => match reader.read(&record) {
                Ok(document) => match mapping.apply(&document) {
                    Ok(some) => updates.extend(some),
                    Err(refusal) => refused.push(refusal.issues[0].clone()),
                },
                Err(issue) => refused.push(issue),
            },
            Cut::Broken(_, issue) => refused.push(issue),
        }
    }
    assert!(framer.notices().is_empty(), "{} says the wrong encoding", file.name);
    (updates, refused)
}

#[test]
fn every_file_is_read_with_exactly_the_accidents_intended() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path());
    let mut now = date(2026, 11, 5).at(14, 0, 0, 0);
    let (mut living, mut files) = City::history(departments::SEED, now);
    for _ in 0..80 {
        now += 1.second();
        files.push(living.live(now));
    }
    let (mut kinds, mut services, mut levels) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for file in &files {
        let (updates, refused) = read(&mapping(&project, file.department), file);
        // A file that says what one before said is recognised as a whole: the hub never gets to its records.
        if file.expected.records > 0 {
            assert_eq!(refused.len() as u64, file.expected.quarantined, "{}: {refused:#?}", file.name);
        }
        for update in updates {
            kinds.extend(update.facts.parties.iter().filter_map(|party| party.kind));
            services.extend(update.facts.service);
            levels.extend(update.facts.confidentiality);
        }
    }
    assert_eq!(kinds, PartyKind::ALL.iter().copied().collect(), "every kind of public appears");
    assert_eq!(services, project.services.keys().cloned().collect(), "every service has cases");
    assert_eq!(levels, [0, 1, 2, 3].into());
}

#[test]
fn every_text_of_the_catalogue_is_there_in_both_languages() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path());
    assert!(project.services.len() >= 8);
    for service in project.services.values() {
        let texts = service.wording.iter().map(|wording| &wording.text).chain([&service.title, &service.description]);
        assert!(texts.into_iter().all(|text| text.contains_key("en") && text.contains_key("fr")), "{}", service.code);
    }
}
