//! Transforms of numbers: exact decimals, never floating point.

use super::super::value::{Kind, Number, Value};
use super::{Make, Param, Takes, Times, Transform, Unfit, count_at, on_text, one, text_at};

pub(super) const NUMBERS: &[Transform] = &[
    Transform {
        name: "number",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Number),
        maybe: false,
        params: &[Param { name: "separator", kind: Kind::Text, times: Times::Optional }],
        does: "an exact decimal number of at most 18 digits, with `.` or the decimal separator given; spaces between digits are ignored",
        example: ("'1 234,50' | number(',')", "1234.5"),
        make: Make::From(|args, _| {
            let separator = match text_at(args, 0) {
                None | Some(".") => '.',
                Some(",") => ',',
                Some(_) => return Err("the decimal separator is `.` or `,`".to_owned()),
            };
            Ok(on_text(move |text| match Number::parse(&text, separator) {
                Some(number) => Ok(Value::Number(number)),
                None => Err(Unfit::form(format!("is not a number with `{separator}` as its decimal separator"))),
            }))
        }),
    },
    Transform {
        name: "integer",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Number),
        maybe: false,
        params: &[],
        does: "a whole number",
        example: ("'0042' | integer", "42"),
        make: Make::From(|_, _| {
            Ok(on_text(|text| match Number::parse(&text, '.').filter(|number| number.integer().is_some()) {
                Some(number) => Ok(Value::Number(number)),
                None => Err(Unfit::form("is not a whole number")),
            }))
        }),
    },
    Transform {
        name: "decimals",
        takes: Takes::One(Kind::Number),
        gives: None,
        maybe: false,
        params: &[one("places", Kind::Number)],
        does: "with so many implied decimals (amounts in cents)",
        example: ("'12345' | number | decimals(2)", "123.45"),
        make: Make::From(|args, _| {
            let places = count_at(args, 0)?.and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 9);
            let places = places.ok_or("from 0 to 9 decimals are expected")?;
            Ok(Box::new(move |value| match value {
                Value::Number(number) => {
                    number.shifted(places).map(Value::Number).ok_or_else(|| Unfit::form("has too many digits"))
                }
                other => Ok(other),
            }))
        }),
    },
];
