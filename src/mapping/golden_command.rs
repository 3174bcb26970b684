//! Golden tests of the way back: `samples/NN.cmd.json` (a command with its payload and its case) must give `NN.req.json`.

use guichet_sdk::{Issue, Place};
use serde_json::{Value, json};

use super::codes::COMMAND;
use super::golden::{Failure, Files, Outcome, difference};
use super::{Mapping, Request, document};
use crate::model::Verb;

/// How a sample of a command ends.
const SAMPLE: &str = ".cmd.json";

impl Mapping {
    /// Runs the samples of commands.
    pub(super) fn run_commands(&self, files: &Files) -> Vec<Outcome> {
        let samples = files.iter().filter(|(name, _)| name.starts_with("samples/") && name.ends_with(SAMPLE));
        samples.map(|(name, bytes)| self.command_sample(name, bytes, files)).collect()
    }

    fn command_sample(&self, name: &str, bytes: &[u8], files: &Files) -> Outcome {
        let golden = format!("{}.req.json", name.trim_end_matches(SAMPLE));
        let place = Place::file(self.beside(&golden));
        let shown = match self.sample_request(bytes) {
            Ok(Ok(request)) => shown(&request),
            Ok(Err(issues)) => {
                issues.iter().map(|issue| json!({ "refused": issue.code.0, "path": issue.place.path })).collect()
            }
            Err(issue) => {
                let issue = issue.at(Place::file(self.beside(name)));
                return Outcome { name: name.to_owned(), place, failures: vec![Failure::Issue(issue)], golden: None };
            }
        };
        let content = serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n";
        let failures = match files.get(&golden) {
            None => vec![Failure::NoGolden],
            Some(expected) => difference(&String::from_utf8_lossy(expected), &content).into_iter().collect(),
        };
        Outcome { name: name.to_owned(), place, failures, golden: Some((golden, content)) }
    }

    fn sample_request(&self, bytes: &[u8]) -> Result<Result<Request, Vec<Issue>>, Issue> {
        let parts: Value = serde_json::from_slice(bytes)
            .map_err(|error| Issue::error(COMMAND, format!("the sample is not JSON: {error}")))?;
        let word = parts["command"]["verb"].as_str().unwrap_or_default();
        let verb = Verb::parse(word).ok_or_else(|| {
            let hint =
                format!("write `\"command\": {{ \"verb\": \"submit\" }}`; known are `{}`", Verb::WORDS.join("`, `"));
            Issue::error(COMMAND, "the sample names no verb").hint(hint)
        })?;
        self.request(verb, &document(&parts))
            .ok_or_else(|| Issue::error(COMMAND, format!("the mapping does not translate `{verb}`")))
    }
}

/// A request as the golden shows it: its body as JSON where it is JSON, else as text.
fn shown(request: &Request) -> Value {
    let text = || Value::String(String::from_utf8_lossy(&request.body).into_owned());
    let body = match request.content_type {
        "application/json" => serde_json::from_slice(&request.body).unwrap_or_else(|_| text()),
        _ => text(),
    };
    json!({ "values": request.values, "content_type": request.content_type, "body": body })
}
