//! One command in one hand: sent, or looked up, and settled. Marked as being sent before anything leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guichet_sdk::{Delivery, DeliveryId, Fault, FaultKind, Issue, Outcome, Sink, VerbCapability};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codes;
use super::decide::{self, Moment};
use super::lane::LaneConfig;
use crate::fail::{Point, pass};
use crate::mapping::{self, Request};
use crate::model::{CommandState, Verb, rfc3339};
use crate::store::{CommandEntry, CommandFilter, Leased, Store, StoreFault, Upshot};

/// Longest a sending or a look-up may take, whatever the connector allows: less than a lease.
pub const LONGEST_CALL: Duration = Duration::from_secs(9 * 60);
/// Waits between tries to write down what became of a command.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// Such tries: a store that stays broken leaves the command on its way, and the next start finds it there.
const WRITES: usize = 300;

/// What was sent, as kept: for the operator, and to ask after it in the same words.
#[derive(Serialize, Deserialize)]
struct Sent {
    values: BTreeMap<String, String>,
    content_type: String,
    body: String,
}

/// What an errand needs.
pub struct Errand {
    pub lane: Arc<LaneConfig>,
    pub store: Arc<dyn Store>,
    pub sink: Arc<dyn Sink>,
    pub able: VerbCapability,
}

impl Errand {
    /// Goes on with a command; what the source's end of it says of the lane: `Some` fault where it could not be reached.
    pub async fn run(&self, leased: Leased) -> Option<Fault> {
        match leased.command.state {
            CommandState::Queued => self.send(leased).await,
            CommandState::Unknown | CommandState::Accepted => self.look_up(leased).await,
            // nothing due is in any of these states
            CommandState::Sending | CommandState::Confirmed | CommandState::Refused | CommandState::Failed => None,
        }
    }

    fn at(&self) -> Moment {
        Moment { now: (self.lane.now)(), chance: (self.lane.chance)() }
    }

