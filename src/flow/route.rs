//! The route of a flow: everything its records pass through, and where its state is shown.

use std::sync::Arc;

use guichet_sdk::format::Format;
use guichet_sdk::{Limit, Plan};

use super::backoff::Bounds;
use super::signals::Signals;
use super::translate::Translate;
use super::{Board, clock, faults};
use crate::config::{FlowConfig, Receive, Schedule, Threshold};
use crate::ledger::Contract;
use crate::model::{FlowName, Order};
use crate::store::{Committed, Counts, FlowRow, Store, StoreFault};

/// Everything the records of one flow pass through.
pub struct Route {
    pub(super) name: FlowName,
    pub(super) row: FlowRow,
    pub(super) plan: Arc<dyn Plan>,
    pub(super) translate: Arc<dyn Translate>,
    pub(super) store: Arc<dyn Store>,
    pub(super) board: Arc<Board>,
    pub(super) schedule: Schedule,
    pub(super) order: Order,
    pub(super) contract: Contract,
    pub(super) threshold: Threshold,
    pub(super) limit: Limit,
    pub(super) bounds: Bounds,
    /// How its records are written.
    pub(super) format: Format,
    /// Bounds of what may be pushed to it.
    pub(super) receive: Option<Receive>,
    /// Share of the records that get a span of their own, 0 to 1.
    pub(super) sample: f64,
}

impl Route {
    /// Makes the flow known to the store and shows it on the board.
    pub async fn lay(
        config: &FlowConfig,
        translate: Arc<dyn Translate>,
        store: Arc<dyn Store>,
        board: Arc<Board>,
        sample: f64,
    ) -> Result<Route, StoreFault> {
        let row = store.register(&config.name, config.epoch, config.order).await?;
        let route = Route {
            name: config.name.clone(),
            row,
            plan: config.plan.clone(),
            translate,
            store,
            board,
            schedule: config.schedule.clone(),
            order: config.order,
            contract: config.contract,
            threshold: config.threshold,
            limit: Limit { records: config.batch_records, bytes: config.batch_bytes },
            bounds: Bounds { first: config.backoff, longest: config.backoff_max },
            format: config.mapping.format.clone(),
            receive: config.receive,
            sample,
        };
        route.board.show_breaker(&route.name, route.plan.breaker());
        route.board.show_certificates(&route.name, route.plan.certificates());
        route.show().await?;
        Ok(route)
    }

    /// Its name.
    pub fn name(&self) -> &FlowName {
        &self.name
    }

    /// Its row in the store.
    pub fn row(&self) -> FlowRow {
        self.row
    }

    /// Shows on the board what the store knows; why the flow is paused, when it is.
    pub(super) async fn show(&self) -> Result<Option<String>, StoreFault> {
        let standing = self.store.standing(self.row).await?;
        self.board.update(&self.name, |status| {
            status.contract = Some(self.contract);
            status.counts = standing.counts;
            status.open = standing.open;
            status.verified_at = status.verified_at.max(standing.verified_at);
            status.observed_at = status.observed_at.max(standing.observed_at);
        });
        Ok(standing.paused)
    }

    /// Shows what a commit did.
    pub(super) fn counted(&self, committed: &Committed) {
        debug_assert!(committed.counts.balanced(), "I1: {:?}", committed.counts);
        let now = clock::now();
        self.board.update(&self.name, |status| {
            status.counts.add(&committed.counts);
            status.seen.add(&committed.counts);
            status.open += committed.counts.quarantined + committed.counts.parked;
            if committed.counts.received > 0 {
                status.observed_at = Some(now);
            }
        });
    }

    /// Too much went into quarantine: pauses, also beyond a restart, until somebody resumes the flow.
    pub(super) async fn exceeded(&self, signals: &Signals, counts: Counts) -> Result<(), StoreFault> {
        let issue = faults::too_many_refused(counts.quarantined, counts.received);
        tracing::error!(flow = %self.name, code = %issue.code, "{}", issue.message);
        signals.pause(Some(issue.message.clone()));
        self.store.pause(self.row, Some(&issue.message)).await
    }

    /// Shows that a question is put to the source.
    pub(super) fn asks(&self) {
        let now = clock::now();
        self.board.update(&self.name, |status| status.asked_at = Some(now));
    }

    /// Shows that nothing is asked any more, and a successful look at the source where it answered well.
    pub(super) fn answered(&self, well: bool) {
        let now = clock::now();
        self.board.update(&self.name, |status| {
            status.asked_at = None;
            status.verified_at = if well { Some(now) } else { status.verified_at };
        });
    }
}
