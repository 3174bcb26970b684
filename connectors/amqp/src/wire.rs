//! From a message to records: unpacked within bounds, read as what it says it is, cut by the flow's format. Pure. What
//! cannot be cut is broken, with its place; a message is never dropped.

use std::borrow::Cow;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use guichet_sdk::format::{Cut, Framer, Shape};
use guichet_sdk::settings::Size;
use guichet_sdk::{Format, Issue, Origin, Place, Record};

use crate::codes;
use crate::config::Bodies;
use crate::settings::Packing;

/// Of a message that cannot be read at all, this much is kept.
const KEPT: usize = 64 << 10;

/// A message as the broker hands it over.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its body.
    pub body: Bytes,
    /// `content_type`.
    pub content_type: Option<String>,
    /// `content_encoding`.
    pub content_encoding: Option<String>,
    /// When it was sent, microseconds since 1970; 0 = it does not say.
    pub sent_at: i64,
}

/// The records of a message; at least one, broken or not.
pub fn records(message: &Message, queue: &Arc<str>, bodies: &Bodies) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let ended = open(message, bodies).and_then(|(body, format)| {
        let mut framer = Framer::new(&format, queue.clone(), message.sent_at);
        framer.push(&body);
        framer.end();
        while let Some(cut) = framer.next()? {
            cuts.push(cut);
        }
        Ok(())
    });
    match ended {
        Err(issue) => cuts.push(broken(message, queue, issue)),
        Ok(()) if cuts.is_empty() => cuts.push(broken(message, queue, empty())),
        Ok(()) => {}
    }
    cuts
}

/// The body as the framer wants it, and how it is written.
fn open<'m>(message: &'m Message, bodies: &'m Bodies) -> Result<(Cow<'m, [u8]>, Cow<'m, Format>), Issue> {
    let said = if bodies.properties { Said::by(message)? } else { Said::default() };
    if let Some(other) = said.family.filter(|family| !family.fits(&bodies.format.shape)) {
        return Err(Issue::error(codes::OTHER_CONTENT, format!("the message says it is {}", other.word()))
            .hint("route such messages elsewhere, or write `properties = false` if the sender fills that in wrongly"));
    }
    let body = match said.packing.unwrap_or(bodies.packing) {
        Packing::None if message.body.len() > bodies.most => return Err(too_large(bodies.most)),
        Packing::None => Cow::Borrowed(&message.body[..]),
        Packing::Gzip => Cow::Owned(unpacked(&message.body, bodies.most)?),
    };
    let format = match said.charset {
        Some(charset) => Cow::Owned(Format { encoding: charset, ..bodies.format.clone() }),
        None => Cow::Borrowed(&bodies.format),
    };
    Ok((body, format))
}

fn unpacked(body: &[u8], most: usize) -> Result<Vec<u8>, Issue> {
    let mut unpacked = Vec::new();
    let bound = most as u64 + 1;
    MultiGzDecoder::new(body).take(bound).read_to_end(&mut unpacked).map_err(|_| {
        Issue::error(codes::PACKING, "the packed message is damaged or cut short")
            .hint("ask the sender; write `packing = \"none\"` if its messages are not packed")
    })?;
    if unpacked.len() > most { Err(too_large(most)) } else { Ok(unpacked) }
}

/// What a message says about itself.
#[derive(Debug, Default, PartialEq)]
struct Said {
    family: Option<Family>,
    charset: Option<String>,
    packing: Option<Packing>,
}

impl Said {
    fn by(message: &Message) -> Result<Said, Issue> {
        let content_type = message.content_type.as_deref().unwrap_or_default();
        let mut parts = content_type.split(';').map(str::trim);
        let family = parts.next().and_then(Family::of);
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        // some libraries write the character encoding where others write how the body is packed
        let encoding = message.content_encoding.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
        let (packing, second) = match encoding.as_str() {
            "" => (None, None),
            "gzip" | "x-gzip" => (Some(Packing::Gzip), None),
            "identity" | "binary" | "7bit" | "8bit" => (Some(Packing::None), None),
            "deflate" | "br" | "zstd" | "compress" | "base64" => {
                return Err(Issue::error(codes::PACKING, format!("the message is packed with `{encoding}`"))
                    .hint("ask the sender for gzip, or for messages that are not packed"));
            }
            charset => (None, Some(charset.to_owned())),
        };
        let charset = charset.or(second).filter(|charset| !charset.is_empty());
        if let Some(charset) = &charset {
            let probe = Format { shape: Shape::Ndjson, encoding: charset.clone(), limits: Default::default() };
            if let Some(issue) = probe.check().into_iter().next() {
                return Err(Issue { place: Place::default(), ..issue });
            }
        }
        Ok(Said { family, charset, packing })
    }
}

