//! A lane: the commands of one flow, several at once but one of a case, held back while their source is in trouble. What
//! happens in one lane stays there.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use guichet_sdk::{Fault, FaultKind, Issue, Plan, Sink};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::codes;
use super::decide;
use super::errand::{Errand, LONGEST_CALL};
use super::strays::Strays;
use crate::fail::{Point, pass};
use crate::mapping::Mapping;
use crate::model::{CommandState, FlowName, Verb};
use crate::store::{FlowRow, Leased, Store, StoreFault, Upshot};

/// Commands of one lane under way at once.
const AT_ONCE: usize = 8;
/// How long a command stays in one hand: longer than any call.
const LEASE: Duration = Duration::from_secs(10 * 60);
/// Longest a sink may take to open.
const OPEN_WAIT: Duration = Duration::from_secs(60);
/// Failures in a row after which one command at a time asks whether the source is back.
const OPENS_AT: u32 = 3;
/// Longest wait between such questions.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// The clock is read again at least this often, since it may be set while a lane sleeps.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// The commands of one flow.
pub struct LaneConfig {
    /// The flow.
    pub name: FlowName,
    /// Its row.
    pub row: FlowRow,
    /// Its checked settings.
    pub plan: Arc<dyn Plan>,
    /// Its mapping.
    pub mapping: Arc<Mapping>,
    /// Microseconds since 1970.
    pub now: fn() -> i64,
    /// A random number from 0 to 1.
    pub chance: fn() -> f64,
}

/// What a lane carries out.
fn carried(lane: &LaneConfig) -> Vec<(FlowName, Verb)> {
    let able = lane.plan.capability().commands;
    able.keys().filter_map(|verb| Verb::parse(verb)).map(|verb| (lane.name.clone(), verb)).collect()
}

/// Every lane, running, and the watch over what none of them carries out.
pub struct Dispatch {
    lanes: Vec<JoinHandle<()>>,
}

impl Dispatch {
    /// Settles what was on its way when the hub died, holds what nobody carries out, and starts a lane for each flow that carries commands out.
    pub async fn start(
        lanes: Vec<LaneConfig>,
        store: Arc<dyn Store>,
        clock: fn() -> i64,
        stop: CancellationToken,
    ) -> Result<Dispatch, StoreFault> {
        let issue = Issue::error(
            codes::ENDED,
            "the hub ended while the command was on its way: nobody knows whether it arrived",
        );
        let found = store.recover(decide::unknown(&issue, None), clock()).await?;
        if found > 0 {
            tracing::warn!(commands = found, "commands were on their way when the hub ended; they are looked up");
        }
        let strays = Strays { carried: lanes.iter().flat_map(carried).collect(), store: store.clone(), clock };
        strays.strand().await?;
        let watch = tokio::spawn(strays.watch(stop.clone()));
        let lanes = lanes.into_iter().map(|config| {
            let lane =
                Lane { config: Arc::new(config), store: store.clone(), stop: stop.clone(), sink: None, failures: 0 };
            tokio::spawn(lane.run())
        });
        Ok(Dispatch { lanes: lanes.chain([watch]).collect() })
    }

    /// Waits until every lane has ended: commands on their way are settled first, up to a time.
    pub async fn stopped(self, drain: Duration) {
        for lane in self.lanes {
            let abort = lane.abort_handle();
            if tokio::time::timeout(drain, lane).await.is_err() {
                // what is on its way stays marked: the next start looks it up
                abort.abort();
            }
        }
    }
}

struct Lane {
    config: Arc<LaneConfig>,
    store: Arc<dyn Store>,
    stop: CancellationToken,
    sink: Option<Arc<dyn Sink>>,
    /// Commands in a row that found the source in trouble.
    failures: u32,
}

impl Lane {
    async fn run(mut self) {
        let mut under_way = JoinSet::new();
        let mut seen = 0;
        loop {
            let room = if self.failures >= OPENS_AT { 1 } else { AT_ONCE };
            if under_way.len() < room && !self.stop.is_cancelled() {
                match self.lease(room - under_way.len()).await {
                    Ok(leased) if !leased.is_empty() => {
                        self.hand_out(leased, &mut under_way).await;
                        continue;
                    }
                    Ok(_) => {}
                    Err(fault) => tracing::warn!(flow = %self.config.name, %fault, "the lane cannot read its commands"),
                }
            }
            if self.stop.is_cancelled() && under_way.is_empty() {
                return;
            }
            let wait = self.until_next().await;
            tokio::select! {
                biased;
                Some(done) = under_way.join_next() => self.ended(done.unwrap_or(None)).await,
                () = self.stop.cancelled(), if !self.stop.is_cancelled() => {}
                times = self.store.commanded(seen), if under_way.len() < room => seen = times,
                () = tokio::time::sleep(wait), if !self.stop.is_cancelled() => {}
            }
        }
    }

