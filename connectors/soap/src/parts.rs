//! Answers in several parts (`multipart/related`): MTOM with `xop:Include`, and SOAP with Attachments. Pure.
//!
//! The first part, or the one `start` names, holds the envelope. An attachment never chooses a file name, and nothing
//! outside the answer is fetched.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use guichet_sdk::Issue;
use guichet_sdk::format::{Event, Limits, Walk, place};
use guichet_sdk::settings::Size;
use memchr::memmem;

use crate::codes;

/// Parts of an answer.
const MOST_PARTS: usize = 1_000;
/// Bytes of the headers of a part.
const HEAD: usize = 16 << 10;
const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// An answer taken apart.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The envelope.
    pub root: Bytes,
    /// The other parts, by their `Content-ID`.
    attachments: Vec<(String, Bytes)>,
}

/// Takes an answer apart; `None` where it is a single part.
pub fn split(content_type: &str, body: &Bytes) -> Result<Option<Parts>, Issue> {
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Ok(None);
    }
    let broken =
        |what: &str| Issue::error(codes::PARTS, format!("the parts of the answer cannot be told apart: {what}"));
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty() && boundary.len() <= 70);
    let boundary = boundary.ok_or_else(|| broken("its content type names no usable boundary"))?;
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    // the first delimiter may stand at the very beginning
    let mut at = match body.starts_with(&delimiter[2..]) {
        true => delimiter.len() - 2,
        false => memmem::find(body, &delimiter).ok_or_else(|| broken("its boundary stands nowhere"))? + delimiter.len(),
    };
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    while !body[at..].starts_with(b"--") {
        if parts.len() == MOST_PARTS {
            return Err(broken(&format!("there are more than {MOST_PARTS}")));
        }
        let end = at + finder.find(&body[at..]).ok_or_else(|| broken("the last one is cut short"))?;
        parts.push(part(&body.slice(at..end)).map_err(broken)?);
        at = end + delimiter.len();
    }
    let start = parameter(content_type, "start").map(|start| bare(&start).to_owned());
    let root = match start {
        None => (!parts.is_empty()).then_some(0),
        Some(start) => parts.iter().position(|(id, _)| *id == start),
    };
    let root = parts.remove(root.ok_or_else(|| broken("the one with the envelope is missing"))?).1;
    Ok(Some(Parts { root, attachments: parts }))
}

/// A part: its id, and its content.
fn part(bytes: &Bytes) -> Result<(String, Bytes), &'static str> {
    // blanks after the boundary belong to its line
    let line = memmem::find(bytes, b"\r\n").ok_or("a part has no headers")?;
    let end = memmem::find(&bytes[line..], b"\r\n\r\n").map(|end| line + end).ok_or("a part has no end of headers")?;
    if end > HEAD {
        return Err("the headers of a part are too long");
    }
    let head = String::from_utf8_lossy(&bytes[line..end]).replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let id = header("content-id").map(bare).unwrap_or_default().to_owned();
    let content = bytes.slice(end + 4..);
    let content = match header("content-transfer-encoding").unwrap_or("binary").to_ascii_lowercase().as_str() {
        "binary" | "8bit" | "7bit" => content,
        "base64" => {
            let plain: Vec<u8> = content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(plain).map_err(|_| "a part is not the base64 it says it is")?.into()
        }
        _ => return Err("a part is encoded in a way we do not know"),
    };
    Ok((id, content))
}

/// A parameter of a content type, its quotes taken off.
pub fn parameter(content_type: &str, name: &str) -> Option<String> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let (key, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let (text, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(text.trim().to_owned());
        }
        rest = after.split_once(';')?.1;
    }
}

