//! `guichet changes`: the change feed, as the API gives it.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::line::{LineArgs, parameter};
use super::screen::{Screen, table};

/// Pause between two looks while nothing happens.
const PAUSE: Duration = Duration::from_secs(1);

/// Show the change feed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet changes --limit 20
  guichet changes --follow --url http://127.0.0.1:8080 --key demo-ops
  guichet changes --after 01930f4e-… --json

With `--follow` a line (or, with `--json`, one JSON object per line) for each change, until interrupted.")]
pub struct Changes {
    /// Those after this one: the id of a change, or 0 for the beginning
    #[arg(long, value_name = "ID", default_value = "0")]
    after: String,
    /// Changes to show, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Go on with what happens from now on
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    line: LineArgs,
}

impl Changes {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let mut after = self.after;
        loop {
            let mut query = String::new();
            parameter(&mut query, "after", Some(&after));
            parameter(&mut query, "limit", Some(&self.limit.to_string()));
            let page = line.get(&format!("/v1/changes{query}")).await?;
            let changes = page["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !self.follow {
                show(screen, &page, changes);
                return Ok(());
            }
            for change in changes {
                screen.out(&if screen.json { change.to_string() } else { row(change).join("  ") });
            }
            after = page["next"].as_str().unwrap_or(&after).to_owned();
            if page["more"] != true {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn show(screen: Screen, page: &Value, changes: &[Value]) {
    if screen.json {
        return screen.value(page);
    }
    screen.out(&table(&["at", "kind", "source", "case", "phase", "id"], changes.iter().map(row)));
    if page["more"] == true {
        screen.note(&format!("there are more: `--after {}`", page["next"].as_str().unwrap_or_default()));
    }
}

fn row(change: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let case = &change["case"];
    [&change["at"], &change["kind"], &change["source"], &case["reference"], &case["phase"], &change["id"]]
        .map(text)
        .to_vec()
}
