//! What a store keeps for those who are told of changes: subscriptions, how far each has come, and the deliveries that
//! did not succeed at once.
//!
//! Secrets are not kept: each is derived from the key of the store (or the one of the configuration), the subscription
//! and a number that rotation moves.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Change, StoreFault};
use crate::model::{Filters, SubscriptionState};

/// Physical key of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionRow(pub i64);

/// A subscription to be made.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Public id.
    pub id: Uuid,
    /// Client it belongs to.
    pub client: String,
    /// Where it is told.
    pub url: String,
    /// Of what.
    pub filters: Filters,
    /// Now, microseconds since 1970.
    pub now: i64,
}

/// A subscription. Times are microseconds since 1970.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Physical key.
    pub row: SubscriptionRow,
    /// Public id.
    pub id: Uuid,
    /// Client it belongs to: told what this client may see at that time.
    pub client: String,
    /// Where it is told.
    pub url: String,
    /// Of what.
    pub filters: Filters,
    /// How it stands.
    pub state: SubscriptionState,
    /// Why, unless it is active.
    pub reason: Option<String>,
    /// Number of its current secret, from 1.
    pub secret: u32,
    /// Until when the secret before signs, too.
    pub overlap_until: Option<i64>,
    /// When it was made.
    pub made_at: i64,
    /// Every change up to here is delivered, not asked for, or stands among its deliveries.
    pub cursor: i64,
    /// A replay under way: everything up to the first is done, the second is its end.
    pub replay: Option<(i64, i64)>,
    /// Deliveries that succeeded.
    pub delivered: u64,
    /// Deliveries that wait for another attempt.
    pub waiting: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// When one last succeeded.
    pub succeeded_at: Option<i64>,
    /// First attempt of the oldest delivery that waits.
    pub failing_since: Option<i64>,
    /// Percent of the failure budget operators were told of.
    pub warned: u8,
    /// Counts what people changed.
    pub version: i64,
}

/// What a person changes about a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amendment {
    /// Its receiver is to be verified again.
    Verify,
    /// The next secret; the one before signs, too, until then.
    Rotate {
        /// End of the overlap.
        overlap_until: i64,
    },
    /// What was committed between two positions (the first excluded) is told again; no further than the cursor.
    Replay {
        /// Before the first.
        from: i64,
        /// The last.
        until: i64,
    },
    /// Gone, with everything about it.
    Remove,
}

impl Amendment {
    /// Its word in the audit.
    pub const fn word(self) -> &'static str {
        match self {
            Amendment::Verify => "subscription.verify",
            Amendment::Rotate { .. } => "subscription.rotate",
            Amendment::Replay { .. } => "subscription.replay",
            Amendment::Remove => "subscription.remove",
        }
    }
}

/// A delivery that did not succeed at once.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What is told.
    pub change: Change,
    /// How it stands.
    pub standing: DeliveryStanding,
}

/// How a delivery stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryStanding {
    /// Attempts so far; 0 = it waits behind another one of its case.
    pub attempts: u32,
    /// When the first was made.
    pub first_at: Option<i64>,
    /// When the next is due.
    pub next_at: i64,
    /// HTTP status of the last answer.
    pub status: Option<u16>,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// When it was given up.
    pub dead_at: Option<i64>,
}

/// What was achieved for a subscription: written in one transaction.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Subscription.
    pub row: SubscriptionRow,
    /// As it was read: what people changed since is not undone.
    pub version: i64,
    /// How far the feed is done.
    pub cursor: Option<i64>,
    /// How far the replay is done; its end ends it.
    pub replayed: Option<i64>,
    /// Deliveries that wait or are dead, by position.
    pub kept: Vec<(i64, DeliveryStanding)>,
    /// Positions of kept deliveries that are done.
    pub done: Vec<i64>,
    /// Deliveries that succeeded since the last settlement.
    pub delivered: u64,
    /// When one last succeeded.
    pub succeeded_at: Option<i64>,
    /// Percent of the failure budget operators were told of.
    pub warned: Option<u8>,
    /// Another state, with its reason.
    pub state: Option<(SubscriptionState, Option<String>)>,
}

impl Settlement {
    /// One that says nothing yet.
    pub fn of(row: SubscriptionRow, version: i64) -> Self {
        Settlement {
            row,
            version,
            cursor: None,
            replayed: None,
            kept: Vec::new(),
            done: Vec::new(),
            delivered: 0,
            succeeded_at: None,
            warned: None,
            state: None,
        }
    }
}

/// What a store keeps about those who are told.
#[async_trait]
pub trait Subscriptions: Send + Sync + 'static {
    /// The key secrets are derived from, where the configuration gives none.
    fn secrets(&self) -> [u8; 32];
    /// Makes a subscription that starts with the next change; `None` when there are `most` already.
    async fn subscribe(&self, new: &NewSubscription, most: usize) -> Result<Option<Subscription>, StoreFault>;
    /// Every subscription.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreFault>;
    /// Changes one, with an audit row; whether it was there.
    async fn amend(&self, row: SubscriptionRow, what: Amendment, who: &str, now: i64) -> Result<bool, StoreFault>;
    /// Writes down what was achieved; nothing for a subscription that is gone.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreFault>;
    /// Deliveries of one that wait (`dead` = those given up instead), after a position.
    async fn deliveries(
        &self,
        row: SubscriptionRow,
        dead: bool,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreFault>;
    /// The last position before a time.
    async fn position_before(&self, at: i64) -> Result<i64, StoreFault>;
}
