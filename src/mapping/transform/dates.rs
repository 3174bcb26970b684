//! Transforms of dates.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::date::Calendar;
use super::super::form::Form;
use super::super::value::{Kind, Number, Value};
use super::{Apply, Argument, Make, Param, Takes, Times, Transform, Unfit, on_text, one, one_text, text_at};
use crate::model::Moment;

const DATE: Takes = Takes::One(Kind::Date);

pub(super) const DATES: &[Transform] = &[
    Transform {
        name: "date",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Date),
        maybe: false,
        params: &[Param { name: "form", kind: Kind::Text, times: Times::Many }],
        does: "a date in one of the forms given, else in one of `date_formats` or ISO 8601; without a zone it is in the source's `tz`; \
               a bare date stays a date",
        example: ("'31/12/2023 23:59' | date('%d/%m/%Y %H:%M')", "2023-12-31T22:59:00Z"),
        make: Make::From(|args, calendar| {
            let forms = (0..args.len()).filter_map(|at| text_at(args, at)).map(Form::compile);
            let forms = forms.collect::<Result<Vec<_>, String>>()?;
            let calendar = Arc::clone(calendar);
            Ok(if forms.is_empty() {
                on_text(move |text| calendar.read(&text).map(Value::Date))
            } else {
                on_text(move |text| calendar.read_as(&text, &forms).map(Value::Date))
            })
        }),
    },
    Transform {
        name: "unix",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Date),
        maybe: false,
        params: &[],
        does: "the instant so many seconds after 1970-01-01T00:00:00Z",
        example: ("'1700000000' | unix", "2023-11-14T22:13:20Z"),
        make: Make::From(|_, calendar| Ok(since_1970(calendar, Timestamp::from_second, "seconds"))),
    },
    Transform {
        name: "unix_millis",
        takes: Takes::One(Kind::Text),
        gives: Some(Kind::Date),
        maybe: false,
        params: &[],
        does: "the instant so many milliseconds after 1970-01-01T00:00:00Z",
        example: ("'1700000000123' | unix_millis", "2023-11-14T22:13:20.123Z"),
        make: Make::From(|_, calendar| Ok(since_1970(calendar, Timestamp::from_millisecond, "milliseconds"))),
    },
    Transform {
        name: "day",
        takes: DATE,
        gives: None,
        maybe: false,
        params: &[],
        does: "its civil date in the source's time zone, without the time of day",
        example: ("'2023-12-31T23:30:00Z' | date | day", "2024-01-01"),
        make: Make::From(|_, calendar| {
            let calendar = Arc::clone(calendar);
            Ok(on_date(move |moment| calendar.day(moment, 0).map(Value::Date)))
        }),
    },
    Transform {
        name: "add_days",
        takes: DATE,
        gives: None,
        maybe: false,
        params: &[one("days", Kind::Number)],
        does: "the civil date so many days later, or earlier where negative",
        example: ("'2024-02-28' | date | add_days(2)", "2024-03-01"),
        make: Make::From(|args, calendar| {
            let days = match args.first() {
                Some(Argument::Number(number)) => number.integer().and_then(|n| i32::try_from(n).ok()),
                Some(Argument::Text(_)) | None => None,
            };
            let days = days.ok_or("a whole number of days is expected")?;
            let calendar = Arc::clone(calendar);
            Ok(on_date(move |moment| calendar.day(moment, days).map(Value::Date)))
        }),
    },
    Transform {
        name: "format",
        takes: DATE,
        gives: Some(Kind::Text),
        maybe: false,
        params: &[one_text("form")],
        does: "as text, in the source's time zone, in a form such as `%d/%m/%Y`",
        example: ("'2024-03-01' | date | format('%Y')", "2024"),
        make: Make::From(|args, calendar| {
            let form = text_at(args, 0).unwrap_or_default().to_owned();
            let sample = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
            jiff::fmt::strtime::format(&form, sample)
                .map_err(|_| "the form holds a `%` sign that is not known".to_owned())?;
            let calendar = Arc::clone(calendar);
            Ok(on_date(move |moment| match jiff::fmt::strtime::format(&form, calendar.local(moment)) {
                Ok(text) => Ok(Value::Text(Cow::Owned(text))),
                Err(_) => Err(Unfit::form("cannot be written in this form")),
            }))
        }),
    },
];

fn on_date(apply: impl Fn(Moment) -> Result<Value<'static>, Unfit> + Send + Sync + 'static) -> Apply {
    Box::new(move |value| match value {
        Value::Date(moment) => apply(moment),
        other => Ok(other),
    })
}

fn since_1970(calendar: &Arc<Calendar>, read: fn(i64) -> Result<Timestamp, jiff::Error>, unit: &'static str) -> Apply {
    let calendar = Arc::clone(calendar);
    on_text(move |text| {
        let number = Number::parse(&text, '.').and_then(Number::integer);
        match number.and_then(|n| read(n).ok()) {
            Some(timestamp) => Ok(Value::Date(calendar.instant(timestamp))),
            None => Err(Unfit::form(format!("is not a number of {unit} since 1970"))),
        }
    })
}