    async fn send(&self, leased: Leased) -> Option<Fault> {
        let request = match self.translate(&leased.command).await {
            Ok(request) => request,
            Err(settlement) => {
                self.settle(&leased, *settlement).await;
                return None;
            }
        };
        let delivery = delivery(&leased.command, &request);
        let address = self.sink.address(&delivery);
        let sent = Sent {
            values: request.values,
            content_type: request.content_type.to_owned(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
        };
        let sent = serde_json::to_string(&sent).unwrap_or_default();
        match self.store.sending(&leased, &address, &sent, (self.lane.now)()).await {
            Ok(true) => {}
            // another hand has it
            Ok(false) => return None,
            Err(fault) => {
                tracing::warn!(command = %leased.command.id, %fault, "the command could not be marked; it is not sent");
                return None;
            }
        }
        pass(Point::BeforeSend);
        let sending = tokio::time::timeout(LONGEST_CALL, self.sink.execute(&delivery)).await;
        let outcome = sending.unwrap_or_else(|_| Outcome::Unknown { why: slow(), heard: None });
        pass(Point::AfterSend);
        let trouble = trouble(&outcome);
        self.settle(&leased, decide::after_sending(&leased.command, &self.able, outcome, self.at())).await;
        trouble
    }

    async fn look_up(&self, leased: Leased) -> Option<Fault> {
        let command = &leased.command;
        let sent = command.request.as_deref().and_then(|sent| serde_json::from_str::<Sent>(sent).ok());
        let sent = sent.map_or_else(Request::default, |sent| Request {
            values: sent.values,
            content_type: "",
            body: sent.body.into_bytes(),
        });
        let delivery = delivery(command, &sent);
        let looking = tokio::time::timeout(LONGEST_CALL, self.sink.look_up(&delivery)).await;
        let outcome = looking.unwrap_or_else(|_| Some(Outcome::Unknown { why: slow(), heard: None }));
        let trouble = outcome.as_ref().and_then(|outcome| match outcome {
            Outcome::Unknown { why, .. } => Some(why.clone()),
            // "not there" is an answer
            Outcome::NotSent(_) | Outcome::Confirmed { .. } | Outcome::Accepted { .. } | Outcome::Refused { .. } => {
                None
            }
        });
        self.settle(&leased, decide::after_looking(command, &self.able, outcome, self.at())).await;
        trouble
    }

    /// What is sent; or what follows when nothing can be.
    async fn translate(&self, command: &CommandEntry) -> Result<Request, Box<Upshot>> {
        if self.able.needs_case && command.case_key.is_none() {
            return Err(Box::new(self.without_case(command).await));
        }
        let document = self.document(command).await.map_err(|fault| {
            tracing::warn!(command = %command.id, %fault, "the case of a command cannot be read; it is tried again");
            Box::new(decide::postponed(self.at()))
        })?;
        match self.lane.mapping.request(command.verb, &document) {
            Some(Ok(request)) => Ok(request),
            Some(Err(issues)) => Err(Box::new(match issues.first() {
                Some(issue) => decide::failed(issue),
                None => decide::postponed(self.at()),
            })),
            None => {
                let issue = format!("the mapping does not translate `{}`", command.verb);
                Err(Box::new(decide::failed(&Issue::error(codes::NO_SINK, issue))))
            }
        }
    }

    /// The source does not know the case: it may still be about to.
    async fn without_case(&self, command: &CommandEntry) -> Upshot {
        let filter = CommandFilter {
            case: Some(command.case),
            state: Some(CommandState::Accepted),
            confidentiality: u8::MAX,
            limit: 200,
            ..CommandFilter::default()
        };
        match self.store.commands(&filter).await {
            Ok(before) if !before.iter().any(|earlier| earlier.verb == Verb::Submit) => {
                let issue = Issue::error(codes::NO_CASE, format!("`{}` does not know the case", self.lane.name.source))
                    .hint("was it ever submitted there? settle the command, or retry it once the case has its number");
                decide::failed(&issue)
            }
            Ok(_) | Err(_) => decide::postponed(self.at()),
        }
    }

    /// The three parts a command's mapping reads.
    async fn document(&self, command: &CommandEntry) -> Result<guichet_sdk::Document, StoreFault> {
        let case = self.store.case(command.case).await?;
        let body = case.and_then(|case| serde_json::from_str::<Value>(&case.body).ok());
        let mut case = body.unwrap_or_else(|| json!({}));
        case["key"] = json!(command.case_key);
        let payload: Value = serde_json::from_str(&command.payload).unwrap_or_default();
        Ok(mapping::document(&json!({
            "command": {
                "id": command.id, "verb": command.verb, "service": command.service, "client": command.client,
                "created_at": rfc3339(command.created_at),
            },
            "payload": payload,
            "case": case,
        })))
    }

    /// Writes down what became of it, again and again while the store fails: an answer must not be forgotten.
    pub async fn settle(&self, leased: &Leased, settlement: Upshot) {
        let (id, state) = (leased.command.id, settlement.state);
        if let Some(issue) = &settlement.issue {
            tracing::warn!(command = %id, flow = %self.lane.name, %state, code = issue.code, "{}", issue.message);
        }
        for _ in 0..WRITES {
            match self.store.conclude(leased, settlement.clone(), (self.lane.now)()).await {
                Ok(true) => {
                    pass(Point::AfterSettle);
                    return;
                }
                Ok(false) => {
                    tracing::error!(command = %id, "the command was in another hand meanwhile: what became of it here is not written");
                    return;
                }
                Err(StoreFault::Closed) => break,
                Err(fault) => tracing::warn!(command = %id, %fault, "what became of a command could not be written"),
            }
            tokio::time::sleep(WRITE_AGAIN).await;
        }
        tracing::error!(command = %id, %state, "what became of a command could not be written: the next start looks it up");
    }
}

fn delivery(command: &CommandEntry, request: &Request) -> Delivery {
    Delivery {
        id: DeliveryId(command.id.to_string().into()),
        verb: command.verb.word().into(),
        case_key: command.case_key.as_deref().map(Into::into),
        values: request.values.clone(),
        content_type: request.content_type.into(),
        body: Bytes::from(request.body.clone()),
        tracking: command.tracking.as_deref().map(Into::into),
    }
}

/// A fault that says something about the source rather than about this command.
fn trouble(outcome: &Outcome) -> Option<Fault> {
    let fault = match outcome {
        Outcome::NotSent(fault) => fault,
        Outcome::Unknown { why, .. } => why,
        Outcome::Confirmed { .. } | Outcome::Accepted { .. } | Outcome::Refused { .. } => return None,
    };
    match fault.kind {
        FaultKind::Unreachable
        | FaultKind::Timeout
        | FaultKind::Unauthorized
        | FaultKind::Throttled
        | FaultKind::Environment => Some(fault.clone()),
        FaultKind::Protocol | FaultKind::Refused | FaultKind::Content => None,
    }
}

fn slow() -> Fault {
    let message = format!("the source did not answer within {} s", LONGEST_CALL.as_secs());
    Fault::new(FaultKind::Timeout, codes::SLOW, message)
}
