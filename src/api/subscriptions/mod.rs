//! Subscriptions: being told of changes by signed webhooks. A client sees its own, an operator all of them; anyone
//! else's answers like one that does not exist. A secret is shown when it is made, and never again.

pub mod deliveries;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use guichet_sdk::settings::Period;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::assemble::answer;
use super::auth::{Caller, FrontOffice};
use super::parameters::{Payload, time};
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;
use crate::model::{Filters, SubscriptionState, rfc3339};
use crate::notify::{LaneStatus, Outcome};
use crate::store::{Amendment, NewSubscription, Subscription};

/// Values one filter may name.
const VALUES: usize = 100;
/// How long the secret before signs after a rotation, where nothing else is asked for.
const OVERLAP: &str = "24h";
/// Longest time two secrets sign.
const LONGEST_OVERLAP: &str = "30d";

/// What is to be told, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionAsked {
    /// Address of the receiver, with `https`.
    pub url: String,
    /// Which changes; absent = every one within the scope of the key.
    #[serde(default)]
    pub filters: Filters,
}

/// Every subscription of the client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscriptions)]
pub struct SubscriptionsAnswer {
    /// In the order they were made.
    pub subscriptions: Vec<SubscriptionAnswer>,
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
pub struct SubscriptionAnswer {
    /// Id.
    pub id: String,
    /// Client it belongs to; it is told what this client may see at that time.
    pub client: String,
    /// Address of the receiver.
    pub url: String,
    /// Which changes.
    pub filters: Filters,
    /// `pending` until the receiver has answered its challenge, `active`, or `disabled`.
    pub state: SubscriptionState,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made.
    pub made_at: String,
    /// The current secret; only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Until when the secret before signs, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap_until: Option<String>,
    /// Whether a replay is under way.
    pub replaying: bool,
    /// Deliveries that succeeded.
    pub delivered: u64,
    /// Deliveries that wait for another attempt.
    pub waiting: u64,
    /// Deliveries given up: dead letters.
    pub dead: u64,
    /// When one last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<String>,
    /// When the oldest delivery that waits was first tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// Percent of the time deliveries are tried for that is over.
    pub budget_spent: u8,
    /// Until when a receiver that failed is left to rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resting_until: Option<String>,
}

impl SubscriptionAnswer {
    fn of(desk: &Desk, subscription: Subscription) -> Self {
        let LaneStatus { resting, spent, .. } = desk.api.news.board.get(subscription.row);
        let orphan = desk.api.news.scopes(&subscription).is_none();
        let reason = orphan.then(|| "its client is not in the configuration any more".to_owned());
        let now = desk.now();
        SubscriptionAnswer {
            id: subscription.id.to_string(),
            client: subscription.client,
            url: subscription.url,
            filters: subscription.filters,
            state: subscription.state,
            reason: reason.or(subscription.reason),
            made_at: rfc3339(subscription.made_at),
            secret: None,
            overlap_until: subscription.overlap_until.filter(|until| *until > now).map(rfc3339),
            replaying: subscription.replay.is_some(),
            delivered: subscription.delivered,
            waiting: subscription.waiting,
            dead: subscription.dead,
            succeeded_at: subscription.succeeded_at.map(rfc3339),
            failing_since: subscription.failing_since.map(rfc3339),
            budget_spent: spent,
            resting_until: resting.filter(|until| *until > now).map(rfc3339),
        }
    }
}

/// The subscription named in the path, when it is the caller's or the caller operates the hub.
pub struct Named {
    /// Who asks.
    pub caller: Arc<Caller>,
    /// The subscription.
    pub subscription: Subscription,
}

impl FromRequestParts<Arc<Desk>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let FrontOffice(caller) = FrontOffice::from_request_parts(parts, desk).await?;
        let absent = || Problem::new(Kind::SubscriptionNotFound, "this key has no such subscription");
        let name = Path::<String>::from_request_parts(parts, desk).await.map_err(|_| absent())?;
        let id = Uuid::try_parse(&name).map_err(|_| absent())?;
        let found = desk.api.store.subscriptions().await?.into_iter().find(|subscription| subscription.id == id);
        let subscription = found.filter(|subscription| owns(&caller, subscription)).ok_or_else(absent)?;
        Ok(Named { caller, subscription })
    }
}

fn owns(caller: &Caller, subscription: &Subscription) -> bool {
    caller.client.scopes.ops || caller.client.name == subscription.client
}

