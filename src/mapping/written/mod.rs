//! A mapping as written: TOML read into located texts, every unknown key, missing key and wrong type reported. What the
//! texts mean is for the compiler.

mod command;
mod format;
mod section;

use std::ops::Range;

use guichet_sdk::Format;

use super::codes::{SETTING, SYNTAX};
use super::date::Calendar;
use super::fields::Part;
use super::site::{File, Inside, Site};
use super::table::{self, WrittenRow};
pub use command::{WrittenCommand, WrittenItems};
pub use section::Report;
use section::{Section, at_least};
use toml::de::DeTable;

/// Versions of the canonical model a mapping can be written for (a released mapping compiles on every later 1.x).
const MODELS: &[&str] = &["case/1"];
/// How a new version of a mapping takes over.
const TRANSITIONS: &[&str] = &["event_date", "submission_date", "immediate"];

/// A mapping as written.
pub struct Written {
    /// `id@version`.
    pub stamp: String,
    /// How records are written.
    pub format: Option<Format>,
    /// How dates are read.
    pub calendar: Option<Calendar>,
    /// `[let]` and `[fields]`.
    pub record: Fields,
    /// `[updates]`, or each of `[[updates]]`.
    pub updates: Vec<List>,
    /// `[lists.…]`.
    pub lists: Vec<List>,
    /// `[tables.…]`.
    pub tables: Vec<WrittenTable>,
    /// `[coverage] ignore`.
    pub ignored: Vec<String>,
    /// `[[test]]`.
    pub tests: Vec<WrittenTest>,
    /// `[commands.…]`.
    pub commands: Vec<WrittenCommand>,
}

/// Expressions of one part.
pub struct Fields {
    /// Which part.
    pub part: Part,
    /// Where it starts.
    pub site: Site,
    /// `[let]`, in the order written.
    pub lets: Vec<Entry>,
    /// Fields, in the order written.
    pub fields: Vec<Entry>,
}

/// A part with a list it walks.
pub struct List {
    /// The list; absent = the record itself is the only item.
    pub each: Option<Text>,
    /// Its expressions.
    pub fields: Fields,
}

/// A name with its expression.
pub struct Entry {
    /// Name, dotted.
    pub name: String,
    /// Where its last part stands.
    pub site: Site,
    /// Expression.
    pub text: Text,
}

/// A text and the site of each of its characters.
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it stands in the file, quotes included.
    pub span: Range<usize>,
    /// Sites.
    pub sites: Inside,
}

/// A code table as written.
pub struct WrittenTable {
    /// Name.
    pub name: String,
    /// Its rows, or the file beside the mapping that holds them.
    pub rows: Rows,
}

/// Where the rows of a table are.
pub enum Rows {
    /// Here.
    Inline(Vec<WrittenRow>),
    /// In a file beside.
    File(Text),
}

/// A `[[test]]` block.
pub struct WrittenTest {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub site: Site,
    /// Sample it starts from.
    pub input: String,
    /// Paths of the document that are changed first.
    pub set: Vec<Entry>,
    /// Fields of the last update with a status (or of the only one), and what they must be.
    pub expect_fields: Vec<Entry>,
    /// Code with which the record must be refused.
    pub expect_quarantine: Option<String>,
}

/// Reads a mapping file; problems go to the report, the rest is read on.
pub fn read(file: &File<'_>, report: &mut Report<'_>) -> Option<Written> {
    let (table, errors) = DeTable::parse_recoverable(file.text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        report.error(SYNTAX, file.site(at), format!("the file is not TOML: {}", error.message()), None);
    }
    if !errors.is_empty() {
        return None;
    }
    let mut root = Section::root(table.get_ref());
    let stamp = head(root.needed("mapping", report), report);
    let (format, calendar) = match root.needed("source", report) {
        Some(source) => format::read(source, report),
        None => (None, None),
    };
    let lets = root.section("let", report);
    let fields = root.needed("fields", report);
    let site = fields.as_ref().map_or(Site { line: 1, column: 1 }, |fields| fields.site(report));
    let record = Fields {
        part: Part::Record,
        site,
        lets: lets.map(|lets| lets.entries(report)).unwrap_or_default(),
        fields: fields.map(|fields| fields.entries(report)).unwrap_or_default(),
    };
    let updates = updates(root.sections("updates", report), report);
    let lists = lists(root.section("lists", report), report);
    let tables = tables(root.section("tables", report), report);
    let ignored = coverage(root.section("coverage", report), report);
    let tests = root.sections("test", report).into_iter().filter_map(|test| read_test(test, report)).collect();
    let commands = command::read(root.section("commands", report), report);
    root.finish(report);
    let written = Written { stamp, format, calendar, record, updates, lists, tables, ignored, tests, commands };
    Some(written)
}

