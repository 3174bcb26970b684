//! Single values out of an answer: the next cursor, a total, the id of a list item. Pure.
//!
//! JSON is walked along the path and nothing else of it is kept; XML is read as a document.

use std::fmt;

use bytes::Bytes;
use guichet_sdk::format::{Format, Limits, Reader, Shape};
use guichet_sdk::{Node, Record, TEXT};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A path in an answer: keys or elements with `/` between them; `@name` is an attribute, `0` the first item of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads the text form; `issue@id` and `issue/@id` are the same.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches('/').replace('@', "/@");
        let steps: Vec<_> = text.split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        (!steps.is_empty() && steps.iter().all(|step| step != "@")).then_some(Path(steps))
    }

    /// Its steps; an attribute begins with `@`.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

/// Reads single values of one kind of answer.
pub struct Picker {
    xml: Option<Reader>,
}

impl Picker {
    /// For records of a format.
    pub fn of_records(format: &Format) -> Self {
        Picker { xml: matches!(format.shape, Shape::Xml { .. }).then(|| Reader::new(format)) }
    }

    /// For whole answers in a format, as large as they come.
    pub fn of_answers(format: &Format) -> Self {
        let Shape::Xml { namespaces, raw, .. } = &format.shape else { return Picker { xml: None } };
        let shape = Shape::Xml { record: String::new(), namespaces: namespaces.clone(), raw: raw.clone() };
        let limits = Limits { record_bytes: usize::MAX, ..format.limits };
        Picker { xml: Some(Reader::new(&Format { shape, encoding: format.encoding.clone(), limits })) }
    }

    /// The values at these paths, as text; `None` for what is absent, empty or no single value.
    pub fn pick<const N: usize>(&self, record: &Record, paths: [Option<&Path>; N]) -> [Option<String>; N] {
        match &self.xml {
            None => paths.map(|path| in_json(&record.bytes, &path?.0)),
            Some(_) if paths.iter().all(Option::is_none) => paths.map(|_| None),
            Some(reader) => match reader.read(record) {
                Ok(document) => paths.map(|path| in_tree(&document.root, &path?.0)),
                Err(_) => paths.map(|_| None),
            },
        }
    }

    /// The values at these paths of an answer.
    pub fn pick_of<const N: usize>(&self, body: &Bytes, paths: [Option<&Path>; N]) -> [Option<String>; N] {
        let record = Record { bytes: body.clone(), context: "".into(), origin: guichet_sdk::Origin::default() };
        self.pick(&record, paths)
    }
}

fn in_tree(root: &Node, path: &[String]) -> Option<String> {
    let found = path.iter().try_fold(root, |node, step| match node {
        Node::List(items) => match step.parse::<usize>() {
            Ok(at) => items.get(at),
            Err(_) => items.first()?.get(step),
        },
        // an element without attributes and children is nothing but its text
        Node::Text(_) if step == TEXT => Some(node),
        Node::Empty | Node::Text(_) | Node::Number(_) | Node::Bool(_) | Node::Map(_) => node.get(step),
    })?;
    found.scalar().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn in_json(bytes: &[u8], path: &[String]) -> Option<String> {
    let mut json = serde_json::Deserializer::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    Walk(path).deserialize(&mut json).ok().flatten().filter(|text| !text.is_empty())
}

/// Follows a path through a JSON value.
struct Walk<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl Walk<'_> {
    fn scalar<E>(self, text: impl ToString) -> Result<Option<String>, E> {
        Ok(self.0.is_empty().then(|| text.to_string()))
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.scalar(text)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        self.scalar(number)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        self.scalar(number)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        self.scalar(number)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        self.scalar(truth)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                Some((step, rest)) if *step == key => found = map.next_value_seed(Walk(rest))?,
                Some(_) | None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let wanted = self.0.split_first().and_then(|(step, rest)| Some((step.parse::<usize>().ok()?, rest)));
        let (mut found, mut at) = (None, 0);
        loop {
            match wanted {
                Some((position, rest)) if position == at => match items.next_element_seed(Walk(rest))? {
                    Some(value) => found = value,
                    None => break,
                },
                Some(_) | None => {
                    if items.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                }
            }
            at += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn format(xml: bool) -> Format {
        let record = "issue".to_owned();
        let shape = match xml {
            true => Shape::Xml { record, namespaces: Vec::new(), raw: Vec::new() },
            false => Shape::Json { record },
        };
        Format { shape, encoding: "auto".to_owned(), limits: Limits::default() }
    }

    fn at(xml: bool, body: &'static str, path: &str) -> Option<String> {
        let path = Path::parse(path).unwrap();
        let [found] = Picker::of_answers(&format(xml)).pick_of(&Bytes::from_static(body.as_bytes()), [Some(&path)]);
        found
    }

    #[test]
    fn json() {
        let body =
            r#"{"a":{"b":[{"c":1},{"c":"two","c2":null}]},"next":null,"total":12345678901234567890,"ok":true,"e":""}"#;
        for (path, expected) in [
            ("a/b/1/c", Some("two")),
            ("a/b/0/c", Some("1")),
            ("/total/", Some("12345678901234567890")),
            ("ok", Some("true")),
            ("next", None),
            ("a", None),
            ("a/b", None),
            ("e", None),
            ("nothing/here", None),
            ("total/x", None),
        ] {
            assert_eq!(at(false, body, path).as_deref(), expected, "{path}");
        }
        assert_eq!(at(false, "[7,8]", "1").as_deref(), Some("8"));
        assert_eq!(at(false, "{\"a\":1", "a"), None);
        assert_eq!(at(false, "<html>", "a"), None);
    }

    #[test]
    fn xml() {
        let body =
            r#"<issues total_count="1434"><issue><id>7</id><status id="3"/></issue><issue><id>8</id></issue></issues>"#;
        for (path, expected) in [
            ("@total_count", Some("1434")),
            ("issue/0/id", Some("7")),
            ("issue/1/id", Some("8")),
            ("issue/status@id", Some("3")),
            ("issue/missing", None),
        ] {
            assert_eq!(at(true, body, path).as_deref(), expected, "{path}");
        }
        assert_eq!(at(true, "<torn", "@x"), None);
        assert_eq!(at(true, "<number>7</number>", "#text").as_deref(), Some("7"));
        assert_eq!(at(true, "<number a='1'>7</number>", "#text").as_deref(), Some("7"));
    }

    #[test]
    fn paths_need_a_step() {
        assert!(["", "/", "@", "a/@"].iter().all(|text| Path::parse(text).is_none()));
        assert_eq!(Path::parse("a@b"), Path::parse("/a/@b"));
    }
}
