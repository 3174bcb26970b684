//! Dates as sources write them: ISO 8601 / RFC 3339 and the mapping's own forms, in the source's time zone, to the
//! precision written. Refuses to invent an hour for a bare date, to shift a time that does not exist, to choose between
//! two that do, unless the mapping says so.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::codes::{CLOCK, FORM};
use super::form::{Form, Written, iso};
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
