//! Services: the procedures of the catalogue, and what an applicant reads about their statuses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CommandRule, Verb};

/// A text per language (BCP 47 → text).
pub type Texts = BTreeMap<String, String>;

/// A public service / procedure of the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Code.
    pub code: String,
    /// Version of its rules.
    pub version: String,
    /// Title per language.
    pub title: Texts,
    /// Description per language.
    pub description: Texts,
    /// Domain (`planning`, `social_aid`, `tax`…).
    pub domain: Option<String>,
    /// Competent authority.
    pub authority: Option<String>,
    /// Responsible unit and how to reach it.
    pub unit: Option<String>,
    /// Contact of the unit.
    pub contact: Option<String>,
    /// Legal basis.
    pub legal_basis: Option<String>,
    /// Whether its catalogue entry needs no key.
    pub public: bool,
    /// Steps in their usual order.
    pub steps: Vec<Step>,
    /// Wording: what the applicant reads, most specific key first.
    pub wording: Vec<Wording>,
    /// What can be asked of its back office, and how.
    pub commands: BTreeMap<Verb, CommandRule>,
}

/// A step of the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Code.
    pub code: String,
    /// Title per language.
    pub title: Texts,
    /// Canonical phase it belongs to.
    pub phase: Option<super::Phase>,
}

/// What is read for a status; an absent condition matches anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wording {
    /// Phase.
    pub phase: Option<super::Phase>,
    /// Who must act next.
    pub waiting_on: Option<super::WaitingOn>,
    /// Outcome.
    pub outcome: Option<super::Outcome>,
    /// The source's own code.
    pub source_code: Option<String>,
    /// Text per language.
    pub text: Texts,
}
