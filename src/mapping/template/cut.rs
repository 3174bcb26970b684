//! Cutting a template into pieces: what stands as it is, and where values go. In XML a value may stand in text or in a quoted
//! attribute and nowhere else, so that escaping it is enough; elements must close in order. Refuses `DOCTYPE`.

/// A piece as written; offsets are bytes of the template.
#[derive(Debug, PartialEq)]
pub enum Cut {
    /// As it is.
    Plain(String),
    /// An expression and where it starts.
    Value(String, usize),
    /// A list and what is repeated for its items.
    Each(String, usize, Vec<Cut>),
    /// A condition and what depends on it.
    When(String, usize, Vec<Cut>),
}

/// What is wrong, and where.
pub type Wrong = (usize, String);

/// How deep elements may stand in each other.
const DEPTH: usize = 64;
/// Attributes that belong to the template.
const EACH: &str = "guichet:each";
const WHEN: &str = "guichet:when";

/// Cuts plain text.
pub fn text(template: &str) -> Result<Vec<Cut>, Wrong> {
    let mut cuts = Vec::new();
    values(template, 0, &mut cuts)?;
    Ok(cuts)
}

/// Cuts XML.
pub fn xml(template: &str) -> Result<Vec<Cut>, Wrong> {
    let mut cutter = Cutter { text: template, at: template.len() - template.trim_start_matches('\u{feff}').len() };
    let cuts = cutter.content(None, 0)?;
    match cutter.at == template.len() {
        true => Ok(cuts),
        false => Err((cutter.at, "an element is closed that was not opened".to_owned())),
    }
}

/// Adds a stretch of text in which values may stand.
fn values(text: &str, start: usize, to: &mut Vec<Cut>) -> Result<(), Wrong> {
    let mut rest = text;
    let offset = |rest: &str| start + text.len() - rest.len();
    while let Some(open) = rest.find("{{") {
        let (before, inside) = rest.split_at(open);
        push(to, before);
        let close = inside.find("}}").ok_or_else(|| (offset(inside), "`{{` is not closed with `}}`".to_owned()))?;
        let written = &inside[2..close];
        let lead = written.len() - written.trim_start().len();
        to.push(Cut::Value(written.trim().to_owned(), offset(inside) + 2 + lead));
        rest = &inside[close + 2..];
    }
    push(to, rest);
    Ok(())
}

fn push(to: &mut Vec<Cut>, text: &str) {
    match to.last_mut() {
        _ if text.is_empty() => {}
        Some(Cut::Plain(before)) => before.push_str(text),
        Some(Cut::Value(..) | Cut::Each(..) | Cut::When(..)) | None => to.push(Cut::Plain(text.to_owned())),
    }
}

fn join(to: &mut Vec<Cut>, more: Vec<Cut>) {
    more.into_iter().for_each(|cut| match cut {
        Cut::Plain(text) => push(to, &text),
        other @ (Cut::Value(..) | Cut::Each(..) | Cut::When(..)) => to.push(other),
    });
}

