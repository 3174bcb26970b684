//! The settings of a flow that reads a queue, checked. Pure; the broker is looked at by `open`.

use std::path::PathBuf;
use std::sync::Arc;

use guichet_sdk::settings::{read, unusable};
use guichet_sdk::{FlowSettings, Format, Issue};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use serde_json::Value;

use crate::settings::{Auth, Declare, Exchange, ExchangeType, Packing, QueueType, Reconnect, Settings, Timeouts, Tls};

/// Checked settings: what the rest of the crate works with.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The broker.
    pub peer: Peer,
    /// The queue.
    pub queue: Arc<str>,
    /// What is made where it is not there; `None`: the queue must be there.
    pub declare: Option<Topology>,
    /// Messages handed over before the broker waits.
    pub prefetch: u16,
    /// Whether no other consumer is let in.
    pub exclusive: bool,
    /// How bodies are read.
    pub bodies: Bodies,
}

/// A broker and how we speak to it: all a connection needs, whatever it is used for.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Address and virtual host, without credentials.
    pub uri: AMQPUri,
    /// How we say who we are.
    pub auth: Auth,
    /// Certificates.
    pub tls: Tls,
    /// How long we wait.
    pub timeouts: Timeouts,
    /// Connecting again.
    pub reconnect: Reconnect,
    /// What the broker shows us as.
    pub name: String,
    /// Folder against which files are read.
    pub base: PathBuf,
}

impl Peer {
    /// The broker as people are told of it: host, port and virtual host.
    pub fn shown(&self) -> String {
        let vhost = self.uri.vhost.trim_start_matches('/');
        format!("{}:{}/{vhost}", self.uri.authority.host, self.uri.authority.port)
    }
}

/// How bodies are read.
#[derive(Debug, Clone)]
pub struct Bodies {
    /// Largest one, unpacked.
    pub most: usize,
    /// Whether what a message says about itself is believed.
    pub properties: bool,
    /// How they are packed where the message does not say.
    pub packing: Packing,
    /// How records are written.
    pub format: Format,
}

/// What is made where it is not there.
#[derive(Debug, Clone)]
pub struct Topology {
    /// Arguments of the queue, its type among them.
    pub arguments: FieldTable,
    /// The exchange it is bound to.
    pub exchange: Option<(Exchange, FieldTable)>,
    /// Routing keys.
    pub bindings: Vec<String>,
}

/// Checks the settings of a flow; tells every problem at once.
pub fn check(flow: FlowSettings) -> Result<Intake, Vec<Issue>> {
    let settings: Settings = read(&flow.settings)?;
    let mut to = Checker(Vec::new());
    let uri = to.uri(settings.url.as_deref(), settings.vhost.as_deref());
    let auth = to.auth(settings.auth, &settings.tls, uri.as_ref());
    let queue = to.queue(settings.queue.as_deref());
    let declare = settings.declare.map(|declare| to.topology(declare, settings.exclusive));
    to.numbers(settings.prefetch, settings.max_message.0, settings.timeouts, settings.reconnect);
    let heartbeat = u16::try_from(settings.heartbeat.0.as_secs()).ok().filter(|seconds| *seconds > 0);
    if heartbeat.is_none() {
        to.wrong(
            "heartbeat",
            "`heartbeat` is shorter than a second or longer than 18 hours",
            "write `heartbeat = \"30s\"`",
        );
    }
    let (Some(mut uri), Some(auth), Some(heartbeat), true) = (uri, auth, heartbeat, to.0.is_empty()) else {
        return Err(to.0);
    };
    uri.query.heartbeat = Some(heartbeat);
    Ok(Intake {
        peer: Peer {
            uri,
            auth,
            tls: settings.tls,
            timeouts: settings.timeouts,
            reconnect: settings.reconnect,
            name: format!("guichet {}/{}", flow.source, flow.flow),
            base: flow.base,
        },
        queue: queue.into(),
        declare,
        prefetch: u16::try_from(settings.prefetch).unwrap_or(u16::MAX),
        exclusive: settings.exclusive,
        bodies: Bodies {
            most: usize::try_from(settings.max_message.0).unwrap_or(usize::MAX),
            properties: settings.properties,
            packing: settings.packing,
            format: flow.format,
        },
    })
}

/// Longest name AMQP can carry, in bytes.
const LONGEST_NAME: usize = 255;

struct Checker(Vec<Issue>);

impl Checker {
    fn wrong(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(unusable(key, message).hint(hint));
    }

