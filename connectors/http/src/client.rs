//! Sends requests: our turn, the breaker, credentials, time-outs, the body within its bounds, and what the answer means.

use std::error::Error as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guichet_sdk::{BreakerView, Digest, Fault, FaultKind, Issue, Place, Retry};
use jiff::Timestamp;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{StatusCode, Url};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::body::{Body, Bounds, damaged};
use crate::call::{Answer, Call, text};
use crate::certificate::not_after;
use crate::credentials::Credentials;
use crate::guard::Guard;
use crate::judge::{Judge, Judged, wait_of};
use crate::pace::used_up;
use crate::retry::Repeat;
use crate::room::Room;
use crate::settings::{Settings, Timeouts};
use crate::{codes, connect};

/// Talks to one peer. Clones share everything.
#[derive(Clone)]
pub struct Client {
    service: BoxCloneSyncService<Call, Answer, Fault>,
    line: Arc<Line>,
}

impl Client {
    /// Reads secrets and certificates, and is ready to ask; the peer itself is not asked yet.
    pub fn open(
        settings: &Settings,
        home: &Url,
        base: &Path,
        room: Arc<Room>,
        judge: Arc<dyn Judge>,
    ) -> Result<Self, Fault> {
        Client::open_with(settings, home, base, room, judge, Digest::of(&[]))
    }

    /// The same, for a connector that has credentials of its own beside those of `auth`: the digest tells whether they
    /// are the same as before.
    pub fn open_with(
        settings: &Settings,
        home: &Url,
        base: &Path,
        room: Arc<Room>,
        judge: Arc<dyn Judge>,
        own: Digest,
    ) -> Result<Self, Fault> {
        let (credentials, digest) = Credentials::open(&settings.auth, base)?;
        room.refusals.opened(Digest::of(&[&digest.0, &own.0]));
        let guard = Guard::new(home.clone(), &settings.hosts);
        let tokens_plain =
            !matches!(&settings.auth, crate::settings::Auth::Oauth2(oauth) if oauth.token_url.starts_with("https"));
        let http = connect::build(settings, &guard, base, home.scheme() == "http" && tokens_plain)?;
        let bounds = Bounds { bytes: settings.max_body.0, ratio: settings.max_ratio };
        let warn_before = settings.tls.warn_before.0;
        let expiry = Expiry { warn_before, told: Mutex::default() };
        let line =
            Arc::new(Line { http, credentials, judge, guard, timeouts: settings.timeouts, bounds, expiry, room });
        let repeat = Repeat::new(settings.retry, line.room.budget.clone());
        let attempts = line.clone();
        let service = ServiceBuilder::new()
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(line.room.places.clone()))
            .retry(repeat)
            .service_fn(move |call: Call| {
                let line = attempts.clone();
                async move { line.attempt(call).await }
            });
        Ok(Client { service: BoxCloneSyncService::new(service), line })
    }

    /// Sends a request and reads its answer to the end. Cancel-safe: a dropped future only loses the answer.
    pub async fn send(&self, call: Call) -> Result<Answer, Fault> {
        self.service.clone().oneshot(call).await
    }

    /// Whether a link found in an answer may be followed.
    pub fn check_link(&self, url: &Url) -> Result<(), Fault> {
        self.line.guard.check(url)
    }

    /// What is worth telling an operator since the last call.
    pub fn notices(&self) -> Vec<Issue> {
        self.line.expiry.told.lock().unwrap_or_else(PoisonError::into_inner).pending.take().into_iter().collect()
    }
}

impl Room {
    /// The breaker of the source, to look at.
    pub fn breaker(&self) -> Arc<dyn BreakerView> {
        self.breaker.clone()
    }
}

/// What one attempt needs.
struct Line {
    http: reqwest::Client,
    credentials: Credentials,
    judge: Arc<dyn Judge>,
    guard: Guard,
    timeouts: Timeouts,
    bounds: Bounds,
    expiry: Expiry,
    room: Arc<Room>,
}

impl Line {
    /// One attempt, as the room allows.
    async fn attempt(&self, call: Call) -> Result<Answer, Fault> {
        self.guard.check(&call.url)?;
        self.room.refusals.admit()?;
        self.room.pace.turn().await?;
        let permit = self.room.breaker.admit()?;
        let total = self.timeouts.total.0;
        let answered = tokio::time::timeout(total, self.exchange(&call)).await;
        let result = answered.unwrap_or_else(|_| Err(late("total", total)));
        let result = result.map_err(|fault| self.about(fault, &call));
        self.room.pace.heed(match &result {
            Ok(answer) => used_up(&answer.headers),
            Err(fault) => wait_of(fault),
        });
        permit.settle(&result);
        self.room.refusals.settle(result)
    }

