//! `config/services/CODE.toml` as written: a public service, its steps and its wording.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Settings, WordOr};
use crate::model::{Outcome, Phase, Texts, Verb, WaitingOn};

/// A public service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceFile {
    /// The service.
    pub service: ServiceTable,
    /// Steps in their usual order.
    pub steps: Vec<StepTable>,
    /// What the applicant reads, most specific first.
    pub wording: Vec<WordingEntry>,
    /// What can be asked of its back office, by verb.
    pub commands: BTreeMap<Verb, CommandTable>,
}

/// One verb the service takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CommandTable {
    /// The flow whose source carries it out, as `SOURCE/FLOW` (required).
    pub to: Option<String>,
    /// JSON Schema of its payload (required): written here, or the name of a JSON file beside this one.
    pub schema: Option<WordOr<String, Settings>>,
}

/// The service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceTable {
    /// Title per language (required).
    pub title: Texts,
    /// Version of its rules (required).
    pub version: Option<String>,
    /// Description per language.
    pub description: Texts,
    /// Domain (`planning`, `social_aid`, `tax`…).
    pub domain: Option<String>,
    /// Competent authority.
    pub authority: Option<String>,
    /// Responsible unit.
    pub unit: Option<String>,
    /// How to reach the unit.
    pub contact: Option<String>,
    /// Legal basis.
    pub legal_basis: Option<String>,
    /// Whether its catalogue entry may be read without a key.
    pub public: bool,
}

/// A step of the process.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepTable {
    /// Code (required).
    pub code: Option<String>,
    /// Title per language.
    pub title: Texts,
    /// Phase it belongs to.
    pub phase: Option<Phase>,
}

/// What is read for a status; a condition that is not written matches anything.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WordingEntry {
    /// Phase.
    pub phase: Option<Phase>,
    /// Who must act next.
    pub waiting_on: Option<WaitingOn>,
    /// Outcome.
    pub outcome: Option<Outcome>,
    /// The source's own code.
    pub source_code: Option<String>,
    /// Text per language (required).
    pub text: Texts,
}
