//! A consumer at work: a link, a channel with bounded prefetch, the messages that came and are not given yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use guichet_sdk::Fault;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ChannelFlowOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use crate::client::Link;
use crate::config::Intake;
use crate::judge::{self, Doing};
use crate::receipt::Book;
use crate::supervisor::Furnish;
use crate::topology;
use crate::wire::Message;

/// Numbers channels over the life of the process: no receipt is ever taken for one of another channel.
static CHANNELS: AtomicU64 = AtomicU64::new(1);

/// What stands on a link: made with it, gone with it.
pub struct Furniture {
    channel: Channel,
    consumer: Consumer,
}

/// Prepares the queue and starts to consume.
pub struct Consuming(pub Arc<Intake>);

impl Furnish for Consuming {
    type Made = Furniture;

    async fn furnish(&self, link: &Link) -> Result<Furniture, Fault> {
        let intake = &self.0;
        let channel = link.channel().await?;
        topology::prepare(link, &channel, intake).await?;
        let qos = channel.basic_qos(intake.prefetch, BasicQosOptions::default());
        link.answered(qos, Doing::Working).await?;
        let options = BasicConsumeOptions { exclusive: intake.exclusive, ..BasicConsumeOptions::default() };
        let consuming = channel.basic_consume((*intake.queue).into(), "".into(), options, FieldTable::default());
        let consumer = link.answered(consuming, Doing::Working).await?;
        Ok(Furniture { channel, consumer })
    }
}

/// A consumer at work.
pub struct Station {
    // the order in which they end: the consumer, its channel, the link
    consumer: Consumer,
    channel: Channel,
    link: Link,
    intake: Arc<Intake>,
    /// What was given and not told yet.
    pub book: Book,
    held: VecDeque<Delivery>,
    /// Since when it stands.
    pub since: Instant,
}

impl Station {
    /// A station on this link.
    pub fn new(link: Link, furniture: Furniture, intake: Arc<Intake>) -> Self {
        let Furniture { channel, consumer } = furniture;
        let book = Book::new(CHANNELS.fetch_add(1, Ordering::Relaxed));
        Station { consumer, channel, link, intake, book, held: VecDeque::new(), since: Instant::now() }
    }

    /// Takes in what has arrived, without waiting; how many messages are held now.
    pub fn collect(&mut self) -> Result<usize, Fault> {
        while let Some(next) = self.consumer.next().now_or_never() {
            self.hold(next)?;
        }
        // what a dead channel gave cannot be acknowledged: it comes again, and is taken then
        if !self.channel.status().connected() {
            return Err(judge::lost("the channel is closed"));
        }
        Ok(self.held.len())
    }

    /// Waits until a message is held. Cancel-safe: what came is held.
    pub async fn arrival(&mut self) -> Result<(), Fault> {
        if self.held.is_empty() {
            let next = self.consumer.next().await;
            self.hold(next)?;
        }
        Ok(())
    }

    fn hold(&mut self, next: Option<lapin::Result<Delivery>>) -> Result<(), Fault> {
        match next {
            Some(Ok(delivery)) => self.held.push_back(delivery),
            Some(Err(error)) => return Err(judge::fault(&error, Doing::Working)),
            None => return Err(judge::lost("the broker ended the subscription: was the queue deleted?")),
        }
        Ok(())
    }

    /// The next message held.
    pub fn take(&mut self) -> Option<Taken> {
        self.held.pop_front().map(Taken::from)
    }

    /// Whether the queue holds nothing that could come now. Two questions: what the first answer overtook has come when
    /// the second is answered.
    pub async fn drained(&self) -> Result<bool, Fault> {
        let queue = topology::look(&self.link, &self.channel, &self.intake.queue).await?;
        self.echo().await?;
        Ok(queue.message_count() == 0)
    }

    /// Tells the broker that everything up to this tag is done, and waits until it has heard.
    pub async fn tell(&self, up_to: u64) -> Result<(), Fault> {
        let told = self.channel.basic_ack(up_to, BasicAckOptions { multiple: true });
        self.link.answered(told, Doing::Working).await?;
        self.echo().await
    }

    /// A question that changes nothing: a channel answers in order, so what was said before is heard.
    async fn echo(&self) -> Result<(), Fault> {
        let flowing = self.channel.channel_flow(ChannelFlowOptions { active: true });
        self.link.answered(flowing, Doing::Working).await.map(|_| ())
    }
}

/// A message and what the broker says of it.
pub struct Taken {
    /// The message.
    pub message: Message,
    /// Its delivery tag.
    pub tag: u64,
    /// Whether it was delivered before.
    pub redelivered: bool,
}

impl From<Delivery> for Taken {
    fn from(delivery: Delivery) -> Self {
        let properties = &delivery.properties;
        let text = |text: &lapin::types::ShortString| text.as_str().to_owned();
        let seconds = properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok());
        let message = Message {
            content_type: properties.content_type().as_ref().map(text),
            content_encoding: properties.content_encoding().as_ref().map(text),
            sent_at: seconds.unwrap_or(0).saturating_mul(1_000_000),
            body: Bytes::from(delivery.data),
        };
        Taken { message, tag: delivery.delivery_tag, redelivered: delivery.redelivered }
    }
}
