//! The route of one subscription: verifies its receiver, then does what its lane decides. Reads after the commit only,
//! writes down what was achieved, and after a crash goes on from there: everything at least once, in order per case.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use guichet_sdk::Code;
use reqwest::Url;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::board::Attempt;
use super::lane::{Lane, Outcome, Progress, WINDOW};
use super::notifier::Notifier;
use super::{Event, wire};
use crate::fail::{Point, pass};
use crate::model::SubscriptionState;
use crate::store::{Settlement, StoreFault, Subscription};

/// While deliveries go on, what they achieved is written down this often: what a crash repeats is no more than this.
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// Wait after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);
/// Batches of the feed looked at before anything else gets its turn.
const BATCHES: usize = 8;
/// Times a receiver is asked for its challenge, by the first waits of the timetable.
const CHALLENGES: usize = 5;
/// Longest sleep: a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(60);

/// Of what operators are told, so that it can be looked up.
const BUDGET: Code = Code("E430");
const DISABLED: Code = Code("E431");
const UNVERIFIED: Code = Code("E432");

type Writing = Pin<Box<dyn Future<Output = Result<(), StoreFault>> + Send>>;

/// The route of a subscription.
pub struct Route {
    pub(super) notifier: Arc<Notifier>,
    pub(super) subscription: Subscription,
    pub(super) stop: CancellationToken,
}

impl Route {
    /// Runs until it is told to stop, or has nothing more to tell.
    pub async fn run(self) {
        match self.subscription.state {
            SubscriptionState::Pending => self.verify().await,
            SubscriptionState::Active => match self.notifier.post.read(&self.subscription.url) {
                Ok(url) => self.tell(url).await,
                Err(refused) => self.become_(SubscriptionState::Disabled, Some(refused.to_string())).await,
            },
            SubscriptionState::Disabled => {}
        }
    }

