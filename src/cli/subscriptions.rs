//! `guichet subscriptions`: who is told of changes, how that goes, and what to do about it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Failure;
use super::line::{LineArgs, parameter};
use super::screen::{Screen, table};

/// See, test or replay what is told to subscriptions
#[derive(Debug, Subcommand)]
pub enum Subscriptions {
    /// List subscriptions, with how they do
    Ls(Ls),
    /// Send a test event to the receiver of a subscription
    Test(Test),
    /// Tell a subscription a window of the change feed again
    Replay(Replay),
}

/// List subscriptions, with how they do
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet subscriptions ls --url http://127.0.0.1:8080 --key demo-ops
  guichet subscriptions ls 01930f4e-… --dead")]
pub struct Ls {
    /// Id of one subscription: its deliveries that wait
    id: Option<String>,
    /// Its dead letters instead
    #[arg(long, requires = "id")]
    dead: bool,
    #[command(flatten)]
    line: LineArgs,
}

/// Send a test event to the receiver of a subscription
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet subscriptions test 01930f4e-…

Exits 1 when the receiver does not accept it.")]
pub struct Test {
    /// Id, as listed
    id: String,
    #[command(flatten)]
    line: LineArgs,
}

/// Tell a subscription a window of the change feed again
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet subscriptions replay 01930f4e-… --since 2026-11-20
  guichet subscriptions replay 01930f4e-… --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z

Events keep their ids, so that a receiver recognises what it has already. A hub must run for it to be told.")]
pub struct Replay {
    /// Id, as listed
    id: String,
    /// Changes committed at or after this time or date
    #[arg(long, value_name = "WHEN")]
    since: String,
    /// And not after this one
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    #[command(flatten)]
    line: LineArgs,
}

impl Subscriptions {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        match self {
            Subscriptions::Ls(ls) => ls.run(screen).await,
            Subscriptions::Test(test) => test.run(screen).await,
            Subscriptions::Replay(replay) => replay.run(screen).await,
        }
    }
}

impl Ls {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let Some(id) = &self.id else {
            let found = line.get("/v1/subscriptions").await?;
            let head = ["id", "client", "state", "delivered", "waiting", "dead", "budget", "url", "reason"];
            return shown(screen, &found, &head, &found["subscriptions"], subscription);
        };
        let mut query = String::new();
        parameter(&mut query, "dead", self.dead.then_some("true"));
        parameter(&mut query, "limit", Some("200"));
        let found = line.get(&format!("/v1/subscriptions/{id}/deliveries{query}")).await?;
        let head = ["change", "kind", "attempts", "first", "next", "trouble"];
        shown(screen, &found, &head, &found["deliveries"], delivery)?;
        if found["next"].is_string() && !screen.json {
            screen.note("there are more: ask the API, page by page");
        }
        Ok(())
    }
}

fn shown(
    screen: Screen,
    found: &Value,
    head: &[&str],
    rows: &Value,
    row: fn(&Value) -> Vec<String>,
) -> Result<(), Failure> {
    if screen.json {
        screen.value(found);
    } else {
        screen.out(&table(head, rows.as_array().into_iter().flatten().map(row)));
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { "-".to_owned() } else { value.to_string() }, str::to_owned)
}

fn subscription(of: &Value) -> Vec<String> {
    let mut row: Vec<_> =
        ["id", "client", "state", "delivered", "waiting", "dead"].iter().map(|name| text(&of[*name])).collect();
    row.push(format!("{} %", of["budget_spent"]));
    row.extend([text(&of["url"]), text(&of["reason"])]);
    row
}

fn delivery(of: &Value) -> Vec<String> {
    let next = if of["next_at"].is_string() { &of["next_at"] } else { &of["dead_at"] };
    [&of["id"], &of["change"]["kind"], &of["attempts"], &of["first_at"], next, &of["trouble"]].map(text).to_vec()
}

impl Test {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let tested = line.post(&format!("/v1/subscriptions/{}/test", self.id), &json!({})).await?;
        if screen.json {
            screen.value(&tested);
        }
        if tested["accepted"] == true {
            if !screen.json {
                screen.out("the receiver accepted the event");
            }
            return Ok(());
        }
        let trouble = text(&tested["trouble"]);
        Err(Failure::Runtime(guichet_sdk::Issue::error(guichet_sdk::Code("E433"), trouble)))
    }
}

impl Replay {
    async fn run(self, screen: Screen) -> Result<(), Failure> {
        let line = self.line.open(screen).await?;
        let body = match &self.until {
            Some(until) => json!({ "since": self.since, "until": until }),
            None => json!({ "since": self.since }),
        };
        let answer = line.post(&format!("/v1/subscriptions/{}/replay", self.id), &body).await?;
        if screen.json {
            screen.value(&answer);
        } else if answer["replaying"] == true {
            screen.out("the replay is under way");
        } else {
            screen.out("nothing was committed in that window: nothing is told again");
        }
        Ok(())
    }
}
