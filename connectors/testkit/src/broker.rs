//! Where the RabbitMQ for tests listens. Starts none and speaks to none: `./test` sees to it that there is one.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The variable that names another broker than that of this machine: `amqp://user:password@host:port`.
pub const VARIABLE: &str = "GUICHET_AMQP";

/// A broker for tests.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Its address.
    pub address: SocketAddr,
    /// An account that may make queues.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl Broker {
    /// The address with the account, for clients that take it so.
    pub fn url(&self) -> String {
        format!("amqp://{}:{}@{}/%2f", self.user, self.password, self.address)
    }
}

/// The broker for tests. Absent: a visible notice and `None`; absent in CI: a failure.
#[allow(clippy::expect_used, reason = "for tests only")]
pub fn broker() -> Option<Broker> {
    let url = std::env::var(VARIABLE).unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672".to_owned());
    let broker = parse(&url).expect("GUICHET_AMQP is amqp://user:password@host:port");
    if TcpStream::connect_timeout(&broker.address, Duration::from_secs(5)).is_ok() {
        return Some(broker);
    }
    let ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(!ci, "no broker at {} and CI=true (set {VARIABLE}, or run ./test)", broker.address);
    // not `eprintln!`: the test harness captures that, and a skipped test must be seen
    let _ = writeln!(std::io::stderr(), "NOTICE: skipped, no broker at {} (set {VARIABLE})", broker.address);
    None
}

fn parse(url: &str) -> Option<Broker> {
    let (account, rest) = url.strip_prefix("amqp://")?.split_once('@')?;
    let (user, password) = account.split_once(':')?;
    let address = rest.split('/').next()?.to_socket_addrs().ok()?.next()?;
    Some(Broker { address, user: user.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_its_account() {
        let broker = parse("amqp://me:secret@127.0.0.1:5673/%2f").unwrap();
        assert_eq!((broker.address.port(), broker.user.as_str(), broker.password.as_str()), (5673, "me", "secret"));
        assert_eq!(broker.url(), "amqp://me:secret@127.0.0.1:5673/%2f");
        assert!(parse("http://127.0.0.1").is_none());
    }
}
