//! The body of a push, read and unpacked within the bounds of its flow. Refuses what it cannot unpack before reading it.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use flate2::read::MultiGzDecoder;
use guichet_sdk::Message;

use crate::api::parameters::unread;
use crate::api::problem::{Kind, Problem};
use crate::config::Receive;

/// Below this any ratio is harmless: small, repetitive bodies do shrink a thousandfold.
const RATIO_FROM: usize = 1 << 20;

/// Reads a body as its sender packed it, then unpacks it.
pub async fn read(message: &Message, body: Body, bounds: Receive, wait: Duration) -> Result<Bytes, Problem> {
    let packed = match message.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => false,
        Some(word) if word.eq_ignore_ascii_case("gzip") || word.eq_ignore_ascii_case("x-gzip") => true,
        Some(_) => {
            let problem = Problem::new(Kind::BodyTypeUnsupported, "the content encoding of the body is not supported");
            return Err(problem.hint("send it as it is, or with `content-encoding: gzip`"));
        }
    };
    let length = message.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > bounds.body as u64) {
        return Err(too_large(bounds.body));
    }
    let bytes = match tokio::time::timeout(wait, axum::body::to_bytes(body, bounds.body)).await {
        Err(_) => return Err(Problem::bare(StatusCode::REQUEST_TIMEOUT)),
        Ok(Err(error)) => return Err(unread(&error, bounds.body)),
        Ok(Ok(bytes)) => bytes,
    };
    if !packed {
        return Ok(bytes);
    }
    let unpacked = tokio::task::spawn_blocking(move || unpack(&bytes, bounds)).await;
    unpacked.unwrap_or_else(|_| Err(Problem::bare(StatusCode::INTERNAL_SERVER_ERROR)))
}

fn unpack(packed: &[u8], bounds: Receive) -> Result<Bytes, Problem> {
    let by_ratio = packed.len().saturating_mul(bounds.ratio).max(RATIO_FROM);
    let limit = bounds.body.min(by_ratio);
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed).take(limit as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() <= limit => Ok(bytes.into()),
        Ok(_) if limit == bounds.body => Err(too_large(bounds.body)),
        Ok(_) => {
            let detail = format!("the body unpacks to more than {} times its size", bounds.ratio);
            Err(Problem::new(Kind::BodyTooLarge, detail).hint("send it unpacked, or raise `receive.ratio` of the flow"))
        }
        Err(_) => {
            let problem = Problem::new(Kind::RequestInvalid, "the gzip body is damaged or cut short");
            Err(problem.hint("check that it is packed once, and sent whole"))
        }
    }
}

fn too_large(bound: usize) -> Problem {
    Problem::new(Kind::BodyTooLarge, format!("the body exceeds {bound} bytes"))
        .hint("push fewer records at once, or raise `receive.body` of the flow")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The HTTP status of what a body unpacks to, 200 when it does.
    fn status(packed: &[u8], body: usize, ratio: usize) -> u16 {
        let bounds = Receive { body, ratio, records: 1, in_flight: 1 };
        unpack(packed, bounds).map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }

    #[test]
    fn a_body_unpacks_within_its_size_and_ratio() {
        let zeros = packed(&vec![0; 3 << 20]);
        assert_eq!(status(&zeros, 3 << 20, 10_000), 200);
        assert_eq!(status(&zeros, (3 << 20) - 1, 10_000), 413);
        assert_eq!(status(&zeros, 3 << 20, 10), 413, "a bomb");
        assert_eq!(status(&packed(&vec![0; 1 << 20]), 3 << 20, 1), 200, "below 1 MiB any ratio is harmless");
        assert_eq!(status(&zeros[..zeros.len() - 9], 3 << 20, 10_000), 400);
        assert_eq!(status(b"not gzip", 3 << 20, 10_000), 400);
    }
}
