//! Dates as sources write them: ISO 8601 / RFC 3339 and the mapping's own forms, in the source's time zone, to the
//! precision written. Refuses to invent an hour for a bare date, to shift a time that does not exist, to choose between
//! two that do, unless the mapping says so.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::codes::{CLOCK, FORM};
use super::transform::Unfit;
use crate::model::{Moment, Precision};

/// What is done with a local time that the clocks skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The record goes to quarantine.
    Reject,
    /// The time is read as that much after the change.
    Later,
}

/// What is done with a local time that occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The record goes to quarantine.
    Reject,
    /// The first of the two.
    Earlier,
    /// The second of the two.
    Later,
}

/// How the dates of a source are read.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Time zone of dates written without one, and of the civil date code tables are looked up on.
    pub zone: TimeZone,
    /// Times that do not exist.
    pub gap: Gap,
    /// Times that exist twice.
    pub fold: Fold,
    /// Forms tried before ISO 8601.
    pub forms: Vec<Form>,
}

/// What was written, before the time zone is considered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Written {
    date: Date,
    time: Option<Time>,
    precision: Precision,
    offset: Option<Offset>,
}

impl Calendar {
    /// Reads a date in one of the mapping's forms, else ISO 8601.
    pub fn read(&self, text: &str) -> Result<Moment, Unfit> {
        let text = text.trim();
        match self.forms.iter().find_map(|form| form.read(text)).or_else(|| iso(text)) {
            Some(written) => self.moment(written),
            None => Err(unfit(&self.forms, true)),
        }
    }

    /// Reads a date in one of these forms only.
    pub fn read_as(&self, text: &str, forms: &[Form]) -> Result<Moment, Unfit> {
        let text = text.trim();
        match forms.iter().find_map(|form| form.read(text)) {
            Some(written) => self.moment(written),
            None => Err(unfit(forms, false)),
        }
    }

    /// The moment of an instant, to the second.
    pub fn instant(&self, timestamp: Timestamp) -> Moment {
        self.stamp(timestamp, Precision::Second)
    }

    /// The start of the civil day a moment falls on, as a bare date.
    pub fn day(&self, moment: Moment, later_by: i32) -> Result<Moment, Unfit> {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = moment.civil_day.checked_add(later_by).ok_or_else(out_of_range)?;
        let date = epoch.checked_add(jiff::Span::new().try_days(days).map_err(|_| out_of_range())?);
        self.bare(date.map_err(|_| out_of_range())?)
    }

    /// The local date and time of a moment.
    pub fn local(&self, moment: Moment) -> DateTime {
        self.zone.to_datetime(Timestamp::from_microsecond(moment.micros).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    fn moment(&self, written: Written) -> Result<Moment, Unfit> {
        let Some(time) = written.time else { return self.bare(written.date) };
        let civil = written.date.to_datetime(time);
        if let Some(offset) = written.offset {
            let timestamp = offset.to_timestamp(civil).map_err(|_| out_of_range())?;
            return Ok(self.stamp(timestamp, written.precision));
        }
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        let chosen = match (ambiguous.offset(), self.gap, self.fold) {
            (AmbiguousOffset::Unambiguous { .. }, _, _) => ambiguous.unambiguous(),
            (AmbiguousOffset::Gap { .. }, Gap::Later, _) => ambiguous.later(),
            (AmbiguousOffset::Fold { .. }, _, Fold::Earlier) => ambiguous.earlier(),
            (AmbiguousOffset::Fold { .. }, _, Fold::Later) => ambiguous.later(),
            (AmbiguousOffset::Gap { .. }, Gap::Reject, _) => {
                let what = "is a local time that the clocks skip on that day";
                return Err(Unfit::new(CLOCK, what)
                    .hint("write `gap = \"later\"` in `[source]` to read it as after the change"));
            }
            (AmbiguousOffset::Fold { .. }, _, Fold::Reject) => {
                let what = "is a local time that occurs twice on that day";
                return Err(Unfit::new(CLOCK, what).hint("write `fold = \"earlier\"` or `\"later\"` in `[source]`"));
            }
        };
        let timestamp = chosen.map_err(|_| out_of_range())?;
        Ok(Moment {
            micros: timestamp.as_microsecond(),
            precision: written.precision,
            civil_day: day_number(written.date),
        })
    }

    fn bare(&self, date: Date) -> Result<Moment, Unfit> {
        if date.year() < 1 {
            return Err(out_of_range());
        }
        let start = self.zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight())).compatible();
        let micros = start.map_err(|_| out_of_range())?.as_microsecond();
        Ok(Moment { micros, precision: Precision::Day, civil_day: day_number(date) })
    }

    fn stamp(&self, timestamp: Timestamp, precision: Precision) -> Moment {
        let date = self.zone.to_datetime(timestamp).date();
        Moment { micros: timestamp.as_microsecond(), precision, civil_day: day_number(date) }
    }
}