impl Named {
    /// Changes it, and answers how it is then.
    async fn amend(&self, desk: &Desk, what: Amendment) -> Result<Subscription, Problem> {
        let row = self.subscription.row;
        desk.api.store.amend(row, what, &self.caller.client.name, desk.now()).await?;
        desk.api.news.wake();
        let found = desk.api.store.subscriptions().await?.into_iter().find(|subscription| subscription.row == row);
        found.ok_or_else(|| Problem::new(Kind::SubscriptionNotFound, "the subscription was removed meanwhile"))
    }
}

/// Subscriptions of the client (of every client, for operators)
#[utoipa::path(get, path = "/v1/subscriptions", operation_id = "list_subscriptions", tag = "subscriptions",
    responses((status = 200, body = SubscriptionsAnswer)))]
pub async fn list(State(desk): State<Arc<Desk>>, FrontOffice(caller): FrontOffice) -> Result<Response, Problem> {
    let found = desk.api.store.subscriptions().await?.into_iter().filter(|subscription| owns(&caller, subscription));
    answer(&SubscriptionsAnswer { subscriptions: found.map(|s| SubscriptionAnswer::of(&desk, s)).collect() })
}

/// Asks to be told of changes
///
/// The answer holds the secret with which every event is signed (Standard Webhooks). The receiver is then sent an event
/// `subscription.challenge` and must answer it with the `challenge` in its `data`, as JSON or as plain text; from then on
/// it is told of every change committed since the subscription was made.
#[utoipa::path(post, path = "/v1/subscriptions", operation_id = "add_subscription", tag = "subscriptions",
    request_body = SubscriptionAsked,
    responses(
        (status = 201, body = SubscriptionAnswer),
        (status = 409, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn add(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Payload(asked): Payload<SubscriptionAsked>,
) -> Result<Response, Problem> {
    let SubscriptionAsked { url, filters } = asked;
    let news = &desk.api.news;
    let refused = |error: crate::notify::Refused| {
        Problem::new(Kind::ReceiverRefused, error.to_string()).hint("give a public address, as `https://host/path`")
    };
    let url = news.read_url(&url).map_err(refused)?.to_string();
    check(&desk, &caller, &filters)?;
    let client = caller.client.name.clone();
    let new = NewSubscription { id: Uuid::now_v7(), client, url, filters, now: desk.now() };
    let full = || Problem::new(Kind::SubscriptionsFull, format!("this hub holds {} at most", news.config.most));
    let made = desk.api.store.subscribe(&new, news.config.most).await?.ok_or_else(full)?;
    news.wake();
    let secret = news.secret(&made).expose().to_owned();
    let body = SubscriptionAnswer { secret: Some(secret), ..SubscriptionAnswer::of(&desk, made) };
    let location = HeaderValue::from_str(&format!("/v1/subscriptions/{}", body.id));
    let mut response = answer(&body)?;
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
    Ok(response)
}

/// What a filter names must exist within the scope of the key; what does not would be waited for in vain.
fn check(desk: &Desk, caller: &Caller, filters: &Filters) -> Result<(), Problem> {
    let Filters { services, phases, sources, types } = filters;
    for (name, count) in
        [("services", services.len()), ("phases", phases.len()), ("sources", sources.len()), ("types", types.len())]
    {
        if count > VALUES {
            let problem = Problem::new(Kind::BodyInvalid, format!("`filters.{name}` names more than {VALUES}"));
            return Err(problem.hint("leave it out to be told of all, or make several subscriptions"));
        }
    }
    let seen = |code: &&String| desk.api.catalogue.services.contains_key(*code) && caller.sees_service(Some(code));
    let unknown = services.iter().find(|code| !seen(code)).map(|code| ("services", code, "/v1/services"));
    let view = desk.sources();
    let source = sources.iter().find(|name| view.position(name).is_none()).map(|name| ("sources", name, "/v1/sources"));
    match unknown.or(source) {
        Some((list, name, path)) => {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            let problem = Problem::new(
                Kind::BodyInvalid,
                format!("`filters.{list}` names `{shown}`, which this key does not know"),
            );
            Err(problem.hint(format!("`{path}` lists what it knows")))
        }
        None => Ok(()),
    }
}

/// One subscription
#[utoipa::path(get, path = "/v1/subscriptions/{id}", operation_id = "get_subscription", tag = "subscriptions",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = SubscriptionAnswer),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn show(State(desk): State<Arc<Desk>>, named: Named) -> Result<Response, Problem> {
    answer(&SubscriptionAnswer::of(&desk, named.subscription))
}

/// Ends a subscription, with everything that waits for it
#[utoipa::path(delete, path = "/v1/subscriptions/{id}", operation_id = "remove_subscription", tag = "subscriptions",
    params(("id" = String, Path)),
    responses(
        (status = 204),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn remove(State(desk): State<Arc<Desk>>, named: Named) -> Result<Response, Problem> {
    let Named { caller, subscription } = named;
    desk.api.store.amend(subscription.row, Amendment::Remove, &caller.client.name, desk.now()).await?;
    desk.api.news.wake();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Asks the receiver for its challenge again
///
/// Also brings a disabled subscription back: it goes on where it stood.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/verify", operation_id = "verify_subscription", tag = "subscriptions",
    params(("id" = String, Path)), responses((status = 200, body = SubscriptionAnswer)))]
pub async fn verify(State(desk): State<Arc<Desk>>, named: Named) -> Result<Response, Problem> {
    let subscription = named.amend(&desk, Amendment::Verify).await?;
    answer(&SubscriptionAnswer::of(&desk, subscription))
}

/// How to rotate a secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationAsked {
    /// How long the secret before signs, too, as `24h`; up to `30d`.
    #[serde(default)]
    pub overlap: Option<String>,
}

