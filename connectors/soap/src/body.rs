//! The body of a request as an integrator writes it: XML with bindings in its texts and attribute values. Pure.
//!
//! A value is escaped where it is put and can never become markup. An element whose text, or an attribute whose value,
//! holds a binding without a value (yet) is left out.

use std::borrow::Cow;

use guichet_http::list::{Binding, Template};
use guichet_sdk::format::{Event, Limits, Walk, escape_xml, place};
use guichet_sdk::{Issue, Place};

/// A request body to fill.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    parts: Vec<Part>,
    /// The name of its root, without prefix.
    pub operation: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// As written.
    Fixed(String),
    /// Text with bindings.
    Hole(Template),
    /// Left out where one of its own holes has no value.
    Optional(Vec<Part>),
}

/// What cannot be sent, and where it stands in the body.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// Line and column in the body.
    pub place: Place,
}

impl Wrong {
    fn at(text: &str, at: usize, message: impl Into<String>) -> Self {
        Wrong { message: message.into(), place: place(text, at) }
    }
}

impl From<Issue> for Wrong {
    fn from(issue: Issue) -> Self {
        Wrong { message: issue.message, place: issue.place }
    }
}

/// An element being read.
#[derive(Default)]
struct Frame {
    parts: Vec<Part>,
    hole: bool,
}

impl Body {
    /// Reads a body; what is not well-formed is told with its place.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let mut walk = Walk::new(text, Limits::default());
        let (mut operation, mut frames) = (String::new(), vec![Frame::default()]);
        while let Some((span, event)) = walk.next()? {
            let (raw, start) = (&text[span.clone()], span.start);
            let mut part = None;
            match event {
                Event::Open(element) => {
                    if element.depth == 0 {
                        element.local.clone_into(&mut operation);
                    }
                    let attributes = element.attributes.into_iter().map(|attribute| attribute.span);
                    frames.push(Frame { parts: tag(text, span, attributes)?, hole: false });
                }
                Event::Close(_) => {
                    let Frame { mut parts, hole } = frames.pop().unwrap_or_default();
                    parts.push(Part::Fixed(raw.to_owned()));
                    let outer = frames.last_mut().map(|frame| &mut frame.parts);
                    match outer {
                        Some(outer) if hole => outer.push(Part::Optional(parts)),
                        Some(outer) => outer.extend(parts),
                        None => {}
                    }
                }
                Event::Text(_) => part = Some(Part::of(text, start, raw)?),
                Event::Aside if raw.starts_with("<?") => {
                    return Err(Wrong::at(text, start, "an instruction or XML declaration cannot stand in a body"));
                }
                Event::Cdata(_) | Event::Aside => part = Some(Part::fixed(text, start, raw, "CDATA or a comment")?),
            }
            if let (Some(part), Some(frame)) = (part, frames.last_mut()) {
                frame.hole |= matches!(part, Part::Hole(_));
                frame.parts.push(part);
            }
        }
        Ok(Body { parts: frames.pop().unwrap_or_default().parts, operation })
    }

    /// The bindings it holds.
    pub fn bindings(&self) -> Vec<Binding> {
        fn within(parts: &[Part], found: &mut Vec<Binding>) {
            for part in parts {
                match part {
                    Part::Fixed(_) => {}
                    Part::Hole(template) => found.extend(template.bindings()),
                    Part::Optional(parts) => within(parts, found),
                }
            }
        }
        let mut found = Vec::new();
        within(&self.parts, &mut found);
        found
    }

    /// The body with its values.
    pub fn fill<'a>(&self, value: &impl Fn(Binding) -> Option<Cow<'a, str>>) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            // what stands in no element has no hole
            let _ = part.fill(value, &mut filled);
        }
        filled
    }
}

impl Part {
    fn of(text: &str, at: usize, raw: &str) -> Result<Self, Wrong> {
        let template = Template::parse(raw).map_err(|message| Wrong::at(text, at, message))?;
        Ok(match template.fill(|_| None) {
            Some(fixed) => Part::Fixed(fixed),
            None => Part::Hole(template),
        })
    }

    fn fixed(text: &str, at: usize, raw: &str, place: &str) -> Result<Self, Wrong> {
        match Part::of(text, at, raw)? {
            Part::Hole(_) => Err(Wrong::at(text, at, format!("a binding cannot stand in {place}"))),
            fixed @ (Part::Fixed(_) | Part::Optional(_)) => Ok(fixed),
        }
    }

    fn fill<'a>(&self, value: &impl Fn(Binding) -> Option<Cow<'a, str>>, filled: &mut String) -> Option<()> {
        match self {
            Part::Fixed(text) => filled.push_str(text),
            Part::Hole(template) => {
                let escaped = |binding| value(binding).map(|value| Cow::Owned(escape_xml(&value)));
                filled.push_str(&template.fill(escaped)?);
            }
            Part::Optional(parts) => {
                let before = filled.len();
                if parts.iter().try_for_each(|part| part.fill(value, filled)).is_none() {
                    filled.truncate(before);
                }
            }
        }
        Some(())
    }
}

