//! Transforms of text.

use std::borrow::Cow;

use super::super::value::{Kind, Number, Value};
use super::{Make, Param, Takes, Times, Transform, Unfit, count_at, cut, on_text, one, one_text, text_at};

const TEXT: Takes = Takes::One(Kind::Text);

const fn text(
    name: &'static str,
    params: &'static [Param],
    does: &'static str,
    example: (&'static str, &'static str),
    make: Make,
) -> Transform {
    Transform { name, takes: TEXT, gives: None, maybe: false, params, does, example, make }
}

const fn test(
    name: &'static str,
    params: &'static [Param],
    does: &'static str,
    example: (&'static str, &'static str),
    make: Make,
) -> Transform {
    Transform { name, takes: TEXT, gives: Some(Kind::Boolean), maybe: false, params, does, example, make }
}

pub(super) const TEXTS: &[Transform] = &[
    text(
        "trim",
        &[],
        "without white space at both ends",
        ("'  rue Haute ' | trim", "rue Haute"),
        Make::From(|_, _| Ok(cut(str::trim))),
    ),
    text(
        "collapse",
        &[],
        "every run of white space as one space, none at the ends",
        ("' rue   Haute ' | collapse", "rue Haute"),
        Make::From(|_, _| Ok(on_text(|text| Ok(owned(text.split_whitespace().collect::<Vec<_>>().join(" ")))))),
    ),
    text(
        "upper",
        &[],
        "in capitals",
        ("'Éva' | upper", "ÉVA"),
        Make::From(|_, _| Ok(on_text(|text| Ok(owned(text.to_uppercase()))))),
    ),
    text(
        "lower",
        &[],
        "in small letters",
        ("'ÉVA' | lower", "éva"),
        Make::From(|_, _| Ok(on_text(|text| Ok(owned(text.to_lowercase()))))),
    ),
    text(
        "capitalise",
        &[],
        "first letter as a capital, the rest in small letters",
        ("'MARTIN' | capitalise", "Martin"),
        Make::From(|_, _| {
            Ok(on_text(|text| {
                let mut chars = text.chars();
                let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
                Ok(owned(first + &chars.as_str().to_lowercase()))
            }))
        }),
    ),
    text(
        "digits",
        &[],
        "its digits only",
        ("'552 100 554' | digits", "552100554"),
        Make::From(|_, _| Ok(on_text(|text| Ok(kept(text, |c| c.is_ascii_digit()))))),
    ),
    text(
        "alphanumeric",
        &[],
        "its letters and digits only",
        ("'FR-75.100 A' | alphanumeric", "FR75100A"),
        Make::From(|_, _| Ok(on_text(|text| Ok(kept(text, char::is_alphanumeric))))),
    ),
    text(
        "before",
        &[one_text("separator")],
        "what stands before the first separator, or all of it",
        ("'DP 075 24' | before(' ')", "DP"),
        Make::From(|args, _| {
            let separator = separator(args)?;
            Ok(cut(move |text| text.split_once(&*separator).map_or(text, |(before, _)| before)))
        }),
    ),
    text(
        "after",
        &[one_text("separator")],
        "what stands after the first separator, or nothing",
        ("'DP 075 24' | after(' ')", "075 24"),
        Make::From(|args, _| {
            let separator = separator(args)?;
            Ok(cut(move |text| text.split_once(&*separator).map_or("", |(_, after)| after)))
        }),
    ),
    text(
        "part",
        &[one("number", Kind::Number), one_text("separator")],
        "the part of this number, from 1, between separators; nothing where there are fewer",
        ("'a;b;c' | part(2, ';')", "b"),
        Make::From(|args, _| {
            let number = count_at(args, 0)?.filter(|n| *n > 0).ok_or("parts are counted from 1")?;
            let separator: Box<str> = filled(text_at(args, 1))?.into();
            Ok(cut(move |text| text.split(&*separator).nth(number - 1).unwrap_or_default()))
        }),
    ),
    text(
        "slice",
        &[one("start", Kind::Number), one("length", Kind::Number)],
        "so many characters from this one, counted from 1",
        ("'20240301' | slice(5, 2)", "03"),
        Make::From(|args, _| {
            let start = count_at(args, 0)?.filter(|n| *n > 0).ok_or("characters are counted from 1")? - 1;
            let length = count_at(args, 1)?.unwrap_or_default();
            Ok(cut(move |text| {
                let offset = |n| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
                &text[offset(start)..offset(start + length)]
            }))
        }),
    ),
    text(
        "replace",
        &[one_text("old"), one_text("new")],
        "with every occurrence of a text replaced by another",
        ("'a-b-c' | replace('-', '/')", "a/b/c"),
        Make::From(|args, _| {
            let (old, new) = (filled(text_at(args, 0))?.to_owned(), text_at(args, 1).unwrap_or_default().to_owned());
            Ok(on_text(move |text| {
                Ok(if text.contains(&*old) { owned(text.replace(&*old, &new)) } else { Value::Text(text) })
            }))
        }),
    ),
    text(
        "pad_left",
        &[one("length", Kind::Number), one_text("sign")],
        "filled up on the left to so many characters",
        ("'652' | pad_left(5, '0')", "00652"),
        Make::From(|args, _| {
            let (length, sign) = (count_at(args, 0)?.unwrap_or_default(), sign(args, 1)?);
            Ok(on_text(move |text| {
                let missing = length.saturating_sub(text.chars().count());
                Ok(owned(std::iter::repeat_n(sign, missing).chain(text.chars()).collect()))
            }))
        }),
    ),
    text(
        "strip_left",
        &[one_text("sign")],
        "without these signs on the left",
        ("'000652' | strip_left('0')", "652"),
        Make::From(|args, _| {
            let sign = sign(args, 0)?;
            Ok(cut(move |text| text.trim_start_matches(sign)))
        }),
    ),
    test(
        "contains",
        &[one_text("part")],
        "whether this text stands in it",
        ("'Stop advice' | contains('advice')", "true"),
        Make::From(|args, _| {
            let part = filled(text_at(args, 0))?.to_owned();
            Ok(on_text(move |text| Ok(Value::Bool(text.contains(&*part)))))
        }),
    ),
    test(
        "starts_with",
        &[one_text("start")],
        "whether it starts with this text",
        ("'T10 Determine' | starts_with('T10')", "true"),
        Make::From(|args, _| {
            let start = filled(text_at(args, 0))?.to_owned();
            Ok(on_text(move |text| Ok(Value::Bool(text.starts_with(&*start)))))
        }),
    ),
    test(
        "ends_with",
        &[one_text("end")],
        "whether it ends with this text",
        ("'note.pdf' | ends_with('.pdf')", "true"),
        Make::From(|args, _| {
            let end = filled(text_at(args, 0))?.to_owned();
            Ok(on_text(move |text| Ok(Value::Bool(text.ends_with(&*end)))))
        }),
    ),
    Transform {
        name: "length",
        takes: TEXT,
        gives: Some(Kind::Number),
        maybe: false,
        params: &[],
        does: "how many characters it has",
        example: ("'été' | length", "3"),
        make: Make::From(|_, _| Ok(on_text(|text| Ok(Value::Number(Number::new(text.chars().count() as i64, 0)))))),
    },
    Transform {
        name: "boolean",
        takes: TEXT,
        gives: Some(Kind::Boolean),
        maybe: false,
        params: &[
            Param { name: "yes", kind: Kind::Text, times: Times::Optional },
            Param { name: "no", kind: Kind::Text, times: Times::Optional },
        ],
        does: "true or false: `true`/`false` and `1`/`0`, or the two words given",
        example: ("'J' | boolean('J', 'N')", "true"),
        make: Make::From(|args, _| match (text_at(args, 0), text_at(args, 1)) {
            (None, _) => Ok(on_text(|text| yes_or_no(&text, &["true", "1"], &["false", "0"]))),
            (Some(_), None) => Err("two words are expected, for yes and for no: `boolean('J', 'N')`".to_owned()),
            (Some(yes), Some(no)) => {
                let (yes, no) = (yes.to_owned(), no.to_owned());
                Ok(on_text(move |text| yes_or_no(&text, &[&yes], &[&no])))
            }
        }),
    },
];