fn head(section: Option<Section<'_, '_>>, report: &mut Report<'_>) -> String {
    let Some(mut head) = section else { return String::new() };
    let id = head.needed_text("id", report);
    let version = head.needed_text("version", report);
    if let Some(model) = head.needed_text("model", report) {
        report.choice(&model, "model", MODELS);
    }
    if let Some(date) = head.text("valid_from", report)
        && let Err(issue) = table::day(&date.value, "valid_from")
    {
        report.push(issue, date.sites.site(0));
    }
    if let Some(transition) = head.text("transition", report) {
        report.choice(&transition, "transition", TRANSITIONS);
    }
    head.finish(report);
    let (id, version) = (id.map(|id| id.value), version.map(|version| version.value));
    format!("{}@{}", id.unwrap_or_default(), version.unwrap_or_default())
}

/// The updates of a history. Beside others, one without `each` is the record itself; alone it would say what `[fields]`
/// says.
fn updates(sections: Vec<Section<'_, '_>>, report: &mut Report<'_>) -> Vec<List> {
    let alone = sections.len() == 1;
    let read = |mut section: Section<'_, '_>| {
        if alone {
            section.needed_text("each", report);
        }
        list(section, Part::Update, report)
    };
    sections.into_iter().map(read).collect()
}

fn list(mut section: Section<'_, '_>, part: Part, report: &mut Report<'_>) -> List {
    let each = section.text("each", report);
    let lets = section.section("let", report).map(|lets| lets.entries(report)).unwrap_or_default();
    let fields = section.needed("fields", report).map(|fields| fields.entries(report)).unwrap_or_default();
    let site = section.site(report);
    section.finish(report);
    List { each, fields: Fields { part, site, lets, fields } }
}

fn lists(section: Option<Section<'_, '_>>, report: &mut Report<'_>) -> Vec<List> {
    let Some(mut section) = section else { return Vec::new() };
    let kinds = [
        ("parties", Part::Parties),
        ("actions", Part::Actions),
        ("documents", Part::Documents),
        ("links", Part::Links),
    ];
    let mut lists = Vec::new();
    for (name, part) in kinds {
        lists.extend(section.sections(name, report).into_iter().map(|section| list(section, part, report)));
    }
    section.finish(report);
    lists
}

fn tables(section: Option<Section<'_, '_>>, report: &mut Report<'_>) -> Vec<WrittenTable> {
    let Some(section) = section else { return Vec::new() };
    let mut tables = Vec::new();
    for (name, mut table) in section.children(report) {
        let site = table.site(report);
        let rows = table.sections("rows", report);
        let file = table.text("file", report);
        let rows = match (rows.is_empty(), file) {
            (true, Some(file)) => Rows::File(file),
            (false, None) => Rows::Inline(rows.into_iter().map(|row| row.row(report)).collect()),
            (true, None) | (false, Some(_)) => {
                let hint = "write `rows = [{ code = \"…\", … }]`, or `file = \"codes.csv\"`".to_owned();
                report.error(SETTING, site, format!("table `{name}` needs either `rows` or `file`"), Some(hint));
                Rows::Inline(Vec::new())
            }
        };
        table.finish(report);
        tables.push(WrittenTable { name, rows });
    }
    tables
}

fn coverage(section: Option<Section<'_, '_>>, report: &mut Report<'_>) -> Vec<String> {
    let Some(mut section) = section else { return Vec::new() };
    let ignored = section.texts("ignore", report);
    section.finish(report);
    ignored.into_iter().map(|text| text.value).collect()
}

fn read_test(mut section: Section<'_, '_>, report: &mut Report<'_>) -> Option<WrittenTest> {
    let site = section.site(report);
    let name = section.needed_text("name", report);
    let input = section.needed_text("input", report);
    let set = section.section("set", report).map(|set| set.entries(report)).unwrap_or_default();
    let fields = section.section("expect_fields", report).map(|fields| fields.entries(report)).unwrap_or_default();
    let quarantine = section.text("expect_quarantine", report);
    section.finish(report);
    if fields.is_empty() == quarantine.is_none() {
        let hint = "write `expect_fields = { … }` or `expect_quarantine = \"E042\"`".to_owned();
        report.error(SETTING, site, "a test expects either fields or a quarantine", Some(hint));
    }
    Some(WrittenTest {
        name: name?.value,
        site,
        input: input?.value,
        set,
        expect_fields: fields,
        expect_quarantine: quarantine.map(|code| code.value),
    })
}

/// Checks that a setting is at least one.
fn positive(number: Option<(i64, Site)>, name: &str, report: &mut Report<'_>) -> Option<u64> {
    number.and_then(|number| at_least(1, number, name, report))
}