    /// Asks the receiver for its challenge, several times; then waits until somebody asks for it again.
    async fn verify(&self) {
        for attempt in 1..=CHALLENGES {
            let Err(trouble) = self.challenge().await else {
                return self.become_(SubscriptionState::Active, None).await;
            };
            tracing::warn!(subscription = %self.subscription.id, code = %UNVERIFIED, attempt, trouble, "a receiver was not verified");
            self.become_(SubscriptionState::Pending, Some(trouble)).await;
            let wait = self.notifier.config.retries.get(attempt - 1).copied().unwrap_or(NAP);
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
        self.stop.cancelled().await;
    }

    async fn challenge(&self) -> Result<(), String> {
        let challenge = uuid::Uuid::now_v7().simple().to_string();
        let data = serde_json::json!({ "challenge": challenge });
        let (url, message) =
            self.notifier.own(&self.subscription, wire::CHALLENGE, &data).map_err(|refused| refused.to_string())?;
        let (outcome, answer) = self.notifier.post.ask(&url, &message).await;
        match outcome {
            Outcome::Accepted => {}
            Outcome::Failed { trouble, .. } => return Err(trouble),
            Outcome::Gone | Outcome::Withheld => return Err("the receiver answered 410".into()),
        }
        let text = String::from_utf8_lossy(&answer);
        let json = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        if text.trim() == challenge || json["challenge"] == challenge.as_str() {
            return Ok(());
        }
        Err("the receiver did not answer with the `challenge` of the event".into())
    }

    /// Takes another state; tried until it is written, or the route is told to stop.
    async fn become_(&self, state: SubscriptionState, reason: Option<String>) {
        let Subscription { row, version, id, .. } = self.subscription;
        loop {
            let settlement = Settlement { state: Some((state, reason.clone())), ..Settlement::of(row, version) };
            let Err(error) = self.notifier.store.settle(settlement).await else {
                tracing::info!(subscription = %id, %state, reason, "a subscription changed its state");
                return self.notifier.wake();
            };
            tracing::warn!(subscription = %id, "the state of a subscription could not be written; trying again: {error}");
            if self.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// Tells what its lane decides.
    async fn tell(&self, url: Url) {
        let Some(mut run) = self.start().await else { return };
        let mut flying = FuturesUnordered::new();
        let mut top = self.notifier.feed.watch();
        loop {
            let now = (self.notifier.clock)();
            let stopping = self.stop.is_cancelled() || run.lane.disabled();
            if !stopping {
                top.borrow_and_update();
                self.fill(&mut run, now).await;
                while flying.len() < self.notifier.config.concurrency
                    && let Some((event, number)) = run.lane.next(now)
                {
                    flying.push(self.deliver(&url, event, number));
                }
            }
            self.report(&mut run, now);
            let idle = flying.is_empty();
            self.write(&mut run, idle);
            if stopping && idle && run.writing.is_none() {
                return;
            }
            let nap = run.nap(now, idle);
            let room = !stopping && run.lane.wants() > 0;
            tokio::select! {
                Some((seq, outcome)) = flying.next(), if !idle => {
                    run.lane.end(seq, outcome, (self.notifier.clock)(), chance());
                }
                written = run.written() => self.wrote(&mut run, written),
                moved = top.changed(), if room => if moved.is_err() { return },
                () = tokio::time::sleep(nap) => {}
                () = self.stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Where it stood, from the store.
    async fn start(&self) -> Option<Run> {
        let Subscription { row, cursor, replay, warned, .. } = self.subscription;
        let store = &self.notifier.store;
        let waiting = loop {
            // More than `WAITING` cases can wait, since what stands behind a failed delivery gets a row, too.
            match store.deliveries(row, false, 0, usize::MAX >> 1).await {
                Ok(waiting) => break waiting,
                Err(error) => {
                    tracing::warn!(subscription = %self.subscription.id, "its deliveries could not be read; trying again: {error}")
                }
            }
            self.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await?;
        };
        let mut lane = Lane::new(self.notifier.timetable.clone(), cursor, waiting, store.seal(), warned);
        if let Some((at, _)) = replay {
            lane.go_on(at, true);
        }
        let now = Instant::now();
        let replay = replay.map(|(_, until)| until);
        Some(Run { lane, replay, unwritten: None, writing: None, next_write: now, behind: false, stumbled: false })
    }

    /// Reads the feed as far as the lane takes it.
    async fn fill(&self, run: &mut Run, now: i64) {
        let Notifier { feed, store, .. } = &*self.notifier;
        (run.behind, run.stumbled) = (false, false);
        for _ in 0..BATCHES {
            let (at, wants) = (run.lane.read(), run.lane.wants());
            // A full batch at a time, while there is something to do.
            if wants == 0 || wants < WINDOW / 4 && run.lane.flying() > 0 || run.replay.is_some_and(|until| at >= until)
            {
                return;
            }
            let events = match feed.after(at, &**store).await {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!(subscription = %self.subscription.id, "the feed could not be read; trying again: {error}");
                    run.stumbled = true;
                    return;
                }
            };
            let (mut taken, mut read) = (Vec::new(), at);
            for event in events {
                let seq = event.change.seq;
                if taken.len() == wants || run.replay.is_some_and(|until| seq > until) {
                    break;
                }
                read = seq;
                if self.wanted(&event) {
                    taken.push(event);
                }
            }
            if read == at {
                return;
            }
            run.lane.take(taken.into_iter(), read, now);
        }
        run.behind = true;
    }

    fn wanted(&self, event: &Event) -> bool {
        let change = &event.change;
        let case = change.case.as_ref().map(|case| (case.service.as_deref(), case.phase));
        self.subscription.filters.take(change.kind, &change.source, case)
            && self.notifier.visible(&self.subscription, change)
    }

    /// Makes one delivery.
    async fn deliver(&self, url: &Url, event: Arc<Event>, number: u32) -> (i64, Outcome) {
        let seq = event.change.seq;
        let began = (self.notifier.clock)();
        let outcome = match self.still_visible(event, number).await {
            Ok(None) => return (seq, Outcome::Withheld),
            Err(error) => Outcome::Failed { status: None, asked: None, trouble: error.to_string() },
            Ok(Some(event)) => {
                let body = wire::event(&self.notifier.config.public_url, &event);
                let message = self.notifier.sign(&self.subscription, event.id.to_string(), body);
                pass(Point::BeforePost);
                let outcome = self.notifier.post.send(url, &message).await;
                pass(Point::AfterPost);
                self.note(&event, number, began, &outcome);
                outcome
            }
        };
        (seq, outcome)
    }

    /// The change, when its client may know of it now: cases become confidential while a delivery waits.
    async fn still_visible(&self, event: Arc<Event>, number: u32) -> Result<Option<Arc<Event>>, StoreFault> {
        let store = &self.notifier.store;
        let Some(case) = &event.change.case else { return Ok(Some(event)) };
        if number == 1 && store.revision(case.row).await? == Some(case.revision) {
            return Ok(Some(event));
        }
        let again = store.changes(event.change.seq - 1, 1).await?.pop();
        let again = again.filter(|change| change.seq == event.change.seq);
        let visible = again.filter(|change| self.notifier.visible(&self.subscription, change));
        Ok(visible.map(|change| Arc::new(Event::of(store.seal(), change))))
    }

    fn note(&self, event: &Event, number: u32, began: i64, outcome: &Outcome) {
        let at = (self.notifier.clock)();
        let trouble = match outcome {
            Outcome::Accepted | Outcome::Withheld => None,
            Outcome::Gone => Some("the receiver answered 410".to_owned()),
            Outcome::Failed { trouble, .. } => Some(trouble.clone()),
        };
        let (id, kind) = (event.id.to_string(), event.change.kind.word());
        let attempt = Attempt { id, kind, at, took: at.saturating_sub(began), number, trouble };
        self.notifier.board.note(self.subscription.row, attempt);
    }

    /// Shows how it goes, and tells operators what they must know.
    fn report(&self, run: &mut Run, now: i64) {
        if let Some(percent) = run.lane.mark(now) {
            let Subscription { id, client, .. } = &self.subscription;
            tracing::warn!(subscription = %id, client, code = %BUDGET, percent, "deliveries fail: so much of the time they are tried for is over");
        }
        let lane = &run.lane;
        self.notifier.board.update(self.subscription.row, |status| {
            (status.flying, status.waiting, status.resting) = (lane.flying(), lane.waiting(), lane.resting());
            status.spent = lane.spent(now).unwrap_or(0);
        });
    }

    /// Begins to write down what was achieved; now and then while deliveries go on, at once when none does.
    fn write(&self, run: &mut Run, idle: bool) {
        if run.writing.is_some() || Instant::now() < run.next_write && !(idle && run.unwritten.is_none()) {
            return;
        }
        if run.unwritten.is_none() {
            run.unwritten = run.lane.progress().map(|progress| self.settlement(progress, run.replay));
        }
        let Some(settlement) = run.unwritten.clone() else { return };
        let store = self.notifier.store.clone();
        pass(Point::BeforeWritten);
        run.writing = Some(Box::pin(async move { store.settle(settlement).await }));
    }

    fn settlement(&self, progress: Progress, replay: Option<i64>) -> Settlement {
        let Progress { position, kept, done, delivered, succeeded_at, warned, disabled } = progress;
        let state = disabled.map(|reason| (SubscriptionState::Disabled, Some(reason)));
        let (cursor, replayed) = if replay.is_some() { (None, position) } else { (position, None) };
        let of = Settlement::of(self.subscription.row, self.subscription.version);
        Settlement { cursor, replayed, kept, done, delivered, succeeded_at, warned, state, ..of }
    }

    fn wrote(&self, run: &mut Run, written: Result<(), StoreFault>) {
        run.writing = None;
        if let Err(error) = written {
            tracing::warn!(subscription = %self.subscription.id, "what was delivered could not be written down; trying again: {error}");
            run.next_write = Instant::now() + PAUSE;
            return;
        }
        pass(Point::AfterWritten);
        run.next_write = Instant::now() + WRITE_EVERY;
        let Some(settlement) = run.unwritten.take() else { return };
        if run.replay.is_some_and(|until| settlement.replayed.is_some_and(|at| at >= until)) {
            run.replay = None;
            run.lane.go_on(self.subscription.cursor, false);
        }
        if let Some((_, reason)) = settlement.state {
            let reason = reason.unwrap_or_default();
            tracing::error!(subscription = %self.subscription.id, code = %DISABLED, reason, "a subscription was disabled");
            self.notifier.wake();
        }
    }
}

/// A route at work.
struct Run {
    lane: Lane,
    /// The end of the replay it is in.
    replay: Option<i64>,
    /// What is being written down, or could not be.
    unwritten: Option<Settlement>,
    writing: Option<Writing>,
    next_write: Instant,
    /// Whether more of the feed is there already.
    behind: bool,
    /// Whether the feed could not be read.
    stumbled: bool,
}

impl Run {
    async fn written(&mut self) -> Result<(), StoreFault> {
        match &mut self.writing {
            Some(writing) => writing.await,
            None => std::future::pending().await,
        }
    }

    /// How long there is nothing to do unless something happens.
    fn nap(&self, now: i64, idle: bool) -> Duration {
        if self.behind {
            return Duration::ZERO;
        }
        let due = self.lane.due().map(|due| Duration::from_micros(u64::try_from(due - now).unwrap_or(0)));
        let write = match (idle, &self.unwritten) {
            (true, None) => NAP,
            (false, _) | (true, Some(_)) => {
                self.next_write.saturating_duration_since(Instant::now()).max(WRITE_EVERY / 2)
            }
        };
        // What is due now and does not leave waits for a place; that is told by the delivery that ends.
        let due = due.filter(|due| idle || !due.is_zero()).unwrap_or(NAP);
        due.min(write).min(if self.stumbled { PAUSE } else { NAP })
    }
}

/// A number from 0 to 1, for jitter.
fn chance() -> f64 {
    f64::from(uuid::Uuid::now_v7().as_u128() as u32) / f64::from(u32::MAX)
}
