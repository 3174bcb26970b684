//! The change feed as server-sent events: resumes after `Last-Event-ID` without a gap, beats while nothing happens,
//! ends when the hub stops. A listener holds no more than one batch.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::auth::{Caller, FrontOffice};
use super::changes::{mark, place, visible};
use super::parameters::{Asked, parameters};
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;
use crate::notify::KEPT;

/// Pause between two signs of life. Each one moves the listener's `Last-Event-ID` past changes outside its scope.
const BEAT: Duration = Duration::from_secs(15);

parameters! {
    /// Where the stream starts.
    pub struct StreamAsked {
        /// Changes after this one (the header `Last-Event-ID` wins); absent = from now on.
        after: Option<String>,
    }
}

/// Changes as they happen (server-sent events)
///
/// `id` is that of the change, `event` its kind, `data` a change as in `/v1/changes`. Reconnect with `Last-Event-ID` to
/// go on without a gap. A listener that reads so slowly that it falls far behind gets the event `stream.dropped` with the
/// reason, and its stream ends.
#[utoipa::path(get, path = "/v1/changes/stream", operation_id = "stream_changes", tag = "changes",
    params(StreamAsked, ("last-event-id" = Option<String>, Header, description = "Go on after this change")),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 503, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn listen(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Asked(asked): Asked<StreamAsked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let full = || Problem::new(Kind::Busy, "every event stream of this hub is taken").retry_after(15);
    let permit = desk.streams.clone().try_acquire_owned().map_err(|_| full())?;
    let top = desk.api.news.feed.watch();
    let after = match resume(&headers)?.or(asked.after.as_deref()) {
        Some(after) => place(&desk, &caller, after)?,
        None => *top.borrow(),
    };
    let draining = desk.draining.subscribe();
    let listener = Listener { desk, caller, top, draining, at: after, stage: Stage::New, _permit: permit };
    let events = futures_util::stream::unfold(listener, |mut listener| async move {
        let chunk = listener.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), listener))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn resume(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(last) = headers.get("last-event-id") else { return Ok(None) };
    last.to_str().map(Some).map_err(|_| {
        Problem::new(Kind::RequestInvalid, "`last-event-id` is not a place in this feed")
            .hint("send the `id` of the last event received")
    })
}

/// One open stream.
struct Listener {
    desk: Arc<Desk>,
    caller: Arc<Caller>,
    top: watch::Receiver<i64>,
    draining: watch::Receiver<bool>,
    /// Looked at so far.
    at: i64,
    stage: Stage,
    _permit: OwnedSemaphorePermit,
}

/// What a listener has seen of the feed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing yet.
    New,
    /// It reads what it missed while it was away, however much.
    Resuming,
    /// It has been at the end of the feed: from now on it keeps up, or goes.
    Following,
    /// It was told that it goes.
    Dropped,
}

impl Listener {
    /// What is sent next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if self.stage == Stage::New {
            self.stage = Stage::Resuming;
            return Some(self.beat());
        }
        loop {
            if *self.draining.borrow_and_update() || self.stage == Stage::Dropped {
                return None;
            }
            let behind = *self.top.borrow_and_update() - self.at;
            if self.stage == Stage::Following && behind > KEPT as i64 {
                return Some(self.drop_slow(behind));
            }
            if behind > 0 {
                if let Some(events) = self.events().await? {
                    return Some(events);
                }
                continue;
            }
            self.stage = Stage::Following;
            tokio::select! {
                moved = self.top.changed() => moved.ok()?,
                stopping = self.draining.changed() => stopping.ok()?,
                () = tokio::time::sleep(BEAT) => return Some(self.beat()),
            }
        }
    }

    /// The next batch; an inner `None` when nothing of it is within the scope. Ends the stream when the store fails:
    /// the client comes back with the last id it saw.
    async fn events(&mut self) -> Option<Option<Bytes>> {
        let events = match self.desk.api.news.feed.after(self.at, &*self.desk.api.store).await {
            Ok(events) => events,
            Err(fault) => {
                tracing::warn!(%fault, "an event stream ends: the feed could not be read");
                return None;
            }
        };
        self.at = events.last()?.change.seq;
        let mut frames = String::new();
        for event in events.iter().filter(|event| visible(&self.caller, &event.change)) {
            frames.push_str(&event.frame);
        }
        Some((!frames.is_empty()).then(|| Bytes::from(frames)))
    }

    /// A sign of life: a comment, and the place reached. Another one each time, whether something happened or not.
    fn beat(&self) -> Bytes {
        Bytes::from(format!(":\nid: {}\n\n", mark(&self.desk, self.at)))
    }

    /// The last event of a listener that does not keep up: nothing is buffered for it.
    fn drop_slow(&mut self, behind: i64) -> Bytes {
        self.stage = Stage::Dropped;
        tracing::warn!(client = self.caller.client.name, behind, "an event stream was dropped: its reader is too slow");
        let reason = "the stream was read too slowly and fell behind; reconnect with `last-event-id`";
        Bytes::from(format!("event: stream.dropped\ndata: {{\"reason\":\"{reason}\"}}\n\n"))
    }
}
