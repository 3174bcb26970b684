//! Transforms: small, total, typed steps of an expression. One table; a family per file. Refuses to grow a language: a
//! need met twice becomes a named transform here, with its signature and an example that is tested and documented.

mod dates;
mod lists;
mod numbers;
mod texts;

use std::borrow::Cow;
use std::sync::Arc;

use guichet_sdk::Code;

use super::codes::FORM;
use super::date::Calendar;
use super::value::{Kind, Number, Value};

/// A transform.
pub struct Transform {
    /// Name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// The kind it gives; `None` = the kind it takes.
    pub gives: Option<Kind>,
    /// Whether what it gives may be empty although what it takes is not.
    pub maybe: bool,
    /// Parameters.
    pub params: &'static [Param],
    /// What it does, in one line.
    pub does: &'static str,
    /// An example: an expression (over [`SAMPLE`](super::reference::SAMPLE)), and what it gives.
    pub example: (&'static str, &'static str),
    /// How it is made.
    pub make: Make,
}

/// What a transform takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// One value of this kind; a list is taken item by item.
    One(Kind),
    /// A whole list of this kind.
    List(Kind),
    /// A whole list of any kind.
    AnyList,
}

/// A parameter.
pub struct Param {
    /// Name.
    pub name: &'static str,
    /// Kind of the argument, a literal.
    pub kind: Kind,
    /// How often it is given.
    pub times: Times,
}

/// How often an argument is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Any number of times.
    Many,
}

/// An argument: a literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Text.
    Text(String),
    /// A number.
    Number(Number),
}

/// A transform with its arguments.
pub type Apply = Box<dyn for<'a> Fn(Value<'a>) -> Result<Value<'a>, Unfit> + Send + Sync>;

/// How a transform is made from its arguments.
pub enum Make {
    /// From literals; what is wrong with them is said at compile time.
    From(fn(&[Argument], &Arc<Calendar>) -> Result<Apply, String>),
    /// By the compiler: it needs the code tables of the mapping.
    Code,
    /// By the compiler: it has pairs.
    Map,
}

/// Why a value does not fit: a code and what was expected, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Code.
    pub code: Code,
    /// What is wrong, said of the value.
    pub what: Cow<'static, str>,
    /// What to write instead.
    pub hint: Option<&'static str>,
}

impl Unfit {
    /// A value that does not fit.
    pub fn new(code: Code, what: impl Into<Cow<'static, str>>) -> Self {
        Unfit { code, what: what.into(), hint: None }
    }

    /// A value without the expected form.
    fn form(what: impl Into<Cow<'static, str>>) -> Self {
        Unfit::new(FORM, what)
    }

    /// The same with what to write instead.
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

/// Every transform, family by family.
pub fn all() -> impl Iterator<Item = &'static Transform> {
    [texts::TEXTS, numbers::NUMBERS, dates::DATES, lists::LISTS, WORDS].into_iter().flatten()
}

/// The transform of this name.
pub fn find(name: &str) -> Option<&'static Transform> {
    all().find(|transform| transform.name == name)
}

/// Words: from a source's codes to ours.
const WORDS: &[Transform] = &[
    Transform {
        name: "map",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Text),
        maybe: false,
        params: &[],
        does: "the word beside a code, written on the spot: `map('K': 'v', …)`; a code that is not there goes to quarantine (E042)",
        example: ("kind | map('PE': 'applicant', 'MA': 'representative')", "applicant"),
        make: Make::Map,
    },
    Transform {
        name: "code",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Text),
        maybe: false,
        params: &[],
        does: "the cell beside a code in a table: `code(table, column, at)`, on the civil date `at` (left out where no row is dated); \
               no row goes to quarantine (E042), never a default; `code(…)?` = the cell may be empty",
        example: ("state | code('states', 'phase', state_date | date)", "decided"),
        make: Make::Code,
    },
];

const fn one_text(name: &'static str) -> Param {
    Param { name, kind: Kind::Text, times: Times::One }
}

const fn one(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, times: Times::One }
}

/// A transform of one text.
fn on_text(apply: impl for<'a> Fn(Cow<'a, str>) -> Result<Value<'a>, Unfit> + Send + Sync + 'static) -> Apply {
    Box::new(move |value| match value {
        Value::Text(text) => apply(text),
        other => Ok(other),
    })
}

/// A transform of one text to text, that keeps borrowing where it cuts only.
fn cut(part: impl for<'a> Fn(&'a str) -> &'a str + Send + Sync + 'static) -> Apply {
    on_text(move |text| {
        Ok(Value::Text(match text {
            Cow::Borrowed(text) => Cow::Borrowed(part(text)),
            Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
        }))
    })
}

/// The text at a place in the arguments; the compiler has checked that it is one.
fn text_at(args: &[Argument], at: usize) -> Option<&str> {
    match args.get(at) {
        Some(Argument::Text(text)) => Some(text),
        Some(Argument::Number(_)) | None => None,
    }
}

/// The small count at a place in the arguments.
fn count_at(args: &[Argument], at: usize) -> Result<Option<usize>, String> {
    match args.get(at) {
        Some(Argument::Number(number)) => {
            let count = number.integer().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= 10_000);
            count.map(Some).ok_or_else(|| "a whole number from 0 to 10000 is expected".to_owned())
        }
        Some(Argument::Text(_)) | None => Ok(None),
    }
}
