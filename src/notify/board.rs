//! The board of the lanes: how each subscription does right now, for those who look at it. Lost at a restart, on purpose:
//! what must last is in the store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::store::SubscriptionRow;

/// Attempts remembered of each subscription.
const RECENT: usize = 50;

/// An attempt to deliver.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Id of the event.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// When it ended, microseconds since 1970.
    pub at: i64,
    /// How long it took, microseconds.
    pub took: i64,
    /// Its number, from 1.
    pub number: u32,
    /// What went wrong; `None` when the receiver has it.
    pub trouble: Option<String>,
}

/// How a subscription does.
#[derive(Debug, Clone, Default)]
pub struct LaneStatus {
    /// Deliveries under way.
    pub flying: usize,
    /// Until when a receiver that failed is left to rest, microseconds since 1970.
    pub resting: Option<i64>,
    /// Percent of the failure budget that is spent.
    pub spent: u8,
    /// Deliveries that wait for another attempt.
    pub waiting: usize,
    /// Attempts that succeeded since the start.
    pub accepted: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// The last attempts, the latest last.
    pub recent: VecDeque<Attempt>,
}

/// The board.
#[derive(Debug, Default)]
pub struct LaneBoard(Mutex<BTreeMap<SubscriptionRow, LaneStatus>>);

impl LaneBoard {
    /// Changes how a subscription is shown.
    pub fn update(&self, row: SubscriptionRow, change: impl FnOnce(&mut LaneStatus)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(row).or_default());
    }

    /// Notes an attempt.
    pub fn note(&self, row: SubscriptionRow, attempt: Attempt) {
        self.update(row, |status| {
            match attempt.trouble {
                None => status.accepted += 1,
                Some(_) => status.failed += 1,
            }
            if status.recent.len() == RECENT {
                status.recent.pop_front();
            }
            status.recent.push_back(attempt);
        });
    }

    /// A subscription is gone.
    pub fn remove(&self, row: SubscriptionRow) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&row);
    }

    /// How a subscription does.
    pub fn get(&self, row: SubscriptionRow) -> LaneStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&row).cloned().unwrap_or_default()
    }

    /// Looks at every subscription.
    pub fn each(&self, mut look: impl FnMut(SubscriptionRow, &LaneStatus)) {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.iter().for_each(|(row, status)| look(*row, status));
    }
}
