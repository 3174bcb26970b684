//! RabbitMQ, with one poisoned message in a thousand, a connection that is cut over and over and a hub that is killed over and
//! over: each message is applied once or stands in quarantine, in order, and the queue is empty in the end. What is judged was
//! worked out before anything was published, and shares no code with the hub.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use guichet_testkit::broker::{Broker, broker};
use guichet_testkit::proxy::{Fault, Proxy};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::Value;

use crate::support::hub::{History, Hub};
use crate::support::project::{KEY, Project, client};

/// Messages that tell of one case.
const STEPS: usize = 5;
/// Cases whose messages stand interleaved in the queue.
const ABREAST: usize = 20;
/// One message in so many is poisoned.
const POISON: usize = 1000;
const STATES: [(&str, &str); STEPS] = [
    ("ASKED", "received"),
    ("COMPLETE", "completeness_check"),
    ("STUDIED", "in_progress"),
    ("GRANTED", "decided"),
    ("PAID", "closed"),
];

/// What is published, and what must become of it.
#[derive(Default)]
struct Plan {
    messages: Vec<String>,
    cases: BTreeMap<String, History>,
    /// Messages that must stand in quarantine, byte by byte.
    poison: BTreeSet<String>,
}

impl Plan {
    /// So many messages: rounds of twenty cases, each told of step by step, and poison among them.
    fn of(count: usize) -> Plan {
        let mut plan = Plan::default();
        let mut told = 0;
        while plan.messages.len() < count {
            let number = plan.messages.len();
            if number % POISON == POISON / 2 {
                plan.poison(number);
                continue;
            }
            let (round, place) = (told / (ABREAST * STEPS), told % (ABREAST * STEPS));
            let (step, key) = (place / ABREAST, format!("AS-{round:04}-{:02}", place % ABREAST));
            plan.step(key, step, round);
            told += 1;
        }
        plan
    }

    fn step(&mut self, key: String, step: usize, round: usize) {
        let (state, phase) = STATES[step];
        let at = format!("2026-{:02}-{:02}T1{step}:00:00Z", 1 + round % 12, 1 + round % 28);
        let version = step + 1;
        self.messages
            .push(format!("{{\"case\":\"{key}\",\"version\":{version},\"state\":\"{state}\",\"at\":\"{at}\"}}"));
        let case = self.cases.entry(key).or_insert_with(|| History {
            head: String::new(),
            phase: String::new(),
            entries: Vec::new(),
        });
        (case.head, case.phase) = (state.to_owned(), phase.to_owned());
        case.entries.push((at, state.to_owned()));
    }

    /// By turns one that cannot be read, and one that says what the mapping does not know.
    fn poison(&mut self, number: usize) {
        let key = format!("POISON-{number}");
        let message = if (number / POISON).is_multiple_of(2) {
            format!("{{\"case\":\"{key}\",\"version\":")
        } else {
            format!("{{\"case\":\"{key}\",\"version\":1,\"state\":\"LOST\",\"at\":\"2026-01-01T10:00:00Z\"}}")
        };
        self.messages.push(message.clone());
        self.poison.insert(message);
    }
}

/// A queue of its own at the broker.
struct Queue {
    name: String,
    connection: Connection,
    channel: Channel,
}

impl Queue {
    async fn make(broker: &Broker, kind: &str) -> Queue {
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let name = format!("guichet-test-counterpart-{kind}-{}", std::process::id());
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.as_str().into(), durable, arguments).await.unwrap();
        Queue { name, connection, channel }
    }

    /// Publishes in order over a connection of its own; ends once the broker has confirmed all.
    async fn fill(url: String, queue: String, messages: Vec<String>) {
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        for some in messages.chunks(500) {
            let mut confirms = Vec::new();
            for message in some {
                let (options, key) = (BasicPublishOptions { mandatory: true, ..Default::default() }, queue.as_str());
                let properties = BasicProperties::default().with_delivery_mode(2);
                let body = message.as_bytes();
                confirms.push(channel.basic_publish("".into(), key.into(), options, body, properties).await.unwrap());
            }
            for confirm in confirms {
                assert!(confirm.await.unwrap().take_message().is_none(), "the queue took no message");
            }
        }
        let _ = connection.close(200, "done".into()).await;
    }

    /// Messages the broker holds, once nobody consumes: what was handed over and not acknowledged is back in the queue.
    async fn held(&self) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let looked = self.channel.queue_declare(self.name.as_str().into(), passive, FieldTable::default());
            let looked = looked.await.unwrap();
            if looked.consumer_count() == 0 {
                return looked.message_count();
            }
            assert!(Instant::now() < deadline, "the consumer does not go away");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn delete(self) {
        self.channel.queue_delete(self.name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        let _ = self.connection.close(200, "done".into()).await;
    }
}

