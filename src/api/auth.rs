//! Who asks, and what they may see. Authorisation is an extractor: a handler without one is public, and a case is only
//! reached through [`Sought`]. Outside a scope the answer is that of a case that does not exist, on the same path.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use guichet_sdk::Digest;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::problem::{Kind, Problem};
use super::state::Desk;
use crate::config::Client;
use crate::model::{Audience, CaseRow, FlowName, Seal, Verb};
use crate::store::{CaseDocument, ChangedCase, CommandEntry};

/// A client with its rate limiter.
pub struct Caller {
    /// The client.
    pub client: Client,
    /// Digest of its name and scopes: binds tags and cursors to them.
    pub scope: Digest,
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Caller {
    /// A client that may make so many requests per second (0 = unlimited).
    pub fn new(client: Client, rate: u32) -> Self {
        let scopes = &client.scopes;
        let services = scopes.services.as_ref().map_or("*".into(), |codes| codes.join("\n"));
        let levels = [scopes.confidentiality, scopes.audience.index(), u8::from(scopes.ops)];
        Caller {
            scope: Digest::of(&[client.name.as_bytes(), services.as_bytes(), &levels]),
            limiter: NonZeroU32::new(rate).map(|rate| RateLimiter::direct(Quota::per_second(rate))),
            client,
        }
    }

    /// Whether it reads what only staff reads.
    pub fn staff(&self) -> bool {
        self.client.scopes.audience >= Audience::Staff
    }

    /// Whether it may push to a flow.
    pub fn pushes(&self, flow: &FlowName) -> bool {
        self.client.scopes.push.iter().any(|pattern| pattern.matches(flow))
    }

    /// Whether a service is within its scope; what has no service is only seen by those who see every service.
    pub fn sees_service(&self, service: Option<&str>) -> bool {
        let Some(allowed) = &self.client.scopes.services else { return true };
        service.is_some_and(|service| allowed.iter().any(|code| code == service))
    }

    /// Whether a case is within its scope.
    fn sees(&self, document: &CaseDocument) -> bool {
        self.sees_service(document.service.as_deref()) && document.confidentiality <= self.client.scopes.confidentiality
    }

    /// Whether it may ask this of a service.
    pub fn may(&self, verb: Verb, service: &str) -> bool {
        let allowed = &self.client.scopes.commands;
        self.sees_service(Some(service))
            && [service, "*"].iter().any(|code| allowed.get(*code).is_some_and(|verbs| verbs.contains(&verb)))
    }

    /// Whether a command is within its scope: its own, or any when it speaks for staff.
    pub fn sees_command(&self, command: &CommandEntry) -> bool {
        (self.staff() || *command.client == *self.client.name)
            && self.sees_service(Some(&command.service))
            && command.confidentiality <= self.client.scopes.confidentiality
    }

    /// Whether a change is within its scope.
    pub fn sees_change(&self, case: &ChangedCase) -> bool {
        self.client.scopes.allow(case.service.as_deref(), case.confidentiality, case.audience)
    }
}

/// The client of the `authorization` header.
fn caller(parts: &Parts, desk: &Desk) -> Result<Option<Arc<Caller>>, Problem> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let key = bearer(header).ok_or_else(|| no_key("the `authorization` header is not of the form `Bearer KEY`"))?;
    let caller = of_key(key, desk).ok_or_else(|| no_key("the key is not one of this hub"))?;
    within_rate(&caller, desk)?;
    Ok(Some(caller))
}

/// The key of `Bearer KEY`.
pub fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, key) = header.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}

/// The client of a key. Every client is compared, so that the time says nothing about which one came near.
pub fn of_key(key: &[u8], desk: &Desk) -> Option<Arc<Caller>> {
    let digest: [u8; 32] = Sha256::digest(key).into();
    let mut found = None;
    for caller in &desk.callers {
        if bool::from(caller.client.key.ct_eq(&digest)) {
            found = Some(caller);
        }
    }
    found.cloned()
}

/// Counts a request of a client; refuses what goes beyond its rate.
pub fn within_rate(caller: &Caller, desk: &Desk) -> Result<(), Problem> {
    if caller.limiter.as_ref().is_some_and(|limiter| limiter.check().is_err()) {
        let detail = format!("this client may make {} requests per second", desk.bounds().rate);
        return Err(Problem::new(Kind::RateExceeded, detail).retry_after(1));
    }
    Ok(())
}

