//! A TCP proxy that misbehaves on demand: stands between a connector and its peer, and is told, also while it runs,
//! what to do to the bytes that come back. It knows no protocol.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is done to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Each piece of the answer arrives this much later.
    Latency(Duration),
    /// The answer arrives at so many bytes a second.
    Drip(u32),
    /// The answer ends after so many bytes: an orderly end.
    Cut(u64),
    /// The connection is reset after so many bytes of the answer.
    Reset(u64),
    /// Everything is taken, nothing ever answered.
    BlackHole,
    /// The byte at this offset of the answer has its lowest bit flipped.
    Flip(u64),
    /// The connection is closed as soon as it stands.
    Refuse,
}

/// A running proxy; dropping it ends its connections.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    accepting: JoinHandle<()>,
}

struct Plan {
    /// What is done to connections the schedule says nothing of.
    standing: Mutex<Fault>,
    /// What is done to the next connections, one each, the last one first.
    schedule: Mutex<Vec<Fault>>,
    accepted: AtomicU64,
    /// Counts the cuts: a connection that stands when it grows is dropped.
    cuts: watch::Sender<u64>,
}

impl Proxy {
    /// A proxy in front of a peer on a port of its own; does nothing to the bytes until it is told.
    pub async fn start(peer: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let plan = Arc::new(Plan {
            standing: Mutex::default(),
            schedule: Mutex::default(),
            accepted: AtomicU64::new(0),
            cuts: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, peer, plan.clone()));
        Ok(Proxy { address, plan, accepting })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is done to every connection from now on, unless the schedule says otherwise.
    pub fn set(&self, fault: Fault) {
        *lock(&self.plan.standing) = fault;
    }

    /// What is done to the next connections, in this order, one each.
    pub fn schedule(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut faults: Vec<_> = faults.into_iter().collect();
        faults.reverse();
        *lock(&self.plan.schedule) = faults;
    }

    /// Drops every connection that stands.
    pub fn drop_all(&self) {
        self.plan.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.plan.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.drop_all();
    }
}

async fn accept(listener: TcpListener, peer: SocketAddr, plan: Arc<Plan>) {
    while let Ok((client, _)) = listener.accept().await {
        plan.accepted.fetch_add(1, Ordering::Relaxed);
        let fault = lock(&plan.schedule).pop().unwrap_or(*lock(&plan.standing));
        let mut cuts = plan.cuts.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                // an error of either side ends the connection, which is all there is to tell
                _ = carry(client, peer, fault) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn carry(client: TcpStream, peer: SocketAddr, fault: Fault) -> std::io::Result<()> {
    if fault == Fault::Refuse {
        return Ok(());
    }
    let server = TcpStream::connect(peer).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let cut = {
        let mut asking = pin!(asking);
        let mut answering = pin!(answer(&mut from_server, &mut to_client, fault));
        // a client that has said all still hears the answer
        tokio::select! {
            cut = &mut answering => cut?,
            asked = &mut asking => {
                asked?;
                answering.await?
            }
        }
    };
    if let Fault::Reset(_) = fault
        && cut
    {
        to_client.as_ref().set_zero_linger()?;
        // dropping it would say an orderly goodbye first
        to_client.forget();
    }
    Ok(())
}

/// Passes an answer on as the fault says; true when it was ended early on purpose.
async fn answer(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    fault: Fault,
) -> std::io::Result<bool> {
    let mut passed: u64 = 0;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 && fault == Fault::BlackHole {
            return std::future::pending().await;
        }
        if read == 0 {
            to.shutdown().await?;
            return Ok(false);
        }
        let piece = &mut buffer[..read];
        match fault {
            Fault::None | Fault::Refuse => to.write_all(piece).await?,
            Fault::Latency(wait) => {
                tokio::time::sleep(wait).await;
                to.write_all(piece).await?;
            }
            Fault::Drip(rate) => {
                for byte in piece {
                    tokio::time::sleep(Duration::from_secs(1) / rate.max(1)).await;
                    to.write_all(&[*byte]).await?;
                }
            }
            Fault::Cut(at) | Fault::Reset(at) => {
                let left = usize::try_from(at.saturating_sub(passed)).unwrap_or(usize::MAX);
                to.write_all(&piece[..left.min(read)]).await?;
                if left <= read {
                    return Ok(true);
                }
            }
            Fault::BlackHole => {}
            Fault::Flip(at) => {
                if let Some(byte) = at.checked_sub(passed).and_then(|at| piece.get_mut(usize::try_from(at).ok()?)) {
                    *byte ^= 1;
                }
                to.write_all(piece).await?;
            }
        }
        passed += read as u64;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A peer that answers every connection with these bytes.
    async fn peer(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(answer).await;
            }
        });
        address
    }

    async fn ask(proxy: &Proxy) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(proxy.address()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn does_what_it_is_told_connection_by_connection() {
        let proxy = Proxy::start(peer(b"0123456789").await).await.unwrap();
        assert_eq!(ask(&proxy).await.unwrap(), b"0123456789");
        proxy.schedule([Fault::Cut(4), Fault::Flip(2), Fault::Refuse, Fault::Drip(10_000), Fault::Cut(0)]);
        for expected in [&b"0123"[..], b"0133456789", b"", b"0123456789", b""] {
            assert_eq!(ask(&proxy).await.unwrap(), expected);
        }
        proxy.set(Fault::Reset(3));
        assert_eq!(ask(&proxy).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        proxy.set(Fault::None);
        assert_eq!(ask(&proxy).await.unwrap(), b"0123456789");
        assert_eq!(proxy.accepted(), 8);
    }

    #[tokio::test]
    async fn a_black_hole_answers_nothing_until_it_is_dropped() {
        let proxy = Proxy::start(peer(b"0123456789").await).await.unwrap();
        proxy.set(Fault::BlackHole);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let mut byte = [0];
        let silent = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
        assert!(silent.is_err(), "something was answered");
        proxy.drop_all();
        assert_eq!(stream.read(&mut byte).await.unwrap_or(0), 0);
    }
}