/// A family of formats.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    Json,
    Xml,
    Csv,
}

impl Family {
    /// The family a content type names; `None` for one that says nothing (`application/octet-stream`, `text/plain`).
    fn of(content_type: &str) -> Option<Self> {
        let (_, subtype) = content_type.split_once('/')?;
        let word = subtype.rsplit('+').next().unwrap_or(subtype).to_ascii_lowercase();
        match word.as_str() {
            "json" | "x-ndjson" | "ndjson" | "jsonl" => Some(Family::Json),
            "xml" => Some(Family::Xml),
            "csv" => Some(Family::Csv),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Family::Json => "JSON",
            Family::Xml => "XML",
            Family::Csv => "CSV",
        }
    }

    fn fits(self, shape: &Shape) -> bool {
        match shape {
            Shape::Json { .. } | Shape::Ndjson => self == Family::Json,
            Shape::Xml { .. } => self == Family::Xml,
            Shape::Csv { .. } => self == Family::Csv,
            Shape::Fixed { .. } => false,
        }
    }
}

/// A message of which (the rest) cannot be cut.
fn broken(message: &Message, queue: &Arc<str>, mut issue: Issue) -> Cut {
    issue.place.file.get_or_insert_with(|| queue.to_string());
    let kept = message.body.slice(..message.body.len().min(KEPT));
    let origin = Origin { name: queue.clone(), time: message.sent_at, ..Origin::default() };
    Cut::Broken(Record { bytes: kept, context: "".into(), origin }, issue)
}

fn too_large(most: usize) -> Issue {
    Issue::error(
        codes::TOO_LARGE,
        format!("the message is larger than {}; only its beginning is kept", Size(most as u64)),
    )
    .hint("raise `max_message`, or ask the sender for smaller messages")
}

