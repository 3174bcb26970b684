//! Texts with named slots for the way out: `/issues/{case}.json`. Pure. Values are put in as values: whoever places the
//! result (a path segment, a query pair, a header) encodes it, so that no value can become syntax.

/// A piece of a text with names in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Text(String),
    /// A name in braces.
    Name(String),
}

/// Cuts a text at its braces; `{{` and `}}` are braces.
pub(crate) fn cut(text: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let found = &rest[at..];
        if let Some(after) = found.strip_prefix("{{").or_else(|| found.strip_prefix("}}")) {
            plain.push_str(&found[..1]);
            rest = after;
            continue;
        }
        let name = found.strip_prefix('{').and_then(|open| open.split_once('}'));
        let (name, after) =
            name.ok_or_else(|| format!("`{text}` holds a lone brace; write `{{{{` or `}}}}` for a brace"))?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// A text with named slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots(Vec<Piece>);

impl Slots {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = cut(text)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        for piece in &pieces {
            if let Piece::Name(name) = piece
                && (name.is_empty() || !name.chars().all(plain))
            {
                return Err(format!("`{{{name}}}` is not a name; write letters, digits, `_`, `-` or `.`"));
            }
        }
        Ok(Slots(pieces))
    }

    /// Its names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with its values; `None` where one of them has none.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        self.0.iter().try_fold(String::new(), |mut filled, piece| {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name) => filled.push_str(value(name)?),
            }
            Some(filled)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_their_names_stand() {
        let slots = Slots::parse("/a{{b}}/{case}-{x.y}").unwrap();
        assert_eq!(slots.names().collect::<Vec<_>>(), ["case", "x.y"]);
        let value = |name: &str| (name == "case").then_some("{x.y}");
        assert_eq!(slots.fill(value), None);
        assert_eq!(slots.fill(|_| Some("{case}")).as_deref(), Some("/a{b}/{case}-{case}"));
        for wrong in ["{", "}", "{a", "{}", "{a b}", "{a/b}"] {
            assert!(Slots::parse(wrong).is_err(), "{wrong}");
        }
    }
}
