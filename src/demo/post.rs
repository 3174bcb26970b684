//! The post of the social-aid department, where the visitor has a broker: each entry of its journal is a message of a queue
//! that is this visit's own, in order, confirmed by the broker. Deletes the queue when the visit ends; the broker deletes it
//! where that could not be done. Does not connect again: a broker that goes away ends the visit.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read as _};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::Notify;

/// Messages published before the broker is asked to confirm them.
const CONFIRMED: usize = 200;
/// A queue nobody consumes for so long is deleted by the broker, in milliseconds.
const EXPIRES: i32 = 600_000;

/// Entries that wait to be published. In memory, as the journals are.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Mutex<VecDeque<String>>,
    put: Notify,
}

impl Outbox {
    /// Puts in every line of a packed document.
    pub fn enter(&self, packed: &[u8]) -> io::Result<()> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text)?;
        self.waiting().extend(text.lines().map(str::to_owned));
        self.put.notify_one();
        Ok(())
    }

    /// The next entries, as soon as there are some.
    async fn next(&self) -> Vec<String> {
        loop {
            let some: Vec<String> = {
                let mut waiting = self.waiting();
                let most = waiting.len().min(CONFIRMED);
                waiting.drain(..most).collect()
            };
            if !some.is_empty() {
                return some;
            }
            self.put.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the visitor's broker is, and the account there. Shown without its password.
#[derive(Clone)]
pub struct Address(AMQPUri);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri = text.parse::<AMQPUri>();
        let uri = uri.map_err(|_| "write `amqp://USER:PASSWORD@HOST:PORT/VHOST`, as `amqp://guest:guest@localhost`")?;
        match uri.scheme {
            AMQPScheme::AMQP => Ok(Address(uri)),
            AMQPScheme::AMQPS => {
                Err("the demo speaks without TLS: write `amqp://`, for a broker of your own".to_owned())
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "amqp://{}:{}", self.0.authority.host, self.0.authority.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Address {
    /// Virtual host.
    pub fn vhost(&self) -> &str {
        &self.0.vhost
    }

    /// Name of the account.
    pub fn user(&self) -> &str {
        &self.0.authority.userinfo.username
    }

    /// Its password, for the file it is kept in.
    pub fn password(&self) -> &str {
        &self.0.authority.userinfo.password
    }
}

/// A connection to the visitor's broker, with the queue of this visit.
pub struct Post {
    /// The queue.
    pub queue: String,
    connection: Connection,
    channel: Channel,
}

impl Post {
    /// Connects and makes the queue.
    pub async fn open(address: &Address) -> Result<Self, lapin::Error> {
        let connection = Connection::connect_uri(address.0.clone(), ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let queue = format!("guichet-demo-{}", uuid::Uuid::now_v7());
        let mut arguments = FieldTable::default();
        arguments.insert("x-expires".into(), AMQPValue::LongInt(EXPIRES));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.as_str().into(), durable, arguments).await?;
        Ok(Post { queue, connection, channel })
    }

    /// Publishes what is put in the outbox, for as long as the broker takes it.
    pub async fn publish(&self, outbox: &Outbox) -> Result<Infallible, lapin::Error> {
        loop {
            let mut confirms = Vec::new();
            for entry in outbox.next().await {
                let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
                let sent = self.channel.basic_publish(
                    "".into(),
                    self.queue.as_str().into(),
                    options,
                    entry.as_bytes(),
                    properties.with_delivery_mode(2),
                );
                confirms.push(sent.await?);
            }
            for confirm in confirms {
                confirm.await?;
            }
        }
    }

    /// Deletes the queue and goes.
    pub async fn close(self) {
        // where the broker is gone there is nothing to be done: the queue expires
        let _ = self.channel.queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default()).await;
        let _ = self.connection.close(200, "done".into()).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address: Address = "amqp://me:secret@broker:5673/city".parse().unwrap();
        assert_eq!((address.vhost(), address.user(), address.password()), ("city", "me", "secret"));
        assert_eq!(format!("{address:?} {address}"), "Address(amqp://broker:5673) amqp://broker:5673");
        let plain: Address = "amqp://guest:guest@localhost".parse().unwrap();
        assert_eq!((plain.to_string().as_str(), plain.vhost()), ("amqp://localhost:5672", "/"));
        assert!("amqps://me:secret@broker".parse::<Address>().unwrap_err().contains("without TLS"));
        assert!("localhost".parse::<Address>().unwrap_err().contains("amqp://USER"));
    }

    #[tokio::test]
    async fn lines_are_taken_in_order() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let lines: Vec<String> = (0..250).map(|n| format!("{{\"n\":{n}}}")).collect();
        packed.write_all(lines.join("\n").as_bytes()).unwrap();
        let outbox = Outbox::default();
        outbox.enter(&packed.finish().unwrap()).unwrap();
        let (first, second) = (outbox.next().await, outbox.next().await);
        assert_eq!(first.len(), CONFIRMED);
        assert_eq!([first, second].concat(), lines);
    }
}
