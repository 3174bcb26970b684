//! XML markup: finding tags, comments, CDATA and instructions in bytes of any ASCII-compatible encoding. Used to cut
//! records and to read them, so that both agree. Knows no entity but the five predefined and numeric ones.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3, memmem};

/// What stands at the start of some bytes. Lengths include the delimiters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Markup {
    /// Text up to the next `<` or the end of the bytes.
    Text(usize),
    /// `<name …>` or `<name …/>`.
    Open(Tag),
    /// `</name>`.
    Close(Tag),
    /// The opening of a section that ends at a fixed text.
    Section { kind: Section, opening: usize },
    /// `<!DOCTYPE`.
    Doctype,
    /// The bytes end inside markup.
    More,
    /// No markup starts like this, at this index.
    Bad(usize, &'static str),
}

/// A tag at the start of some bytes, by its indexes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tag {
    pub(crate) name_start: usize,
    pub(crate) name_end: usize,
    /// Where what may be attributes ends; they start at `name_end`.
    pub(crate) attributes_end: usize,
    pub(crate) length: usize,
}

impl Tag {
    /// `<name/>`.
    pub(crate) fn is_empty(&self) -> bool {
        self.attributes_end + 2 == self.length
    }

    pub(crate) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.name_start..self.name_end]
    }

    pub(crate) fn attributes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.name_end..self.attributes_end]
    }
}

/// Sections in which `<` means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Comment,
    Cdata,
    Instruction,
}

impl Section {
    const OPENINGS: [(Section, &'static [u8]); 3] =
        [(Section::Comment, b"<!--"), (Section::Cdata, b"<![CDATA["), (Section::Instruction, b"<?")];

    /// The text that ends it.
    pub(crate) fn end(self) -> &'static [u8] {
        match self {
            Section::Comment => b"-->",
            Section::Cdata => b"]]>",
            Section::Instruction => b"?>",
        }
    }

    /// Where the section ends in these bytes, its end included.
    pub(crate) fn close(self, bytes: &[u8]) -> Option<usize> {
        memmem::find(bytes, self.end()).map(|at| at + self.end().len())
    }
}

/// Finds out what stands at the start of these bytes (not empty).
pub(crate) fn markup(bytes: &[u8]) -> Markup {
    match bytes {
        [b'<'] => Markup::More,
        [b'<', b'/', ..] => closing(bytes),
        [b'<', b'!' | b'?', ..] => section(bytes),
        [b'<', ..] => opening(bytes),
        _ => Markup::Text(memchr(b'<', bytes).unwrap_or(bytes.len())),
    }
}

fn closing(bytes: &[u8]) -> Markup {
    let name_end = 2 + name_length(&bytes[2..]);
    let blanks = bytes[name_end..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    match bytes.get(name_end + blanks) {
        Some(b'>') if name_end > 2 => {
            Markup::Close(Tag { name_start: 2, name_end, attributes_end: name_end, length: name_end + blanks + 1 })
        }
        Some(_) => Markup::Bad(name_end, "no end tag looks like this"),
        None => Markup::More,
    }
}

fn section(bytes: &[u8]) -> Markup {
    if b"<?xml ".starts_with(bytes) {
        return Markup::More;
    }
    for (kind, opening) in Section::OPENINGS {
        if bytes.starts_with(opening) {
            return Markup::Section { kind, opening: opening.len() };
        }
    }
    let doctype = b"<!DOCTYPE";
    let start = &bytes[..bytes.len().min(doctype.len())];
    if start.eq_ignore_ascii_case(&doctype[..start.len()]) {
        return if start.len() == doctype.len() { Markup::Doctype } else { Markup::More };
    }
    if Section::OPENINGS.iter().any(|(_, opening)| opening.starts_with(bytes)) {
        return Markup::More;
    }
    Markup::Bad(0, "`<!` starts neither a comment nor CDATA")
}

fn opening(bytes: &[u8]) -> Markup {
    let start = 1 + name_length(&bytes[1..]);
    let Some(after) = bytes.get(start) else {
        return Markup::More;
    };
    if start == 1 {
        return Markup::Bad(0, "`<` is followed by no name; in text it is written `&lt;`");
    }
    let tag = |attributes_end, length| Markup::Open(Tag { name_start: 1, name_end: start, attributes_end, length });
    if *after == b'>' {
        return tag(start, start + 1);
    }
    if !matches!(after, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>') {
        return Markup::Bad(start, "a character that no element name may hold");
    }
    let mut at = start;
    loop {
        let Some(found) = memchr3(b'>', b'"', b'\'', &bytes[at..]).map(|found| at + found) else {
            return Markup::More;
        };
        if bytes[found] == b'>' {
            let empty = bytes[found - 1] == b'/';
            return tag(found - usize::from(empty), found + 1);
        }
        // `<` cannot stand in an attribute value: seeing one tells at once where a quote is missing.
        match memchr2(bytes[found], b'<', &bytes[found + 1..]).map(|close| found + 1 + close) {
            Some(close) if bytes[close] == b'<' => {
                return Markup::Bad(found, "an attribute value opened here is not closed");
            }
            Some(close) => at = close + 1,
            None => return Markup::More,
        }
    }
}

/// How many bytes at the start are a name.
fn name_length(bytes: &[u8]) -> usize {
    if bytes.first().is_none_or(|first| !NAME[*first as usize] || matches!(first, b'0'..=b'9' | b'-' | b'.' | b':')) {
        return 0;
    }
    bytes.iter().position(|byte| !NAME[*byte as usize]).unwrap_or(bytes.len())
}

/// Bytes that may stand in a name; what lies beyond ASCII is taken as letters.
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        table[byte] = c >= 0x80 || c.is_ascii_alphanumeric() || matches!(c, b'_' | b':' | b'-' | b'.');
        byte += 1;
    }
    table
};

