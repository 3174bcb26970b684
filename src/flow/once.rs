//! One run of one flow, until caught up: what `guichet run` does. Refuses a paused flow and does not back off.

use std::sync::Arc;
use std::time::Instant;

use guichet_sdk::{Connection, Fault};
use tokio_util::sync::CancellationToken;

use super::faults;
use super::pipeline::{Pipeline, RunEnd, Step};
use super::route::Route;
use super::signals::Signals;
use super::tally::Tally;

/// What a run did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Summary {
    /// How its records ended.
    #[serde(flatten)]
    pub tally: Tally,
    /// How long it took, seconds.
    pub seconds: f64,
    /// Records per second.
    pub per_second: f64,
    /// Whether everything there was has been read.
    pub caught_up: bool,
    /// Why the flow was paused by this run, when it was.
    pub paused: Option<String>,
}

/// Runs a flow until caught up, or until `stop`.
pub async fn run_once(
    route: &Arc<Route>,
    stop: CancellationToken,
    observe: &mut (dyn FnMut(Step<'_>) + Send),
) -> Result<Summary, Fault> {
    let started = Instant::now();
    let Connection { source, .. } = route.plan.open(route.store.memory(route.row)).await?;
    let mut source = source.ok_or_else(faults::no_source)?;
    let standing = route.store.standing(route.row).await.map_err(|e| faults::of_store(&e))?;
    let mut pipeline = Pipeline::new(route.clone());
    let signals = Signals::new(None, stop);
    let end = pipeline.run(&mut *source, standing.cursor, &signals, observe).await?;
    let counts = pipeline.tally.counts;
    let paused = match end {
        RunEnd::Exceeded => Some(faults::too_many_refused(counts.quarantined, counts.received).message),
        RunEnd::CaughtUp | RunEnd::Halted => None,
    };
    if let Some(reason) = &paused {
        route.store.pause(route.row, Some(reason)).await.map_err(|e| faults::of_store(&e))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let per_second = if seconds > 0.0 { counts.received as f64 / seconds } else { 0.0 };
    Ok(Summary { tally: pipeline.tally, seconds, per_second, caught_up: end == RunEnd::CaughtUp, paused })
}
