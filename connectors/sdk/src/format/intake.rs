//! The bytes that have arrived and are not cut yet, and where in the source they stand. Bounded by its caller: what was
//! cut or skipped is gone.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memchr2_iter, memrchr};

use super::charset::{self, Charset};
use crate::issue::{Issue, Place};

/// A place in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Byte of the decompressed source, from 0.
    pub(crate) offset: u64,
    /// Line, from 1.
    pub(crate) line: u64,
    /// Column in characters, from 1.
    pub(crate) column: u64,
    /// The last byte was a carriage return: a line feed now ends the same line.
    pub(crate) after_return: bool,
}

impl Spot {
    pub(crate) fn at(offset: u64, line: u64, column: u64) -> Self {
        Spot { offset, line, column, after_return: false }
    }

    /// The place as issues show it.
    pub(crate) fn place(self) -> Place {
        Place::default().at(self.line, self.column)
    }

    /// Moves past these bytes. Lines end in `\n`, `\r\n` or `\r`.
    pub(crate) fn advance(&mut self, charset: Charset, bytes: &[u8]) {
        self.offset += charset.source_bytes(bytes);
        let mut tail = 0;
        let mut lines = 0;
        if memchr(b'\r', bytes).is_none() && !self.after_return {
            lines = memchr_iter(b'\n', bytes).count() as u64;
            tail = memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        } else {
            for at in memchr2_iter(b'\n', b'\r', bytes) {
                let pair = bytes[at] == b'\n' && if at == 0 { self.after_return } else { bytes[at - 1] == b'\r' };
                lines += u64::from(!pair);
                tail = at + 1;
            }
        }
        if tail > 0 {
            self.line += lines;
            self.column = 1;
        }
        self.column += charset.characters(&bytes[tail..]);
        self.after_return = bytes.last().map_or(self.after_return, |last| *last == b'\r');
    }
}

/// Bytes on their way to the cutter.
pub(crate) struct Intake {
    buffer: BytesMut,
    /// Where the first byte of the buffer stands.
    spot: Spot,
    /// Where cutting can be taken up again: never inside a record or a comment.
    anchor: Spot,
    charset: Option<Charset>,
    /// Bytes of UTF-16 that are not a whole character yet.
    carry: Vec<u8>,
    ended: bool,
}

impl Intake {
    pub(crate) fn new(spot: Spot, charset: Option<Charset>) -> Self {
        Intake { buffer: BytesMut::new(), spot, anchor: spot, charset, carry: Vec::new(), ended: false }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        match self.charset {
            Some(Charset::Utf16 { big }) => self.widen(big, chunk),
            None | Some(Charset::Utf8 | Charset::Single(_) | Charset::Oem(_)) => self.buffer.extend_from_slice(chunk),
        }
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
        if !self.carry.is_empty() {
            self.carry.clear();
            self.buffer.extend_from_slice(LONE);
        }
    }

    /// Finds the encoding once enough bytes are there; whether it is known now, and what the stream lied about.
    pub(crate) fn settle(&mut self, configured: &str, xml: bool) -> Result<(bool, Option<Issue>), Issue> {
        if self.charset.is_some() {
            return Ok((true, None));
        }
        let Some(sniffed) = charset::sniff(&self.buffer, self.ended, configured, xml)? else {
            return Ok((false, None));
        };
        self.charset = Some(sniffed.charset);
        let head = std::mem::take(&mut self.buffer).freeze().slice(sniffed.mark..);
        self.spot.offset += sniffed.mark as u64;
        self.anchor = self.spot;
        self.push(&head);
        if self.ended {
            self.end();
        }
        Ok((true, sniffed.lie))
    }

    /// Turns UTF-16 into UTF-8. What is not a character becomes bytes that are not UTF-8, so that its record is broken.
    fn widen(&mut self, big: bool, chunk: &[u8]) {
        let bytes = [self.carry.as_slice(), chunk].concat();
        let unit = |pair: &[u8]| {
            if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) }
        };
        let mut whole = bytes.len() & !1;
        if whole > 0 && (0xD800..0xDC00).contains(&unit(&bytes[whole - 2..])) {
            whole -= 2;
        }
        self.carry = bytes[whole..].to_vec();
        for character in char::decode_utf16(bytes[..whole].chunks_exact(2).map(unit)) {
            match character {
                Ok(character) => self.buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => self.buffer.extend_from_slice(LONE),
            }
        }
    }

    /// The bytes that wait.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// No more bytes will come.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn charset(&self) -> Charset {
        self.charset.unwrap_or(Charset::Utf8)
    }

    pub(crate) fn known_charset(&self) -> Option<Charset> {
        self.charset
    }

    pub(crate) fn spot(&self) -> Spot {
        self.spot
    }

    /// Where the byte at this index of the buffer stands.
    pub(crate) fn spot_at(&self, index: usize) -> Spot {
        let mut spot = self.spot;
        spot.advance(self.charset(), &self.buffer[..index.min(self.buffer.len())]);
        spot
    }

    /// Cuts off the first bytes.
    pub(crate) fn take(&mut self, length: usize) -> Bytes {
        self.spot.advance(self.charset.unwrap_or(Charset::Utf8), &self.buffer[..length]);
        self.buffer.split_to(length).freeze()
    }

    /// Drops the first bytes.
    pub(crate) fn skip(&mut self, length: usize) {
        self.spot.advance(self.charset.unwrap_or(Charset::Utf8), &self.buffer[..length]);
        self.buffer.advance(length);
    }

    /// Cutting can be taken up again from here.
    pub(crate) fn drop_anchor(&mut self) {
        self.anchor = self.spot;
    }

    pub(crate) fn anchor(&self) -> Spot {
        self.anchor
    }
}

/// A lone surrogate, written as three bytes no UTF-8 decoder accepts; counts as one UTF-16 unit in `source_bytes`.
const LONE: &[u8] = &[0xED, 0xA0, 0x80];
