//! Records: one message as it was received, with its digest, its context and where it came from. Never edited.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The first 16 bytes of a SHA-256: enough that no two records collide by accident or by craft.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of these parts, in order, each preceded by its length so that boundaries count.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Digest::finish(hasher)
    }

    /// The digest of a stream already hashed.
    pub fn finish(hasher: Sha256) -> Self {
        let full = hasher.finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        Digest(short)
    }

    /// Reads the hexadecimal form written by `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(|n| Digest(n.to_be_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is needed to read a record cut out of a larger whole: a CSV header row, the namespaces in scope of an XML element.
pub type Context = Arc<str>;

/// Where a record came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// File name, queue, or request.
    pub name: Arc<str>,
    /// Line where the record starts, from 1 (0 = not a line-oriented origin).
    pub line: u64,
    /// Column where the record starts, from 1, in characters (0 = not known).
    #[serde(skip_serializing_if = "is_zero", default)]
    pub column: u64,
    /// Position of the record in its file or answer, from 1; decides ties where a flow says `ties = "file"`.
    pub position: u64,
    /// When the file was last modified, or the message sent; microseconds since 1970 (0 = not known).
    pub time: i64,
    /// Number of the export the record came in, where its file name carries one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub export_number: Option<u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Origin {
    /// The number that orders exports: the one in the name, or the time of the origin.
    pub fn export(&self) -> i64 {
        self.export_number.map_or(self.time, |number| i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// One message as it was received.
#[derive(Debug, Clone)]
pub struct Record {
    /// The bytes, in the source's own encoding unless that is UTF-16 (then UTF-8).
    pub bytes: Bytes,
    /// What is needed to read them.
    pub context: Context,
    /// Where they came from.
    pub origin: Origin,
}

impl Record {
    /// The digest that recognises a re-delivered record: bytes and context, never where it came from.
    pub fn digest(&self) -> Digest {
        Digest::of(&[&self.bytes, self.context.as_bytes()])
    }
}