/// An id without its angle brackets.
fn bare(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

impl Parts {
    /// The envelope with every `xop:Include` replaced by what it points to, as base64; no larger than `limit`.
    pub fn inlined(&self, limit: u64) -> Result<Bytes, Issue> {
        if memmem::find(&self.root, XOP.as_bytes()).is_none() {
            return Ok(self.root.clone());
        }
        let root = self.root.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.root);
        let text = std::str::from_utf8(root).map_err(|_| {
            Issue::error(codes::ATTACHMENT, "attachments can only be put into an envelope in UTF-8")
                .hint("write `attachments = \"reference\"`")
        })?;
        let mut walk = Walk::new(text, Limits::default());
        let (mut whole, mut done, mut open) = (String::with_capacity(text.len()), 0, None);
        while let Some((span, event)) = walk.next()? {
            match event {
                Event::Open(element) if element.is(XOP, "Include") => {
                    let found = element.attribute("", "href").and_then(|href| self.find(href));
                    let found = found.ok_or_else(|| {
                        Issue::error(codes::ATTACHMENT, "an attachment that the answer points to is not in it")
                            .at(place(text, span.start))
                    })?;
                    whole.push_str(&text[done..span.start]);
                    if whole.len() as u64 + found.len() as u64 / 3 * 4 + 4 > limit {
                        let message = format!("with its attachments, the answer is larger than {}", Size(limit));
                        let hint = "raise `max_body`, or write `attachments = \"reference\"`";
                        return Err(Issue::error(codes::ATTACHMENT, message).at(place(text, span.start)).hint(hint));
                    }
                    STANDARD.encode_string(found, &mut whole);
                    open = Some(element.depth);
                }
                Event::Close(depth) if open == Some(depth) => (done, open) = (span.end, None),
                Event::Open(_) | Event::Close(_) | Event::Text(_) | Event::Cdata(_) | Event::Aside => {}
            }
        }
        whole.push_str(&text[done..]);
        Ok(whole.into())
    }

    /// The attachment behind `cid:…`.
    fn find(&self, href: &str) -> Option<&Bytes> {
        let id = decoded(href.strip_prefix("cid:")?);
        self.attachments.iter().find(|(known, _)| *known == id).map(|(_, content)| content)
    }
}

/// A percent-encoded text.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match pair.filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).1,
            None => (bytes.push(*first), rest = after).1,
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MTOM: &str = "multipart/related; type=\"application/xop+xml\"; start=\"<root@x>\"; boundary=\"uuid:1+id=2\"";

    fn answer(root: &str) -> Bytes {
        let parts = [
            ("Content-ID: <a%b@x>\r\nContent-Transfer-Encoding: binary", "\0\r\nbytes"),
            ("Content-ID:\r\n <root@x>\r\nContent-Type: application/xop+xml", root),
            ("Content-Id: <c>\r\nContent-Transfer-Encoding: base64", "aGVs\r\nbG8="),
        ];
        let parts = parts.map(|(head, content)| format!("\r\n--uuid:1+id=2\r\n{head}\r\n\r\n{content}"));
        format!("preamble{}\r\n--uuid:1+id=2--\r\n", parts.concat()).into()
    }

    fn include(id: &str) -> String {
        format!("<a><x:Include xmlns:x='{XOP}' href='cid:{id}'/></a>")
    }

    #[test]
    fn the_envelope_is_the_part_that_start_names() {
        let parts = split(MTOM, &answer("<root/>")).unwrap().unwrap();
        assert_eq!((&parts.root[..], parts.attachments.len()), (&b"<root/>"[..], 2));
        let first = split(&MTOM.replace("start", "other"), &answer("<root/>").slice(10..)).unwrap().unwrap();
        assert_eq!(&first.root[..], b"\0\r\nbytes");
        assert!(split("text/xml; charset=utf-8", &answer("")).unwrap().is_none());
    }

    #[test]
    fn includes_are_replaced_within_the_bound() {
        let inlined = |id: &str, limit| split(MTOM, &answer(&include(id))).unwrap().unwrap().inlined(limit);
        assert_eq!(inlined("c", 1_000).unwrap(), "<a>aGVsbG8=</a>");
        assert_eq!(inlined("a%25b%40x", 1_000).unwrap(), format!("<a>{}</a>", STANDARD.encode("\0\r\nbytes")));
        assert_eq!(inlined("c", 10).unwrap_err().code, codes::ATTACHMENT);
        assert_eq!(inlined("d", 1_000).unwrap_err().place.column, Some(4));
        let elsewhere = include("c").replace("cid:", "file:///etc/");
        assert!(split(MTOM, &answer(&elsewhere)).unwrap().unwrap().inlined(1_000).is_err());
        assert_eq!(split(MTOM, &answer("<plain/>")).unwrap().unwrap().inlined(1).unwrap(), "<plain/>");
    }

    #[test]
    fn an_answer_cut_anywhere_is_broken() {
        let whole = answer("<root/>");
        for end in 0..whole.len() - 4 {
            assert!(split(MTOM, &whole.slice(..end)).is_err(), "{end}");
        }
        for wrong in ["multipart/related", "multipart/related; boundary=\"\"", "multipart/related; boundary=other"] {
            assert_eq!(split(wrong, &whole).unwrap_err().code, codes::PARTS, "{wrong}");
        }
        let many = format!("--b\r\n\r\n\r\n{}\r\n--b--", "\r\n--b\r\n\r\n\r\n".repeat(MOST_PARTS));
        assert!(split("multipart/related; boundary=b", &many.into()).is_err());
    }
}
