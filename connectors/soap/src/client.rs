//! Asks the peer: puts envelopes around bodies as they are sent, and sends them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use guichet_http::list::{Asks, BoxStream, Changed, Item, Loaded, Run, Standing, gone, without_id};
use guichet_http::{Answer, Call, Client, Expect, Room, Rules, Seal};
use guichet_sdk::format::Cut;
use guichet_sdk::{Digest, Fault, FaultKind, Issue, Secret};
use jiff::Timestamp;
use uuid::Uuid;

use crate::answer::FaultJudge;
use crate::config::{Details, Intake, Operation};
use crate::security::{Account, Destination, Moment, Security, Wrapping};
use crate::wire;

/// The peer of a flow.
pub struct Peer {
    pub intake: Arc<Intake>,
    client: Client,
    list: Arc<Sealed>,
    detail: Option<Arc<Sealed>>,
}

/// Puts an envelope around a body: the time, a nonce and an id of its own each time.
#[derive(Debug)]
struct Sealed(Wrapping);

impl Seal for Sealed {
    fn seal(&self, body: &Bytes) -> Bytes {
        // 122 random bits: as good a nonce as it is an id
        let moment = Moment { now: Timestamp::now(), nonce: *Uuid::new_v4().as_bytes(), id: Uuid::new_v4() };
        self.0.wrap(body, moment).into()
    }
}

impl Peer {
    /// Reads secrets and certificates; asks nothing yet.
    pub fn open(intake: Arc<Intake>, room: Arc<Room>) -> Result<Self, Fault> {
        let rules = Rules::new(intake.http.answers.clone(), Expect::Xml);
        let judge = FaultJudge::new(rules, intake.faults.clone(), intake.format.encoding.clone());
        let (security, own) = security(&intake)?;
        let client = Client::open_with(&intake.http, &intake.url, &intake.base, room, Arc::new(judge), own)?;
        let list = Arc::new(sealed(&intake, &intake.list, security.clone()));
        let detail = intake.detail.as_ref().map(|detail| Arc::new(sealed(&intake, &detail.operation, security)));
        Ok(Peer { intake, client, list, detail })
    }

    async fn send(&self, mut call: Call, seal: &Arc<Sealed>) -> Result<Answer, Fault> {
        call.seal = Some(seal.clone());
        self.client.send(call).await
    }

    async fn detail(&self, details: &Details, item: &Item) -> Result<Result<Cut, Issue>, Fault> {
        let (Cut::Record(_), Some(id)) = (&item.cut, &item.id) else {
            return Ok(Ok(without_id(item)));
        };
        let Ok(call) = wire::detail_call(&self.intake, details, id) else { return Ok(Ok(without_id(item))) };
        let seal = self.detail.as_ref().unwrap_or(&self.list);
        let answer = self.send(call, seal).await?;
        Ok(match answer.empty {
            true => Err(gone(item, &answer.about)),
            false => Ok(wire::read_detail(&self.intake, details, &answer)?),
        })
    }
}

/// What says who we are; the digest tells whether the secret is the same as before.
fn security(intake: &Intake) -> Result<(Option<Security>, Digest), Fault> {
    let Some(securing) = &intake.manner.security else { return Ok((None, Digest::of(&[]))) };
    let account = match (&securing.user, &securing.password) {
        (Some(user), Some(password)) => {
            let password: Secret = password.read(&intake.base).map_err(|issue| {
                let mut fault = Fault::new(FaultKind::Environment, issue.code, "");
                *fault.issue = issue;
                fault
            })?;
            Some(Account { user: user.clone(), password, kind: securing.kind })
        }
        _ => None,
    };
    let secret = account.as_ref().map(|account| account.password.expose()).unwrap_or_default();
    let own = Digest::of(&[format!("{securing:?}").as_bytes(), secret.as_bytes()]);
    let expires = Some(securing.expires.0).filter(|good| !good.is_zero());
    Ok((Some(Security { account, expires, must_understand: securing.must_understand }), own))
}

fn sealed(intake: &Intake, operation: &Operation, security: Option<Security>) -> Sealed {
    let addressing = intake.manner.addressing.as_ref().map(|addressed| Destination {
        version: addressed.version,
        to: addressed.to.clone().unwrap_or_else(|| intake.url.to_string()),
        action: operation.action.clone().unwrap_or_default(),
    });
    Sealed(Wrapping { version: intake.manner.version, addressing, security })
}

#[async_trait]
impl Asks for Peer {
    fn since(&self) -> Option<&Changed> {
        self.intake.since.as_ref()
    }

    async fn page(&self, standing: &Standing) -> Result<Option<Loaded>, Fault> {
        let asked = Timestamp::now();
        let at = standing.run.as_ref().map_or_else(|| self.intake.paging.first(), |run| run.at.clone());
        let since = self.intake.since.as_ref().and_then(|since| since.value(standing));
        let answer = self.send(wire::list_call(&self.intake, since.as_deref(), &at), &self.list).await?;
        let run = standing.run.clone().unwrap_or_else(|| Run::new(answer.date().unwrap_or(asked), at));
        let page = wire::read_page(&self.intake, &answer, &run)?;
        Ok(Some(Loaded { run, page, version: None }))
    }

    fn details<'a>(&'a self, items: Vec<&'a Item>) -> Option<BoxStream<'a, Result<Result<Cut, Issue>, Fault>>> {
        let details = self.intake.detail.as_ref()?;
        let asked = stream::iter(items).map(move |item| self.detail(details, item));
        Some(asked.buffered(details.concurrency).boxed())
    }

    fn notices(&self) -> Vec<Issue> {
        self.client.notices()
    }
}