fn yes_or_no(text: &str, yes: &[&str], no: &[&str]) -> Result<Value<'static>, Unfit> {
    let text = text.trim();
    match (yes.contains(&text), no.contains(&text)) {
        (true, _) => Ok(Value::Bool(true)),
        (_, true) => Ok(Value::Bool(false)),
        (false, false) => Err(Unfit::form(format!("is none of `{}`, `{}`", yes.join("`, `"), no.join("`, `")))),
    }
}

fn owned(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

fn kept(text: Cow<'_, str>, keep: fn(char) -> bool) -> Value<'_> {
    if text.chars().all(keep) { Value::Text(text) } else { owned(text.chars().filter(|c| keep(*c)).collect()) }
}

fn filled(text: Option<&str>) -> Result<&str, String> {
    text.filter(|text| !text.is_empty()).ok_or_else(|| "the text is empty".to_owned())
}

fn separator(args: &[super::Argument]) -> Result<Box<str>, String> {
    filled(text_at(args, 0)).map(Into::into)
}

fn sign(args: &[super::Argument], at: usize) -> Result<char, String> {
    let mut chars = text_at(args, at).unwrap_or_default().chars();
    match (chars.next(), chars.next()) {
        (Some(sign), None) => Ok(sign),
        (Some(_), Some(_)) | (None, _) => Err("one sign is expected".to_owned()),
    }
}
