//! Transforms of lists.

use super::super::value::{Kind, Number, Value};
use super::{Apply, Make, Takes, Transform, one_text, text_at};
use crate::model::Moment;

const fn list(
    name: &'static str,
    takes: Takes,
    gives: Option<Kind>,
    maybe: bool,
    does: &'static str,
    example: (&'static str, &'static str),
    make: Make,
) -> Transform {
    Transform { name, takes, gives, maybe, params: &[], does, example, make }
}

pub(super) const LISTS: &[Transform] = &[
    list(
        "count",
        Takes::AnyList,
        Some(Kind::Number),
        false,
        "how many items there are; also written `count(tag[*])`",
        ("tag[*] | count", "2"),
        Make::From(|_, _| Ok(on_list(|items| Value::Number(Number::new(items.len() as i64, 0))))),
    ),
    list(
        "first",
        Takes::AnyList,
        None,
        true,
        "the first item; empty where there is none; also written `first(tag[*])`",
        ("tag[*] | first", "red"),
        Make::From(|_, _| Ok(on_list(|items| items.into_iter().next().unwrap_or(Value::Empty)))),
    ),
    list(
        "last",
        Takes::AnyList,
        None,
        true,
        "the last item; empty where there is none; also written `last(tag[*])`",
        ("tag[*] | last", "green"),
        Make::From(|_, _| Ok(on_list(|mut items| items.pop().unwrap_or(Value::Empty)))),
    ),
    Transform {
        name: "join_each",
        takes: Takes::List(Kind::Text),
        gives: Some(Kind::Text),
        maybe: true,
        params: &[one_text("separator")],
        does: "the items as one text, with a separator between them; empty where there is none",
        example: ("tag[*] | upper | join_each(', ')", "RED, GREEN"),
        make: Make::From(|args, _| {
            let separator = text_at(args, 0).unwrap_or_default().to_owned();
            Ok(on_list(move |items| {
                let texts: Vec<_> = items.into_iter().map(Value::into_text).collect();
                Value::Text(texts.join(&separator).into())
            }))
        }),
    },
    list(
        "earliest",
        Takes::List(Kind::Date),
        Some(Kind::Date),
        true,
        "the earliest of several dates; empty where there is none",
        ("step[*]@on | date | earliest", "2024-03-01"),
        Make::From(|_, _| Ok(on_dates(|dates| dates.min_by_key(|moment| moment.micros)))),
    ),
    list(
        "latest",
        Takes::List(Kind::Date),
        Some(Kind::Date),
        true,
        "the latest of several dates; empty where there is none",
        ("step[*]@on | date | latest", "2024-03-09"),
        Make::From(|_, _| Ok(on_dates(|dates| dates.max_by_key(|moment| moment.micros)))),
    ),
];

fn on_list(apply: impl for<'a> Fn(Vec<Value<'a>>) -> Value<'a> + Send + Sync + 'static) -> Apply {
    Box::new(move |value| match value {
        Value::List(items) => Ok(apply(items)),
        other => Ok(other),
    })
}

fn on_dates(choose: fn(std::vec::IntoIter<Moment>) -> Option<Moment>) -> Apply {
    on_list(move |items| {
        let dates: Vec<_> = items
            .into_iter()
            .filter_map(|item| match item {
                Value::Date(moment) => Some(moment),
                Value::Empty | Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::List(_) => None,
            })
            .collect();
        choose(dates.into_iter()).map_or(Value::Empty, Value::Date)
    })
}