/// Makes the next secret
///
/// The answer holds it. Until the overlap ends, every event carries a signature by each of the two.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/rotate", operation_id = "rotate_subscription", tag = "subscriptions",
    params(("id" = String, Path)), request_body = RotationAsked, responses((status = 200, body = SubscriptionAnswer)))]
pub async fn rotate(
    State(desk): State<Arc<Desk>>,
    named: Named,
    Payload(asked): Payload<RotationAsked>,
) -> Result<Response, Problem> {
    let overlap = Period::parse(asked.overlap.as_deref().unwrap_or(OVERLAP));
    let overlap = overlap.filter(|overlap| Period::parse(LONGEST_OVERLAP).is_some_and(|longest| *overlap <= longest));
    let wrong = || Problem::new(Kind::BodyInvalid, "`overlap` is no such time").hint("write `24h`; `30d` at most");
    let micros = i64::try_from(overlap.ok_or_else(wrong)?.0.as_micros()).unwrap_or(i64::MAX);
    let overlap_until = desk.now().saturating_add(micros);
    let subscription = named.amend(&desk, Amendment::Rotate { overlap_until }).await?;
    let secret = desk.api.news.secret(&subscription).expose().to_owned();
    answer(&SubscriptionAnswer { secret: Some(secret), ..SubscriptionAnswer::of(&desk, subscription) })
}

/// What is to be told again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayAsked {
    /// Changes committed at or after this time, or date.
    pub since: String,
    /// And not after this one; absent = up to now.
    #[serde(default)]
    pub until: Option<String>,
}

/// Tells a window of the feed again
///
/// What is within the filters and the scope of today is told in its order, before anything newer; events keep their ids.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/replay", operation_id = "replay_subscription", tag = "subscriptions",
    params(("id" = String, Path)), request_body = ReplayAsked, responses((status = 200, body = SubscriptionAnswer)))]
pub async fn replay(
    State(desk): State<Arc<Desk>>,
    named: Named,
    Payload(asked): Payload<ReplayAsked>,
) -> Result<Response, Problem> {
    let since = time("since", Some(&asked.since), false)?.unwrap_or_default();
    let until = time("until", asked.until.as_deref(), true)?.unwrap_or(i64::MAX - 1);
    if until < since {
        return Err(Problem::new(Kind::BodyInvalid, "`until` is before `since`").hint("swap them"));
    }
    let from = desk.api.store.position_before(since).await?;
    let until = desk.api.store.position_before(until + 1).await?;
    let subscription = named.amend(&desk, Amendment::Replay { from, until }).await?;
    answer(&SubscriptionAnswer::of(&desk, subscription))
}

/// How a test ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestAnswer {
    /// Whether the receiver accepted the event.
    pub accepted: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Sends the receiver an event `subscription.test` now
#[utoipa::path(post, path = "/v1/subscriptions/{id}/test", operation_id = "test_subscription", tag = "subscriptions",
    params(("id" = String, Path)), responses((status = 200, body = TestAnswer)))]
pub async fn test(State(desk): State<Arc<Desk>>, named: Named) -> Result<Response, Problem> {
    // The answer to this request has its own bound: better to say that there was none than to run into it.
    let patience = desk.bounds().handler_timeout * 2 / 3;
    let trouble = match tokio::time::timeout(patience, desk.api.news.test(&named.subscription)).await {
        Ok(Outcome::Accepted) => None,
        Ok(Outcome::Gone) => Some("the receiver answered 410".to_owned()),
        Ok(Outcome::Withheld) => Some("nothing was sent".to_owned()),
        Ok(Outcome::Failed { trouble, .. }) => Some(trouble),
        Err(_) => Some(format!("the receiver did not answer within {} s", patience.as_secs_f64())),
    };
    answer(&TestAnswer { accepted: trouble.is_none(), trouble })
}
