//! Queues, exchanges and bindings: made where the settings say so, and looked at. The broker compares what is declared
//! with what it has, and refuses what differs: nothing is ever changed or deleted here.

use guichet_sdk::{Fault, Place};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind, Queue};

use crate::client::Link;
use crate::config::{Intake, Topology};
use crate::judge::Doing;
use crate::settings::ExchangeType;

/// Makes sure that the queue is there, and tells what the broker says of it.
pub async fn prepare(link: &Link, channel: &Channel, intake: &Intake) -> Result<Queue, Fault> {
    let prepared = match &intake.declare {
        None => look(link, channel, &intake.queue).await,
        Some(topology) => make(link, channel, &intake.queue, topology).await,
    };
    prepared.map_err(|mut fault| {
        fault.issue.place = Place::file(&*intake.queue);
        fault
    })
}

/// Looks at a queue that must be there.
pub async fn look(link: &Link, channel: &Channel, queue: &str) -> Result<Queue, Fault> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    link.answered(channel.queue_declare(queue.into(), passive, FieldTable::default()), Doing::Declaring).await
}

async fn make(link: &Link, channel: &Channel, queue: &str, topology: &Topology) -> Result<Queue, Fault> {
    if let Some((exchange, arguments)) = &topology.exchange {
        let kind = match exchange.kind {
            ExchangeType::Direct => ExchangeKind::Direct,
            ExchangeType::Fanout => ExchangeKind::Fanout,
            ExchangeType::Topic => ExchangeKind::Topic,
        };
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare(exchange.name.as_str().into(), kind, durable, arguments.clone());
        link.answered(declared, Doing::Declaring).await?;
    }
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.into(), durable, topology.arguments.clone());
    let made = link.answered(declared, Doing::Declaring).await?;
    if let Some((exchange, _)) = &topology.exchange {
        for key in &topology.bindings {
            let (exchange, key) = (exchange.name.as_str().into(), key.as_str().into());
            let options = QueueBindOptions::default();
            let bound = channel.queue_bind(queue.into(), exchange, key, options, FieldTable::default());
            link.answered(bound, Doing::Declaring).await?;
        }
    }
    Ok(made)
}
