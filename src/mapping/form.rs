//! The forms of dates: ISO 8601 by hand, the mapping's own compiled once. What a text says, before any time zone is
//! considered; a text that is not wholly of its form is not a date.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use crate::model::Precision;

/// What was written, before the time zone is considered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Written {
    /// Date.
    pub(super) date: Date,
    /// Time of day, where one is written.
    pub(super) time: Option<Time>,
    /// How precise.
    pub(super) precision: Precision,
    /// Offset from UTC, where one is written.
    pub(super) offset: Option<Offset>,
}

/// Reads ISO 8601 / RFC 3339: `2024-03-01`, `2024-03-01 14:30`, `2024-03-01T14:30:00.1234567+01:00`.
pub(super) fn iso(text: &str) -> Option<Written> {
    let mut scan = Scan { rest: text.as_bytes() };
    let year = scan.digits(4, 4)?;
    scan.byte(b'-')?;
    let month = scan.digits(2, 2)?;
    scan.byte(b'-')?;
    let date = civil_date(year, month, scan.digits(2, 2)?)?;
    if scan.rest.is_empty() {
        return Some(Written { date, time: None, precision: Precision::Day, offset: None });
    }
    if !matches!(scan.next()?, b'T' | b't' | b' ') {
        return None;
    }
    let hour = scan.digits(2, 2)?;
    scan.byte(b':')?;
    let minute = scan.digits(2, 2)?;
    let (mut second, mut nanos, mut precision) = (0, 0, Precision::Minute);
    if scan.byte(b':').is_some() {
        precision = Precision::Second;
        second = scan.digits(2, 2)?;
        if scan.byte(b'.').or_else(|| scan.byte(b',')).is_some() {
            nanos = scan.fraction()?;
        }
    }
    let offset = if scan.rest.is_empty() { None } else { Some(scan.offset()?) };
    let time = civil_time(hour, minute, second, nanos)?;
    scan.rest.is_empty().then_some(Written { date, time: Some(time), precision, offset })
}

fn civil_date(year: u32, month: u32, day: u32) -> Option<Date> {
    (year > 0).then_some(())?;
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn civil_time(hour: u32, minute: u32, second: u32, nanos: u32) -> Option<Time> {
    let part = |n: u32| i8::try_from(n).ok();
    Time::new(part(hour)?, part(minute)?, part(second)?, i32::try_from(nanos).ok()?).ok()
}

/// A reader of digits and signs.
struct Scan<'t> {
    rest: &'t [u8],
}

