//! `guichet quarantine`: what is held back, and what to do about it.

use clap::{Args, Subcommand};
use guichet_sdk::{Code, Issue};
use serde_json::{Value, json};

use super::failure::Failure;
use super::line::{Line, LineArgs, parameter};
use super::screen::{Screen, table};

/// Rows named in one request (a bound of the API).
const ROWS: usize = 1_000;

/// See, retry or dismiss what is held back
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List records held back, with their reasons
    Ls(Ls),
    /// Show one held record with what was received
    Show(Show),
    /// Read held records again with the mapping of today
    Retry(Retry),
    /// Give held records up for good
    Dismiss(Dismiss),
}

/// Which held records.
#[derive(Debug, Args)]
struct Which {
    /// Flow, as `SOURCE/FLOW`, or a source
    #[arg(long, value_name = "SOURCE[/FLOW]")]
    flow: Option<String>,
    /// Error code
    #[arg(long)]
    code: Option<String>,
    /// The case's own number in its source
    #[arg(long, value_name = "KEY")]
    case: Option<String>,
}

/// List records held back, with their reasons
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet quarantine ls
  guichet quarantine ls --flow planning/dossiers --code E042
  guichet quarantine ls --settled --json")]
pub struct Ls {
    #[command(flatten)]
    which: Which,
    /// Settled and dismissed ones too
    #[arg(long)]
    settled: bool,
    /// Rows after this one
    #[arg(long, value_name = "ROW")]
    after: Option<i64>,
    /// Rows to list, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    line: LineArgs,
}

/// Show one held record with what was received
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet quarantine show 17

It shows the record as received, which may hold data of persons.")]
pub struct Show {
    /// Row, as listed
    row: i64,
    #[command(flatten)]
    line: LineArgs,
}

/// Read held records again with the mapping of today
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet quarantine retry 17 18
  guichet quarantine retry --code E042
  guichet quarantine retry --all

What is parked behind a record is tried after it, in order. Exits 5 when something is still held.")]
pub struct Retry {
    /// Rows, as listed
    #[arg(required_unless_present_any = ["all", "flow", "code", "case"])]
    rows: Vec<i64>,
    /// Everything that is held
    #[arg(long, conflicts_with = "rows")]
    all: bool,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    line: LineArgs,
}

/// Give held records up for good
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet quarantine dismiss 17 --reason 'a test record of the vendor'

The reason is kept. What was parked behind the record is tried again.")]
pub struct Dismiss {
    /// Rows, as listed
    #[arg(required = true)]
    rows: Vec<i64>,
    /// Why, for the audit
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    line: LineArgs,
}

impl Quarantine {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        match self {
            Quarantine::Ls(ls) => ls.run(screen).await,
            Quarantine::Show(show) => show.run(screen).await,
            Quarantine::Retry(retry) => retry.run(screen).await,
            Quarantine::Dismiss(dismiss) => dismiss.run(screen).await,
        }
    }
}

impl Which {
    fn query(&self) -> String {
        let mut query = String::new();
        let (source, flow) = match self.flow.as_deref().map(|name| name.split_once('/').unwrap_or((name, ""))) {
            Some((source, "")) => (Some(source), None),
            Some((source, flow)) => (Some(source), Some(flow)),
            None => (None, None),
        };
        for (name, value) in
            [("source", source), ("flow", flow), ("code", self.code.as_deref()), ("case_key", self.case.as_deref())]
        {
            parameter(&mut query, name, value);
        }
        query
    }
}

impl Ls {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let mut query = self.which.query();
        parameter(&mut query, "settled", self.settled.then_some("true"));
        parameter(&mut query, "after", self.after.map(|row| row.to_string()).as_deref());
        parameter(&mut query, "limit", Some(&self.limit.to_string()));
        let page = line.get(&format!("/ops/v1/quarantine{query}")).await?;
        if screen.json {
            screen.value(&page);
            return Ok(());
        }
        let held = rows_of(&page);
        screen.out(&table(&["row", "flow", "case", "state", "code", "at", "reason"], held.iter().map(row)));
        if let Some(next) = page["next"].as_i64() {
            screen.note(&format!("there are more: `--after {next}`"));
        }
        Ok(())
    }
}

