//! Values of expressions and their static types. A value borrows the document's text as long as nothing changes it.

use std::borrow::Cow;
use std::fmt;

use crate::model::Moment;

/// What an expression is at compile time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    /// Kind of the value, or of each item.
    pub kind: Kind,
    /// Whether it is a list of such values.
    pub list: bool,
    /// Whether it may be empty.
    pub maybe: bool,
}

impl Type {
    /// One value that is never empty.
    pub const fn one(kind: Kind) -> Self {
        Type { kind, list: false, maybe: false }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = if self.list { "a list of " } else { "" };
        write!(f, "{list}{}", self.kind)
    }
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An exact decimal number.
    Number,
    /// True or false.
    Boolean,
    /// A date, with or without a time of day.
    Date,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Date => "date",
        })
    }
}

/// What an expression gives for one document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Empty,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Number(Number),
    /// True or false.
    Bool(bool),
    /// A date.
    Date(Moment),
    /// A list.
    List(Vec<Value<'a>>),
}

impl Value<'_> {
    /// Whether nothing is said: no value, or a text without content.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Empty => true,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Number(_) | Value::Bool(_) | Value::Date(_) => false,
        }
    }
}

impl<'a> Value<'a> {
    /// The value as text: numbers without trailing zeros, dates as RFC 3339.
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Value::Empty => Cow::Borrowed(""),
            Value::Text(text) => text,
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Date(moment) => Cow::Owned(moment.rfc3339()),
            Value::List(items) => {
                let texts: Vec<_> = items.into_iter().map(Value::into_text).collect();
                Cow::Owned(texts.join(", "))
            }
        }
    }

    /// The same value, owning its text.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Empty => Value::Empty,
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Number(number) => Value::Number(number),
            Value::Bool(flag) => Value::Bool(flag),
            Value::Date(moment) => Value::Date(moment),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
        }
    }
}

/// An exact decimal number of at most 18 digits; equal numbers are equal however they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    units: i64,
    scale: u8,
}

impl Number {
    /// Digits a number may have.
    const DIGITS: usize = 18;

    /// A number of units, each a power of ten.
    pub fn new(mut units: i64, mut scale: u8) -> Self {
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        Number { units, scale }
    }

    /// Reads digits with an optional sign and an optional decimal separator; spaces between digits are ignored.
    pub fn parse(text: &str, separator: char) -> Option<Self> {
        let text = text.trim();
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mut units, mut digits, mut scale) = (0i64, 0, None);
        for c in body.chars() {
            match c.to_digit(10) {
                Some(digit) if digits < Number::DIGITS => {
                    units = units * 10 + i64::from(digit);
                    digits += usize::from(units != 0);
                    scale = scale.map(|n: u8| n + 1);
                    if scale.is_some_and(|n| usize::from(n) > Number::DIGITS) {
                        return None;
                    }
                }
                Some(_) => return None,
                None if c == separator && scale.is_none() => scale = Some(0),
                None if matches!(c, ' ' | '\u{a0}' | '\u{202f}') => {}
                None => return None,
            }
        }
        let written = body.chars().any(|c| c.is_ascii_digit());
        written.then(|| Number::new(if negative { -units } else { units }, scale.unwrap_or(0)))
    }

    /// The number as an integer, if it is one.
    pub fn integer(self) -> Option<i64> {
        (self.scale == 0).then_some(self.units)
    }

    /// The number divided by a power of ten (implied decimals).
    pub fn shifted(self, places: u8) -> Option<Self> {
        let scale = self.scale.checked_add(places).filter(|scale| usize::from(*scale) <= Number::DIGITS)?;
        Some(Number::new(self.units, scale))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.units);
        }
        let sign = if self.units < 0 { "-" } else { "" };
        let width = usize::from(self.scale) + 1;
        let digits = format!("{:0width$}", self.units.unsigned_abs());
        let (whole, part) = digits.split_at(digits.len() - usize::from(self.scale));
        write!(f, "{sign}{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        let read = |text| Number::parse(text, '.').map(|n| n.to_string());
        assert_eq!(read("12.50").as_deref(), Some("12.5"));
        assert_eq!(read("-0.05").as_deref(), Some("-0.05"));
        assert_eq!(read("00012").as_deref(), Some("12"));
        assert_eq!(read("9007199254740993").as_deref(), Some("9007199254740993"));
        assert_eq!(Number::parse("1 234,5", ',').map(|n| n.to_string()).as_deref(), Some("1234.5"));
        for wrong in ["", "-", "1e400", "1.2.3", "12a", "1234567890123456789", "."] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