/// Splits a name into prefix and local part.
pub(crate) fn split_name(name: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b':', name) {
        Some(colon) => (&name[..colon], &name[colon + 1..]),
        None => (&[], name),
    }
}

/// One attribute of a start tag, its value as written. Indexes are into the bytes after the element name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute<'a> {
    pub(crate) at: usize,
    pub(crate) name: &'a [u8],
    pub(crate) value_at: usize,
    pub(crate) value: &'a [u8],
}

/// The attributes of a start tag in order; then `Err` with an index and what is wrong.
pub(crate) struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Attributes { bytes, at: 0 }
    }

    fn blanks(&mut self) -> usize {
        let blanks = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blanks;
        blanks
    }

    fn bad<T>(&mut self, what: &'static str) -> Result<T, (usize, &'static str)> {
        let at = self.at;
        self.at = self.bytes.len();
        Err((at, what))
    }

    fn read(&mut self) -> Result<Attribute<'a>, (usize, &'static str)> {
        let bytes = self.bytes;
        let at = self.at;
        let length = name_length(&bytes[at..]);
        if length == 0 {
            return self.bad("an attribute name is expected here");
        }
        self.at += length;
        self.blanks();
        if bytes.get(self.at) != Some(&b'=') {
            return self.bad("an attribute needs `=` and a quoted value");
        }
        self.at += 1;
        self.blanks();
        let Some(quote @ (b'"' | b'\'')) = bytes.get(self.at) else {
            return self.bad("an attribute value must be quoted");
        };
        let start = self.at + 1;
        let Some(end) = memchr(*quote, &bytes[start..]).map(|found| start + found) else {
            return self.bad("an attribute value opened here is not closed");
        };
        self.at = end + 1;
        Ok(Attribute { at, name: &bytes[at..at + length], value_at: start, value: &bytes[start..end] })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, (usize, &'static str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let blanks = self.blanks();
        if self.at >= self.bytes.len() {
            return None;
        }
        if blanks == 0 {
            return Some(self.bad("a blank is missing between two attributes"));
        }
        Some(self.read())
    }
}

/// The text with its entities replaced and its line ends as `\n`; the index of an entity nobody predefined otherwise.
pub(crate) fn unescape(raw: &str) -> Result<Cow<'_, str>, usize> {
    let Some(mut at) = memchr2(b'&', b'\r', raw.as_bytes()) else {
        return Ok(Cow::Borrowed(raw));
    };
    let mut text = String::with_capacity(raw.len());
    let mut done = 0;
    loop {
        text.push_str(&raw[done..at]);
        if raw.as_bytes()[at] == b'\r' {
            text.push('\n');
            done = at + 1 + usize::from(raw.as_bytes().get(at + 1) == Some(&b'\n'));
        } else {
            let name = raw[at + 1..].split_once(';').map(|(name, _)| name).ok_or(at)?;
            text.push(entity(name).ok_or(at)?);
            done = at + name.len() + 2;
        }
        match memchr2(b'&', b'\r', &raw.as_bytes()[done..]) {
            Some(next) => at = done + next,
            None => break,
        }
    }
    text.push_str(&raw[done..]);
    Ok(Cow::Owned(text))
}

fn entity(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let digits = number.strip_prefix('x');
    let (digits, radix) = digits.map_or((number, 10), |digits| (digits, 16));
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|c| !forbidden(*c))
}

/// Characters XML cannot hold.
pub(crate) fn forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}