/// A project that consumes the queue through the proxy, a hundred messages in hand.
fn project(broker: &Broker, proxy: &Proxy, queue: &str) -> Project {
    let project = Project::new();
    std::fs::remove_dir_all(project.path("config/sources")).unwrap();
    project.write("config/services/social-aid.toml", "[service]\ntitle = { en = \"Social aid\" }\nversion = \"1\"\n");
    let scopes = "services = [\"*\"]\nconfidentiality = 9\naudience = \"staff\"\nops = true";
    project.write("config/guichet.toml", &client("test", KEY, scopes));
    project.write("secrets/amqp", &broker.password);
    std::fs::set_permissions(project.path("secrets/amqp"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let source = format!(
        r#"[source]
title = {{ en = "Social aid" }}
connector = "amqp"
[source.settings]
url = "amqp://{}/%2f"
auth = {{ plain = {{ user = "{}", password = {{ file = "secrets/amqp" }} }} }}
reconnect = {{ times = 3, first = "10ms", longest = "100ms" }}
[flows.events]
mapping = "aid/event"
schedule = {{ every = "1s" }}
order = "version"
batch = {{ records = 40 }}
backoff = {{ first = "100ms", longest = "200ms" }}
[flows.events.settings]
queue = "{queue}"
prefetch = 100
"#,
        proxy.address(),
        broker.user
    );
    project.write("config/sources/rabbit.toml", &source);
    let rows = STATES.map(|(code, phase)| format!("  {{ code = \"{code}\", phase = \"{phase}\" }},\n")).concat();
    let mapping = format!(
        r#"[mapping]
id = "aid-event"
version = "1"
model = "case/1"
valid_from = "2000-01-01"
[source]
format = "json"
tz = "UTC"
[fields]
case.key = "case"
case.service = "'social-aid'"
update.version = "version | integer"
status.source_code = "state"
status.phase = "state | code('states', 'phase')"
status.effective_at = "at | date"
[tables.states]
rows = [
{rows}]
"#
    );
    project.write("mappings/aid/event/mapping.toml", &mapping);
    project
}

fn flow(hub: &Hub) -> Value {
    let (status, flows) = hub.get("/ops/v1/flows");
    assert_eq!(status, 200, "{flows}");
    let flows = flows["flows"].as_array().unwrap().clone();
    flows.into_iter().find(|flow| flow["source"] == "rabbit").unwrap()
}

fn count(flow: &Value, name: &str) -> usize {
    flow["counts"][name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {flow}")) as usize
}

/// Messages that have ended for good: applied or in quarantine.
fn ended(flow: &Value) -> usize {
    count(flow, "applied") + count(flow, "quarantined")
}

/// The hub works the queue off while it is cut off and killed by turns; messages it says were delivered before.
fn disturbed(project: &Project, proxy: &Proxy, messages: usize, disturbances: usize) -> u64 {
    let mut hub = Hub::start(project);
    let mut redelivered = 0;
    for number in 1..=disturbances {
        // more than it may have in hand stands in the queue at each of them: some message is always under way
        let (mark, deadline) = (messages * number / (disturbances + 2), Instant::now() + Duration::from_secs(60));
        let seen = loop {
            let seen = flow(&hub);
            if ended(&seen) >= mark {
                break seen;
            }
            let log = || std::fs::read_to_string(project.path("serve.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{mark} messages not reached within 60 s: {seen}\n{}", log());
            std::thread::sleep(Duration::from_millis(2));
        };
        if number % 2 == 0 {
            redelivered += seen["redelivered"].as_u64().unwrap();
            drop(hub); // SIGKILL
            hub = Hub::start(project);
        } else {
            // every second time the connection that follows breaks in the middle of a frame
            proxy.schedule((number % 4 == 1).then_some(Fault::Reset(5_000 + 777 * number as u64)));
            proxy.drop_all();
        }
    }
    hub.until("everything has ended", || ended(&flow(&hub)) >= messages);
    redelivered + flow(&hub)["redelivered"].as_u64().unwrap()
}

/// Publishes so many messages and judges what became of them, after as many disturbances, half of them kills.
fn poisoned(kind: &str, messages: usize, disturbances: usize) {
    let Some(broker) = broker() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let plan = Plan::of(messages);
    let (proxy, queue) =
        runtime.block_on(async { (Proxy::start(broker.address).await.unwrap(), Queue::make(&broker, kind).await) });
    let project = project(&broker, &proxy, &queue.name);
    let filling = runtime.spawn(Queue::fill(broker.url(), queue.name.clone(), plan.messages.clone()));
    let redelivered = disturbed(&project, &proxy, messages, disturbances);
    runtime.block_on(filling).unwrap();
    // the hub of the storm was killed with its last acknowledgements; a run that ends by itself owes none
    project.run_to("rabbit/events", 0);
    assert_eq!(runtime.block_on(queue.held()), 0, "the queue is empty");
    runtime.block_on(queue.delete());

    assert!(redelivered > 0, "nothing was ever delivered twice: the disturbances came too late to prove anything");
    assert!(proxy.accepted() > disturbances as u64, "each of them costs a connection: {}", proxy.accepted());
    judge(&Hub::start(&project), &plan);
}

fn judge(hub: &Hub, plan: &Plan) {
    let histories = hub.histories("&source=rabbit");
    for (key, expected) in &plan.cases {
        let times = |history: &History| {
            let at = |at: &str| at.parse::<jiff::Timestamp>().unwrap();
            history.entries.iter().map(|(when, state)| (at(when), state.clone())).collect::<Vec<_>>()
        };
        let case = histories.get(key).unwrap_or_else(|| panic!("case {key} is lost"));
        assert_eq!((&case.head, &case.phase), (&expected.head, &expected.phase), "case {key}");
        assert_eq!(times(case), times(expected), "case {key}: a message lost, applied twice or out of order");
    }
    assert_eq!(histories.len(), plan.cases.len(), "cases nobody told of");

    let flow = flow(hub);
    let told = plan.messages.len() - plan.poison.len();
    assert_eq!((count(&flow, "applied"), count(&flow, "quarantined")), (told, plan.poison.len()), "{flow}");
    assert_eq!((count(&flow, "superseded"), count(&flow, "parked")), (0, 0), "the order of the queue: {flow}");
    assert_eq!(count(&flow, "received"), plan.messages.len() + count(&flow, "duplicate"), "I1: {flow}");

    let (status, held) = hub.get("/ops/v1/quarantine?source=rabbit&settled=true&limit=200");
    assert_eq!(status, 200, "{held}");
    let mut kept: Vec<String> = Vec::new();
    for row in held["held"].as_array().unwrap() {
        let (status, record) = hub.get(&format!("/ops/v1/quarantine/{}", row["row"]));
        assert_eq!((status, &record["state"]), (200, &Value::from("quarantined")), "{record}");
        kept.push(record["content"].as_str().unwrap_or_else(|| panic!("{record}")).to_owned());
    }
    kept.sort();
    assert_eq!(kept, plan.poison.iter().cloned().collect::<Vec<_>>(), "every poisoned message, whole and once");
}

#[test]
fn rabbitmq_classic_queue_cut_off_and_killed_over_and_over() {
    poisoned("classic", 20_000, 40);
}

#[test]
fn rabbitmq_quorum_queue_cut_off_and_killed_over_and_over() {
    poisoned("quorum", 3_000, 8);
}
