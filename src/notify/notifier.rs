//! The notifier: one route for each subscription, started, stopped and started anew as people and receivers have it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::Secret;
use reqwest::Url;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::address::{Guard, Refused};
use super::board::LaneBoard;
use super::feed::Feed;
use super::lane::{Outcome, Timetable};
use super::post::{Message, Post};
use super::route::Route;
use super::wire::{self, Secrets};
use crate::config::{Client, Scopes, SubscriptionsConfig};
use crate::model::SubscriptionState;
use crate::store::{Change, Store, StoreFault, Subscription, SubscriptionRow};

/// How often the subscriptions are looked at though nobody asked.
const EVERY: Duration = Duration::from_secs(60);
/// Wait after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

/// How news leaves the hub.
pub struct Notifier {
    /// The feed, read once for everybody.
    pub feed: Feed,
    /// How each subscription does.
    pub board: LaneBoard,
    /// The bounds of subscriptions.
    pub config: SubscriptionsConfig,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: fn() -> i64,
    pub(super) post: Post,
    pub(super) timetable: Timetable,
    secrets: Secrets,
    clients: BTreeMap<String, Scopes>,
    woken: Notify,
}

impl Notifier {
    /// A notifier at rest; `change` is the highest change committed so far.
    pub fn new(
        store: Arc<dyn Store>,
        config: SubscriptionsConfig,
        clients: &[Client],
        clock: fn() -> i64,
        change: i64,
    ) -> Result<Arc<Notifier>, StoreFault> {
        let guard = Guard::new(config.allow.clone());
        let failed = |error: reqwest::Error| StoreFault::Failed(format!("no client for webhooks: {error}"));
        let post = Post::new(guard, config.timeout, config.concurrency).map_err(failed)?;
        let micros = |wait: &Duration| i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Ok(Arc::new(Notifier {
            feed: Feed::new(change),
            board: LaneBoard::default(),
            secrets: Secrets::new(config.key.as_ref(), store.secrets()),
            timetable: Timetable { waits: config.retries.iter().map(micros).collect(), budget: micros(&config.budget) },
            clients: clients.iter().map(|client| (client.name.clone(), client.scopes.clone())).collect(),
            post,
            config,
            store,
            clock,
            woken: Notify::new(),
        }))
    }

    /// Something about the subscriptions has changed.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Reads the address of a receiver.
    pub fn read_url(&self, url: &str) -> Result<Url, Refused> {
        self.post.read(url)
    }

    /// The current secret of a subscription.
    pub fn secret(&self, subscription: &Subscription) -> Secret {
        self.secrets.secret(subscription.id, subscription.secret)
    }

    /// What the client of a subscription may see now; `None` when there is no such client any more.
    pub fn scopes(&self, subscription: &Subscription) -> Option<&Scopes> {
        self.clients.get(&subscription.client)
    }

    /// Sends an event that only tests the way; how that ended.
    pub async fn test(&self, subscription: &Subscription) -> Outcome {
        let data = serde_json::json!({ "message": "a test of the way to this receiver" });
        match self.own(subscription, wire::TEST, &data) {
            Ok((url, message)) => self.post.send(&url, &message).await,
            Err(refused) => Outcome::Failed { status: None, asked: None, trouble: refused.to_string() },
        }
    }

    /// An event of the hub itself about a subscription, ready to be sent.
    pub(super) fn own(
        &self,
        subscription: &Subscription,
        kind: &str,
        data: &serde_json::Value,
    ) -> Result<(Url, Message), Refused> {
        let (url, id) = (self.post.read(&subscription.url)?, Uuid::now_v7().to_string());
        let body = wire::own(&self.config.public_url, &id, kind, (self.clock)(), subscription.id, data);
        Ok((url, self.sign(subscription, id, body)))
    }

    /// Signs a body with every secret of a subscription that is valid now.
    pub(super) fn sign(&self, subscription: &Subscription, id: String, body: String) -> Message {
        let now = (self.clock)();
        let overlap = subscription.secret > 1 && subscription.overlap_until.is_some_and(|until| now < until);
        let numbers = [subscription.secret, subscription.secret.saturating_sub(1)];
        let numbers = &numbers[..if overlap { 2 } else { 1 }];
        let seconds = now / 1_000_000;
        let signature = self.secrets.sign(subscription.id, numbers, &id, seconds, &body);
        Message { id, seconds, signature, body }
    }

    /// Whether a change may be told to the client of a subscription.
    pub(super) fn visible(&self, subscription: &Subscription, change: &Change) -> bool {
        let Some(scopes) = self.scopes(subscription) else { return false };
        change
            .case
            .as_ref()
            .is_none_or(|case| scopes.allow(case.service.as_deref(), case.confidentiality, case.audience))
    }

    /// Runs every subscription until told to stop; then what is under way ends within its time.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut running: BTreeMap<SubscriptionRow, Running> = BTreeMap::new();
        let mut routes = JoinSet::new();
        loop {
            if !stop.is_cancelled() {
                match self.store.subscriptions().await {
                    Ok(subscriptions) => self.arrange(subscriptions, &mut running, &mut routes, &stop),
                    Err(error) => {
                        tracing::warn!("the subscriptions could not be read; trying again: {error}");
                        stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                        self.wake();
                    }
                }
            }
            tokio::select! {
                ended = routes.join_next(), if !routes.is_empty() => match ended {
                    Some(Ok(row)) => drop(running.remove(&row)),
                    // A route never panics; if one does, every other one goes on, and it starts with the next look.
                    Some(Err(error)) => {
                        tracing::error!(%error, "the route of a subscription broke");
                        running.retain(|_, route| !route.task.is_finished());
                    }
                    None => {}
                },
                () = self.woken.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled(), if routes.is_empty() => return,
            }
        }
    }

    /// Starts what should run and does not, ends what should not run as it does.
    fn arrange(
        self: &Arc<Self>,
        subscriptions: Vec<Subscription>,
        running: &mut BTreeMap<SubscriptionRow, Running>,
        routes: &mut JoinSet<SubscriptionRow>,
        stop: &CancellationToken,
    ) {
        for (row, route) in running.iter() {
            if !subscriptions.iter().any(|known| known.row == *row) {
                route.stop.cancel();
                self.board.remove(*row);
            }
        }
        for subscription in subscriptions {
            let row = subscription.row;
            let is = (subscription.version, subscription.state);
            if let Some(route) = running.get(&row) {
                // It tells when it has ended, and is looked at again.
                if route.is != is {
                    route.stop.cancel();
                }
                continue;
            }
            let runs = match subscription.state {
                SubscriptionState::Pending | SubscriptionState::Active => self.scopes(&subscription).is_some(),
                SubscriptionState::Disabled => false,
            };
            if runs {
                let stop = stop.child_token();
                let route = Route { notifier: self.clone(), subscription, stop: stop.clone() };
                let task = routes.spawn(async move {
                    route.run().await;
                    row
                });
                running.insert(row, Running { is, stop, task });
            }
        }
    }
}

/// A route at work.
struct Running {
    is: (i64, SubscriptionState),
    stop: CancellationToken,
    task: tokio::task::AbortHandle,
}