fn rows_of(page: &Value) -> &[Value] {
    page["held"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn row(held: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let issue = &held["issues"][0];
    vec![
        held["row"].to_string(),
        text(&held["flow"]),
        text(&held["case_key"]),
        text(&held["state"]),
        text(&issue["code"]),
        text(&issue["place"]),
        text(&issue["message"]),
    ]
}

impl Show {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let held = line.get(&format!("/ops/v1/quarantine/{}", self.row)).await?;
        if screen.json {
            screen.value(&held);
            return Ok(());
        }
        let text = |name: &str| held[name].as_str().unwrap_or("-").to_owned();
        let mut said = format!("row {} of `{}`: {}, by `{}`\n", self.row, text("flow"), text("state"), text("mapping"));
        for issue in held["issues"].as_array().into_iter().flatten() {
            said.push_str(&told(issue));
        }
        said.push_str(&format!("received {} in {}", text("received_at"), text("name")));
        if let Some(line) = held["line"].as_u64() {
            said.push_str(&format!(":{line}"));
        }
        screen.out(&format!("{said}\n\n{}", held["content"].as_str().unwrap_or("(no longer kept)")));
        Ok(())
    }
}

fn told(issue: &Value) -> String {
    let text = |name: &str| issue[name].as_str();
    let mut said = format!("error[{}]: {}\n", text("code").unwrap_or("-"), text("message").unwrap_or("-"));
    if let Some(place) = text("place") {
        said.push_str(&format!("  at {place}\n"));
    }
    if let Some(hint) = text("hint") {
        said.push_str(&format!("  hint: {hint}\n"));
    }
    said
}

impl Retry {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let rows = if self.rows.is_empty() { listed(&line, &self.which).await? } else { self.rows };
        let (mut tried, mut settled, mut held) = (0, 0, 0);
        for rows in rows.chunks(ROWS) {
            let retried = line.post("/ops/v1/quarantine/retry", &json!({ "rows": rows })).await?;
            let count = |name: &str| retried[name].as_u64().unwrap_or_default();
            (tried, settled, held) = (tried + count("tried"), settled + count("settled"), held + count("held"));
        }
        if screen.json {
            screen.value(&json!({ "tried": tried, "settled": settled, "held": held }));
        } else {
            screen.out(&format!("{tried} tried, {settled} settled, {held} still held"));
        }
        if held > 0 { Err(Failure::Quarantined) } else { Ok(()) }
    }
}

/// Every row that is held now.
async fn listed(line: &Line, which: &Which) -> Result<Vec<i64>, Failure> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let mut query = which.query();
        parameter(&mut query, "limit", Some("200"));
        parameter(&mut query, "after", after.map(|row: i64| row.to_string()).as_deref());
        let page = line.get(&format!("/ops/v1/quarantine{query}")).await?;
        rows.extend(rows_of(&page).iter().filter_map(|held| held["row"].as_i64()));
        after = page["next"].as_i64();
        if after.is_none() {
            return Ok(rows);
        }
    }
}

impl Dismiss {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        if self.reason.trim().is_empty() {
            let issue = Issue::error(Code("E261"), "`--reason` is empty").hint("say why, for the audit");
            return Err(Failure::Configuration(issue));
        }
        let line = self.line.open(screen).await?;
        let body = json!({ "rows": self.rows, "reason": self.reason });
        let answer = line.post("/ops/v1/quarantine/dismiss", &body).await?;
        if screen.json {
            screen.value(&answer);
        } else {
            screen.out(&format!("{} dismissed", answer["dismissed"]));
        }
        Ok(())
    }
}