/// The parts of a start tag: attributes with bindings are optional, names and declarations hold none.
fn tag(
    text: &str,
    span: std::ops::Range<usize>,
    attributes: impl Iterator<Item = std::ops::Range<usize>>,
) -> Result<Vec<Part>, Wrong> {
    let (mut parts, mut at) = (Vec::new(), span.start);
    for attribute in attributes {
        let before = &text[at..attribute.start];
        let blank = before.len() - before.trim_end().len();
        parts.push(Part::fixed(text, at, &before[..before.len() - blank], "a name or a namespace")?);
        let part = Part::of(text, attribute.start, &text[attribute.start - blank..attribute.end])?;
        parts.push(if matches!(part, Part::Hole(_)) { Part::Optional(vec![part]) } else { part });
        at = attribute.end;
    }
    parts.push(Part::fixed(text, at, &text[at..span.end], "a name or a namespace")?);
    Ok(parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> String {
        Body::parse(text).unwrap().fill(&|binding| match binding {
            Binding::Since => Some("a<b&\"c'".into()),
            Binding::Size => Some("9".into()),
            Binding::Page | Binding::Offset | Binding::Cursor | Binding::Id => None,
        })
    }

    #[test]
    fn values_are_escaped_where_they_stand() {
        assert_eq!(
            filled("<l xmlns='urn:a' max=\"{size}\"><d>ab {since}</d></l>"),
            "<l xmlns='urn:a' max=\"9\"><d>ab a&lt;b&amp;&quot;c&apos;</d></l>"
        );
        assert_eq!(filled("<l><!-- x --><g>{{0}}</g><![CDATA[<]]></l>"), "<l><!-- x --><g>{0}</g><![CDATA[<]]></l>");
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        assert_eq!(filled("<l a='1' p='{page}' z=\"2\"><i>{id}</i><k>1</k></l>"), "<l a='1' z=\"2\"><k>1</k></l>");
        assert_eq!(filled("<l><o>{size}<i c='{cursor}'/></o></l>"), "<l><o>9<i/></o></l>");
        assert_eq!(filled("<l><o>{page}<i>{size}</i></o><p/></l>"), "<l><p/></l>");
        assert_eq!(filled("<l>{id}</l>"), "");
    }

    #[test]
    fn what_cannot_be_sent_is_told_where_it_stands() {
        let wrong = |text: &str| {
            let wrong = Body::parse(text).unwrap_err();
            (wrong.place.line.unwrap(), wrong.place.column.unwrap(), wrong.message)
        };
        for (text, line, column, part) in [
            ("", 1, 1, "no root"),
            ("<a>\n  <b></a>", 2, 6, "`</b>` is expected"),
            ("<a><x:b/></a>", 1, 4, "`x` is not declared"),
            ("<a>{sinc}</a>", 1, 4, "`{since}`"),
            ("<a><{since}/></a>", 1, 4, "no name"),
            ("<a xmlns:p='{since}'/>", 1, 1, "namespace"),
            ("<a><!-- {since} --></a>", 1, 4, "comment"),
            ("<a><![CDATA[{since}]]></a>", 1, 4, "CDATA"),
            ("<?xml version='1.0'?><a/>", 1, 1, "declaration"),
            ("<!DOCTYPE a><a/>", 1, 1, "DOCTYPE"),
            ("<a/><b/>", 1, 5, "second root"),
        ] {
            let (at_line, at_column, message) = wrong(text);
            assert_eq!((at_line, at_column, message.contains(part)), (line, column, true), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_value_becomes_markup(value in any::<String>()) {
            let body = Body::parse("<a b=\"{id}\" c='{id}'>{id}</a>").unwrap();
            let sent = body.fill(&|_| Some(Cow::Borrowed(value.as_str())));
            let mut walk = Walk::new(&sent, Limits::default());
            let mut seen = Vec::new();
            while let Some((_, event)) = walk.next().unwrap() {
                match event {
                    Event::Open(element) => seen.extend(element.attributes.iter().map(|found| found.value.to_string())),
                    Event::Text(text) => seen.push(text.into_owned()),
                    Event::Close(_) => {}
                    Event::Cdata(_) | Event::Aside => prop_assert!(false, "{}", sent),
                }
            }
            if !value.contains(|c: char| c < ' ' || c == '\u{fffe}' || c == '\u{ffff}') {
                let expected = if value.is_empty() { vec![value.clone(); 2] } else { vec![value.clone(); 3] };
                prop_assert_eq!(seen, expected);
            }
        }
    }
}