fn empty() -> Issue {
    Issue::error(codes::EMPTY, "the message holds no record").hint("ask the sender what it means by it, or dismiss it")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;

    use guichet_sdk::format::Limits;
    use proptest::prelude::*;

    use super::*;

    fn bodies(shape: Shape) -> Bodies {
        let format = Format { shape, encoding: "utf-8".to_owned(), limits: Limits::default() };
        Bodies { most: 100, properties: true, packing: Packing::None, format }
    }

    fn json() -> Bodies {
        bodies(Shape::Json { record: String::new() })
    }

    fn message(body: &[u8], content_type: &str, content_encoding: &str) -> Message {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Message {
            body: Bytes::copy_from_slice(body),
            content_type: said(content_type),
            content_encoding: said(content_encoding),
            sent_at: 7,
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    /// Whole records as text, broken ones as their code.
    fn read(message: &Message, bodies: &Bodies) -> Vec<String> {
        let queue: Arc<str> = "aid".into();
        let told = |cut: Cut| match cut {
            Cut::Record(record) => {
                assert_eq!((&*record.origin.name, record.origin.time), ("aid", 7));
                String::from_utf8_lossy(&record.bytes).into_owned()
            }
            Cut::Broken(_, issue) => {
                assert_eq!(issue.place.file.as_deref(), Some("aid"), "{issue}");
                issue.code.0.to_owned()
            }
        };
        records(message, &queue, bodies).into_iter().map(told).collect()
    }

    #[test]
    fn one_message_holds_one_record_or_several() {
        assert_eq!(read(&message(br#"{"a":1}"#, "", ""), &json()), [r#"{"a":1}"#]);
        assert_eq!(read(&message(br#"[{"a":1},{"a":2}]"#, "", ""), &json()), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!(read(&message(b"1\n2\n", "application/x-ndjson", ""), &bodies(Shape::Ndjson)), ["1", "2"]);
    }

    #[test]
    fn packing_comes_from_the_message_or_from_the_settings() {
        let packed = gzip(br#"{"a":1}"#);
        assert_eq!(read(&message(&packed, "", "gzip"), &json()), [r#"{"a":1}"#]);
        let gzipped = Bodies { packing: Packing::Gzip, ..json() };
        assert_eq!(read(&message(&packed, "", ""), &gzipped), [r#"{"a":1}"#]);
        assert_eq!(read(&message(br#"{"a":1}"#, "", "identity"), &gzipped), [r#"{"a":1}"#]);
        let deaf = Bodies { properties: false, ..gzipped };
        assert_eq!(read(&message(&packed, "text/xml", "identity"), &deaf), [r#"{"a":1}"#]);
        assert_eq!(read(&message(&packed[..packed.len() - 9], "", "gzip"), &json()), ["E382"]);
        assert_eq!(read(&message(&packed, "", "br"), &json()), ["E382"]);
    }

    #[test]
    fn the_size_is_bounded_packed_and_unpacked() {
        let sized = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes();
        for (bytes, fits) in [(99, true), (100, true), (101, false)] {
            let plain = read(&message(&sized(bytes), "", ""), &bodies(Shape::Ndjson));
            let packed = read(&message(&gzip(&sized(bytes)), "", "gzip"), &bodies(Shape::Ndjson));
            assert_eq!(plain, packed);
            assert_eq!(plain != ["E380"], fits, "{bytes}: {plain:?}");
        }
        let bomb = gzip(&vec![b' '; 50 << 20]);
        assert_eq!(read(&message(&bomb, "", "gzip"), &json()), ["E380"]);
    }

    #[test]
    fn the_character_encoding_comes_from_either_property() {
        let latin = b"{\"a\":\"\xe9t\xe9\"}";
        for (content_type, content_encoding) in [
            ("application/json; charset=windows-1252", ""),
            ("text/plain; Charset=\"Windows-1252\"", ""),
            ("", "windows-1252"),
        ] {
            let cuts = records(&message(latin, content_type, content_encoding), &"aid".into(), &json());
            let [Cut::Record(record)] = &cuts[..] else { panic!("{content_type} {content_encoding}: {cuts:?}") };
            assert!(record.context.starts_with("windows-1252"), "{}", record.context);
        }
        assert_eq!(read(&message(latin, "application/json", ""), &json()).len(), 1);
        assert!(read(&message(latin, "application/json", ""), &json())[0].starts_with('E'), "a lie is told");
        assert!(read(&message(latin, "application/json; charset=klingon", ""), &json())[0].starts_with('E'));
    }

    #[test]
    fn another_kind_than_the_flow_reads_is_told() {
        for (content_type, ok) in [
            ("text/xml", false),
            ("application/soap+xml", false),
            ("application/cloudevents+json", true),
            ("text/plain", true),
            ("", true),
        ] {
            assert_eq!(read(&message(b"{}", content_type, ""), &json()) == ["{}"], ok, "{content_type}");
        }
        assert_eq!(read(&message(b"{}", "text/xml", ""), &json()), ["E381"]);
    }

    #[test]
    fn nothing_is_dropped() {
        assert_eq!(read(&message(b"", "", ""), &json()).len(), 1);
        assert_eq!(read(&message(b"[]", "", ""), &json()), ["E383"]);
        let torn = read(&message(br#"[{"a":1},{"a":"#, "", ""), &json());
        assert_eq!((torn.len(), torn[0].as_str(), torn[1].starts_with('E')), (2, r#"{"a":1}"#, true), "{torn:?}");
    }

    proptest! {
        #[test]
        fn any_message_gives_at_least_one_record(body in proptest::collection::vec(any::<u8>(), 0..200), kind in ".{0,30}", encoding in "gzip|utf-8|.{0,9}") {
            for shape in [Shape::Ndjson, Shape::Json { record: "a".into() }] {
                prop_assert!(!records(&message(&body, &kind, &encoding), &"aid".into(), &bodies(shape)).is_empty());
            }
        }
    }
}
