//! `guichet commands`: what was asked of the back offices, and what to do about what nobody knows the end of.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Failure;
use super::line::{LineArgs, parameter};
use super::screen::{Screen, table};

/// See, settle or send again what was asked of back offices
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// List commands, newest first
    Ls(Ls),
    /// Show one command with everything needed to decide about it
    Show(Show),
    /// Write down what really became of a command
    Settle(Settle),
    /// Send a command (again) that surely had no effect
    Retry(Retry),
}

/// List commands, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet commands ls --state unknown
  guichet commands ls --source streets --json

`unknown` and `failed` are those that may need somebody.")]
pub struct Ls {
    /// queued, sending, accepted, confirmed, refused, unknown or failed
    #[arg(long)]
    state: Option<String>,
    /// Source that carries them out
    #[arg(long)]
    source: Option<String>,
    /// Those older than this one
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// Commands to list, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    line: LineArgs,
}

/// Show one command with everything needed to decide about it
#[derive(Debug, Args)]
#[command(after_help = "It shows what was sent, which may hold data of persons.")]
pub struct Show {
    /// Id, as listed
    id: String,
    #[command(flatten)]
    line: LineArgs,
}

/// Write down what really became of a command
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet commands settle ID --as confirmed --reference 2026-117 --reason 'found at the desk'
  guichet commands settle ID --as refused --reason 'the office will not do it'")]
pub struct Settle {
    /// Id, as listed
    id: String,
    /// confirmed or refused
    #[arg(long = "as", value_name = "STATE", value_parser = ["confirmed", "refused"])]
    state: String,
    /// The source's number for it
    #[arg(long)]
    reference: Option<String>,
    /// Why, for the audit
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    line: LineArgs,
}

/// Send a command (again) that surely had no effect
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet commands retry ID --reason 'the office does not have it'

A running hub sends it at once; otherwise the next start does.")]
pub struct Retry {
    /// Id, as listed
    id: String,
    /// How it is known that it had no effect, for the audit
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    line: LineArgs,
}

impl Commands {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        match self {
            Commands::Ls(ls) => ls.run(screen).await,
            Commands::Show(show) => {
                let command = show.line.open(screen).await?.get(&path(&show.id, "")).await?;
                tell(&command, screen);
                Ok(())
            }
            Commands::Settle(settle) => {
                let body = json!({ "as": settle.state, "reference": settle.reference, "reason": settle.reason });
                let command = settle.line.open(screen).await?.post(&path(&settle.id, "/settle"), &body).await?;
                done(&command, screen);
                Ok(())
            }
            Commands::Retry(retry) => {
                let body = json!({ "reason": retry.reason });
                let command = retry.line.open(screen).await?.post(&path(&retry.id, "/retry"), &body).await?;
                done(&command, screen);
                Ok(())
            }
        }
    }
}

/// The path of a command; an id holds nothing that could lead elsewhere.
fn path(id: &str, verb: &str) -> String {
    let plain: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("/ops/v1/commands/{plain}{verb}")
}

impl Ls {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let mut query = String::new();
        parameter(&mut query, "state", self.state.as_deref());
        parameter(&mut query, "source", self.source.as_deref());
        parameter(&mut query, "before", self.before.as_deref());
        parameter(&mut query, "limit", Some(&self.limit.to_string()));
        let page = line.get(&format!("/ops/v1/commands{query}")).await?;
        if screen.json {
            screen.value(&page);
            return Ok(());
        }
        let commands = page["commands"].as_array().map(Vec::as_slice).unwrap_or_default();
        let head = ["id", "verb", "flow", "state", "case", "created", "next", "problem"];
        screen.out(&table(&head, commands.iter().map(row)));
        if let Some(next) = page["next"].as_str() {
            screen.note(&format!("there are more: `--before {next}`"));
        }
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn row(command: &Value) -> Vec<String> {
    let problem = match (command["issue"]["code"].as_str(), command["reason"].as_str()) {
        (Some(code), _) => format!("{code}: {}", text(&command["issue"]["message"])),
        (None, Some(reason)) => reason.to_owned(),
        (None, None) => "-".to_owned(),
    };
    let cells = [&command["id"], &command["verb"], &command["flow"], &command["state"], &command["case"]["reference"]];
    let times = [&command["created_at"], &command["next_at"]];
    cells.into_iter().chain(times).map(text).chain([problem]).collect()
}

fn done(command: &Value, screen: Screen) {
    match screen.json {
        true => screen.value(command),
        false => screen.out(&format!("{} is {}", text(&command["id"]), text(&command["state"]))),
    }
}

fn tell(command: &Value, screen: Screen) {
    if screen.json {
        return screen.value(command);
    }
    let mut lines = vec![format!(
        "{} `{}` of {}: {}, case {}",
        text(&command["id"]),
        text(&command["verb"]),
        text(&command["client"]),
        text(&command["state"]),
        text(&command["case"]["reference"]),
    )];
    for (name, key) in [
        ("asked", "created_at"),
        ("sent", "sent_at"),
        ("ended", "ended_at"),
        ("to", "address"),
        ("next", "next_at"),
        ("number", "reference"),
        ("reason", "reason"),
        ("answered", "heard"),
        ("request", "request"),
    ] {
        if let Some(value) = command[key].as_str() {
            lines.push(format!("{name:9}{value}"));
        }
    }
    if command["issue"].is_object() {
        lines.push(format!("problem  {}: {}", text(&command["issue"]["code"]), text(&command["issue"]["message"])));
        lines.extend(command["issue"]["hint"].as_str().map(|hint| format!("hint     {hint}")));
    }
    screen.out(&lines.join("\n"));
}