/// Days since 1970-01-01.
pub fn day_number(date: Date) -> i32 {
    let year = i32::from(date.year()) - i32::from(date.month() <= 2);
    let (era, month) = (year.div_euclid(400), (i32::from(date.month()) + 9) % 12);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + i32::from(date.day()) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn out_of_range() -> Unfit {
    Unfit::new(FORM, "is not a date between the years 1 and 9999")
}

fn unfit(forms: &[Form], or_iso: bool) -> Unfit {
    let mut known: Vec<String> = forms.iter().map(|form| format!("`{}`", form.text)).collect();
    if or_iso {
        known.push("ISO 8601 (`2024-03-01`, `2024-03-01T14:30:00+01:00`)".to_owned());
    }
    Unfit::new(FORM, format!("is not a date written as {}", known.join(" or ")))
        .hint("add its form to `date_formats` in `[source]`, or write `date('%d/%m/%Y')`")
}

/// Reads ISO 8601 / RFC 3339: `2024-03-01`, `2024-03-01 14:30`, `2024-03-01T14:30:00.1234567+01:00`.
fn iso(text: &str) -> Option<Written> {
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
    text: Box<str>,
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

    fn read(&self, text: &str) -> Option<Written> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn paris(gap: Gap, fold: Fold, forms: &[&str]) -> Calendar {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Paris").unwrap();
        Calendar { zone, gap, fold, forms: forms.iter().map(|form| Form::compile(form).unwrap()).collect() }
    }

    fn read(calendar: &Calendar, text: &str) -> Option<String> {
        calendar.read(text).ok().map(|moment| moment.rfc3339())
    }

    #[test]
    fn iso_in_all_its_spellings() {
        let calendar = paris(Gap::Reject, Fold::Reject, &[]);
        for (text, expected) in [
            ("2024-03-01", "2024-03-01"),
            ("2024-03-01 14:30", "2024-03-01T13:30:00Z"),
            ("2024-03-01T14:30:00", "2024-03-01T13:30:00Z"),
            ("2022-03-21T11:10:32.1234567", "2022-03-21T10:10:32.123456Z"),
            ("2011-10-11 13:45:40.276000+02:00", "2011-10-11T11:45:40.276Z"),
            ("2011-10-11T13:45:40Z", "2011-10-11T13:45:40Z"),
            ("2011-10-11T13:45:40 -0500", "2011-10-11T18:45:40Z"),
        ] {
            assert_eq!(read(&calendar, text).as_deref(), Some(expected), "{text}");
        }
        for wrong in [
            "0000-01-01",
            "2024-13-01",
            "2023-02-29",
            "2024-1-1",
            "20240101",
            "2024-01-01T25:00",
            "2024-01-01x",
            "é024-01-01",
            "",
        ] {
            assert_eq!(read(&calendar, wrong), None, "{wrong}");
        }
        assert_eq!(calendar.read("2024-03-01 14:30").unwrap().precision, Precision::Minute);
    }

    #[test]
    fn forms_of_the_mapping() {
        let calendar = paris(
            Gap::Reject,
            Fold::Reject,
            &["%d/%m/%Y %H:%M", "%d/%m/%Y", "%Y%m%d", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%y"],
        );
        for (text, expected) in [
            ("01/01/2024 00:30", "2023-12-31T23:30:00Z"),
            ("1/7/2024", "2024-07-01"),
            ("20240705", "2024-07-05"),
            ("06/20/2016 10:04:21 PM", "2016-06-20T20:04:21Z"),
            ("12-MAR-98", "1998-03-12"),
        ] {
            assert_eq!(read(&calendar, text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(read(&calendar, "31/02/2024"), None);
        for wrong in ["%d/%m", "%q", "%", "%Y-%m-%d %I:%M"] {
            assert!(Form::compile(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn trap_1_the_civil_date_is_the_source_s_not_the_utc_day() {
        let calendar = paris(Gap::Reject, Fold::Reject, &["%d/%m/%Y %H:%M"]);
        let moment = calendar.read("01/01/2024 00:30").unwrap();
        assert_eq!(crate::model::civil_date(moment.civil_day), "2024-01-01");
        let written_in_utc = calendar.read("2023-12-31T23:30:00Z").unwrap();
        assert_eq!(written_in_utc.civil_day, moment.civil_day);
    }

    #[test]
    fn trap_2_times_that_do_not_exist_or_exist_twice() {
        let forms = ["%d/%m/%Y %H:%M"];
        let code =
            |calendar: Calendar, text| calendar.read(text).map(|moment| moment.rfc3339()).map_err(|unfit| unfit.code);
        assert_eq!(code(paris(Gap::Reject, Fold::Reject, &forms), "30/03/2025 02:30"), Err(CLOCK));
        assert_eq!(
            code(paris(Gap::Later, Fold::Reject, &forms), "30/03/2025 02:30"),
            Ok("2025-03-30T01:30:00Z".into())
        );
        assert_eq!(code(paris(Gap::Reject, Fold::Reject, &forms), "26/10/2025 02:30"), Err(CLOCK));
        assert_eq!(
            code(paris(Gap::Reject, Fold::Earlier, &forms), "26/10/2025 02:30"),
            Ok("2025-10-26T00:30:00Z".into())
        );
        assert_eq!(
            code(paris(Gap::Reject, Fold::Later, &forms), "26/10/2025 02:30"),
            Ok("2025-10-26T01:30:00Z".into())
        );
    }

    #[test]
    fn days_are_counted_as_jiff_counts_them() {
        let epoch = jiff::civil::date(1970, 1, 1);
        for date in [jiff::civil::date(1, 1, 1), epoch, jiff::civil::date(2000, 2, 29), jiff::civil::date(9999, 12, 31)]
        {
            assert_eq!(day_number(date), epoch.until(date).unwrap().get_days());
        }
    }
}
