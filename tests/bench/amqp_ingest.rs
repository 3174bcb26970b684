//! A queue of RabbitMQ into the store, against a bare consumer with the same prefetch that throws the messages away and
//! acknowledges them in batches of the same size.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use guichet_testkit::broker::{Broker, broker};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::data::{self, Kind};
use crate::project::Project;
use crate::{report, size};

/// Messages handed over unacknowledged, to both: what a busy queue is given (`prefetch`, 1000 unless told). A commit is
/// waited for per half of it, so that fewer of them carry more.
const PREFETCH: u16 = 4000;

/// Messages per second, ingest included: one record of about a kilobyte each.
pub fn bench() {
    // without one, `broker` has said so
    let Some(broker) = broker() else { return };
    let messages = size("GUICHET_BENCH_AMQP", 50_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases");
    data::write(Kind::Json, &file, 0, messages, 0);
    let text = std::fs::read_to_string(file).unwrap();
    let queue = format!("guichet-bench-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(fill(&broker, &queue, &text));
    let (ours, _) = project(&broker, &queue).run_flow("amqp/events");
    assert_eq!(runtime.block_on(held(&broker, &queue)), 0, "ours acknowledged everything");
    runtime.block_on(fill(&broker, &queue, &text));
    let bare = runtime.block_on(bare(&broker, &queue, messages));
    assert_eq!(runtime.block_on(held(&broker, &queue)), 0, "the bare consumer acknowledged everything");
    runtime.block_on(delete(&broker, &queue));
    let rate = |time: Duration| messages as f64 / time.as_secs_f64();
    report("amqp-ingest", rate(ours), rate(bare), "messages/s");
}

fn project(broker: &Broker, queue: &str) -> Project {
    let project = Project::new();
    let (root, address, user) = (project.folder.path(), broker.address, &broker.user);
    std::fs::write(root.join("password"), &broker.password).unwrap();
    let source = format!(
        "[source]\nconnector = \"amqp\"\ntitle = {{ en = \"Queue\" }}\n[source.settings]\nurl = \"amqp://{address}/%2f\"\n\
         auth = {{ plain = {{ user = \"{user}\", password = {{ file = \"password\" }} }} }}\n[flows.events]\n\
         mapping = \"bench/json\"\nschedule = {{ every = \"1h\" }}\norder = \"version\"\n\
         freshness = {{ max_age = \"2h\" }}\n[flows.events.settings]\nqueue = \"{queue}\"\nprefetch = {PREFETCH}\n"
    );
    std::fs::write(root.join("config/sources/amqp.toml"), source).unwrap();
    project
}

/// A connection and a channel on it.
async fn channel(broker: &Broker) -> (Connection, Channel) {
    let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Every line as a persistent message of the queue, which is made where it is not there.
async fn fill(broker: &Broker, queue: &str, text: &str) {
    let (_connection, channel) = channel(broker).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), durable, arguments).await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for some in lines.chunks(1000) {
        let mut confirms = Vec::new();
        for line in some {
            let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
            let properties = properties.with_delivery_mode(2);
            let sent = channel.basic_publish("".into(), queue.into(), options, line.as_bytes(), properties);
            confirms.push(sent.await.unwrap());
        }
        for confirm in confirms {
            confirm.await.unwrap();
        }
    }
}

/// Takes so many messages off the queue, acknowledging half the prefetch at a time.
async fn bare(broker: &Broker, queue: &str, messages: u64) -> Duration {
    let started = Instant::now();
    let (_connection, channel) = channel(broker).await;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.unwrap();
    let (tag, options) = ("bare".into(), BasicConsumeOptions::default());
    let mut consumer = channel.basic_consume(queue.into(), tag, options, FieldTable::default()).await.unwrap();
    for number in 1..=messages {
        let delivery = consumer.next().await.unwrap().unwrap();
        if number.is_multiple_of(u64::from(PREFETCH / 2)) || number == messages {
            channel.basic_ack(delivery.delivery_tag, BasicAckOptions { multiple: true }).await.unwrap();
        }
    }
    // a channel answers in order: the broker has heard the last one
    channel.close(200, "done".into()).await.unwrap();
    started.elapsed()
}

/// Messages in the queue, once nobody consumes.
async fn held(broker: &Broker, queue: &str) -> u32 {
    let (_connection, channel) = channel(broker).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let looked = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap();
        if looked.consumer_count() == 0 {
            return looked.message_count();
        }
        assert!(Instant::now() < deadline, "the consumer does not go away");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn delete(broker: &Broker, queue: &str) {
    let (_connection, channel) = channel(broker).await;
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
}
