//! Every flow of a project, running: one supervised task each. What operators do to flows is done here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::reception::Reception;
use super::retry::{dismiss, retry};
use super::route::Route;
use super::signals::Signals;
use super::{Board, ControlFault, FlowControl, FlowState, Retried, task};
use crate::model::FlowName;
use crate::store::{QuarantineFilter, QuarantineRow, Store, StoreFault};

/// Every flow of a project, running.
pub struct Flows {
    store: Arc<dyn Store>,
    board: Arc<Board>,
    running: BTreeMap<FlowName, Running>,
    stop: CancellationToken,
}

struct Running {
    route: Arc<Route>,
    signals: Arc<Signals>,
    reception: Option<Arc<Reception>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Flows {
    /// Flows that do not run, for operators who repair while no hub is running.
    pub fn at_rest(routes: Vec<Route>, store: Arc<dyn Store>, board: Arc<Board>) -> Self {
        let stop = CancellationToken::new();
        let at_rest = |route: Route| {
            let (name, signals) = (route.name.clone(), Arc::new(Signals::new(None, stop.child_token())));
            (name, Running { route: Arc::new(route), signals, reception: None, task: Mutex::new(None) })
        };
        let running = routes.into_iter().map(at_rest).collect();
        Flows { store, board, running, stop }
    }

    /// Starts a task for each route. A flow that was paused stays so.
    pub async fn start(routes: Vec<Route>, store: Arc<dyn Store>, board: Arc<Board>) -> Result<Self, StoreFault> {
        let stop = CancellationToken::new();
        let mut running = BTreeMap::new();
        for route in routes {
            let paused = route.show().await?;
            let (route, signals) = (Arc::new(route), Arc::new(Signals::new(paused, stop.child_token())));
            let task = tokio::spawn(task::supervise(route.clone(), signals.clone()));
            let (name, reception) = (route.name.clone(), Reception::of(&route, &signals));
            running.insert(name, Running { route, signals, reception, task: Mutex::new(Some(task)) });
        }
        Ok(Flows { store, board, running, stop })
    }

    /// Where records are taken that are pushed, by flow.
    pub fn receptions(&self) -> BTreeMap<FlowName, Arc<Reception>> {
        let reception = |(name, flow): (&FlowName, &Running)| Some((name.clone(), flow.reception.clone()?));
        self.running.iter().filter_map(reception).collect()
    }

    fn get(&self, name: &FlowName) -> Result<&Running, ControlFault> {
        self.running.get(name).ok_or_else(|| ControlFault::NoSuchFlow(name.clone()))
    }

    /// Retries what stands in quarantine, with the mapping of now.
    async fn retried(&self, filter: &QuarantineFilter) -> Result<Retried, StoreFault> {
        let mut all = Retried::default();
        for flow in self.running.values().filter(|flow| filter.flow.is_none_or(|row| row == flow.route.row)) {
            all.add(retry(&flow.route, filter).await?);
        }
        Ok(all)
    }

    /// Tells every flow to finish the batch in hand, and waits for them; what is not done by then is cut off (and read
    /// again after a restart).
    pub async fn stop(&self, drain: Duration) {
        self.stop.cancel();
        let deadline = tokio::time::Instant::now() + drain;
        for (name, flow) in &self.running {
            let task = flow.task.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(mut task) = task else { continue };
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!(flow = %name, "the flow did not finish its batch in time and was cut off");
                task.abort();
            }
            if let Some(reception) = &flow.reception
                && tokio::time::timeout_at(deadline, reception.drained()).await.is_err()
            {
                tracing::warn!(flow = %name, "what was pushed was not committed in time; nobody was told that it was");
            }
            self.board.update(name, |status| status.state = FlowState::Starting);
        }
    }
}

#[async_trait]
impl FlowControl for Flows {
    async fn pause(&self, name: &FlowName, reason: &str) -> Result<(), ControlFault> {
        let flow = self.get(name)?;
        self.store.pause(flow.route.row, Some(reason)).await?;
        flow.signals.pause(Some(reason.to_owned()));
        tracing::info!(flow = %name, reason, "the flow was paused");
        Ok(())
    }

    /// Also tries a failed flow again.
    async fn resume(&self, name: &FlowName) -> Result<(), ControlFault> {
        let flow = self.get(name)?;
        self.store.pause(flow.route.row, None).await?;
        flow.signals.pause(None);
        flow.signals.run_now();
        tracing::info!(flow = %name, "the flow was resumed");
        Ok(())
    }

    async fn run(&self, name: &FlowName) -> Result<(), ControlFault> {
        let flow = self.get(name)?;
        if flow.signals.paused().is_some() {
            return Err(ControlFault::Refused("it is paused; resume it first".into()));
        }
        if flow.task.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(ControlFault::Refused("no hub is running".into()));
        }
        if !flow.route.plan.capability().pull {
            return Err(ControlFault::Refused("its records are pushed: there is nothing to look at".into()));
        }
        flow.signals.run_now();
        Ok(())
    }

    async fn retry(&self, rows: &[QuarantineRow]) -> Result<Retried, ControlFault> {
        if rows.is_empty() {
            return Ok(Retried::default());
        }
        let filter = QuarantineFilter { rows: rows.to_vec(), ..QuarantineFilter::default() };
        Ok(self.retried(&filter).await?)
    }

    /// What was parked behind the rows is tried again.
    async fn dismiss(&self, rows: &[QuarantineRow], who: &str, why: &str) -> Result<u64, ControlFault> {
        let routes: Vec<Arc<Route>> = self.running.values().map(|flow| flow.route.clone()).collect();
        Ok(dismiss(&*self.store, &routes, rows, who, why).await?)
    }
}
