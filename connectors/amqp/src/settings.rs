//! The settings of a flow that reads a queue, as written by an integrator.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use guichet_sdk::SecretRef;
use guichet_sdk::settings::{Period, Size};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Settings of a flow that reads messages from a queue.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Required. Address of the broker: `amqps://broker.example.org/vhost` (`amqp://` without TLS). No name or password in it.
    #[schemars(with = "Option<String>")]
    pub url: Option<String>,
    /// Virtual host, where it is not the path of `url`; `/` when not written.
    #[schemars(with = "Option<String>")]
    pub vhost: Option<String>,
    /// Required. How we say who we are.
    #[schemars(with = "Option<Auth>")]
    pub auth: Option<Auth>,
    /// Required. Name of the queue.
    #[schemars(with = "Option<String>")]
    pub queue: Option<String>,
    /// The queue, its exchange and its bindings are made where they are not there. When not written, the queue must be there.
    #[schemars(with = "Option<Declare>")]
    pub declare: Option<Declare>,
    /// Messages the broker hands over before it waits for acknowledgements, 1000 when not written; what memory may hold is
    /// this many times the largest message.
    pub prefetch: u32,
    /// No other consumer gets messages: the order of the queue is the order of the flow; true when not written. A classic
    /// queue refuses a second consumer, a quorum queue made by `declare` lets it wait (`x-single-active-consumer`).
    pub exclusive: bool,
    /// Largest message, unpacked; 1 MiB when not written. A larger one goes to quarantine with its beginning.
    pub max_message: Size,
    /// Believe the content type and content encoding a message names; true when not written. Write false where the sender
    /// fills them with anything.
    pub properties: bool,
    /// How bodies are packed where the message does not say, or is not believed.
    pub packing: Packing,
    /// Certificates, for `amqps://`.
    pub tls: Tls,
    /// How long we wait.
    pub timeouts: Timeouts,
    /// A side that has said nothing for twice this long is taken for dead; 30s when not written, in whole seconds.
    pub heartbeat: Period,
    /// Connecting again after a connection was lost.
    pub reconnect: Reconnect,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            url: None,
            vhost: None,
            auth: None,
            queue: None,
            declare: None,
            prefetch: 1_000,
            exclusive: true,
            max_message: Size(1 << 20),
            properties: true,
            packing: Packing::None,
            tls: Tls::default(),
            timeouts: Timeouts::default(),
            heartbeat: Period(Duration::from_secs(30)),
            reconnect: Reconnect::default(),
        }
    }
}

/// How we say who we are.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Name and password.
    Plain(Plain),
    /// Our certificate (`tls.certificate`) says it; the broker needs `rabbitmq_auth_mechanism_ssl` or its like.
    External,
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// Name of our account.
    pub user: String,
    /// Its password.
    pub password: SecretRef,
}

/// What is made where it is not there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Declare {
    /// Type of the queue; `quorum` when not written.
    #[serde(rename = "type")]
    pub kind: QueueType,
    /// Arguments of the queue: `{ x-delivery-limit = 100, x-dead-letter-exchange = "dead" }`.
    pub arguments: BTreeMap<String, Value>,
    /// The exchange the queue is bound to; the default exchange (by queue name) when not written.
    #[schemars(with = "Option<Exchange>")]
    pub exchange: Option<Exchange>,
    /// Routing keys the queue is bound with.
    pub bindings: Vec<String>,
}

/// Type of a queue. Queues are durable: one that dies with the broker would lose messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueType {
    /// Replicated, for what must not be lost.
    #[default]
    Quorum,
    /// On one node.
    Classic,
}

/// An exchange.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ExchangeType,
    /// Its arguments.
    #[serde(default)]
    pub arguments: BTreeMap<String, Value>,
}

/// Type of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeType {
    /// By equal routing key.
    Direct,
    /// To every queue.
    Fanout,
    /// By pattern of the routing key.
    Topic,
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// Not.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

/// Certificates.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates (PEM) of the authorities trusted instead of those of the system, relative to the project.
    #[schemars(with = "Option<String>")]
    pub ca: Option<PathBuf>,
    /// Our own certificate (PEM), for brokers that want one.
    #[schemars(with = "Option<String>")]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[schemars(with = "Option<SecretRef>")]
    pub key: Option<SecretRef>,
}

/// How long we wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For the connection to stand, TLS included; 5s when not written.
    pub connect: Period,
    /// For the answer to one question; 10s when not written.
    pub answer: Period,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Period(Duration::from_secs(5)), answer: Period(Duration::from_secs(10)) }
    }
}

/// Connecting again after a connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reconnect {
    /// Losses and failed attempts in a row before the flow counts as failed and its own back-off takes over; 3 when not written.
    pub times: u32,
    /// Longest wait before the first attempt, 200ms when not written; doubled for each further one. Waits are random below it.
    pub first: Period,
    /// Longest wait, 10s when not written.
    pub longest: Period,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect { times: 3, first: Period(Duration::from_millis(200)), longest: Period(Duration::from_secs(10)) }
    }
}
