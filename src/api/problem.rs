//! Problems: every refusal of the API as RFC 9457, with a stable code. A problem carries no value of a person and no
//! word about what lies outside a client's scope.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::flow::ControlFault;
use crate::store::StoreFault;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $code:literal $title:literal),* $(,)?) => {
        /// The problems there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $variant),* }

        impl Kind {
            /// Every kind.
            #[cfg(test)]
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// HTTP status, stable code and title.
            pub const fn facts(self) -> (u16, &'static str, &'static str) {
                match self { $(Kind::$variant => ($status, $code, $title)),* }
            }
        }
    };
}

kinds! {
    /// A query parameter is unknown, twice there or unreadable.
    QueryInvalid = 400 "query_invalid" "the query cannot be used",
    /// A request for a command names no key.
    IdempotencyKeyMissing = 400 "idempotency_key_missing" "an idempotency key is needed",
    /// A cursor is not ours, or belongs to another list.
    CursorInvalid = 400 "cursor_invalid" "the cursor cannot be used",
    /// The body is not JSON.
    BodyNotJson = 400 "body_not_json" "the body is not JSON",
    /// The request cannot be read.
    RequestInvalid = 400 "request_invalid" "the request cannot be read",
    /// No key, or one nobody has.
    KeyMissing = 401 "key_missing" "a valid API key is needed",
    /// Nobody a flow may be pushed to by.
    CredentialsMissing = 401 "credentials_missing" "valid credentials are needed",
    /// The key does not open this.
    ScopeMissing = 403 "scope_missing" "the key does not open this",
    /// No such case in scope.
    CaseNotFound = 404 "case_not_found" "there is no such case",
    /// No such service in scope.
    ServiceNotFound = 404 "service_not_found" "there is no such service",
    /// No such flow.
    FlowNotFound = 404 "flow_not_found" "there is no such flow",
    /// No such quarantine row.
    QuarantineNotFound = 404 "quarantine_not_found" "there is no such record in quarantine",
    /// No such command in scope.
    CommandNotFound = 404 "command_not_found" "there is no such command",
    /// No such subscription of this client.
    SubscriptionNotFound = 404 "subscription_not_found" "there is no such subscription",
    /// No such route.
    RouteNotFound = 404 "route_not_found" "there is no such resource",
    /// The resource does not know this method.
    MethodNotAllowed = 405 "method_not_allowed" "the resource does not know this method",
    /// The body came too slowly.
    BodyTimeout = 408 "body_timeout" "the body came too slowly",
    /// The flow is not in a state to do that.
    FlowRefused = 409 "flow_refused" "the flow cannot do that now",
    /// A request with the same key is still being answered.
    IdempotencyKeyInUse = 409 "idempotency_key_in_use" "the key is in use",
    /// The command is under way or decided already.
    CommandDecided = 409 "command_decided" "the command is not open to that",
    /// As many subscriptions as there may be.
    SubscriptionsFull = 409 "subscriptions_full" "there are as many subscriptions as there may be",
    /// The body is too large.
    BodyTooLarge = 413 "body_too_large" "the body is too large",
    /// The request target is too long.
    UriTooLong = 414 "uri_too_long" "the request target is too long",
    /// The body is of another type than `application/json`.
    BodyTypeUnsupported = 415 "body_type_unsupported" "the body is not of a supported type",
    /// JSON, but not what is asked for.
    BodyInvalid = 422 "body_invalid" "the body is not what is asked for",
    /// The body of a push cannot be cut into records.
    RecordsUnreadable = 422 "records_unreadable" "the body cannot be cut into records",
    /// The key stands for another request.
    IdempotencyKeyReused = 422 "idempotency_key_reused" "the key stands for another request",
    /// The service does not take this verb.
    CommandNotAccepted = 422 "command_not_accepted" "the service does not take this",
    /// The payload does not fit the schema of the service.
    PayloadInvalid = 422 "payload_invalid" "the payload is not what is asked for",
    /// The address of a receiver is not one the hub may send to.
    ReceiverRefused = 422 "receiver_refused" "the receiver cannot be told",
    /// More requests than the client may make.
    RateExceeded = 429 "rate_exceeded" "too many requests",
    /// Too many headers.
    HeadersTooLarge = 431 "headers_too_large" "the request headers are too many or too large",
    /// Our fault.
    Internal = 500 "internal" "the hub failed",
    /// Busy beyond its bound.
    Busy = 503 "busy" "the hub is busy",
    /// The store cannot answer.
    StoreUnavailable = 503 "store_unavailable" "the store cannot answer",
    /// A paused flow takes nothing.
    FlowPaused = 503 "flow_paused" "the flow is paused",
    /// Stopping.
    Draining = 503 "draining" "the hub is stopping",
    /// The answer took too long.
    HandlerTimeout = 504 "handler_timeout" "the answer took too long",
}

