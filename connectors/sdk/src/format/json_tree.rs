//! JSON: reading one value into a document. Numbers stay as written (`1e400` is no infinity, `1.10` keeps its zero);
//! a key that stands twice is refused.

use std::borrow::Cow;

use memchr::memchr2;

use super::entries::Entries;
use super::names::NamesRead;
use super::{Limits, Misread, too_deep};
use crate::document::{Name, Node};
use crate::issue::{Code, Issue};

/// Reads the value that is all of this text.
pub(crate) fn read(text: &str, limits: Limits, names: &mut NamesRead<'_>) -> Result<Node, Misread> {
    let mut reader = JsonTree { text, at: 0, limits, names, path: Vec::new() };
    let node = reader.value().map_err(|misread| reader.with_path(misread))?;
    reader.blanks();
    if reader.at < text.len() {
        return Err(reader.bad("text after the value"));
    }
    Ok(node)
}

struct JsonTree<'a, 'n, 'g> {
    text: &'a str,
    at: usize,
    limits: Limits,
    names: &'n mut NamesRead<'g>,
    /// Keys on the way here; arrays add none.
    path: Vec<Option<Name>>,
}

impl<'a> JsonTree<'a, '_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn bad(&self, what: &str) -> Misread {
        Misread { at: self.at, issue: Issue::error(Code("E130"), what) }
    }

    fn with_path(&self, mut misread: Misread) -> Misread {
        let path: Vec<_> = self.path.iter().flatten().map(|name| &**name).collect();
        if !path.is_empty() {
            misread.issue.place.path = Some(path.join("/"));
        }
        misread
    }

    fn value(&mut self) -> Result<Node, Misread> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.nested(None, Self::object),
            Some(b'[') => self.nested(None, Self::array),
            Some(b'"') => self.string().map(|text| Node::Text(text.into())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Empty),
            Some(_) | None => Err(self.bad("a value is expected here")),
        }
    }

    fn nested(&mut self, key: Option<Name>, read: fn(&mut Self) -> Result<Node, Misread>) -> Result<Node, Misread> {
        if self.path.len() >= self.limits.depth {
            return Err(Misread { at: self.at, issue: too_deep(self.limits.depth) });
        }
        self.path.push(key);
        self.at += 1;
        let node = read(self)?;
        self.path.pop();
        Ok(node)
    }

    fn object(&mut self) -> Result<Node, Misread> {
        let mut entries = Entries::default();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(entries.into_map());
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.bad("a key in double quotes is expected here"));
            }
            let start = self.at;
            let key = self.string()?;
            let name = self.names.name(&key, |key| key.into());
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.bad("`:` is expected here"));
            }
            self.at += 1;
            if let Some(last) = self.path.last_mut() {
                *last = Some(name.clone());
            }
            let node = self.value()?;
            if !entries.insert(name, node) {
                let issue = Issue::error(Code("E131"), "the same key stands twice in one object");
                return Err(Misread {
                    at: start,
                    issue: issue.hint("the source must write each key once, or repeat values in an array"),
                });
            }
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(entries.into_map());
                }
                Some(_) | None => return Err(self.bad("`,` or `}` is expected here")),
            }
        }
    }

    fn array(&mut self) -> Result<Node, Misread> {
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Node::List(items));
                }
                Some(_) | None => return Err(self.bad("`,` or `]` is expected here")),
            }
        }
    }

    fn word(&mut self, word: &str, node: Node) -> Result<Node, Misread> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.bad("a value is expected here; text is written in double quotes"));
        }
        self.at += word.len();
        Ok(node)
    }

    fn digits(&mut self) -> Result<(), Misread> {
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.bad("a digit is expected here"));
        }
        self.at += digits;
        Ok(())
    }

    fn number(&mut self) -> Result<Node, Misread> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let first = self.at;
        self.digits()?;
        if self.at > first + 1 && self.text.as_bytes()[first] == b'0' {
            self.at = first;
            return Err(self.bad("a number cannot start with 0; a code with leading zeros is written in double quotes"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Node::Number(self.text[start..self.at].into()))
    }

    /// A string, its quotes passed.
    fn string(&mut self) -> Result<Cow<'a, str>, Misread> {
        let (start, text) = (self.at, self.text);
        let bytes = text.as_bytes();
        let mut end = start + 1;
        loop {
            match memchr2(b'"', b'\\', &bytes[end..]).map(|found| end + found) {
                None => return Err(self.bad("a string opened here is not closed")),
                Some(found) if bytes[found] == b'"' => {
                    self.at = found + 1;
                    break;
                }
                Some(found) => end = (found + 2).min(bytes.len()),
            }
        }
        unquote(&text[start..self.at]).map_err(|what| Misread { at: start, issue: Issue::error(Code("E130"), what) })
    }
}

/// The text of a string, given with its quotes.
pub(crate) fn unquote(quoted: &str) -> Result<Cow<'_, str>, &'static str> {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("a string is expected here")?;
    if inner.bytes().any(|byte| byte < 0x20) {
        return Err("a control character stands in a string; line ends are written `\\n`");
    }
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let (character, length) = escape(after).ok_or("no escape sequence looks like this")?;
        text.push(character);
        rest = &after[length..];
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// The character an escape means, and its length after the backslash.
fn escape(after: &str) -> Option<(char, usize)> {
    let plain = |character| Some((character, 1));
    match after.as_bytes().first()? {
        b'"' => plain('"'),
        b'\\' => plain('\\'),
        b'/' => plain('/'),
        b'b' => plain('\u{8}'),
        b'f' => plain('\u{C}'),
        b'n' => plain('\n'),
        b'r' => plain('\r'),
        b't' => plain('\t'),
        b'u' => {
            let first = hex(after.get(1..5)?)?;
            if let Some(character) = char::from_u32(first) {
                return Some((character, 5));
            }
            let second = hex(after.get(5..)?.strip_prefix("\\u")?.get(..4)?)?;
            let pair = char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?;
            pair.ok().map(|character| (character, 11))
        }
        _ => None,
    }
}

fn hex(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}
