//! `[source]`: how records and dates are written.

use guichet_sdk::Format;
use guichet_sdk::format::{FixedField, Limits, Shape, Terminator};
use jiff::tz::TimeZoneDatabase;

use super::super::codes::SETTING;
use super::super::date::{Calendar, Fold, Gap};
use super::super::form::Form;
use super::section::{Report, Section, at_least};
use super::{Text, positive};

const FORMATS: &[&str] = &["xml", "json", "ndjson", "csv", "fixed"];

/// Reads `[source]`; what cannot be used is reported and left out.
pub fn read(mut source: Section<'_, '_>, report: &mut Report<'_>) -> (Option<Format>, Option<Calendar>) {
    let format = source.needed_text("format", report);
    let encoding = source.text("encoding", report).map_or_else(|| "auto".to_owned(), |text| text.value);
    let record_bytes = positive(source.number("record_bytes", report), "source.record_bytes", report);
    let calendar = calendar(&mut source, report);
    let known = format.and_then(|format| report.choice(&format, "source.format", FORMATS));
    let Some(known) = known else { return (None, calendar) };
    let shape = match known {
        "xml" => xml(&mut source, report),
        "json" => Some(Shape::Json { record: text(source.text("record", report)) }),
        "ndjson" => Some(Shape::Ndjson),
        "csv" => csv(&mut source, report),
        _ => fixed(&mut source, report),
    };
    let mut limits = Limits::default();
    if let Some(bytes) = record_bytes.and_then(|bytes| usize::try_from(bytes).ok()) {
        limits.record_bytes = bytes;
    }
    let format = shape.map(|shape| Format { shape, encoding, limits });
    for issue in format.iter().flat_map(Format::check) {
        let site = source.site_of(issue.place.path.as_deref().unwrap_or_default(), report);
        report.push(issue, site);
    }
    source.finish(report);
    (format, calendar)
}

fn text(text: Option<Text>) -> String {
    text.map(|text| text.value).unwrap_or_default()
}

fn calendar(source: &mut Section<'_, '_>, report: &mut Report<'_>) -> Option<Calendar> {
    let forms: Vec<Text> = source.texts("date_formats", report);
    let forms = forms.into_iter().filter_map(|text| match Form::compile(&text.value) {
        Ok(form) => Some(form),
        Err(why) => {
            report.error(SETTING, text.sites.site(0), why, None);
            None
        }
    });
    let forms = forms.collect();
    let gap = source.text("gap", report);
    let gap = match gap.and_then(|gap| report.choice(&gap, "source.gap", &["reject", "later"])) {
        Some("later") => Gap::Later,
        Some(_) | None => Gap::Reject,
    };
    let fold = source.text("fold", report);
    let fold = match fold.and_then(|fold| report.choice(&fold, "source.fold", &["reject", "earlier", "later"])) {
        Some("earlier") => Fold::Earlier,
        Some("later") => Fold::Later,
        Some(_) | None => Fold::Reject,
    };
    let name = source.needed_text("tz", report)?;
    let bundled = TimeZoneDatabase::bundled();
    let Ok(zone) = bundled.get(&name.value) else {
        let names: Vec<String> = bundled.available().map(|name| name.to_string()).collect();
        let hint = match guichet_sdk::settings::nearest(&name.value, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of the IANA database, such as `Europe/Paris`".to_owned(),
        };
        report.error(SETTING, name.sites.site(0), format!("`{}` is not a time zone", name.value), Some(hint));
        return None;
    };
    Some(Calendar { zone, gap, fold, forms })
}

fn xml(source: &mut Section<'_, '_>, report: &mut Report<'_>) -> Option<Shape> {
    let record = text(source.text("record", report));
    let namespaces = source.section("namespaces", report).map(|section| section.entries(report)).unwrap_or_default();
    let namespaces: Vec<(String, String)> =
        namespaces.into_iter().map(|entry| (entry.name, entry.text.value)).collect();
    let raw = source.texts("raw", report).into_iter().map(|text| text.value).collect();
    Some(Shape::Xml { record, namespaces, raw })
}

fn csv(source: &mut Section<'_, '_>, report: &mut Report<'_>) -> Option<Shape> {
    let delimiter = byte(source.text("delimiter", report), "delimiter", report).unwrap_or(Some(b','));
    let quote = byte(source.text("quote", report), "quote", report).unwrap_or(Some(b'"'));
    let header = source.number("header", report).map_or(Some(1), |number| at_least(0, number, "source.header", report));
    let columns = source.texts("columns", report).into_iter().map(|text| text.value).collect();
    let ragged = source.flag("ragged", report);
    let terminator = terminator(source, report);
    Some(Shape::Csv { delimiter: delimiter?, quote, header: header?, columns, ragged, terminator })
}

/// A setting of one byte; empty = none.
fn byte(text: Option<Text>, name: &str, report: &mut Report<'_>) -> Option<Option<u8>> {
    let text = text?;
    match text.value.as_bytes() {
        [] => Some(None),
        [byte] => Some(Some(*byte)),
        _ => {
            let hint = "write one ASCII character, such as `;` or `\\t`".to_owned();
            report.error(SETTING, text.sites.site(0), format!("`source.{name}` is one character"), Some(hint));
            None
        }
    }
}

fn fixed(source: &mut Section<'_, '_>, report: &mut Report<'_>) -> Option<Shape> {
    let mut fields = Vec::new();
    let written = source.sections("fields", report);
    if written.is_empty() {
        let hint = "write `fields = [{ name = \"…\", start = 1, width = 8 }]`".to_owned();
        report.error(SETTING, source.site(report), "`source.fields` is missing", Some(hint));
    }
    for mut field in written {
        let name = field.needed_text("name", report).map(|name| name.value);
        let mut number = |key: &'static str| {
            let number = field.number(key, report);
            let missing = number.is_none();
            let number = positive(number, key, report).and_then(|n| usize::try_from(n).ok());
            if missing {
                report.error(
                    SETTING,
                    field.site(report),
                    format!("a field needs `{key}`, a whole number from 1"),
                    None,
                );
            }
            number
        };
        let (start, width) = (number("start"), number("width"));
        if let (Some(name), Some(start), Some(width)) = (name, start, width) {
            fields.push(FixedField { name, start, width });
        }
        field.finish(report);
    }
    let prefix = text(source.text("prefix", report));
    Some(Shape::Fixed { fields, prefix, terminator: terminator(source, report) })
}

/// `terminator = "/"`, or a table that says for which lines.
fn terminator(source: &mut Section<'_, '_>, report: &mut Report<'_>) -> Option<Terminator> {
    if source.holds_text("terminator") {
        let text = source.needed_text("terminator", report)?;
        return Some(Terminator { text: text.value, starts: Vec::new() });
    }
    let mut section = source.section("terminator", report)?;
    let text = section.needed_text("text", report);
    let starts = section.texts("starts", report).into_iter().map(|text| text.value).collect();
    section.finish(report);
    Some(Terminator { text: text?.value, starts })
}