/// A refusal, not yet bound to its request.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    retry_after: Option<u32>,
    place: Option<(u64, u64)>,
    errors: Vec<PayloadError>,
}

impl Problem {
    /// A problem with what is wrong this time: lower case, no full stop.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { kind, detail: detail.into(), hint: None, retry_after: None, place: None, errors: Vec::new() }
    }

    /// The same problem with what to write or do instead.
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem with when to try again, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same problem with its line and column in the body.
    pub fn at(mut self, line: u64, column: u64) -> Self {
        self.place = Some((line, column));
        self
    }

    /// The same problem with every single thing that is wrong.
    pub fn errors(mut self, errors: Vec<PayloadError>) -> Self {
        self.errors = errors;
        self
    }

    /// What the server framework answered on its own, as a problem.
    pub fn bare(status: StatusCode) -> Self {
        let (kind, detail) = match status.as_u16() {
            404 => (Kind::RouteNotFound, "nothing is served under this path"),
            405 => (Kind::MethodNotAllowed, "see the `allow` header"),
            408 => (Kind::BodyTimeout, "the body did not arrive in time"),
            413 => (Kind::BodyTooLarge, "the body exceeds the bound of this hub"),
            414 => (Kind::UriTooLong, "the target exceeds the bound of this hub"),
            415 => (Kind::BodyTypeUnsupported, "send `application/json`"),
            422 => (Kind::BodyInvalid, "the body could not be used"),
            503 => (Kind::Busy, "try again shortly"),
            504 => (Kind::HandlerTimeout, "try again shortly"),
            400..500 => (Kind::RequestInvalid, "the request could not be read"),
            _ => (Kind::Internal, "the failure is in the hub's log under this instance"),
        };
        Problem::new(kind, detail)
    }

    /// When to try again, in seconds.
    pub fn wait(&self) -> Option<u32> {
        self.retry_after
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.facts().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Bound to its request: the whole response. Headers of `response` that explain it (`allow`) are kept.
    pub fn render(self, instance: &str, mut response: Response) -> Response {
        let (status, code, title) = self.kind.facts();
        let body = ProblemBody {
            kind: format!("urn:guichet:problem:{code}"),
            title,
            status,
            code,
            detail: &self.detail,
            hint: self.hint.as_deref(),
            line: self.place.map(|(line, _)| line),
            column: self.place.map(|(_, column)| column),
            errors: &self.errors,
            instance,
        };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let allow = response.headers_mut().remove(ALLOW);
        let mut rendered = Response::new(Body::from(bytes));
        *rendered.status_mut() = self.status();
        let headers = rendered.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        if status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"guichet\""));
        }
        if self.kind == Kind::CredentialsMissing {
            // many clients send basic credentials only when asked for them
            let basic = "Basic realm=\"guichet\", charset=\"UTF-8\"";
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(basic));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        rendered
    }
}

/// The edge renders it: only there is the request known (`Problem::render`).
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Self {
        tracing::warn!(%fault, "a request could not be answered");
        match fault {
            StoreFault::Busy(_) => Problem::new(Kind::Busy, "the store is busy").retry_after(1),
            StoreFault::Closed => Problem::new(Kind::Draining, "the hub is stopping").retry_after(5),
            StoreFault::Failed(_) | StoreFault::Unusable(_) => {
                Problem::new(Kind::StoreUnavailable, "the failure is in the hub's log").retry_after(5)
            }
        }
    }
}

impl From<ControlFault> for Problem {
    fn from(fault: ControlFault) -> Self {
        match fault {
            ControlFault::NoSuchFlow(name) => Problem::new(Kind::FlowNotFound, format!("there is no flow `{name}`")),
            ControlFault::Refused(why) => Problem::new(Kind::FlowRefused, why),
            ControlFault::Store(fault) => fault.into(),
        }
    }
}

/// One thing that is wrong with a payload; never carries a value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PayloadError {
    /// Where in the payload, as a JSON Pointer (RFC 6901); empty for the whole.
    pub at: String,
    /// What is wrong.
    pub detail: String,
}

/// A refusal (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// URN of the problem type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Stable code to branch on.
    pub code: &'static str,
    /// What is wrong this time.
    pub detail: &'a str,
    /// What to write or do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
    /// Line in the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column in the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// Every single thing that is wrong with a payload.
    #[serde(skip_serializing_if = "<[PayloadError]>::is_empty")]
    pub errors: &'a [PayloadError],
    /// Id of the request, also in `x-request-id` and in the hub's log.
    pub instance: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_every_status_is_a_refusal() {
        let mut codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.facts().1).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let (status, code, title) = kind.facts();
            assert!((400..600).contains(&status), "{code}");
            assert!(!title.ends_with('.') && title.contains(' '), "{code}");
        }
    }
}
