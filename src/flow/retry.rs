//! Retry from quarantine: kept records through the reader and the mapping of now, and what was parked behind them.

use std::collections::BTreeSet;
use std::sync::Arc;

use guichet_sdk::{Code, Issue, Record};

use super::route::Route;
use super::{Retried, clock, intake};
use crate::model::OrderClass;
use crate::store::{Ending, Held, QuarantineEntry, QuarantineFilter, QuarantineRow, Store, StoreFault, Work};

/// Rows retried in one unit of work.
const PAGE: usize = 500;

impl Retried {
    /// Adds another retry.
    pub fn add(&mut self, more: Retried) {
        self.tried += more.tried;
        self.settled += more.settled;
        self.held += more.held;
    }
}

/// Retries the rows of one flow that match a filter, in order of receipt, each followed by what is parked behind it.
pub async fn retry(route: &Arc<Route>, filter: &QuarantineFilter) -> Result<Retried, StoreFault> {
    let mut retried = Retried::default();
    // A row that is refused again may come back as a new one: what is younger than this retry waits for the next.
    let started = clock::now();
    let limit = if filter.limit == 0 { usize::MAX } else { filter.limit };
    let mut after = filter.after;
    let mut left = limit;
    while left > 0 {
        let page =
            QuarantineFilter { flow: Some(route.row), settled: false, after, limit: left.min(PAGE), ..filter.clone() };
        let entries = route.store.quarantine(&page).await?;
        let Some(last) = entries.last() else { break };
        after = Some(last.row);
        left = left.saturating_sub(entries.len());
        let rows = with_parked(route, entries, started).await?;
        commit(route, rows, &mut retried).await?;
    }
    route.show().await?;
    Ok(retried)
}

/// Gives rows up for good, then retries what was parked behind them; how many were given up.
pub async fn dismiss(
    store: &dyn Store,
    routes: &[Arc<Route>],
    rows: &[QuarantineRow],
    who: &str,
    why: &str,
) -> Result<u64, StoreFault> {
    let filter = QuarantineFilter { rows: rows.to_vec(), limit: rows.len(), ..QuarantineFilter::default() };
    let given_up = store.quarantine(&filter).await?;
    let count = store.dismiss(rows, who, why, clock::now()).await?;
    let cases: BTreeSet<_> = given_up.into_iter().filter_map(|e| e.case_key.map(|key| (e.flow, key))).collect();
    for (flow, case_key) in cases {
        let Some(route) = routes.iter().find(|route| route.row == flow) else { continue };
        let behind = QuarantineFilter { case_key: Some(case_key), ..QuarantineFilter::default() };
        retry(route, &behind).await?;
    }
    Ok(count)
}

/// The rows with what is parked behind their cases, in order of receipt, each once.
async fn with_parked(
    route: &Route,
    entries: Vec<QuarantineEntry>,
    started: i64,
) -> Result<Vec<QuarantineEntry>, StoreFault> {
    let keys: BTreeSet<String> = entries.iter().filter_map(|entry| entry.case_key.clone()).collect();
    let mut rows = entries;
    for case_key in keys {
        let behind = QuarantineFilter {
            flow: Some(route.row),
            case_key: Some(case_key),
            limit: PAGE,
            ..QuarantineFilter::default()
        };
        let parked = route.store.quarantine(&behind).await?;
        rows.extend(parked.into_iter().filter(|entry| entry.held == Held::Parked));
    }
    rows.retain(|entry| entry.at < started && open(entry.held));
    rows.sort_by_key(|entry| entry.row);
    rows.dedup_by_key(|entry| entry.row);
    Ok(rows)
}

fn open(held: Held) -> bool {
    match held {
        Held::Quarantined | Held::Parked => true,
        Held::Settled | Held::Dismissed => false,
    }
}

async fn commit(route: &Arc<Route>, rows: Vec<QuarantineEntry>, retried: &mut Retried) -> Result<(), StoreFault> {
    let (mut records, mut retries): (Vec<Record>, Vec<QuarantineRow>) = (Vec::new(), Vec::new());
    for entry in rows {
        match route.store.record(entry.record).await?.and_then(|kept| kept.record) {
            Some(record) => {
                records.push(record);
                retries.push(entry.row);
            }
            None => {
                let issue = forgotten();
                tracing::warn!(flow = %route.name, code = %issue.code, row = entry.row.0, "{}", issue.message);
                retried.tried += 1;
                retried.held += 1;
            }
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    let records = intake::digests(records).await?;
    let unknown = vec![false; records.len()];
    let items = intake::items(route, records, unknown, Vec::new()).await?;
    let work = Work {
        flow: route.row,
        now: clock::now(),
        mapping: route.translate.stamp(),
        items,
        cursor: None,
        finished: Vec::new(),
        verified: false,
        supersedes: route.order.class == OrderClass::Snapshot,
        retries,
    };
    let committed = route.store.commit(work).await?;
    for ending in &committed.endings {
        retried.tried += 1;
        match ending {
            Ending::Applied | Ending::Duplicate | Ending::Superseded => retried.settled += 1,
            Ending::Quarantined(_) | Ending::Parked => retried.held += 1,
        }
    }
    Ok(())
}

fn forgotten() -> Issue {
    Issue::error(Code("E207"), "the record is no longer kept, so it cannot be read again")
        .hint("dismiss it, or have the source deliver it again; `store.raw_retention` says how long records are kept")
}
