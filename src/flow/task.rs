//! The supervised task of one flow: open, look, wait, look again; after a failure back off; after a panic too.
//!
//! Whatever happens inside stays inside: other flows do not notice (P5, P6).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use guichet_sdk::{BreakerState, Connection, Fault, Source};

use super::backoff::{Trouble, Verdict};
use super::pipeline::{Pipeline, RunEnd};
use super::route::Route;
use super::signals::Signals;
use super::{FlowState, FlowStatus, clock, faults, schedule};

/// Longest a source may take to open.
const OPEN_WAIT: Duration = Duration::from_secs(60);
/// The clock is read again at least this often, since it may be set while a flow sleeps.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// Keeps one flow going until it is told to stop.
pub(super) async fn supervise(route: Arc<Route>, signals: Arc<Signals>) {
    let mut task = Task { pipeline: Pipeline::new(route.clone()), route, signals, trouble: Trouble::default() };
    loop {
        task.while_paused().await;
        if task.signals.stopped() {
            return;
        }
        if !task.route.plan.capability().pull {
            task.attend().await;
            continue;
        }
        let ended = AssertUnwindSafe(task.session()).catch_unwind().await;
        task.show(|status| status.connected = false);
        let fault = match ended {
            Ok(Ok(())) => continue,
            Ok(Err(fault)) => fault,
            Err(panic) => faults::of_panic(&*panic),
        };
        // What was being committed when the source broke is committed; it must be counted before the next look.
        if let Err(fault) = task.pipeline.settle(None).await {
            tracing::warn!(flow = %task.route.name, code = %fault.issue.code, "{}", fault.issue.message);
        }
        task.after(fault).await;
    }
}

struct Task {
    route: Arc<Route>,
    signals: Arc<Signals>,
    pipeline: Pipeline,
    trouble: Trouble,
}

impl Task {
    fn show(&self, change: impl FnOnce(&mut FlowStatus)) {
        self.route.board.update(&self.route.name, change);
    }

    /// Shows the flow's own circuit, and tells when it turns; where the connector has a breaker, that one tells.
    fn turn(&self, trying: bool) {
        let (circuit, name) = (self.trouble.circuit(trying), &self.route.name);
        let mut before = circuit;
        self.show(|status| before = std::mem::replace(&mut status.circuit, circuit));
        if before == circuit || self.route.plan.breaker().is_some() {
            return;
        }
        let failures = self.trouble.failures;
        match circuit {
            BreakerState::Open => {
                tracing::warn!(flow = %name, failures, "circuit breaker of `{name}` open after {failures} failures")
            }
            BreakerState::HalfOpen => {
                tracing::info!(flow = %name, "circuit breaker of `{name}` half open: a probe goes out")
            }
            BreakerState::Closed => tracing::info!(flow = %name, "circuit breaker of `{name}` closed"),
        }
    }

    async fn while_paused(&self) {
        while let Some(reason) = self.signals.paused() {
            if self.signals.stopped() {
                return;
            }
            self.show(|status| {
                status.state = FlowState::Paused { reason };
                status.next_at = None;
            });
            self.signals.resumed().await;
        }
    }

    /// A flow that only receives: there is nothing to look at, and nothing to open.
    async fn attend(&self) {
        self.show(|status| status.state = FlowState::Idle);
        self.signals.halted().await;
    }

    /// One connection, for as long as it holds. Ends without a fault when paused or stopped.
    async fn session(&mut self) -> Result<(), Fault> {
        self.show(|status| status.state = FlowState::Running);
        self.turn(true);
        let opened = tokio::select! {
            biased;
            () = self.signals.halted() => return Ok(()),
            opened = self.open() => opened,
        };
        let mut source = opened?;
        self.show(|status| status.connected = true);
        let verified_at = self.route.board.get(&self.route.name).and_then(|status| status.verified_at);
        let wakes = self.route.plan.capability().wakes;
        let mut due = match self.trouble.failures {
            0 => schedule::first(&self.route.schedule, wakes, verified_at, clock::now()),
            _ => Some(clock::now()),
        };
        while self.wait(&mut *source, due).await {
            let started = clock::now();
            self.show(|status| {
                status.state = FlowState::Running;
                status.started_at = Some(started);
                status.next_at = None;
            });
            let end = self.look(&mut *source).await?;
            self.recovered().await?;
            match end {
                RunEnd::CaughtUp => due = schedule::next(&self.route.schedule, started, clock::now()),
                RunEnd::Halted => break,
                RunEnd::Exceeded => {
                    let counts = self.pipeline.tally.counts;
                    self.route.exceeded(&self.signals, counts).await.map_err(|e| faults::of_store(&e))?;
                    break;
                }
            }
        }
        Ok(())
    }