fn no_key(detail: &'static str) -> Problem {
    Problem::new(Kind::KeyMissing, detail).hint("send `authorization: Bearer KEY`")
}

fn known(parts: &Parts, desk: &Desk) -> Result<Arc<Caller>, Problem> {
    caller(parts, desk)?.ok_or_else(|| no_key("the request has no `authorization` header"))
}

/// Anyone; a client when there is a key (a wrong key is still refused).
pub struct Anyone(pub Option<Arc<Caller>>);

/// A client.
pub struct FrontOffice(pub Arc<Caller>);

/// A client that may use `/ops`.
pub struct Ops(pub Arc<Caller>);

impl FromRequestParts<Arc<Desk>> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        caller(parts, desk).map(Anyone)
    }
}

impl FromRequestParts<Arc<Desk>> for FrontOffice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        known(parts, desk).map(FrontOffice)
    }
}

impl FromRequestParts<Arc<Desk>> for Ops {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let caller = known(parts, desk)?;
        if caller.client.scopes.ops {
            return Ok(Ops(caller));
        }
        Err(Problem::new(Kind::ScopeMissing, "only clients with the scope `ops` may do this"))
    }
}

/// The case named in the path, and who asks for it: not read yet, and not known to be visible.
pub struct Sought {
    /// Who asks.
    pub caller: Arc<Caller>,
    row: CaseRow,
    desk: Arc<Desk>,
}

impl Sought {
    /// The case, when it exists within the caller's scope.
    pub async fn read(&self) -> Result<Arc<CaseDocument>, Problem> {
        let found = self.desk.api.store.case(self.row).await?;
        found.filter(|document| self.caller.sees(document)).ok_or_else(absent)
    }

    /// Its current revision. Tells nothing by itself: what was never shown to the caller has no tag to compare with.
    pub async fn revision(&self) -> Result<Option<i64>, Problem> {
        Ok(self.desk.api.store.revision(self.row).await?)
    }

    /// Its physical key, for tags.
    pub fn row(&self) -> CaseRow {
        self.row
    }
}

impl FromRequestParts<Arc<Desk>> for Sought {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let caller = known(parts, desk)?;
        sought(parts, desk, caller).await
    }
}

/// The same, asked for by a client that speaks for staff, or by an operator.
pub struct SoughtByStaff(pub Sought);

impl FromRequestParts<Arc<Desk>> for SoughtByStaff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let caller = known(parts, desk)?;
        if !caller.staff() && !caller.client.scopes.ops {
            return Err(Problem::new(Kind::ScopeMissing, "only clients with the audience `staff` may read this"));
        }
        sought(parts, desk, caller).await.map(SoughtByStaff)
    }
}

async fn sought(parts: &mut Parts, desk: &Arc<Desk>, caller: Arc<Caller>) -> Result<Sought, Problem> {
    let name = Path::<String>::from_request_parts(parts, desk).await;
    let Path(name) = name.map_err(|_| Problem::bare(axum::http::StatusCode::BAD_REQUEST))?;
    Ok(Sought { caller, row: row(desk.seal, &name)?, desk: desk.clone() })
}

/// The case a name leads to, by its form alone.
fn row(seal: Seal, name: &str) -> Result<CaseRow, Problem> {
    if let Some(row) = seal.read_reference(name) {
        return Ok(row);
    }
    if let Ok(id) = Uuid::try_parse(name) {
        return seal.read_case_id(id).ok_or_else(absent);
    }
    let symbols = name.chars().filter(|c| !matches!(c, '-' | ' '));
    let (count, plain) = symbols.fold((0, true), |(n, plain), c| (n + 1, plain && c.is_ascii_alphanumeric()));
    // The form says it all: no case is looked up, so the hint tells nothing about any.
    Err(absent().hint(if count == 9 && plain {
        "the check symbol does not fit: a symbol was mistyped"
    } else {
        "write the id of the case, or its reference such as `7K3M-9QXD-4`"
    }))
}

fn absent() -> Problem {
    Problem::new(Kind::CaseNotFound, "there is no such case within the scope of this key")
}