struct Cutter<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cutter<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// What stands up to the end tag of `within`, which is read too; at the top up to the end.
    fn content(&mut self, within: Option<&str>, depth: usize) -> Result<Vec<Cut>, Wrong> {
        if depth > DEPTH {
            return Err((self.at, format!("elements stand more than {DEPTH} deep in each other")));
        }
        let mut cuts = Vec::new();
        loop {
            let rest = self.rest();
            let stretch = rest.find('<').unwrap_or(rest.len());
            values(&rest[..stretch], self.at, &mut cuts)?;
            self.at += stretch;
            let rest = self.rest();
            if rest.is_empty() {
                return match within {
                    None => Ok(cuts),
                    Some(name) => Err((self.at, format!("`<{name}>` is not closed"))),
                };
            }
            if let Some(after) = rest.strip_prefix("</") {
                let Some(name) = within else { return Ok(cuts) };
                let end = after.find('>').ok_or_else(|| (self.at, "a tag is not closed with `>`".to_owned()))?;
                if after[..end].trim() != name {
                    return Err((self.at, format!("`</{}>` closes `<{name}>`", after[..end].trim())));
                }
                push(&mut cuts, &rest[..end + 3]);
                self.at += end + 3;
                return Ok(cuts);
            }
            match self.aside()? {
                Some(aside) => push(&mut cuts, aside),
                None => join(&mut cuts, self.element(depth)?),
            }
        }
    }

    /// A comment, an instruction or a CDATA section: as it is, and without values.
    fn aside(&mut self) -> Result<Option<&'t str>, Wrong> {
        let rest = self.rest();
        let forms = [("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>")];
        let Some((_, end)) = forms.iter().find(|(start, _)| rest.starts_with(start)) else {
            let doctype = rest.starts_with("<!");
            return if doctype { Err((self.at, "a template has no DOCTYPE".to_owned())) } else { Ok(None) };
        };
        let length = rest.find(end).ok_or_else(|| (self.at, format!("`{end}` is missing")))? + end.len();
        if let Some(open) = rest[..length].find("{{") {
            let what = "a value can stand in text or in a quoted attribute, and nowhere else";
            return Err((self.at + open, what.to_owned()));
        }
        self.at += length;
        Ok(Some(&rest[..length]))
    }

    fn element(&mut self, depth: usize) -> Result<Vec<Cut>, Wrong> {
        let start = self.at;
        let name_ends = |c: char| c.is_whitespace() || matches!(c, '>' | '/' | '{' | '<' | '"' | '\'' | '=');
        let after = &self.rest()[1..];
        let name = &after[..after.find(name_ends).unwrap_or(after.len())];
        if name.is_empty() {
            return Err((start, "a name is expected after `<`".to_owned()));
        }
        self.at += 1 + name.len();
        let mut cuts = vec![Cut::Plain(format!("<{name}"))];
        let (mut each, mut when) = (None, None);
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            self.at += space;
            let rest = self.rest();
            if rest.starts_with("/>") {
                push(&mut cuts, "/>");
                self.at += 2;
                break;
            }
            if rest.starts_with('>') {
                push(&mut cuts, ">");
                self.at += 1;
                join(&mut cuts, self.content(Some(name), depth + 1)?);
                break;
            }
            let (key, value, at) = self.attribute(space)?;
            match key {
                EACH => each = Some((value.to_owned(), at)),
                WHEN => when = Some((value.to_owned(), at)),
                key => {
                    push(&mut cuts, &format!(" {key}="));
                    let quote = &self.text[at - 1..at];
                    push(&mut cuts, quote);
                    values(value, at, &mut cuts)?;
                    push(&mut cuts, quote);
                }
            }
        }
        if let Some((condition, at)) = when {
            cuts = vec![Cut::When(condition, at, cuts)];
        }
        if let Some((list, at)) = each {
            cuts = vec![Cut::Each(list, at, cuts)];
        }
        Ok(cuts)
    }

    /// An attribute: its name, its value and where that starts.
    fn attribute(&mut self, space: usize) -> Result<(&'t str, &'t str, usize), Wrong> {
        let (start, rest) = (self.at, self.rest());
        let wrong = || (start, "an attribute is written `name=\"value\"`".to_owned());
        let equals = rest.find('=').filter(|_| space > 0).ok_or_else(wrong)?;
        let key = rest[..equals].trim_end();
        let plain = |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '/' | '{' | '}' | '"' | '\'' | '&');
        if key.is_empty() || !key.chars().all(plain) {
            return Err(wrong());
        }
        let after = &rest[equals + 1..];
        let quoted = after.trim_start();
        let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(wrong)?;
        let begin = start + equals + 1 + (after.len() - quoted.len()) + 1;
        let value = &self.text[begin..];
        // an expression may hold the other kind of quotes, and `{{ … }}` ends before the value does
        let end = value.find(quote).ok_or_else(wrong)?;
        if let Some(angle) = value[..end].find('<') {
            return Err((begin + angle, "`<` cannot stand in an attribute".to_owned()));
        }
        self.at = begin + end + 1;
        Ok((key, &value[..end], begin))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Cut {
        Cut::Plain(text.to_owned())
    }

    #[test]
    fn values_stand_in_text_and_attributes() {
        let cuts = xml(r#"<?xml version="1.0"?><a x="{{ b }}-1"><!-- c --><d>{{e}}</d><f/></a>"#).unwrap();
        assert_eq!(
            cuts,
            [
                plain(r#"<?xml version="1.0"?><a x=""#),
                Cut::Value("b".to_owned(), 30),
                plain(r#"-1"><!-- c --><d>"#),
                Cut::Value("e".to_owned(), 53),
                plain("</d><f/></a>"),
            ]
        );
    }

    #[test]
    fn elements_are_repeated_and_left_out() {
        let cuts = xml(r#"<a><b guichet:each="p[*]" guichet:when="exists(q)">{{ q }}</b></a>"#).unwrap();
        let Cut::Each(list, _, inside) = &cuts[1] else { panic!("{cuts:?}") };
        let Cut::When(condition, _, inside) = &inside[0] else { panic!("{inside:?}") };
        assert_eq!((list.as_str(), condition.as_str(), inside.len()), ("p[*]", "exists(q)", 3));
        assert_eq!((&inside[0], &inside[2]), (&plain("<b>"), &plain("</b>")));
    }

    #[test]
    fn what_could_break_out_is_refused() {
        for wrong in [
            "<{{ a }}/>",
            "<a {{ b }}='c'/>",
            "<a b={{ c }}/>",
            "<!-- {{ a }} -->",
            "<![CDATA[{{ a }}]]>",
            "<!DOCTYPE a><a/>",
            "<a>",
            "<a></b>",
            "</a>",
            "<a b='x/>",
            "<a>{{ b</a>",
            "<a b='<'/>",
            "<a b=\"c\"d=\"e\"/>",
        ] {
            assert!(xml(wrong).is_err(), "{wrong}");
        }
        assert!(xml(&"<a>".repeat(100)).is_err());
        assert_eq!(text("a {{ b }} c").unwrap().len(), 3);
    }
}
