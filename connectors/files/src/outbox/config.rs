//! How a verb is dropped, as written and checked. Pure.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use guichet_sdk::settings::unusable;
use guichet_sdk::{Delivery, Issue, LookUp, VerbCapability};
use schemars::JsonSchema;
use serde::Deserialize;

/// How one verb is dropped.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DropSettings {
    /// Required. Folder in which the source looks for files, relative to the project.
    pub folder: String,
    /// Required. Name of the file, with `{command}` in it, and `{case}` or values of the mapping: `{command}.json`.
    pub name: String,
    /// Name of the file, in `answers`, with which the source says that it has done it: `{command}.ok`. Its first line is the
    /// source's number, where there is one.
    pub confirmed: Option<String>,
    /// Name of the file, in `answers`, with which the source says that it will not: `{command}.err`. Its first line says why.
    pub refused: Option<String>,
    /// Folder of the source's answers, relative to the project; `folder` when not written.
    pub answers: Option<String>,
}

/// How one verb is dropped, checked.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub folder: PathBuf,
    pub name: String,
    pub answers: PathBuf,
    pub confirmed: Option<String>,
    pub refused: Option<String>,
    pub able: VerbCapability,
}

/// Checks every verb; tells every problem at once.
pub fn check(
    commands: &BTreeMap<String, DropSettings>,
    base: &Path,
    issues: &mut Vec<Issue>,
) -> BTreeMap<String, Outbox> {
    let mut outboxes = BTreeMap::new();
    for (verb, settings) in commands {
        let key = format!("commands.{verb}");
        let before = issues.len();
        let mut names = Vec::new();
        let answers = settings.answers.as_ref().unwrap_or(&settings.folder);
        for folder in [&settings.folder, answers] {
            if folder.trim().is_empty() || Path::new(folder).components().any(|part| part == Component::ParentDir) {
                let message = "a folder is missing, or leads upwards with `..`";
                issues.push(unusable(&key, message).hint("write `folder = \"outbox\"`, relative to the project"));
            }
        }
        for name in std::iter::once(&settings.name).chain(&settings.confirmed).chain(&settings.refused) {
            match slots(name) {
                Ok(found) if found.iter().any(|name| name == "command") => names.extend(found),
                Ok(_) => issues.push(
                    unusable(&key, format!("`{name}` does not name the command"))
                        .hint("write `{command}` into it: two commands must not have one file"),
                ),
                Err(message) => issues.push(unusable(&key, message)),
            }
        }
        if issues.len() > before {
            continue;
        }
        let given = |name: &String| matches!(name.as_str(), "command" | "case" | "tracking");
        let mut values: Vec<String> = names.iter().filter(|name| !given(name)).cloned().collect();
        values.sort();
        values.dedup();
        let able = VerbCapability {
            idempotent: false,
            // what was dropped is known here, to the file: nothing turns up later
            look_up: Some(LookUp { settle: Duration::ZERO }),
            values,
            needs_case: names.iter().any(|name| name == "case"),
        };
        outboxes.insert(
            verb.clone(),
            Outbox {
                folder: base.join(&settings.folder),
                name: settings.name.clone(),
                answers: base.join(answers),
                confirmed: settings.confirmed.clone(),
                refused: settings.refused.clone(),
                able,
            },
        );
    }
    outboxes
}

/// The names in braces of a file name.
fn slots(name: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = name;
    while let Some(open) = rest.find(['{', '}']) {
        let after = rest[open..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (found, after) = after.ok_or_else(|| format!("`{name}` holds a lone brace"))?;
        names.push(found.to_owned());
        rest = after;
    }
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(format!("`{name}` is not the name of a file; write `name = \"{{command}}.json\"`"));
    }
    Ok(names)
}

/// Bytes of a file name.
const LONGEST_NAME: usize = 200;

/// A file name with its values; `None` where one is missing, or could lead elsewhere.
pub fn filled(name: &str, delivery: &Delivery) -> Option<String> {
    let (mut text, mut rest) = (String::new(), name);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (slot, after) = after.split_once('}')?;
        text.push_str(delivery.value(slot)?);
        rest = after;
    }
    text.push_str(rest);
    let plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | '\0');
    (text.len() <= LONGEST_NAME && !text.starts_with('.') && text.chars().all(plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_names_its_command_and_leads_nowhere() {
        let settings = |name: &str| DropSettings { folder: "out".into(), name: name.into(), ..DropSettings::default() };
        for (name, usable) in [
            ("{command}.json", true),
            ("a-{case}-{command}", true),
            ("{case}.json", false),
            ("", false),
            ("../{command}", false),
            ("{command", false),
            (".{command}", false),
        ] {
            let mut issues = Vec::new();
            check(&BTreeMap::from([("submit".to_owned(), settings(name))]), Path::new("/p"), &mut issues);
            assert_eq!(issues.is_empty(), usable, "{name}: {issues:?}");
        }
    }
}