impl Scan<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        let rest = self.rest.strip_prefix(&[wanted])?;
        self.rest = rest;
        Some(())
    }

    /// A number of so many digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let length = self.rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if length < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    /// Any number of digits after a decimal point, as nanoseconds; finer ones are cut off.
    fn fraction(&mut self) -> Option<u32> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        (length > 0).then(|| padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    /// `Z`, `+01:00`, `+0100` or `+01`, with a space before it or not.
    fn offset(&mut self) -> Option<Offset> {
        let _ = self.byte(b' ');
        let sign = match self.next()? {
            b'Z' | b'z' => return Some(Offset::UTC),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.digits(2, 2)?;
        let colon = self.byte(b':').is_some();
        let minutes = if colon || !self.rest.is_empty() { self.digits(2, 2)? } else { 0 };
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok().filter(|_| minutes < 60)?;
        Offset::from_seconds(sign * seconds).ok()
    }
}

/// A compiled form of dates, such as `%d/%m/%Y %H:%M`.
#[derive(Debug, Clone)]
pub struct Form {
    /// As written.
    pub(super) text: Box<str>,
    parts: Box<[Part]>,
    precision: Precision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    HalfDay,
    Offset,
    Literal(char),
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl Form {
    /// Compiles a form, or says what is wrong with it.
    pub fn compile(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '%' => directive(chars.next())?,
                _ => Part::Literal(c),
            });
        }
        let has = |any: &[Part]| parts.iter().any(|part| any.contains(part));
        let dated = has(&[Part::Year, Part::ShortYear]) && has(&[Part::Month, Part::MonthName]) && has(&[Part::Day]);
        if !dated {
            return Err("a form of dates has a year, a month and a day: `%d/%m/%Y`".to_owned());
        }
        if has(&[Part::Hour12]) != has(&[Part::HalfDay]) {
            return Err("`%I` (12 hours) and `%p` (AM or PM) go together; 24 hours are `%H`".to_owned());
        }
        let precision = match (has(&[Part::Hour, Part::Hour12]), has(&[Part::Second])) {
            (false, _) => Precision::Day,
            (true, false) => Precision::Minute,
            (true, true) => Precision::Second,
        };
        Ok(Form { text: text.into(), parts: parts.into(), precision })
    }

    /// Reads a text of this form.
    pub(super) fn read(&self, text: &str) -> Option<Written> {
        let mut scan = Scan { rest: text.as_bytes() };
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut second, mut nanos) = (0, 0, 0, 0);
        let (mut afternoon, mut offset) = (None, None);
        for part in &self.parts {
            match part {
                Part::Year => year = scan.digits(4, 4)?,
                Part::ShortYear => year = scan.digits(2, 2).map(|n| if n < 69 { 2000 + n } else { 1900 + n })?,
                Part::Month => month = scan.digits(1, 2)?,
                Part::MonthName => month = scan.month()?,
                Part::Day => day = scan.digits(1, 2)?,
                Part::Hour => hour = scan.digits(1, 2)?,
                Part::Hour12 => hour = scan.digits(1, 2).filter(|n| (1..=12).contains(n))? % 12,
                Part::Minute => minute = scan.digits(2, 2)?,
                Part::Second => second = scan.digits(2, 2)?,
                Part::Fraction => nanos = scan.fraction()?,
                Part::HalfDay => afternoon = Some(scan.half_day()?),
                Part::Offset => offset = Some(scan.offset()?),
                Part::Literal(c) => {
                    let mut bytes = [0; 4];
                    scan.rest = scan.rest.strip_prefix(c.encode_utf8(&mut bytes).as_bytes())?;
                }
            }
        }
        let date = civil_date(year, month, day).filter(|_| scan.rest.is_empty())?;
        let hour = hour + if afternoon == Some(true) { 12 } else { 0 };
        let time = match self.precision {
            Precision::Day => None,
            Precision::Minute | Precision::Second => Some(civil_time(hour, minute, second, nanos)?),
        };
        Some(Written { date, time, precision: self.precision, offset })
    }
}

impl Scan<'_> {
    fn month(&mut self) -> Option<u32> {
        let word = std::str::from_utf8(self.rest.get(..3)?).ok()?;
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(word))?;
        self.rest = &self.rest[3..];
        u32::try_from(month).ok().map(|n| n + 1)
    }

    /// `AM` or `PM`: whether it is the second half of the day.
    fn half_day(&mut self) -> Option<bool> {
        let half = self.next()?.to_ascii_uppercase();
        self.next().filter(|byte| byte.eq_ignore_ascii_case(&b'M'))?;
        match half {
            b'A' => Some(false),
            b'P' => Some(true),
            _ => None,
        }
    }
}

fn directive(letter: Option<char>) -> Result<Part, String> {
    Ok(match letter {
        Some('Y') => Part::Year,
        Some('y') => Part::ShortYear,
        Some('m') => Part::Month,
        Some('b') => Part::MonthName,
        Some('d') => Part::Day,
        Some('H') => Part::Hour,
        Some('I') => Part::Hour12,
        Some('M') => Part::Minute,
        Some('S') => Part::Second,
        Some('f') => Part::Fraction,
        Some('p') => Part::HalfDay,
        Some('z') => Part::Offset,
        Some('%') => Part::Literal('%'),
        Some(other) => return Err(format!("`%{other}` is not known; known are {KNOWN}")),
        None => return Err(format!("a `%` at the end means nothing; known are {KNOWN}")),
    })
}

const KNOWN: &str = "`%Y %y %m %b %d %H %I %M %S %f %p %z %%`";
