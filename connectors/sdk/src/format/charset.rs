//! Character encodings: which one a stream is written in, and reading its bytes. Refuses to guess silently.
//!
//! Only encodings in which an ASCII byte is always that ASCII character can be framed byte by byte (UTF-8 and every
//! single-byte encoding). UTF-16 is turned into UTF-8 on the way in; Shift_JIS, GBK and the like are refused.

use std::borrow::Cow;

use encoding_rs::Encoding;
use memchr::memmem;
use oem_cp::code_table::DECODING_TABLE_CP_MAP;

use crate::issue::{Code, Issue, Place};

/// How many bytes may be looked at to find an XML declaration.
const PROLOG: usize = 1024;

/// An encoding records can be cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Utf16 {
        big: bool,
    },
    /// A single-byte encoding of the WHATWG registry; ISO-8859-1 is read as windows-1252, as everybody writes it.
    Single(&'static Encoding),
    /// An OEM code page, by number.
    Oem(u16),
}

impl Charset {
    /// The encoding of this name; `None` where it is not known or cannot be framed.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        if matches!(name.as_str(), "utf-16" | "utf16") {
            return Some(Charset::Utf16 { big: false });
        }
        let number = name.strip_prefix("cp").or_else(|| name.strip_prefix("ibm")).unwrap_or(&name);
        if let Some(page) = number.trim_start_matches(['-', '_']).parse().ok().filter(|page| oem(*page).is_some()) {
            return Some(Charset::Oem(page));
        }
        let encoding = Encoding::for_label(name.as_bytes())?;
        match encoding.name() {
            "UTF-8" => Some(Charset::Utf8),
            "UTF-16LE" => Some(Charset::Utf16 { big: false }),
            "UTF-16BE" => Some(Charset::Utf16 { big: true }),
            _ => encoding.is_single_byte().then_some(Charset::Single(encoding)),
        }
    }

    /// The name by which `named` finds it again.
    pub(crate) fn name(self) -> Cow<'static, str> {
        match self {
            Charset::Utf8 => "utf-8".into(),
            Charset::Utf16 { big: false } => "utf-16le".into(),
            Charset::Utf16 { big: true } => "utf-16be".into(),
            Charset::Single(encoding) => encoding.name().to_ascii_lowercase().into(),
            Charset::Oem(page) => format!("cp{page}").into(),
        }
    }

    /// The encoding of cut records: UTF-16 has become UTF-8 by then.
    pub(crate) fn of_records(self) -> Self {
        match self {
            Charset::Utf16 { .. } => Charset::Utf8,
            Charset::Utf8 | Charset::Single(_) | Charset::Oem(_) => self,
        }
    }

    /// The text of these bytes; the offset of the first byte that means nothing otherwise.
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
        match self {
            Charset::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| error.valid_up_to()),
            Charset::Single(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .ok_or_else(|| first_unread(bytes, |byte| encoding.decode_without_bom_handling(&[byte]).1)),
            Charset::Oem(page) => match oem(page) {
                _ if bytes.is_ascii() => Charset::Utf8.decode(bytes),
                Some(table) => table
                    .decode_string_checked(bytes)
                    .map(Cow::Owned)
                    .ok_or_else(|| first_unread(bytes, |byte| table.decode_char_checked(byte).is_none())),
                None => Err(0),
            },
            Charset::Utf16 { big } => {
                let encoding = if big { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
                encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or(0)
            }
        }
    }

    /// How many bytes of the source these bytes of the buffer were.
    pub(crate) fn source_bytes(self, bytes: &[u8]) -> u64 {
        match self {
            Charset::Utf16 { .. } => {
                let wide = bytes.iter().filter(|byte| **byte >= 0xF0).count();
                2 * (characters(bytes) + wide) as u64
            }
            Charset::Utf8 | Charset::Single(_) | Charset::Oem(_) => bytes.len() as u64,
        }
    }

    /// How many characters these bytes are.
    pub(crate) fn characters(self, bytes: &[u8]) -> u64 {
        match self {
            Charset::Utf8 | Charset::Utf16 { .. } => characters(bytes) as u64,
            Charset::Single(_) | Charset::Oem(_) => bytes.len() as u64,
        }
    }
}

fn oem(page: u16) -> Option<&'static oem_cp::code_table_type::TableType> {
    DECODING_TABLE_CP_MAP.get(&page)
}

fn first_unread(bytes: &[u8], unread: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| unread(*byte)).unwrap_or(0)
}

/// UTF-8 characters: bytes that do not continue one.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count()
}

/// What the first bytes of a stream say about its encoding.
#[derive(Debug, PartialEq)]
pub(crate) struct Sniffed {
    pub(crate) charset: Charset,
    /// Bytes of the byte order mark, not part of the text.
    pub(crate) mark: usize,
    /// What the stream declares and its bytes contradict.
    pub(crate) lie: Option<Issue>,
}

