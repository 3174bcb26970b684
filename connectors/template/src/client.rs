//! One connection to a spool: sends a line, receives lines of bounded length. Knows nothing of cursors and batches.

use guichet_sdk::{Fault, FaultKind};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::codes;

/// A connection. After a fault or a cancelled call it is of no use: its owner drops it and makes another.
pub struct Peer(BufReader<TcpStream>);

impl Peer {
    /// Connects.
    pub async fn connect(address: &str) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address).await.map_err(|error| away(address, &error.to_string()))?;
        Ok(Peer(BufReader::new(stream)))
    }

    /// Sends a line.
    pub async fn say(&mut self, line: &str) -> Result<(), Fault> {
        self.0.write_all(line.as_bytes()).await.map_err(|error| away("the spool", &error.to_string()))
    }

    /// Receives a line, without its end. Of a longer one only the first `most` bytes are kept, and the rest is skipped.
    pub async fn line(&mut self, most: usize) -> Result<Vec<u8>, Fault> {
        let mut line = Vec::new();
        loop {
            let chunk = self.0.fill_buf().await.map_err(|error| away("the spool", &error.to_string()))?;
            if chunk.is_empty() {
                return Err(away("the spool", "the connection ended in the middle of an answer"));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            line.extend_from_slice(&part[..part.len().min(most - line.len())]);
            let taken = part.len() + usize::from(end.is_some());
            self.0.consume(taken);
            if end.is_some() {
                return Ok(line);
            }
        }
    }
}

fn away(who: &str, why: &str) -> Fault {
    Fault::new(FaultKind::Unreachable, codes::UNREACHABLE, format!("`{who}` cannot be reached: {why}"))
}
