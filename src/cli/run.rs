//! `guichet run`: one flow, once, until it has caught up.

use std::sync::Arc;

use clap::Args;
use guichet_sdk::settings::nearest;
use guichet_sdk::{Code, Issue, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::line::while_serving;
use super::project::HubArgs;
use super::screen::{Screen, table};
use crate::app::{Hub, interrupted};
use crate::flow::{Route, Step, Summary, run_once};
use crate::model::FlowName;
use crate::store::Counts;
use crate::telemetry::{Logs, Telemetry};

/// Run one flow once, until it has caught up
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet run planning/dossiers
  guichet run planning/dossiers --project /srv/city --store sqlite:/tmp/try.db
  guichet run planning/dossiers --json | jq .counts

Exits 0 when caught up, 5 when something was quarantined (`guichet quarantine ls` tells what).")]
pub struct Run {
    /// Flow, as `SOURCE/FLOW`
    #[arg(value_name = "SOURCE/FLOW")]
    flow: String,
    #[command(flatten)]
    hub: HubArgs,
    /// Resume the flow first, if it is paused
    #[arg(long)]
    resume: bool,
}

impl Run {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        let project = self.hub.project.load(screen)?;
        let names: Vec<String> = project.flows.iter().map(|flow| flow.name.to_string()).collect();
        if !names.contains(&self.flow) {
            return Err(no_such_flow(&self.flow, &names));
        }
        let instead = format!("or ask it: `POST /ops/v1/flows/{}/run`", self.flow);
        let hub = Hub::open(project, self.hub.store.as_deref());
        let hub = hub.map_err(|fault| while_serving(fault.into(), &instead))?;
        let telemetry =
            Telemetry::start(&hub.project.hub.telemetry, Logs::Quiet).map_err(crate::app::AppFault::from)?;
        let summary = self.until_caught_up(&hub, screen).await;
        hub.store.close().await;
        telemetry.stop().await;
        let summary = summary?;
        tell(&self.flow, &summary, screen);
        verdict(&summary)
    }

    async fn until_caught_up(&self, hub: &Hub, screen: Screen) -> Result<Summary, Failure> {
        let route = self.route(hub).await?;
        let standing = hub.store.standing(route.row()).await?;
        if let Some(reason) = standing.paused {
            if !self.resume {
                return Err(paused(&self.flow, &reason));
            }
            hub.store.pause(route.row(), None).await?;
        }
        let stop = CancellationToken::new();
        let interrupt = tokio::spawn({
            let stop = stop.clone();
            async move {
                interrupted().await;
                stop.cancel();
            }
        });
        let bar = bar(screen);
        let summary = run_once(&route, stop, &mut |step| show(&bar, screen, &step)).await;
        bar.finish_and_clear();
        interrupt.abort();
        Ok(summary?)
    }

    async fn route(&self, hub: &Hub) -> Result<Arc<Route>, Failure> {
        let name = FlowName::parse(&self.flow);
        let route = hub.routes().await?.into_iter().find(|route| Some(route.name()) == name.as_ref());
        route.map(Arc::new).ok_or_else(|| no_such_flow(&self.flow, &[]))
    }
}

fn no_such_flow(name: &str, known: &[String]) -> Failure {
    let issue = Issue::error(Code("E258"), format!("there is no flow `{name}`"));
    Failure::Configuration(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None => issue.hint(format!("flows of this project: `{}`", known.join("`, `"))),
    })
}

fn paused(name: &str, reason: &str) -> Failure {
    let issue = Issue::error(Code("E259"), format!("the flow `{name}` is paused: {reason}"));
    Failure::Runtime(issue.hint("run it with `--resume` once the reason is gone"))
}

fn bar(screen: Screen) -> ProgressBar {
    let target = if screen.watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(None, target)
}

fn show(bar: &ProgressBar, screen: Screen, step: &Step<'_>) {
    for notice in step.notices.iter().filter(|_| !screen.json) {
        bar.suspend(|| screen.note(&notice.to_string()));
    }
    if let Some(Progress { name, done, total }) = step.progress {
        if let (Some(total), None) = (total, bar.length()) {
            let look = "{msg} [{bar:30}] {bytes}/{total_bytes} {eta}";
            bar.set_style(ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_length(*total);
        }
        bar.set_length(total.unwrap_or(*done));
        bar.set_position(*done);
        bar.set_message(format!("{name}: {} records", step.tally.counts.received));
    }
}

fn tell(flow: &str, summary: &Summary, screen: Screen) {
    if screen.json {
        screen.value(summary);
        return;
    }
    let Counts { received, applied, duplicate, superseded, quarantined, parked } = summary.tally.counts;
    let counts = [
        ("received", received),
        ("applied", applied),
        ("duplicate", duplicate),
        ("superseded", superseded),
        ("quarantined", quarantined),
        ("parked", parked),
    ];
    let rows = counts.map(|(word, count)| vec![word.to_owned(), count.to_string()]);
    screen.out(&table(&["records", ""], rows));
    if !summary.tally.refused.is_empty() {
        let rows = summary.tally.refused.iter().map(|(code, refused)| {
            let places: Vec<String> = refused.places.iter().map(ToString::to_string).collect();
            let more = if refused.count > places.len() as u64 { ", …" } else { "" };
            vec![(*code).to_owned(), refused.count.to_string(), format!("{}{more}", places.join(", "))]
        });
        screen.out(&format!("\n{}", table(&["quarantined", "records", "first places"], rows)));
    }
    screen.note(&format!("`{flow}`: {:.1} s, {:.0} records/s", summary.seconds, summary.per_second));
    if let Some(reason) = &summary.paused {
        screen.note(&format!("the flow is now paused: {reason}"));
    }
}

fn verdict(summary: &Summary) -> Result<(), Failure> {
    let Counts { quarantined, parked, .. } = summary.tally.counts;
    if quarantined + parked > 0 {
        return Err(Failure::Quarantined);
    }
    if !summary.caught_up {
        let issue = Issue::error(Code("E260"), "the run was interrupted before it had caught up");
        return Err(Failure::Runtime(issue.hint("what is committed is kept; run it again to go on from there")));
    }
    Ok(())
}
