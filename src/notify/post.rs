//! The way to a receiver: one signed POST, bounded in everything. Follows no redirect, asks no proxy, unpacks nothing,
//! reads little of the answer, and connects only where the guard lets it.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};

use super::address::{Guard, Refused};
use super::lane::Outcome;
use super::wire;

/// Bytes of an answer read at most.
pub const ANSWER_BYTES: usize = 64 * 1024;
/// How long the rest of an answer is read, so that the connection can be used again; slower ones are closed.
const REST: Duration = Duration::from_secs(1);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// What we call ourselves.
const USER_AGENT: &str = concat!("guichet/", env!("CARGO_PKG_VERSION"));

/// A signed event, ready to be sent.
#[derive(Debug)]
pub struct Message {
    /// `webhook-id`: the same at every attempt.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970.
    pub seconds: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// The event.
    pub body: String,
}

/// Sends events.
pub struct Post {
    http: reqwest::Client,
    guard: Guard,
    timeout: Duration,
}

impl Post {
    /// Ready to send. Without certificates of authorities on this machine only receivers without TLS can be told.
    pub fn new(guard: Guard, timeout: Duration, connections: usize) -> Result<Post, reqwest::Error> {
        // the first one wins; a second call only says that there is one already
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .no_proxy()
                .redirect(Policy::none())
                .gzip(false)
                .http1_only()
                .dns_resolver(guard.clone())
                .connect_timeout(timeout)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(connections)
        };
        let http = builder().build().or_else(|error| {
            tracing::warn!(%error, "no certificates of authorities: receivers over TLS cannot be told");
            builder().tls_certs_only([]).build()
        })?;
        Ok(Post { http, guard, timeout })
    }

    /// Reads the address of a receiver.
    pub fn read(&self, url: &str) -> Result<Url, Refused> {
        self.guard.read(url)
    }

    /// Sends an event; how that ended, as soon as the status is known.
    pub async fn send(&self, url: &Url, message: &Message) -> Outcome {
        match self.exchange(url, message).await {
            Ok(answer) => {
                let outcome = judge(&answer);
                // Aside: a receiver that drips its answer has the event, and holds up nothing.
                tokio::spawn(tokio::time::timeout(REST, read(answer)));
                outcome
            }
            Err(trouble) => Outcome::Failed { status: None, asked: None, trouble },
        }
    }

    /// Sends an event and reads the answer, for those that must be answered.
    pub async fn ask(&self, url: &Url, message: &Message) -> (Outcome, Vec<u8>) {
        match self.exchange(url, message).await {
            Ok(answer) => {
                let outcome = judge(&answer);
                (outcome, tokio::time::timeout(self.timeout, read(answer)).await.unwrap_or_default())
            }
            Err(trouble) => (Outcome::Failed { status: None, asked: None, trouble }, Vec::new()),
        }
    }

    async fn exchange(&self, url: &Url, message: &Message) -> Result<Response, String> {
        self.guard.check(url).map_err(|refused| refused.to_string())?;
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, wire::EVENT)
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", message.seconds)
            .header("webhook-signature", &message.signature)
            .body(message.body.clone());
        match tokio::time::timeout(self.timeout, request.send()).await {
            Ok(answer) => answer.map_err(|error| unreachable(&error)),
            Err(_) => Err(format!("the receiver did not answer within {} s", self.timeout.as_secs_f64())),
        }
    }
}

/// Reads an answer up to its bound.
async fn read(mut answer: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES - bytes.len())]);
        if bytes.len() == ANSWER_BYTES {
            break;
        }
    }
    bytes
}

fn judge(answer: &Response) -> Outcome {
    let status = answer.status();
    if status.is_success() {
        return Outcome::Accepted;
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let patience = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let asked = answer.headers().get(RETRY_AFTER).filter(|_| patience).and_then(|value| value.to_str().ok());
    let trouble = if status.is_redirection() {
        format!("the receiver answered {}: redirects are not followed", status.as_u16())
    } else {
        format!("the receiver answered {}", status.as_u16())
    };
    let asked = asked.and_then(|asked| wait(asked, jiff::Timestamp::now()));
    Outcome::Failed { status: Some(status.as_u16()), asked, trouble }
}

/// `Retry-After`: seconds, or a date. Microseconds.
fn wait(asked: &str, now: jiff::Timestamp) -> Option<i64> {
    if let Ok(seconds) = asked.trim().parse::<u32>() {
        return Some(i64::from(seconds) * 1_000_000);
    }
    let date = jiff::fmt::rfc2822::parse(asked.trim()).ok()?;
    Some((date.timestamp().as_microsecond() - now.as_microsecond()).max(0))
}

/// Why nobody answered, without the address: what stands in it may be a secret of the receiver.
fn unreachable(error: &reqwest::Error) -> String {
    let mut last = None;
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return refused.to_string();
        }
        last = Some(cause.to_string());
        next = cause.source();
    }
    match last {
        Some(cause) => format!("the receiver cannot be reached: {cause}"),
        None if error.is_timeout() => "the receiver did not answer in time".to_owned(),
        None => "the receiver cannot be reached".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        assert_eq!(wait("120", now), Some(120_000_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(30_000_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:40:00 GMT", now), Some(0));
        assert_eq!(wait("soon", now), None);
    }
}
