//! Checks a service of the catalogue.

use super::checker::Checker;
use super::codes;
use super::commands::{self, Carriers};
use super::written::ServiceFile;
use crate::model::{Service, Step, Texts, Wording};

/// Checks the file of the service with this code.
pub fn check(
    code: &str,
    file: ServiceFile,
    languages: &[String],
    carriers: &Carriers<'_>,
    to: &mut Checker<'_>,
) -> Option<Service> {
    to.name(code, "service", &[]);
    let table = file.service;
    let version = to.required(table.version, &["service", "version"], "version = \"1\"");
    texts(&table.title, languages, &["service", "title"], true, to);
    texts(&table.description, languages, &["service", "description"], false, to);
    let mut steps = Vec::new();
    for (index, step) in file.steps.into_iter().enumerate() {
        let index = index.to_string();
        texts(&step.title, languages, &["steps", &index, "title"], false, to);
        let code = to.required(step.code, &["steps", &index, "code"], "code = \"…\"");
        if code.as_ref().is_some_and(|code| steps.iter().any(|known: &Step| known.code == *code)) {
            let message = "two steps have the same code";
            to.error(&["steps", &index, "code"], codes::UNUSABLE, message, "give each step its own code");
        }
        steps.extend(code.map(|code| Step { code, title: step.title, phase: step.phase }));
    }
    let mut wording = Vec::new();
    for (index, entry) in file.wording.into_iter().enumerate() {
        texts(&entry.text, languages, &["wording", &index.to_string(), "text"], true, to);
        wording.push(Wording {
            phase: entry.phase,
            waiting_on: entry.waiting_on,
            outcome: entry.outcome,
            source_code: entry.source_code,
            text: entry.text,
        });
    }
    let commands = commands::check(&file.commands, carriers, to);
    Some(Service {
        code: code.to_owned(),
        version: version?,
        title: table.title,
        description: table.description,
        domain: table.domain,
        authority: table.authority,
        unit: table.unit,
        contact: table.contact,
        legal_basis: table.legal_basis,
        public: table.public,
        steps,
        wording,
        commands,
    })
}

/// A text must be there in the languages of the hub: in one at least where it is required, in all to be without warning.
pub fn texts(texts: &Texts, languages: &[String], path: &[&str], required: bool, to: &mut Checker<'_>) {
    let example = |language: &str| format!("{} = {{ {language} = \"…\" }}", path.last().copied().unwrap_or_default());
    let first = languages.first().map_or("en", String::as_str);
    if texts.is_empty() {
        if required {
            to.required(None::<()>, path, &example(first));
        }
        return;
    }
    let absent: Vec<_> = languages.iter().filter(|language| !texts.contains_key(*language)).collect();
    if let Some(language) = absent.first() {
        let message = format!("`{}` has no text in `{language}`", path.last().copied().unwrap_or_default());
        to.warning(
            path,
            codes::LANGUAGE,
            message,
            format!("add `{language} = \"…\"`; until then another language is shown"),
        );
    }
}
