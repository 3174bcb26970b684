//! `[commands.VERB]` as written: the way back, from a command to what its source expects.

use super::section::Section;
use super::{Entry, Report, Text};
use crate::mapping::codes::COMMAND;
use crate::mapping::site::Site;
use crate::model::Verb;
use guichet_sdk::settings::nearest;

/// A command as written.
pub struct WrittenCommand {
    /// What is asked.
    pub verb: Verb,
    /// Where it starts.
    pub site: Site,
    /// The file beside the mapping that the body is made from; without it the body is the JSON of `fields` and `lists`.
    pub template: Option<Text>,
    /// `[commands.VERB.let]`.
    pub lets: Vec<Entry>,
    /// `[commands.VERB.values]`: what paths, headers and file names are made from.
    pub values: Vec<Entry>,
    /// `[commands.VERB.fields]`.
    pub fields: Vec<Entry>,
    /// `[commands.VERB.lists."PATH"]`.
    pub lists: Vec<WrittenItems>,
}

/// A list of the body.
pub struct WrittenItems {
    /// Where it stands in the body, dotted.
    pub name: String,
    /// Where it is written.
    pub site: Site,
    /// What is walked.
    pub each: Option<Text>,
    /// What is said of each item.
    pub fields: Vec<Entry>,
}

/// Reads `[commands]`.
pub fn read(section: Option<Section<'_, '_>>, report: &mut Report<'_>) -> Vec<WrittenCommand> {
    let Some(section) = section else { return Vec::new() };
    let mut commands = Vec::new();
    for (name, command) in section.children(report) {
        let Some(verb) = Verb::parse(&name) else {
            let hint = match nearest(&name, Verb::WORDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are `{}`", Verb::WORDS.join("`, `")),
            };
            report.error(COMMAND, command.site(report), format!("`{name}` is not a verb of a command"), Some(hint));
            continue;
        };
        commands.push(one(verb, command, report));
    }
    commands
}

fn one(verb: Verb, mut command: Section<'_, '_>, report: &mut Report<'_>) -> WrittenCommand {
    let site = command.site(report);
    let template = command.text("template", report);
    let entries = |section: Option<Section<'_, '_>>, report: &mut Report<'_>| {
        section.map(|section| section.entries(report)).unwrap_or_default()
    };
    let lets = entries(command.section("let", report), report);
    let values = entries(command.section("values", report), report);
    let fields = entries(command.section("fields", report), report);
    let lists = command.section("lists", report).map(|lists| lists.children(report)).unwrap_or_default();
    let lists: Vec<_> = lists
        .into_iter()
        .map(|(name, mut list)| {
            let site = list.site(report);
            let each = list.needed_text("each", report);
            let fields = list.needed("fields", report).map(|fields| fields.entries(report)).unwrap_or_default();
            list.finish(report);
            WrittenItems { name, site, each, fields }
        })
        .collect();
    command.finish(report);
    match &template {
        Some(_) if !fields.is_empty() || !lists.is_empty() => {
            let hint = "write the body in the template, with `{{ … }}`, or in `fields` and `lists`".to_owned();
            report.error(COMMAND, site, format!("`commands.{verb}` has two bodies"), Some(hint));
        }
        None if fields.is_empty() && lists.is_empty() && values.is_empty() => {
            let hint = format!("write `[commands.{verb}.fields]`, or `template = \"{verb}.xml\"`");
            report.error(COMMAND, site, format!("`commands.{verb}` says nothing"), Some(hint));
        }
        Some(_) | None => {}
    }
    WrittenCommand { verb, site, template, lets, values, fields, lists }
}
