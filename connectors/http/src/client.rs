//! Sends requests through the layers of its room, with credentials, and reads the body within its bounds and what it means.
//!
//! place (concurrency) → repetition → refused credentials → pace → breaker → time-out → the exchange itself.

use std::error::Error as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use guichet_sdk::{CertificateOf, Digest, Fault, FaultKind, Issue, Place, Retry};
use jiff::Timestamp;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{StatusCode, Url};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::body::{Body, Bounds, damaged};
use crate::call::{Answer, Call, Trace, text};
use crate::credentials::Credentials;
use crate::expiry::Certificates;
use crate::guard::Guard;
use crate::judge::{Judge, Judged};
use crate::limit::TimeLimit;
use crate::pace::Turn;
use crate::retry::Repeat;
use crate::room::Room;
use crate::settings::{Settings, Timeouts};
use crate::stage::{Around, Stage};
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
        room.refusals.opened(Digest::of(&[&digest.0, &own.0]), Instant::now());
        let guard = Guard::new(home.clone(), &settings.hosts);
        let tokens_plain =
            !matches!(&settings.auth, crate::settings::Auth::Oauth2(oauth) if oauth.token_url.starts_with("https"));
        let http = connect::build(settings, &guard, base, home.scheme() == "http" && tokens_plain, &room.certificates)?;
        let bounds = Bounds { bytes: settings.max_body.0, ratio: settings.max_ratio };
        let (timeouts, certificates) = (settings.timeouts, room.certificates.clone());
        let straight = match settings.redirects {
            0 => http.clone(),
            _ => {
                let settings = Settings { redirects: 0, ..settings.clone() };
                connect::build(&settings, &guard, base, home.scheme() == "http" && tokens_plain, &certificates)?
            }
        };
        let line = Arc::new(Line { http, straight, credentials, judge, guard, timeouts, bounds, certificates });
        let exchange = line.clone();
        let service = ServiceBuilder::new()
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(room.places.clone()))
            .retry(Repeat::new(settings.retry, room.budget.clone()))
            .layer(Around(room.refusals.clone()))
            .layer(Around(Turn { pace: room.pace.clone(), patience: settings.retry.longest.0 }))
            .layer(Around(room.breaker.clone()))
            .layer(Around(Placed))
            .layer(Around(TimeLimit { name: "total", longest: settings.timeouts.total.0 }))
            .service_fn(move |call: Call| {
                let line = exchange.clone();
                async move { line.exchange(&call).await }
            });
        Ok(Client { service: BoxCloneSyncService::new(service), line })
    }

    /// Sends a request and reads its answer to the end. Cancel-safe: a dropped future only loses the answer.
    pub async fn send(&self, call: Call) -> Result<Answer, Fault> {
        self.line.guard.check(&call.url)?;
        self.service.clone().oneshot(call).await
    }

    /// Sends a request that must not be repeated, once, and reads its answer to the end. A fault with [`Retry::Unknown`]: it
    /// may have arrived; with any other class it surely did not. What the answer means is said beside it, since also a
    /// failure may tell what became of the request. Dropping the future leaves that unknown. A redirect is never followed,
    /// whatever the settings say: what was sent once would be sent again elsewhere, or its answer be that of another page.
    pub async fn deliver(&self, call: Call) -> Result<Delivered, Fault> {
        let trace = Arc::new(Trace::default());
        let result = self.send(Call { repeatable: false, trace: Some(trace.clone()), ..call }).await;
        let answer = trace.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let empty = |answer: Answer| if answer.empty { Judged::Empty } else { Judged::Good };
        match (answer, result) {
            (Some(answer), result) => Ok(Delivered { answer, judged: result.map(empty) }),
            (None, Err(fault)) if trace.left.load(Ordering::Relaxed) => Err(fault.retry(Retry::Unknown)),
            (None, Err(fault)) => Err(fault),
            (None, Ok(answer)) => Ok(Delivered { judged: Ok(empty(answer.clone())), answer }),
        }
    }

    /// Whether a link found in an answer may be followed.
    pub fn check_link(&self, url: &Url) -> Result<(), Fault> {
        self.line.guard.check(url)
    }

    /// What is worth telling an operator since the last call.
    pub fn notices(&self) -> Vec<Issue> {
        self.line.certificates.notices()
    }
}

/// Faults without a place get the request as theirs.
#[derive(Clone)]
struct Placed;

impl Stage for Placed {
    async fn pass<F>(self, call: Call, next: impl FnOnce(Call) -> F + Send) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        let about = call.about.clone();
        next(call).await.map_err(|mut fault| {
            if fault.issue.place == Place::default() {
                fault.issue.place = Place::file(&*about);
            }
            fault
        })
    }
}

/// An answer to a request that was sent once.
pub struct Delivered {
    /// As it came.
    pub answer: Answer,
    /// What it means by the rules of the client.
    pub judged: Result<Judged, Fault>,
}

/// What one attempt needs.
struct Line {
    http: reqwest::Client,
    /// The same, for what is sent once: follows no redirect.
    straight: reqwest::Client,
    credentials: Credentials,
    judge: Arc<dyn Judge>,
    guard: Guard,
    timeouts: Timeouts,
    bounds: Bounds,
    certificates: Arc<Certificates>,
}

impl Line {
    /// Sends the request; with a new token once more when the old one is refused.
    async fn answer(&self, call: &Call) -> Result<Answer, Fault> {
        let (mut answer, token) = self.once(call, None).await?;
        if answer.status == StatusCode::UNAUTHORIZED && token.is_some() {
            (answer, _) = self.once(call, token).await?;
        }
        Ok(answer)
    }

    /// The answer to a request, judged.
    async fn exchange(&self, call: &Call) -> Result<Answer, Fault> {
        let mut answer = self.answer(call).await?;
        call.answered(&answer);
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
        let http = if call.trace.is_some() { &self.straight } else { &self.http };
        let request = http.request(call.method.clone(), url).headers(headers).body(body);
        // from here on it may have arrived, unless there never was a connection
        call.leaves(true);
        let mut response = self.patiently(request.send()).await?.map_err(|error| {
            call.leaves(!error.is_connect());
            self.unreachable(error)
        })?;
        if let Some(der) = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate) {
            self.certificates.shown(CertificateOf::Peer, der, Timestamp::now());
        }
        let body = self.body(&mut response).await?;
        let about = call.about.clone();
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        Ok((Answer { about, url, status, headers, body, empty: false }, token))
    }

    /// The body of an answer, to its end and within its bounds.
    async fn body(&self, response: &mut reqwest::Response) -> Result<Bytes, Fault> {
        let mut body = Body::new(text(response.headers(), CONTENT_ENCODING.as_str()), self.bounds)?;
        loop {
            match self.patiently(response.chunk()).await? {
                Ok(Some(chunk)) => body.push(&chunk)?,
                Ok(None) => return body.end(),
                Err(_) => return Err(damaged(&format!("the answer was cut short after {} bytes", body.received()))),
            }
        }
    }

    /// Waits for the next bytes.
    async fn patiently<T>(&self, bytes: impl Future<Output = T>) -> Result<T, Fault> {
        TimeLimit { name: "read", longest: self.timeouts.read.0 }.wait(bytes).await
    }

    fn unreachable(&self, error: reqwest::Error) -> Fault {
        if error.is_timeout() {
            return TimeLimit { name: "connect", longest: self.timeouts.connect.0 }.struck();
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
