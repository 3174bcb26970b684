//! A spool to play with: the other side of the protocol, in this process.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a spool holds.
#[derive(Default)]
pub struct Held {
    /// Records by number, those dropped are gone.
    pub records: Vec<(u64, Vec<u8>)>,
    /// The last number given.
    pub last: u64,
    /// It answers `ERR BUSY`.
    pub failing: bool,
}

impl Held {
    pub fn put(&mut self, text: Vec<u8>) {
        self.last += 1;
        self.records.push((self.last, text));
    }

    fn answer(&mut self, question: &str) -> Vec<u8> {
        let words: Vec<_> = question.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        if self.failing {
            return b"ERR BUSY\n".to_vec();
        }
        match (words.first().copied(), number(1), number(2)) {
            (Some("STAT"), None, None) => format!("{} .\n", self.records.len()).into_bytes(),
            (Some("DROP"), Some(upto), None) => {
                self.records.retain(|(number, _)| *number > upto);
                b".\n".to_vec()
            }
            (Some("PEEK"), Some(after), Some(most)) => {
                let asked = self.records.iter().filter(|(number, _)| *number > after).take(most as usize);
                let mut lines: Vec<u8> = asked.flat_map(|(number, text)| line(*number, text)).collect();
                lines.extend(b".\n");
                lines
            }
            _ => b"ERR WHAT\n".to_vec(),
        }
    }
}

fn line(number: u64, text: &[u8]) -> Vec<u8> {
    [format!("{number} ").as_bytes(), text, b"\n"].concat()
}

/// A running spool; dropping it ends it.
pub struct Desk {
    pub address: SocketAddr,
    held: Arc<Mutex<Held>>,
    serving: JoinHandle<()>,
}

impl Desk {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = Arc::<Mutex<Held>>::default();
        let serving = tokio::spawn(serve(listener, held.clone()));
        Desk { address, held, serving }
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, held: Arc<Mutex<Held>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, held.clone()));
    }
}

async fn talk(stream: TcpStream, held: Arc<Mutex<Held>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut question = String::new();
    while stream.read_line(&mut question).await? > 0 {
        let answer = held.lock().unwrap_or_else(PoisonError::into_inner).answer(&question);
        stream.write_all(&answer).await?;
        question.clear();
    }
    Ok(())
}
