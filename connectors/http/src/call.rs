//! One request as a value, and its answer. Pure: nothing here touches the network.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, StatusCode, Url};

/// A request without its credentials: those are added on the way out and never seen by a connector or a log.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Repeating it changes nothing at the peer: it may be retried.
    pub repeatable: bool,
    /// That it is not there (any more) is an answer, not a failure: `Answer::empty`.
    pub may_be_absent: bool,
    /// What issues call its answer (`GET /issues.json?page=2`).
    pub about: Arc<str>,
    /// Finishes the body whenever it is sent.
    pub seal: Option<Arc<dyn Seal>>,
    /// How far it came, for a request that is sent once.
    pub trace: Option<Arc<Trace>>,
}

/// How far a request came that is sent once.
#[derive(Debug, Default)]
pub struct Trace {
    /// It may have arrived.
    pub(crate) left: AtomicBool,
    /// What was answered, before anybody judged it.
    pub(crate) answer: Mutex<Option<Answer>>,
}

/// Finishes a body at the moment it is sent, for each attempt anew: a nonce, the time, a password nobody else sees.
pub trait Seal: fmt::Debug + Send + Sync {
    /// The body as it is sent.
    fn seal(&self, body: &Bytes) -> Bytes;
}

impl Call {
    /// A repeatable request without a body.
    pub fn get(url: Url) -> Self {
        Call::new(Method::GET, url, Bytes::new(), true)
    }

    /// A request with a body.
    pub fn new(method: Method, url: Url, body: Bytes, repeatable: bool) -> Self {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let about = format!("{method} {}{query}", url.path()).into();
        Call {
            method,
            url,
            headers: HeaderMap::new(),
            body,
            repeatable,
            may_be_absent: false,
            about,
            seal: None,
            trace: None,
        }
    }

    /// It may have arrived from now on, or surely did not.
    pub(crate) fn leaves(&self, left: bool) {
        if let Some(trace) = &self.trace {
            trace.left.store(left, Ordering::Relaxed);
        }
    }

    /// It was answered.
    pub(crate) fn answered(&self, answer: &Answer) {
        if let Some(trace) = &self.trace {
            *trace.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        }
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What it answers.
    pub about: Arc<str>,
    /// The address that answered.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, unpacked.
    pub body: Bytes,
    /// It says that there is nothing: the body holds no records.
    pub empty: bool,
}

impl Answer {
    /// When the peer sent it, by its own clock.
    pub fn date(&self) -> Option<Timestamp> {
        date(text(&self.headers, header::DATE.as_str()))
    }

    /// The content type without its parameters, in lower case; empty when the peer gives none.
    pub fn content_type(&self) -> String {
        let value = text(&self.headers, header::CONTENT_TYPE.as_str());
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// A moment as HTTP writes it.
pub(crate) fn date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()
}

/// A header as text; empty when absent or not text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
