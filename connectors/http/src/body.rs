//! Bodies, received chunk by chunk and unpacked on the way, never beyond their bounds. Pure: the chunks are arguments.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use guichet_sdk::settings::Size;
use guichet_sdk::{Fault, FaultKind, Retry};

use crate::codes;

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes, unpacked.
    pub(crate) bytes: u64,
    /// Times its packed size.
    pub(crate) ratio: u64,
}

/// Below this, a compressed body may expand as it likes.
const RATIO_FROM: u64 = 1 << 20;

/// A body while it is received.
pub(crate) struct Body {
    received: u64,
    bounds: Bounds,
    store: Store,
}

enum Store {
    Plain(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Body {
    /// A body with this `Content-Encoding`.
    pub(crate) fn new(encoding: &str, bounds: Bounds) -> Result<Self, Fault> {
        let store = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Store::Plain(Vec::new()),
            "gzip" | "x-gzip" => Store::Gzip(Box::new(MultiGzDecoder::new(Bounded { bytes: Vec::new(), left: 0 }))),
            _ => return Err(damaged("the answer is packed in a way we did not ask for").retry(Retry::Never)),
        };
        Ok(Body { received: 0, bounds, store })
    }

    /// Takes the next bytes from the wire.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.received += chunk.len() as u64;
        let bounds = self.bounds;
        match &mut self.store {
            Store::Plain(bytes) => {
                if self.received > bounds.bytes {
                    return Err(too_large(bounds));
                }
                bytes.extend_from_slice(chunk);
                Ok(())
            }
            Store::Gzip(decoder) => {
                let by_ratio = self.received.saturating_mul(bounds.ratio).max(RATIO_FROM);
                let bounded = decoder.get_mut();
                bounded.left = bounds.bytes.min(by_ratio).saturating_sub(bounded.bytes.len() as u64);
                let written = decoder.write_all(chunk).and_then(|()| decoder.flush());
                written.map_err(|error| unpacking(&error, bounds, by_ratio < bounds.bytes))
            }
        }
    }

    /// No more bytes will come.
    pub(crate) fn end(self) -> Result<Bytes, Fault> {
        match self.store {
            Store::Plain(bytes) => Ok(bytes.into()),
            // an empty body is none, however it claims to be packed
            Store::Gzip(_) if self.received == 0 => Ok(Bytes::new()),
            Store::Gzip(decoder) => match decoder.finish() {
                Ok(bounded) => Ok(bounded.bytes.into()),
                Err(error) => Err(unpacking(&error, self.bounds, false)),
            },
        }
    }

    /// Bytes received, for messages.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    left: u64,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unpacking(error: &io::Error, bounds: Bounds, by_ratio: bool) -> Fault {
    match error.kind() {
        io::ErrorKind::FileTooLarge if by_ratio => {
            let message = format!("the compressed answer expands to more than {} times its size", bounds.ratio);
            let fault = Fault::new(FaultKind::Protocol, codes::BOMB, message);
            hinted(fault, "raise `max_ratio` if answers of this source are that repetitive")
        }
        io::ErrorKind::FileTooLarge => too_large(bounds),
        _ => damaged("the compressed answer is damaged or cut short"),
    }
}

fn too_large(bounds: Bounds) -> Fault {
    let message = format!("the answer is larger than {}", Size(bounds.bytes));
    hinted(Fault::new(FaultKind::Protocol, codes::TOO_LARGE, message), "ask for smaller pages, or raise `max_body`")
}

/// An answer damaged on its way: another attempt may get it whole.
pub(crate) fn damaged(what: &str) -> Fault {
    Fault::new(FaultKind::Protocol, codes::DAMAGED, what).retry(Retry::After(None))
}

fn hinted(mut fault: Fault, hint: &str) -> Fault {
    fault.issue.hint = Some(hint.to_owned());
    fault
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use guichet_sdk::Code;
    use proptest::prelude::*;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(encoding: &str, bytes: u64, wire: &[u8], step: usize) -> Result<Bytes, Code> {
        let mut body = Body::new(encoding, Bounds { bytes, ratio: 100 }).map_err(|fault| fault.issue.code)?;
        wire.chunks(step).try_for_each(|chunk| body.push(chunk)).map_err(|fault| fault.issue.code)?;
        body.end().map_err(|fault| fault.issue.code)
    }

    #[test]
    fn bounds_hold_at_their_very_byte() {
        for (encoding, wire) in [("", vec![b'x'; 5_000]), ("gzip", gzip(&[b'x'; 5_000]))] {
            for step in [1, 7, 10_000] {
                assert_eq!(read(encoding, 5_001, &wire, step).unwrap().len(), 5_000);
                assert_eq!(read(encoding, 5_000, &wire, step).unwrap().len(), 5_000);
                assert_eq!(read(encoding, 4_999, &wire, step), Err(codes::TOO_LARGE), "{encoding}");
            }
        }
    }

    #[test]
    fn a_bomb_is_defused_before_it_is_unpacked() {
        let bomb = gzip(&vec![0; 20 << 20]);
        assert_eq!(read("gzip", 32 << 20, &bomb, 1_000), Err(codes::BOMB));
        assert_eq!(read("gzip", 1 << 30, &bomb, bomb.len()), Err(codes::BOMB));
    }

    #[test]
    fn other_packings_and_torn_ones_are_told() {
        assert_eq!(read("br", 100, b"x", 1), Err(codes::DAMAGED));
        assert_eq!(read("gzip", 100, b"not gzip at all", 3), Err(codes::DAMAGED));
        assert_eq!(read("GZIP", 100, b"", 1), Ok(Bytes::new()));
    }

    proptest! {
        #[test]
        fn a_compressed_body_cut_anywhere_is_damaged(content in proptest::collection::vec(any::<u8>(), 1..500), cut in 1usize..500) {
            let whole = gzip(&content);
            prop_assert_eq!(read("gzip", 1_000, &whole, 11).unwrap(), content);
            let cut = cut.min(whole.len() - 1);
            prop_assert_eq!(read("gzip", 1_000, &whole[..cut], 11), Err(codes::DAMAGED));
        }
    }
}
