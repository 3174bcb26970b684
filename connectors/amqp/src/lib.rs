//! The `amqp` connector: messages of a RabbitMQ queue (AMQP 0-9-1) as records.
//!
//! Acknowledges a message only after its commit, and only on the channel that brought it; keeps the order of the queue;
//! connects again on its own. Never rejects a message: what cannot be read goes to quarantine and is acknowledged there.

mod client;
mod codes;
mod config;
mod judge;
mod receipt;
mod settings;
mod source;
mod station;
mod supervisor;
mod topology;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::{Capability, Claim, Connection, ConnectorKind, Fault, FlowSettings, Issue, Memory, Plan, Probe};
pub use settings::Settings;

use crate::client::Line;
use crate::config::Intake;
use crate::source::Messages;
use crate::station::Consuming;
use crate::supervisor::Supervisor;

/// `connector = "amqp"`.
pub struct AmqpKind;

impl ConnectorKind for AmqpKind {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }

    fn plan(&self, flow: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        let intake = Arc::new(config::check(flow)?);
        let supervisor = Arc::new(Supervisor::new(Line::new(intake.peer.clone())));
        Ok(Arc::new(QueuePlan { intake, supervisor }))
    }
}

/// Checked settings of a flow that reads a queue.
struct QueuePlan {
    intake: Arc<Intake>,
    supervisor: Arc<Supervisor>,
}

#[async_trait]
impl Plan for QueuePlan {
    fn capability(&self) -> Capability {
        Capability { pull: true, wakes: true, ..Capability::default() }
    }

    fn claims(&self) -> Vec<Claim> {
        vec![Claim(format!("queue:{}#{}", self.intake.peer.shown(), self.intake.queue))]
    }

    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        let (intake, supervisor) = (self.intake.clone(), self.supervisor.clone());
        let raised = supervisor.once(&Consuming(intake.clone())).await?;
        let probe = QueueProbe { intake: intake.clone(), supervisor: supervisor.clone() };
        let source = Messages::new(intake, supervisor, raised);
        Ok(Connection { source: Some(Box::new(source)), sink: None, probe: Box::new(probe) })
    }
}

/// Asks after the queue, on a connection of its own.
struct QueueProbe {
    intake: Arc<Intake>,
    supervisor: Arc<Supervisor>,
}

#[async_trait]
impl Probe for QueueProbe {
    async fn probe(&self) -> Result<String, Fault> {
        let link = self.supervisor.line().connect().await?;
        let channel = link.channel().await?;
        let queue = topology::prepare(&link, &channel, &self.intake).await?;
        let (ready, consumers) = (queue.message_count(), queue.consumer_count());
        let (queue, broker) = (&self.intake.queue, self.intake.peer.shown());
        Ok(format!("`{queue}` at `{broker}`: {ready} messages ready, {consumers} consumers"))
    }
}