/// Finds the encoding of a stream: byte order mark, then the one configured, then the XML declaration, then UTF-8.
/// `None`: more bytes are needed.
pub(crate) fn sniff(head: &[u8], ended: bool, configured: &str, xml: bool) -> Result<Option<Sniffed>, Issue> {
    if head.len() < 4 && !ended {
        return Ok(None);
    }
    let forced = match configured {
        "" | "auto" => None,
        name => Some(Charset::named(name).ok_or_else(|| unknown(name))?),
    };
    let (seen, mark) = by_shape(head);
    let found = |charset, lie| Ok(Some(Sniffed { charset, mark, lie }));
    if let (Some(seen), Some(forced)) = (seen, forced) {
        let agreed = matches!((seen, forced), (Charset::Utf16 { .. }, Charset::Utf16 { .. })) || seen == forced;
        return found(seen, (!agreed).then(|| lie(configured, seen, "its first bytes")));
    }
    if let Some(charset) = forced {
        return found(charset, None);
    }
    let declared = match (xml, seen) {
        (true, None | Some(Charset::Utf8)) => match declaration(&head[mark..], ended) {
            Prolog::Unfinished => return Ok(None),
            Prolog::Silent => None,
            Prolog::Declares(name) => Some((Charset::named(&name).ok_or_else(|| unknown(&name))?, name)),
        },
        _ => None,
    };
    match (seen, declared) {
        (None, None) => found(Charset::Utf8, None),
        (Some(seen), None) => found(seen, None),
        // The declaration was read byte by byte, so it cannot be UTF-16 whatever it says (.NET writes this).
        (_, Some((Charset::Utf16 { .. }, name))) => found(Charset::Utf8, Some(lie(&name, Charset::Utf8, "its bytes"))),
        (None, Some((charset, _))) => found(charset, None),
        (Some(seen), Some((charset, _))) if seen == charset => found(seen, None),
        (Some(seen), Some((_, name))) => found(seen, Some(lie(&name, seen, "its byte order mark"))),
    }
}

/// The encoding shown by a byte order mark, or by where the zero bytes stand.
fn by_shape(head: &[u8]) -> (Option<Charset>, usize) {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => (Some(Charset::Utf8), 3),
        [0xFF, 0xFE, ..] => (Some(Charset::Utf16 { big: false }), 2),
        [0xFE, 0xFF, ..] => (Some(Charset::Utf16 { big: true }), 2),
        [0, 1..=255, 0, 1..=255, ..] => (Some(Charset::Utf16 { big: true }), 0),
        [1..=255, 0, 1..=255, 0, ..] => (Some(Charset::Utf16 { big: false }), 0),
        _ => (None, 0),
    }
}

enum Prolog {
    Unfinished,
    Silent,
    Declares(String),
}

/// The encoding named by an XML declaration.
fn declaration(head: &[u8], ended: bool) -> Prolog {
    let opening = b"<?xml";
    if !head.starts_with(&opening[..head.len().min(opening.len())]) {
        return Prolog::Silent;
    }
    let Some(end) = memmem::find(&head[..head.len().min(PROLOG)], b"?>") else {
        return if ended || head.len() >= PROLOG { Prolog::Silent } else { Prolog::Unfinished };
    };
    let text = String::from_utf8_lossy(&head[..end]);
    let named = text.split_once("encoding").and_then(|(_, rest)| rest.trim_start().strip_prefix('='));
    let named = named.map(str::trim_start).and_then(|rest| {
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        rest[1..].split_once(quote).map(|(name, _)| name.to_owned())
    });
    named.map_or(Prolog::Silent, Prolog::Declares)
}

/// The issue of an encoding name nobody knows.
pub(crate) fn unknown(name: &str) -> Issue {
    Issue::error(Code("E100"), format!("encoding `{name}` is not known"))
        .at(Place::default().at(1, 1))
        .hint("write `auto`, `utf-8`, `utf-16`, `windows-1252`, `iso-8859-15`, `cp850` or another single-byte encoding")
}

fn lie(declared: &str, seen: Charset, proof: &str) -> Issue {
    let seen = seen.name();
    Issue::warning(Code("E102"), format!("declared as `{declared}`, but {proof} show `{seen}`; read as `{seen}`"))
        .at(Place::default().at(1, 1))
        .hint(format!("ask the source to declare what it writes, or set `encoding = \"{seen}\"`"))
}

/// The issue of bytes that mean nothing in their encoding, saying which one they probably are.
pub(crate) fn invalid(charset: Charset, bytes: &[u8]) -> Issue {
    let name = charset.name();
    let issue = |message: String| Issue::error(Code("E101"), message);
    if charset != Charset::Utf8 {
        return issue(format!("a byte has no meaning in `{name}`")).hint("set `encoding` to what the source writes");
    }
    let probably = probable(bytes);
    issue(format!("not valid `{name}`; the bytes look like `{probably}`"))
        .hint(format!("set `encoding = \"{probably}\"` in `[source]` of the mapping if the whole source is written so"))
}

/// Accented letters stand at 0xC0–0xFF in windows-1252 and at 0x80–0xA5 in the DOS code pages.
fn probable(bytes: &[u8]) -> &'static str {
    let windows = bytes.iter().filter(|byte| **byte >= 0xC0).count();
    let dos = bytes.iter().filter(|byte| (0x80..=0xA5).contains(*byte)).count();
    if dos > windows { "cp850" } else { "windows-1252" }
}

/// Whether bytes that are not all ASCII are the UTF-8 of letters and signs European administrations write.
pub(crate) fn looks_like_utf8(bytes: &[u8]) -> bool {
    let usual = |c: char| c.is_ascii() || matches!(c, '\u{A0}'..='\u{17F}' | '\u{2010}'..='\u{20AC}');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(usual))
}

/// The warning that text in a single-byte encoding is UTF-8 in truth.
pub(crate) fn suspected(charset: Charset) -> Issue {
    let name = charset.name();
    Issue::warning(Code("E102"), format!("read as `{name}`, but its accented characters look like `utf-8`"))
        .hint("set `encoding = \"utf-8\"` in `[source]` of the mapping if names with accents come out garbled")
}
