//! Expressions to tokens. Total: every text gives tokens or one located complaint.

use guichet_sdk::Issue;

use super::codes::EXPRESSION;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A name of a path, transform or function.
    Name(String),
    /// `'text'`
    Text(String),
    /// `12.5`
    Number(String),
    /// `$name`
    Let(String),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end.
    End,
}

impl Token {
    /// How it is called in a message: never its content when that may be a value.
    pub fn describe(&self) -> String {
        match self {
            Token::Name(name) => format!("`{name}`"),
            Token::Text(_) => "a text".to_owned(),
            Token::Number(number) => format!("`{number}`"),
            Token::Let(name) => format!("`${name}`"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::End => "the end of the expression".to_owned(),
        }
    }
}

/// Longest first, so that `??` is not two `?`.
const SYMBOLS: &[&str] = &[
    "??", "==", "!=", "&&", "||", "./", "^/", "|", "+", "?", "=", "!", "/", "@", "[", "]", "(", ")", ",", ":", "*",
    "$", ".",
];

/// A complaint about a text, at a byte offset.
pub type Complaint = (usize, Issue);

/// The tokens of an expression with their byte offsets, ended by [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Complaint> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c == '\'' {
            quoted(rest).ok_or_else(|| {
                let issue = Issue::error(EXPRESSION, "a text is opened with `'` and never closed");
                (at, issue.hint("close it with `'`; a quote inside a text is written twice: `''`"))
            })?
        } else if let Some(length) = number(rest) {
            (Token::Number(rest[..length].to_owned()), length)
        } else if let Some(length) = name(rest) {
            (Token::Name(rest[..length].to_owned()), length)
        } else if let Some(length) = rest.strip_prefix('$').and_then(name) {
            (Token::Let(rest[1..=length].to_owned()), length + 1)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            return Err((at, stranger(c)));
        };
        found.push((at, token));
        at += length;
    }
    found.push((text.len(), Token::End));
    Ok(found)
}

fn stranger(c: char) -> Issue {
    let issue =
        Issue::error(EXPRESSION, format!("`{}` has no meaning in an expression", if c.is_control() { '?' } else { c }));
    match c {
        '"' | '‘' | '’' | '“' | '”' | '`' => issue.hint("texts are written between `'` and `'`"),
        '&' => issue.hint("write `&&`"),
        '<' | '>' => issue.hint("values are compared with `==`, `!=` and `in [...]` only"),
        _ => issue,
    }
}

/// A text in quotes; a quote inside is doubled.
fn quoted(rest: &str) -> Option<(Token, usize)> {
    let (mut text, mut at) = (String::new(), 1);
    loop {
        let end = at + rest[at..].find('\'')?;
        text.push_str(&rest[at..end]);
        at = end + 1;
        if !rest[at..].starts_with('\'') {
            return Some((Token::Text(text), at));
        }
        text.push('\'');
        at += 1;
    }
}

fn number(rest: &str) -> Option<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(rest.starts_with('-'));
    let whole = digits(&rest[sign..]);
    if whole == 0 {
        return None;
    }
    let end = sign + whole;
    match rest[end..].strip_prefix('.').map(digits) {
        Some(part) if part > 0 => Some(end + 1 + part),
        Some(_) | None => Some(end),
    }
}

/// A name: letters, digits, `_`, and inside also `-`, `.` and `:`.
fn name(rest: &str) -> Option<usize> {
    let first = rest.chars().next().filter(|c| c.is_alphabetic() || matches!(c, '_' | '#'))?;
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let tail = rest[first.len_utf8()..].find(|c| !inner(c)).map_or(rest.len(), |n| n + first.len_utf8());
    Some(rest[..tail].trim_end_matches([':', '.', '-']).len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn words(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(_, token)| token).collect()
    }

    #[test]
    fn names_keep_colons_and_hyphens() {
        assert_eq!(words("case:concept:name")[0], Token::Name("case:concept:name".into()));
        assert_eq!(words("a-b.c")[0], Token::Name("a-b.c".into()));
        assert_eq!(words("map('K': 'v')").len(), 7);
        assert_eq!(words("été@x")[0], Token::Name("été".into()));
    }

    #[test]
    fn quotes_are_doubled_and_question_marks_pair_up() {
        assert_eq!(words("'it''s'"), [Token::Text("it's".into()), Token::End]);
        assert_eq!(words("a? ?? ''")[1..3], [Token::Symbol("?"), Token::Symbol("??")]);
        assert_eq!(tokens("'open").unwrap_err().0, 0);
        assert_eq!(tokens("a \" b").unwrap_err().0, 2);
    }
}