    async fn open(&self) -> Result<Box<dyn Source>, Fault> {
        let memory = self.route.store.memory(self.route.row);
        let opening = tokio::time::timeout(OPEN_WAIT, self.route.plan.open(memory));
        let Connection { source, sink: _, probe } = opening.await.map_err(|_| faults::slow_to_open())??;
        if self.trouble.failures > 0 {
            // Half open: one question decides before records are asked for.
            probe.probe().await?;
        }
        source.ok_or_else(faults::no_source)
    }

    /// One look at the source, from the committed cursor until caught up.
    async fn look(&mut self, source: &mut dyn Source) -> Result<RunEnd, Fault> {
        let standing = self.route.store.standing(self.route.row).await.map_err(|e| faults::of_store(&e))?;
        self.pipeline.run(source, standing.cursor, &self.signals, &mut |_| {}).await
    }

    /// Waits until the next look is due, asked for or woken; `false` when paused or stopped.
    async fn wait(&self, source: &mut dyn Source, mut due: Option<i64>) -> bool {
        self.show(|status| {
            status.state = FlowState::Idle;
            status.next_at = due;
        });
        loop {
            let now = clock::now();
            if due.is_some_and(|at| at <= now) && !self.signals.stopped() && self.signals.paused().is_none() {
                return true;
            }
            let left = due.map_or(CLOCK_CHECK, |at| Duration::from_micros(u64::try_from(at - now).unwrap_or(0)));
            tokio::select! {
                biased;
                () = self.signals.halted() => return false,
                () = self.signals.asked() => return true,
                () = source.woken() => return true,
                () = tokio::time::sleep(left.min(CLOCK_CHECK)) => {}
            }
            if let Some(at) = due
                && let Some(next) = schedule::next(&self.route.schedule, clock::now(), clock::now())
            {
                due = Some(at.min(next));
            }
        }
    }

    /// A look went well: earlier failures are forgotten.
    async fn recovered(&mut self) -> Result<(), Fault> {
        if self.trouble.failures > 0 {
            tracing::info!(flow = %self.route.name, failures = self.trouble.failures, "the flow works again");
        }
        self.trouble = Trouble::default();
        self.show(|status| (status.failures, status.fault) = (0, None));
        self.turn(false);
        if self.pipeline.tally.counts.received > 0 {
            self.route.show().await.map_err(|e| faults::of_store(&e))?;
        }
        Ok(())
    }

    /// Shows a failure and waits as it deserves.
    async fn after(&mut self, fault: Fault) {
        if self.signals.stopped() {
            return;
        }
        let verdict = self.trouble.failed(&fault, self.route.bounds, clock::chance());
        tracing::warn!(flow = %self.route.name, code = %fault.issue.code, place = %fault.issue.place,
            failures = self.trouble.failures, "{}", fault.issue.message);
        let now = clock::now();
        self.show(|status| {
            status.failures = self.trouble.failures;
            status.fault = Some((*fault.issue).clone());
            (status.state, status.next_at) = match verdict {
                Verdict::Wait(wait) => (FlowState::BackingOff, Some(now.saturating_add(wait.as_micros() as i64))),
                Verdict::Stop => (FlowState::Failed, None),
            };
        });
        self.turn(false);
        let patience = async {
            match verdict {
                Verdict::Wait(wait) => tokio::time::sleep(wait).await,
                Verdict::Stop => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.halted() => {}
            () = self.signals.asked() => {
                self.trouble = Trouble::default();
                self.signals.run_now();
            }
            () = patience => {}
        }
    }
}