    /// Sends the request; with a new token once more when the old one is refused.
    async fn exchange(&self, call: &Call) -> Result<Answer, Fault> {
        let (mut answer, token) = self.once(call, None).await?;
        if answer.status == StatusCode::UNAUTHORIZED && token.is_some() {
            (answer, _) = self.once(call, token).await?;
        }
        if call.may_be_absent && matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            answer.empty = true;
            return Ok(answer);
        }
        answer.empty = self.judge.judge(&answer)? == Judged::Empty;
        Ok(answer)
    }

    async fn once(&self, call: &Call, refused: Option<u64>) -> Result<(Answer, Option<u64>), Fault> {
        let (mut url, mut headers) = (call.url.clone(), call.headers.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let token = self.credentials.apply(&self.http, refused, &mut url, &mut headers).await?;
        let body = call.seal.as_ref().map_or_else(|| call.body.clone(), |seal| seal.seal(&call.body));
        let request = self.http.request(call.method.clone(), url).headers(headers).body(body);
        let mut response = self.patiently(request.send()).await?.map_err(|error| self.unreachable(error))?;
        self.expiry.look(response.extensions().get::<TlsInfo>(), Timestamp::now());
        let mut body = Body::new(text(response.headers(), CONTENT_ENCODING.as_str()), self.bounds)?;
        loop {
            match self.patiently(response.chunk()).await? {
                Ok(Some(chunk)) => body.push(&chunk)?,
                Ok(None) => break,
                Err(_) => return Err(damaged(&format!("the answer was cut short after {} bytes", body.received()))),
            }
        }
        let about = call.about.clone();
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        Ok((Answer { about, url, status, headers, body: body.end()?, empty: false }, token))
    }

    /// Waits for the next bytes.
    async fn patiently<T>(&self, bytes: impl Future<Output = T>) -> Result<T, Fault> {
        let read = self.timeouts.read.0;
        tokio::time::timeout(read, bytes).await.map_err(|_| late("read", read))
    }

    fn unreachable(&self, error: reqwest::Error) -> Fault {
        if error.is_timeout() {
            return late("connect", self.timeouts.connect.0);
        }
        // never the error's own text: it holds the address with its query, and a key may stand there
        if let Some(tls) = causes(&error).find_map(tls_error) {
            let mut fault = Fault::new(FaultKind::Unreachable, codes::TLS, format!("TLS with the peer failed: {tls}"));
            fault.issue.hint = Some(
                "check the certificate of the peer; write `tls = { ca = \"ca.pem\" }` for a private authority"
                    .to_owned(),
            );
            return fault;
        }
        let why = causes(&error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map_or_else(
            || if error.is_connect() { "no connection".to_owned() } else { "the connection broke".to_owned() },
            |error| error.kind().to_string(),
        );
        Fault::new(FaultKind::Unreachable, codes::UNREACHABLE, format!("the peer cannot be reached: {why}"))
    }

    fn about(&self, mut fault: Fault, call: &Call) -> Fault {
        if fault.issue.place == Place::default() {
            fault.issue.place = Place::file(&*call.about);
        }
        fault
    }
}

/// What caused an error, and what caused that.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// The TLS failure a cause is or wraps: an I/O error hides what it wraps from `source`.
fn tls_error(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls.to_string());
    }
    tls_error(cause.downcast_ref::<std::io::Error>()?.get_ref()?)
}

fn late(name: &str, after: Duration) -> Fault {
    let message = format!("no answer within `timeouts.{name}` ({}s)", after.as_secs_f64());
    Fault::new(FaultKind::Timeout, codes::TIMEOUT, message).retry(Retry::After(None))
}

/// Watches the certificate of the peer.
struct Expiry {
    warn_before: Duration,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The expiry told last: each certificate is told of once per opening.
    expiry: Option<Timestamp>,
    pending: Option<Issue>,
}

impl Expiry {
    fn look(&self, tls: Option<&TlsInfo>, now: Timestamp) {
        let Some(expiry) = tls.and_then(|tls| not_after(tls.peer_certificate()?)) else { return };
        let left = expiry.duration_since(now);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.expiry == Some(expiry) || Duration::try_from(left).is_ok_and(|left| left >= self.warn_before) {
            return;
        }
        told.expiry = Some(expiry);
        let message = format!("the certificate of the peer expires in {} days, at {expiry}", left.as_hours() / 24);
        told.pending = Some(Issue::warning(codes::EXPIRES, message).hint("tell whoever runs the peer to renew it"));
    }
}