    async fn lease(&self, limit: usize) -> Result<Vec<Leased>, StoreFault> {
        let now = (self.config.now)();
        let until = now.saturating_add(i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX));
        self.store.lease(self.config.row, now, until, limit).await
    }

    /// How long nothing is due.
    async fn until_next(&self) -> Duration {
        let now = (self.config.now)();
        match self.store.next_due(self.config.row, now).await {
            Ok(Some(due)) => Duration::from_micros(u64::try_from(due - now).unwrap_or(0)).min(CLOCK_CHECK),
            Ok(None) | Err(_) => CLOCK_CHECK,
        }
    }

    async fn hand_out(&mut self, leased: Vec<Leased>, under_way: &mut JoinSet<Option<Fault>>) {
        pass(Point::AfterLease);
        let sink = self.open().await;
        let able = self.config.plan.capability().commands;
        for one in leased {
            let (store, lane) = (self.store.clone(), self.config.clone());
            let (sink, able) = match (&sink, able.get(one.command.verb.word())) {
                (Ok(sink), Some(able)) => (sink.clone(), able.clone()),
                (Err(fault), able) => {
                    let able = able.cloned().unwrap_or_default();
                    under_way.spawn(put_back(store, lane, able, one, fault.clone()));
                    continue;
                }
                (Ok(_), None) => {
                    let message = format!("the flow `{}` does not carry out `{}`", lane.name, one.command.verb);
                    let fault = Fault::new(FaultKind::Refused, codes::NO_SINK, message);
                    under_way.spawn(put_back(store, lane, Default::default(), one, fault));
                    continue;
                }
            };
            under_way.spawn(carry(Errand { lane, store, sink, able }, one));
        }
    }

    async fn open(&mut self) -> Result<Arc<dyn Sink>, Fault> {
        if let Some(sink) = &self.sink {
            return Ok(sink.clone());
        }
        let memory = self.store.memory(self.config.row);
        let late = |_| {
            Fault::new(
                FaultKind::Timeout,
                codes::SLOW,
                format!("the source did not open within {} s", OPEN_WAIT.as_secs()),
            )
        };
        let opened = tokio::time::timeout(OPEN_WAIT, self.config.plan.open(memory)).await.map_err(late)??;
        let message = "the connector has no way out although its settings promise one";
        let sink = opened.sink.ok_or_else(|| Fault::new(FaultKind::Environment, codes::NO_SINK, message))?;
        let sink: Arc<dyn Sink> = sink.into();
        self.sink = Some(sink.clone());
        Ok(sink)
    }

    /// A command is through. A source in trouble is left in peace for a while, then asked with one command at a time.
    async fn ended(&mut self, trouble: Option<Fault>) {
        let Some(fault) = trouble else {
            self.failures = 0;
            return;
        };
        self.failures = self.failures.saturating_add(1);
        if fault.kind == FaultKind::Unauthorized {
            // a renewed secret is read when the sink is opened again
            self.sink = None;
        }
        if self.failures >= OPENS_AT {
            let doubled = Duration::from_secs(1).saturating_mul(1 << (self.failures - OPENS_AT).min(10));
            let rest = doubled.min(LONGEST_REST).mul_f64(0.5 + (self.config.chance)() / 2.0);
            tracing::warn!(flow = %self.config.name, code = %fault.issue.code, ?rest, "the lane rests: {}", fault.issue.message);
            self.stop.run_until_cancelled(tokio::time::sleep(rest)).await;
        }
    }
}

/// Carries a command out; what becomes of a panic is that nobody knows.
async fn carry(errand: Errand, leased: Leased) -> Option<Fault> {
    let run = AssertUnwindSafe(errand.run(leased.clone())).catch_unwind().await;
    match run {
        Ok(trouble) => trouble,
        Err(_) => {
            let issue = Issue::error(codes::ENDED, "the connector failed while the command was on its way");
            let now = (errand.lane.now)();
            errand.settle(&leased, decide::unknown(&issue, Some(now))).await;
            None
        }
    }
}

/// Nothing was sent: the source could not even be opened.
async fn put_back(
    store: Arc<dyn Store>,
    lane: Arc<LaneConfig>,
    able: guichet_sdk::VerbCapability,
    leased: Leased,
    fault: Fault,
) -> Option<Fault> {
    let at = decide::Moment { now: (lane.now)(), chance: (lane.chance)() };
    let unopened = guichet_sdk::Outcome::NotSent(fault.clone());
    let settlement = match leased.command.state {
        CommandState::Unknown | CommandState::Accepted => {
            let asked = guichet_sdk::Outcome::Unknown { why: fault.clone(), heard: None };
            decide::after_looking(&leased.command, &able, Some(asked), at)
        }
        CommandState::Queued
        | CommandState::Sending
        | CommandState::Confirmed
        | CommandState::Refused
        | CommandState::Failed => decide::after_sending(&leased.command, &able, unopened, at),
    };
    settle(&store, &leased, settlement, at.now).await;
    Some(fault)
}

async fn settle(store: &Arc<dyn Store>, leased: &Leased, settlement: Upshot, now: i64) {
    if let Err(fault) = store.conclude(leased, settlement, now).await {
        // the lease passes, and somebody takes it up again
        tracing::warn!(command = %leased.command.id, %fault, "a command could not be put back");
    }
}

const _: () = assert!(LONGEST_CALL.as_secs() < LEASE.as_secs());
