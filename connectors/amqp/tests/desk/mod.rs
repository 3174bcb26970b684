//! A queue of its own at a real broker, with a proxy before it: what the tests of this crate play with.
#![allow(clippy::unwrap_used, dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use guichet_amqp::AmqpKind;
use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{ConnectorKind, FlowSettings, Format, Issue, Plan};
use guichet_testkit::Proxy;
use guichet_testkit::broker::Broker;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Map, Value, json};

/// A queue, reached through a proxy; deleted by `close`.
pub struct Desk {
    pub broker: Broker,
    pub proxy: Proxy,
    pub queue: String,
    pub secrets: tempfile::TempDir,
    connection: Connection,
    channel: Channel,
    kind: &'static str,
}

/// A name no other test uses.
pub fn unique(what: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("guichet-test-{what}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Desk {
    pub async fn open(broker: &Broker, kind: &'static str) -> Desk {
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("password"), &broker.password).unwrap();
        let proxy = Proxy::start(broker.address).await.unwrap();
        let desk = Desk { broker: broker.clone(), proxy, queue: unique(kind), secrets, connection, channel, kind };
        desk.make().await;
        desk
    }

    /// Makes the queue.
    pub async fn make(&self) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(self.kind.into()));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(self.queue.as_str().into(), durable, arguments).await.unwrap();
    }

    /// Deletes the queue.
    pub async fn delete(&self) {
        self.channel.queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }

    /// The settings of a flow on this queue, through the proxy, impatient; these win.
    pub fn settings(&self, with: Value) -> Value {
        let mut settings = json!({
            "url": format!("amqp://{}/%2f", self.proxy.address()),
            "auth": { "plain": { "user": self.broker.user, "password": { "file": "password" } } },
            "queue": self.queue,
            "max_message": "4 KiB",
            "timeouts": { "connect": "2s", "answer": "2s" },
            "heartbeat": "1s",
            "reconnect": { "times": 3, "first": "10ms", "longest": "100ms" },
        });
        let with: Map<String, Value> = serde_json::from_value(with).unwrap();
        settings.as_object_mut().unwrap().extend(with);
        settings
    }

    /// A plan with these settings besides.
    pub fn plan(&self, with: Value) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        let shape = Shape::Json { record: String::new() };
        let format = Format { shape, encoding: "utf-8".to_owned(), limits: Limits::default() };
        let (source, flow, base) = ("aid".into(), "cases".into(), self.secrets.path().to_owned());
        AmqpKind.plan(FlowSettings { source, flow, settings: self.settings(with), format, base })
    }

    pub async fn publish(&self, body: &[u8], properties: BasicProperties) {
        self.publish_to("", &self.queue, body, properties).await;
    }

    /// A message to an exchange.
    pub async fn publish_to(&self, exchange: &str, key: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm = self.channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap();
        assert!(confirm.await.unwrap().take_message().is_none(), "no queue takes the message");
    }

    pub async fn delete_exchange(&self, exchange: &str) {
        self.channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
    }

    /// Messages the broker holds, once nobody consumes: what was handed over and not acknowledged is back in the queue.
    pub async fn held(&self) -> u32 {
        self.proxy.drop_all();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let looked = self.channel.queue_declare(self.queue.as_str().into(), passive, FieldTable::default());
            let looked = looked.await.unwrap();
            if looked.consumer_count() == 0 {
                return looked.message_count();
            }
            assert!(Instant::now() < deadline, "the consumer does not go away");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Deletes the queue and goes.
    pub async fn close(self) {
        self.delete().await;
        let _ = self.connection.close(200, "done".into()).await;
    }
}
