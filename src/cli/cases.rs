//! `guichet cases`: the list of cases, as the API gives it.

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::line::{LineArgs, parameter};
use super::screen::{Screen, table};

/// List cases
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet cases --source planning --phase decided
  guichet cases --q 'rue des lilas' --json
  guichet cases --url http://127.0.0.1:8080 --key demo-ops --waiting-on applicant")]
pub struct Cases {
    /// Source
    #[arg(long)]
    source: Option<String>,
    /// Service code
    #[arg(long)]
    service: Option<String>,
    /// Phase, as `in_progress`
    #[arg(long)]
    phase: Option<String>,
    /// Who must act next, as `applicant`
    #[arg(long)]
    waiting_on: Option<String>,
    /// Outcome, as `granted`
    #[arg(long)]
    outcome: Option<String>,
    /// The case's own number in its source
    #[arg(long)]
    reference: Option<String>,
    /// Changed at or after this time or date
    #[arg(long, value_name = "WHEN")]
    updated_since: Option<String>,
    /// Words in the title
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,
    /// Cases to list, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Go on where the list before ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    line: LineArgs,
}

impl Cases {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let limit = self.limit.to_string();
        let asked = [
            ("source", &self.source),
            ("service", &self.service),
            ("phase", &self.phase),
            ("waiting_on", &self.waiting_on),
            ("outcome", &self.outcome),
            ("reference", &self.reference),
            ("updated_since", &self.updated_since),
            ("q", &self.q),
            ("limit", &Some(limit)),
            ("cursor", &self.cursor),
        ];
        let mut query = String::new();
        for (name, value) in asked {
            parameter(&mut query, name, value.as_deref());
        }
        let page = line.get(&format!("/v1/cases{query}")).await?;
        if screen.json {
            screen.value(&page);
            return Ok(());
        }
        let cases = page["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
        let head = ["reference", "source", "number", "phase", "waiting on", "outcome", "since", "title"];
        screen.out(&table(&head, cases.iter().map(row)));
        if let Some(next) = page["next"].as_str() {
            screen.note(&format!("there are more: `--cursor {next}`"));
        }
        Ok(())
    }
}

fn row(case: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let status = &case["status"];
    vec![
        text(&case["reference"]),
        text(&case["source"]),
        text(&case["source_reference"]),
        text(&status["phase"]),
        text(&status["waiting_on"]),
        text(&status["outcome"]),
        text(&status["since"]),
        text(&case["title"]),
    ]
}
