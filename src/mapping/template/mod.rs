//! Templates of bodies: a file beside the mapping in which `{{ expression }}` stands where a value goes. The file decides
//! how values are escaped: in XML they can become neither markup nor an end of an attribute.
//!
//! In XML `guichet:each="path[*]"` on an element repeats it for every item (paths inside are relative to the item), and
//! `guichet:when="condition"` leaves it out where the condition does not hold.

pub mod cut;

use std::borrow::Cow;

use guichet_sdk::format::escape_xml;

use super::eval::{Scene, Stop};
use super::op::Op;
use super::path::Path;

/// A compiled template.
pub struct Template {
    pub(super) form: Form,
    pub(super) pieces: Vec<Piece>,
}

/// What a template is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// XML.
    Xml,
    /// Plain text: values as they are, without control characters.
    Text,
}

/// A piece of a template.
pub(super) enum Piece {
    /// As it is.
    Plain(String),
    /// A value.
    Value(Op),
    /// Repeated for each item.
    Each(Path, Vec<Piece>),
    /// Only where the condition holds.
    When(Op, Vec<Piece>),
}

impl Template {
    /// What the body is.
    pub fn content_type(&self) -> &'static str {
        match self.form {
            Form::Xml => "application/xml",
            Form::Text => "text/plain; charset=utf-8",
        }
    }

    /// The text with its values.
    pub fn fill<'a>(&'a self, scene: &Scene<'a>) -> Result<String, Stop> {
        let mut filled = String::new();
        self.pieces(&self.pieces, scene, &mut filled)?;
        Ok(filled)
    }

    fn pieces<'a>(&'a self, pieces: &'a [Piece], scene: &Scene<'a>, to: &mut String) -> Result<(), Stop> {
        for piece in pieces {
            match piece {
                Piece::Plain(text) => to.push_str(text),
                Piece::Value(op) => to.push_str(&self.escaped(&op.eval(scene)?.into_text())),
                Piece::When(condition, inside) => {
                    if condition.holds(scene)? {
                        self.pieces(inside, scene, to)?;
                    }
                }
                Piece::Each(path, inside) => {
                    for (at, node) in path.nodes(scene)?.into_iter().enumerate() {
                        self.pieces(inside, &scene.item(node, &path.text, at + 1), to)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn escaped<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.form {
            Form::Xml => xml(text),
            Form::Text => plain(text),
        }
    }
}

/// A value in XML text or in an attribute; characters XML cannot hold are left out.
fn xml(text: &str) -> Cow<'_, str> {
    let unfit = |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '\t' | '\n' | '\r') || unfit(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(escape_xml(&text.replace(unfit, "")))
}

/// A value in plain text: line ends become spaces, so that no value can begin a line of its own.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_becomes_markup() {
        assert_eq!(xml("a <b> & \"c\" 'd'"), "a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;");
        assert_eq!(xml("]]>\u{0}\u{b}x\ny"), "]]&gt;x&#10;y");
        assert_eq!(plain("a\r\nBcc: x"), "a  Bcc: x");
    }
}