    fn uri(&mut self, url: Option<&str>, vhost: Option<&str>) -> Option<AMQPUri> {
        let hint = "write `url = \"amqps://broker.example.org/vhost\"`";
        let Some(url) = url else {
            self.wrong("url", "`url` is missing", hint);
            return None;
        };
        if url.contains('@') {
            self.wrong("url", "`url` holds credentials", "write them in `auth`, the password as a reference");
            return None;
        }
        if url.contains('?') {
            self.wrong("url", "`url` holds parameters", "write them as settings: `heartbeat`, `timeouts`, `tls`");
        }
        // never the parser's own text: it may repeat what was written
        let Ok(mut uri) = url.parse::<AMQPUri>() else {
            self.wrong("url", "`url` is not the address of a broker", hint);
            return None;
        };
        if let Some(vhost) = vhost {
            uri.vhost = vhost.to_owned();
        }
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned();
        }
        Some(uri)
    }

    fn auth(&mut self, auth: Option<Auth>, tls: &Tls, uri: Option<&AMQPUri>) -> Option<Auth> {
        let plain = uri.is_some_and(|uri| uri.scheme == AMQPScheme::AMQP);
        if plain && *tls != Tls::default() {
            self.wrong("tls", "`tls` is set, and `url` speaks without TLS", "write `url = \"amqps://…\"`");
        }
        if tls.certificate.is_some() != tls.key.is_some() {
            self.wrong("tls", "`certificate` and `key` go together", "write both, the key as a reference to a secret");
        }
        match &auth {
            None => self.wrong(
                "auth",
                "`auth` is missing",
                "write `auth = { plain = { user = \"guichet\", password = { file = \"secrets/amqp\" } } }`",
            ),
            Some(Auth::External) if tls.certificate.is_none() => {
                self.wrong("auth", "`external` needs our certificate", "write `tls = { certificate = …, key = … }`");
            }
            Some(Auth::External | Auth::Plain(_)) => {}
        }
        auth
    }

    fn queue(&mut self, queue: Option<&str>) -> String {
        let hint = "write `queue = \"aid.cases\"`";
        match queue {
            None | Some("") => self.wrong("queue", "`queue` is missing", hint),
            Some(queue) if queue.len() > LONGEST_NAME => {
                self.wrong("queue", format!("`queue` is longer than {LONGEST_NAME} bytes"), hint);
            }
            Some(_) => {}
        }
        queue.unwrap_or_default().to_owned()
    }

    fn topology(&mut self, declare: Declare, exclusive: bool) -> Topology {
        let Declare { kind, arguments, exchange, bindings } = declare;
        if arguments.contains_key("x-queue-type") {
            self.wrong("declare", "the type of the queue stands among its arguments", "write `type = \"quorum\"`");
        }
        let mut table = self.arguments("declare", arguments);
        let kind = match kind {
            QueueType::Quorum => "quorum",
            QueueType::Classic => "classic",
        };
        table.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        // a quorum queue does not refuse a second consumer: it lets it wait, when made so
        if exclusive && kind == "quorum" && !table.contains_key("x-single-active-consumer") {
            table.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        let keyless = exchange.as_ref().is_some_and(|exchange| exchange.kind == ExchangeType::Fanout);
        let exchange = exchange.map(|mut exchange| {
            if exchange.name.is_empty() || exchange.name.len() > LONGEST_NAME {
                self.wrong(
                    "declare",
                    "`exchange` has no usable name",
                    "write `exchange = { name = \"aid\", type = \"topic\" }`",
                );
            }
            let arguments = std::mem::take(&mut exchange.arguments);
            let arguments = self.arguments("declare", arguments);
            (exchange, arguments)
        });
        if exchange.is_none() && !bindings.is_empty() {
            self.wrong(
                "declare",
                "`bindings` without an `exchange`",
                "write `exchange = { name = \"aid\", type = \"topic\" }`",
            );
        }
        if exchange.is_some() && bindings.is_empty() && !keyless {
            self.wrong("declare", "nothing binds the queue to the exchange", "write `bindings = [\"aid.#\"]`");
        }
        // a fanout exchange needs no key, but a binding
        let bindings = if keyless && bindings.is_empty() { vec![String::new()] } else { bindings };
        Topology { arguments: table, exchange, bindings }
    }

    fn arguments(&mut self, key: &str, written: std::collections::BTreeMap<String, Value>) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in written {
            let value = match &value {
                Value::Bool(value) => Some(AMQPValue::Boolean(*value)),
                Value::String(text) => Some(AMQPValue::LongString(text.as_str().into())),
                Value::Number(number) => number.as_i64().map(AMQPValue::LongLongInt),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            };
            match value {
                Some(value) => {
                    table.insert(name.into(), value);
                }
                None => self.wrong(
                    key,
                    format!("the argument `{name}` is neither a text, a whole number nor true or false"),
                    "leave it out, and let the broker have it from a policy",
                ),
            }
        }
        table
    }

    fn numbers(&mut self, prefetch: u32, max_message: u64, timeouts: Timeouts, reconnect: Reconnect) {
        if !(1..=u32::from(u16::MAX)).contains(&prefetch) {
            self.wrong("prefetch", "`prefetch` is not between 1 and 65535", "leave it out for 1000");
        }
        if max_message == 0 {
            self.wrong("max_message", "`max_message` is 0: no message could be read", "leave it out for the default");
        }
        if timeouts.connect.0.is_zero() || timeouts.answer.0.is_zero() {
            self.wrong("timeouts", "a time-out is 0: every attempt would fail", "leave it out for the default");
        }
        if !(1..=10).contains(&reconnect.times) || reconnect.first.0.is_zero() || reconnect.longest < reconnect.first {
            self.wrong(
                "reconnect",
                "`times` is not between 1 and 10, `first` is 0, or `longest` is shorter than `first`",
                "write `reconnect = { times = 3, first = \"200ms\", longest = \"10s\" }`",
            );
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::format::{Limits, Shape};
    use serde_json::json;

    use super::*;

    fn checked(settings: Value) -> Result<Intake, Vec<Issue>> {
        let format = Format { shape: Shape::Ndjson, encoding: "utf-8".to_owned(), limits: Limits::default() };
        let (source, flow) = ("aid".into(), "cases".into());
        check(FlowSettings { source, flow, settings, format, base: "/srv".into() })
    }

    fn with(extra: Value) -> Value {
        let auth = json!({ "plain": { "user": "guichet", "password": { "env": "PASSWORD" } } });
        let mut settings = json!({ "url": "amqp://broker", "auth": auth, "queue": "aid" });
        settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        settings
    }

    fn paths(settings: Value) -> Vec<String> {
        let issues = checked(settings).unwrap_err();
        assert!(issues.iter().all(|issue| issue.hint.is_some()), "{issues:?}");
        issues.into_iter().map(|issue| issue.place.path.unwrap()).collect()
    }

    #[test]
    fn defaults() {
        let intake = checked(with(json!({}))).unwrap();
        assert_eq!(intake.peer.shown(), "broker:5672/");
        assert_eq!((intake.prefetch, intake.exclusive, intake.bodies.most), (1_000, true, 1 << 20));
        assert_eq!(intake.peer.uri.query.heartbeat, Some(30));
        assert!(intake.declare.is_none(), "a queue is taken as it is");
    }

    #[test]
    fn the_virtual_host_stands_in_the_address_or_beside_it() {
        let vhost = |extra| checked(with(extra)).unwrap().peer.uri.vhost;
        assert_eq!(vhost(json!({ "url": "amqp://broker/" })), "/");
        assert_eq!(vhost(json!({ "url": "amqp://broker/%2fcity" })), "/city");
        assert_eq!(vhost(json!({ "url": "amqp://broker/a", "vhost": "b" })), "b");
    }

    #[test]
    fn every_problem_at_once_and_no_secret_repeated() {
        let wrong = json!({ "url": "amqp://me:hunter2@broker", "queue": "", "prefetch": 0, "heartbeat": "10ms",
            "timeouts": { "connect": "0s" }, "max_message": "0 B", "reconnect": { "times": 0 } });
        let issues = checked(wrong.clone()).unwrap_err();
        assert!(!format!("{issues:?}").contains("hunter2"));
        assert_eq!(
            paths(wrong),
            ["url", "auth", "queue", "prefetch", "max_message", "timeouts", "reconnect", "heartbeat"]
        );
        assert_eq!(paths(json!({})), ["url", "auth", "queue"]);
        assert_eq!(paths(with(json!({ "url": "https://broker" }))), ["url"]);
        assert_eq!(paths(with(json!({ "tls": { "ca": "ca.pem" } }))), ["tls"]);
        assert_eq!(paths(with(json!({ "url": "amqps://broker", "auth": "external" }))), ["auth"]);
    }

    #[test]
    fn a_topology_holds_together() {
        let exchange = json!({ "name": "aid", "type": "topic" });
        assert_eq!(paths(with(json!({ "declare": { "exchange": exchange } }))), ["declare"], "nothing binds");
        assert_eq!(paths(with(json!({ "declare": { "bindings": ["a"] } }))), ["declare"], "to nothing");
        let arguments = json!({ "x-queue-type": "classic", "x-overflow": ["a"] });
        assert_eq!(paths(with(json!({ "declare": { "arguments": arguments } }))), ["declare", "declare"]);
        let fanout = json!({ "declare": { "exchange": { "name": "aid", "type": "fanout" }, "arguments": { "x-max-length": 9 } } });
        let topology = checked(with(fanout)).unwrap().declare.unwrap();
        assert_eq!(topology.bindings, [""]);
        let names: Vec<_> = topology.arguments.inner().keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["x-max-length", "x-queue-type", "x-single-active-consumer"]);
    }
}
