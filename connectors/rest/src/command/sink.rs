//! Sends commands and asks after them.

use std::sync::Arc;

use async_trait::async_trait;
use guichet_http::{Client, Expect, Room, Rules};
use guichet_sdk::format::Shape;
use guichet_sdk::{Code, Delivery, Fault, FaultKind, Outcome, Retry, Sink};

use super::check::Order;
use super::wire;
use crate::config::Intake;

/// The settings have no such verb.
const NO_VERB: Code = Code("E414");

/// Commands of a flow, out.
pub struct RestSink {
    intake: Arc<Intake>,
    client: Client,
}

impl RestSink {
    /// Reads secrets and certificates; sends nothing yet.
    pub fn open(intake: Arc<Intake>, room: Arc<Room>) -> Result<Self, Fault> {
        let expect = if matches!(intake.format.shape, Shape::Xml { .. }) { Expect::Xml } else { Expect::Json };
        let judge = Arc::new(Rules::new(intake.http.answers.clone(), expect));
        let client = Client::open(&intake.http, &intake.base_url, &intake.base, room, judge)?;
        Ok(RestSink { intake, client })
    }

    fn order(&self, delivery: &Delivery) -> Result<&Order, Fault> {
        self.intake.commands.get(&*delivery.verb).ok_or_else(|| {
            let message = format!("the settings do not say how `{}` is sent", delivery.verb);
            Fault::new(FaultKind::Refused, NO_VERB, message)
        })
    }
}

#[async_trait]
impl Sink for RestSink {
    fn address(&self, delivery: &Delivery) -> String {
        let Intake { base_url, format, .. } = &*self.intake;
        let call = self.order(delivery).and_then(|order| wire::call(base_url, order, format, delivery));
        call.map_or_else(|fault| fault.issue.message.clone(), |call| call.about.to_string())
    }

    async fn execute(&self, delivery: &Delivery) -> Outcome {
        let Intake { base_url, format, .. } = &*self.intake;
        let order = match self.order(delivery) {
            Ok(order) => order,
            Err(fault) => return Outcome::NotSent(fault),
        };
        let call = match wire::call(base_url, order, format, delivery) {
            Ok(call) => call,
            Err(fault) => return Outcome::NotSent(fault),
        };
        match self.client.deliver(call).await {
            Ok(delivered) => wire::outcome(order, format, delivered),
            Err(fault) => match fault.retry {
                Retry::Unknown => Outcome::Unknown { why: fault, heard: None },
                Retry::Never | Retry::After(_) => Outcome::NotSent(fault),
            },
        }
    }

    async fn look_up(&self, delivery: &Delivery) -> Option<Outcome> {
        let Intake { base_url, format, .. } = &*self.intake;
        let question = self.order(delivery).ok()?.look_up.as_ref()?;
        let asked = match wire::question(base_url, question, format, delivery) {
            Ok(call) => self.client.send(call).await,
            Err(fault) => Err(fault),
        };
        Some(match asked {
            Ok(answer) => wire::found(question, format, &answer),
            Err(why) => Outcome::Unknown { why, heard: None },
        })
    }
}
