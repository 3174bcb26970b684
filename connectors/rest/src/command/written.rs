//! How a verb is sent, as an integrator writes it. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use guichet_http::AnswerRule;
use guichet_sdk::settings::Period;
use schemars::JsonSchema;
use serde::Deserialize;

/// How one verb is sent.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommandSettings {
    /// `post` when not written.
    pub method: SendMethod,
    /// Required. Path below `base_url`, with `{command}`, `{case}` and values of the mapping: `/issues/{case}.json`.
    pub path: String,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    /// Further headers, as `Idempotency-Key = "{command}"`.
    pub headers: BTreeMap<String, String>,
    /// The source recognises a command it has had before: after a lost answer it is sent again.
    pub idempotent: bool,
    /// Path in the answer of the source's own number. With it, an answer without a number is no success.
    pub reference: Option<String>,
    /// Path in the answer of what to ask after the command by, where the source says "later".
    pub tracking: Option<String>,
    /// Path in a refusal of why.
    pub reason: Option<String>,
    /// What certain answers mean, tried in order before the usual meaning of their status.
    pub answers: Vec<AnswerRule<SendMeans>>,
    /// How the source is asked what became of a command.
    pub look_up: Option<LookUpSettings>,
}

impl Default for CommandSettings {
    fn default() -> Self {
        CommandSettings {
            method: SendMethod::Post,
            path: String::new(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            idempotent: false,
            reference: None,
            tracking: None,
            reason: None,
            answers: Vec::new(),
            look_up: None,
        }
    }
}

/// How a command is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendMethod {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// What an answer to a command means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendMeans {
    /// It is done.
    Confirmed,
    /// It is taken; the source says later what becomes of it.
    Accepted,
    /// The source will not do it.
    Refused,
    /// Nobody knows: it is looked up.
    Unknown,
    /// It surely had no effect: it is sent again later.
    NotSent,
}

/// How the source is asked what became of a command; a GET that changes nothing there.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LookUpSettings {
    /// Required. Path below `base_url`: `/issues.json`. 404 means that the source does not have it.
    pub path: String,
    /// Query parameters: `cf_4 = "{command}"`.
    pub query: BTreeMap<String, String>,
    /// Path in the answer of the number of commands found: 0 means that the source does not have it. Without it only 404
    /// says so.
    pub total: Option<String>,
    /// Path in the answer of the source's own number: `issues/0/id`.
    pub reference: Option<String>,
    /// How long a request may still turn up after its sending ended; 1m when not written.
    pub settle: Period,
}

impl Default for LookUpSettings {
    fn default() -> Self {
        LookUpSettings {
            path: String::new(),
            query: BTreeMap::new(),
            total: None,
            reference: None,
            settle: Period(Duration::from_secs(60)),
        }
    }
}
