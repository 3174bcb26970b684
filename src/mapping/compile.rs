//! From a mapping as written to a compiled one. Every problem of the file is gathered before anything is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guichet_sdk::settings::nearest;
use guichet_sdk::{Format, Issue};

use super::ast::Expr;
use super::check::{Checker, Typed};
use super::codes::{SETTING, TYPES, UNKNOWN_FIELD, WORD};
use super::date::{Calendar, Fold, Gap};
use super::fields::{CaseField, Form, Part, Spec, Target, UpdateField, Vocabulary};
use super::golden::Test;
use super::op::Op;
use super::parser::{parse, parse_path};
use super::path::{Path, Step};
use super::site::{File, Site};
use super::table::{self, Table};
use super::value::{Kind, Type};
use super::words::{Known, words};
use super::written::{Entry, Fields, List, Report, Rows, Text, Written, WrittenTable, WrittenTest, read};
use super::{Beside, Mapping};

/// A compiled part: its `[let]`s, then its fields.
pub struct Scope {
    /// Expressions of `[let]`, with their names.
    pub lets: Vec<(Box<str>, Op)>,
    /// Fields.
    pub fields: Vec<Field>,
}

/// A compiled field.
pub struct Field {
    /// As written.
    pub name: Box<str>,
    /// What it sets.
    pub target: Target,
    /// The integrator's part of its name.
    pub own: Box<str>,
    /// Whether it must not be empty.
    pub required: bool,
    /// Expression.
    pub op: Op,
    /// Where it stands.
    pub site: Site,
    /// The first path it reads.
    pub origin: Box<str>,
}

/// A compiled part that walks a list.
pub struct Walk {
    /// Which part.
    pub part: Part,
    /// The list; absent = the record itself is the only item.
    pub each: Option<Path>,
    /// What is said of each item.
    pub scope: Scope,
}

/// The format of a mapping file, whatever else is wrong with it.
pub fn format(name: &str, text: &str) -> Option<Format> {
    let file = File::new(name, text);
    read(&file, &mut Report::on(&file))?.format
}

/// Compiles a mapping file, or reports everything that is wrong with it.
pub fn compile(name: &str, text: &str, beside: Beside<'_>) -> Result<Mapping, Vec<Issue>> {
    let file = File::new(name, text);
    let mut report = Report::on(&file);
    let written = read(&file, &mut report);
    let Some(mut written) = written else { return Err(report.issues) };
    let mut tables = BTreeMap::new();
    for table in std::mem::take(&mut written.tables) {
        let name = table.name.clone();
        tables.insert(name, Arc::new(compile_table(table, &file, beside, &mut report)));
    }
    // Expressions are checked even where the dates cannot be read: every problem at once.
    let calendar = written.calendar.take();
    let calendar = Arc::new(calendar.unwrap_or(Calendar {
        zone: jiff::tz::TimeZone::UTC,
        gap: Gap::Reject,
        fold: Fold::Reject,
        forms: Vec::new(),
    }));
    let mut compiler =
        Compiler { checker: Checker::new(name, &calendar, &tables), exprs: Vec::new(), services: BTreeSet::new() };
    let (record, updates, lists) = compiler.mapping(&written);
    let tests = compiler.tests(&written);
    let commands = written.commands.iter().map(|command| compiler.command(command, beside)).collect();
    let Compiler { mut checker, services, .. } = compiler;
    for (name, table) in &tables {
        let read = checker.columns_read.remove(name).unwrap_or_default();
        table.check_columns(&read, &mut checker.issues);
    }
    let mut issues = report.issues;
    issues.append(&mut checker.issues);
    let Some(format) = written.format.clone().filter(|_| issues.is_empty()) else { return Err(in_order(issues)) };
    let paths_read = checker.paths_read.into_iter().collect();
    Ok(Mapping {
        stamp: written.stamp.as_str().into(),
        format,
        file: name.into(),
        services: services.into_iter().collect(),
        record,
        updates,
        lists,
        tables: tables.into_values().collect(),
        paths_read,
        ignored: written.ignored.clone(),
        tests,
        commands,
    })
}

/// Problems in the order of the file, each once.
fn in_order(mut issues: Vec<Issue>) -> Vec<Issue> {
    issues.sort_by(|a, b| {
        (&a.place.file, a.place.line, a.place.column).cmp(&(&b.place.file, b.place.line, b.place.column))
    });
    issues.dedup();
    issues
}

fn compile_table(table: WrittenTable, file: &File<'_>, beside: Beside<'_>, report: &mut Report<'_>) -> Table {
    match table.rows {
        Rows::Inline(rows) => Table::compile(&table.name, file.name.into(), rows, &mut report.issues),
        Rows::File(name) => {
            let text = beside(&name.value);
            if text.is_none() {
                let message = format!("there is no file `{}` beside the mapping", name.value);
                report.error(SETTING, name.sites.site(0), message, None);
            }
            let folder = file.name.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            let path = format!("{folder}{}", name.value);
            Table::compile(&table.name, path.into(), table::csv(&text.unwrap_or_default()), &mut report.issues)
        }
    }
}

pub(super) struct Compiler<'c> {
    pub(super) checker: Checker<'c>,
    /// The expressions of `[let]`, beside their types in the checker.
    pub(super) exprs: Vec<Option<Expr>>,
    /// Services written as literals.
    services: BTreeSet<String>,
}

impl<'c> Compiler<'c> {
    fn mapping(&mut self, written: &'c Written) -> (Scope, Vec<Walk>, Vec<Walk>) {
        let record = self.scope(&written.record);
        let (lets, exprs) = (self.checker.lets.len(), self.exprs.len());
        let mut walk = |list: &'c List| {
            let walk = self.walk(list);
            self.checker.lets.truncate(lets);
            self.exprs.truncate(exprs);
            walk
        };
        let updates: Vec<Walk> = written.updates.iter().map(&mut walk).collect();
        let lists = written.lists.iter().map(&mut walk).collect();
        self.completeness(&record, &updates, written);
        (record, updates, lists)
    }

    fn walk(&mut self, list: &'c List) -> Walk {
        let each = list.each.as_ref().and_then(|text| self.each(text));
        let base = each.as_ref().map_or_else(Vec::new, |path: &Path| names(&path.steps));
        self.checker.base = base;
        let scope = self.scope(&list.fields);
        self.checker.base = Vec::new();
        Walk { part: list.fields.part, each, scope }
    }

    /// The path of a list.
    pub(super) fn each(&mut self, text: &Text) -> Option<Path> {
        let path = match parse_path(&text.value, &text.sites) {
            Ok(written) => self.checker.path(&written)?,
            Err((site, issue)) => {
                self.checker.issues.push(issue.at(site.place(self.checker.file)));
                return None;
            }
        };
        // Walking a list reads nothing of it yet.
        self.checker.paths_read.pop();
        if !path.many {
            let hint = format!("write `{}[*]`", path.text);
            self.checker.error(TYPES, path.site, "`each` walks a list, and this is one value", Some(hint));
        }
        Some(path)
    }

    fn scope(&mut self, written: &'c Fields) -> Scope {
        let mut scope = Scope { lets: self.lets(&written.lets), fields: Vec::new() };
        for entry in &written.fields {
            scope.fields.extend(self.field(entry, written.part));
        }
        scope
    }

    /// Compiles `[let]`s, each known to those after it.
    pub(super) fn lets(&mut self, entries: &'c [Entry]) -> Vec<(Box<str>, Op)> {
        let mut lets = Vec::new();
        for entry in entries {
            let compiled = self.expression(&entry.text);
            let (expr, typed) = compiled.map_or((None, None), |(expr, typed)| (Some(expr), typed));
            let known = typed.as_ref().map(|typed| (typed.ty, typed.origin.clone()));
            self.checker.lets.push((&entry.name, known));
            self.exprs.push(expr);
            // A `[let]` that is wrong keeps its place, so that the numbers of the others stay right.
            let op = typed.map_or(Op::Const(super::value::Value::Empty), |typed| typed.op);
            lets.push((entry.name.as_str().into(), op));
        }
        lets
    }

    pub(super) fn expression(&mut self, text: &Text) -> Option<(Expr, Option<Typed>)> {
        match parse(&text.value, &text.sites) {
            Ok(expr) => {
                let typed = self.checker.check(&expr);
                Some((expr, typed))
            }
            Err((site, issue)) => {
                self.checker.issues.push(issue.at(site.place(self.checker.file)));
                None
            }
        }
    }

    fn field(&mut self, entry: &Entry, part: Part) -> Option<Field> {
        let compiled = self.expression(&entry.text);
        let (spec, own) = match part.find(&entry.name) {
            Ok(found) => found,
            Err(near) => {
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                self.checker.error(UNKNOWN_FIELD, entry.site, format!("`{}` is not a field", entry.name), hint);
                return None;
            }
        };
        if part == Part::Update && spec.target == Target::Case(CaseField::Key) {
            let hint = "the case is the record's: set `case.key` in `[fields]`".to_owned();
            self.checker.error(UNKNOWN_FIELD, entry.site, "an update cannot have a case of its own", Some(hint));
        }
        let (expr, typed) = compiled?;
        let typed = typed?;
        if spec.target == Target::Case(CaseField::Service) {
            self.services.extend(words(&expr, &self.known(), false).into_iter().map(|word| word.text));
        }
        self.fits(entry, spec, &expr, typed.ty).then(|| Field {
            name: entry.name.as_str().into(),
            target: spec.target,
            own: own.into(),
            required: spec.required,
            op: typed.op,
            site: entry.text.sites.site(0),
            origin: typed.origin,
        })
    }

    /// Whether a field takes what its expression gives.
    fn fits(&mut self, entry: &Entry, spec: &Spec, expr: &Expr, ty: Type) -> bool {
        let (name, site) = (&entry.name, expr.site);
        let before = self.checker.issues.len();
        if ty.list {
            let hint = "take one value: `| first`, `| last`, or `| join_each(', ')`".to_owned();
            self.checker.error(TYPES, site, format!("`{name}` takes one value, and this is a list"), Some(hint));
            return false;
        }
        let (takes, wanted, hint) = match spec.form {
            Form::Text => (true, "text", ""),
            Form::Integer => (ty.kind == Kind::Number, "a whole number", "add `| integer`"),
            Form::Date => (ty.kind == Kind::Date, "a date", "add `| date`"),
            Form::Version => (
                matches!(ty.kind, Kind::Number | Kind::Date),
                "a whole number or a date",
                "add `| integer` or `| date`",
            ),
            Form::Word(_) => (ty.kind == Kind::Text, "a word", "translate it with `code(…)` or `map(…)`"),
        };
        if !takes {
            let found = if ty.kind == Kind::Text { "text".to_owned() } else { format!("a {}", ty.kind) };
            let message = format!("`{name}` takes {wanted}, and this is {found}");
            self.checker.error(TYPES, site, message, Some(hint.to_owned()));
        }
        if spec.required && ty.maybe {
            let hint = "say what stands there when it is empty (`?? '…'`), or read what is always there".to_owned();
            self.checker.error(TYPES, site, format!("`{name}` is required, and this may be empty"), Some(hint));
        }
        if let Form::Word(vocabulary) = spec.form {
            self.check_words(expr, vocabulary, spec);
        }
        self.checker.issues.len() == before
    }

    /// Checks the words an expression can give, as far as they are written down.
    fn check_words(&mut self, expr: &Expr, vocabulary: Vocabulary, spec: &Spec) {
        let (field, file) = (spec.name, self.checker.file);
        for word in words(expr, &self.known(), false) {
            let place = word.place.unwrap_or_else(|| word.site.place(file));
            if word.is_default && vocabulary == Vocabulary::Phase && word.text == "unknown" {
                let hint = "leave it out: what has no meaning goes to quarantine until somebody says what it means";
                let issue = Issue::error(WORD, "`?? 'unknown'` hides what is not mapped");
                self.checker.issues.push(issue.at(place).hint(hint));
            } else if !vocabulary.words().contains(&&*word.text) && (spec.required || !word.text.is_empty()) {
                let what = vocabulary.name();
                let message = format!("`{}` is not a {what}, and `{field}` takes no other word", word.text);
                let hint = match nearest(&word.text, vocabulary.words().iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are `{}`", vocabulary.words().join("`, `")),
                };
                self.checker.issues.push(Issue::error(WORD, message).at(place).hint(hint));
            }
        }
    }

    fn known(&self) -> Known<'_> {
        let lets = self.checker.lets.iter().map(|(name, _)| *name).zip(&self.exprs).collect();
        Known { lets, tables: self.checker.tables }
    }

    /// The `[[test]]` blocks.
    fn tests(&mut self, written: &Written) -> Vec<Test> {
        written.tests.iter().map(|test| self.test(test)).collect()
    }

    fn test(&mut self, written: &WrittenTest) -> Test {
        let mut set = Vec::new();
        for entry in &written.set {
            let text = format!("'{}'", entry.name);
            match parse_path(&entry.name, &File::new("", &text).inside(0..text.len(), &entry.name)) {
                Ok(path) => set.push((path, entry.text.value.clone())),
                Err((_, issue)) => self.checker.issues.push(issue.at(entry.site.place(self.checker.file))),
            }
        }
        for entry in &written.expect_fields {
            if let Err(near) = Part::Record.find(&entry.name) {
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                self.checker.error(UNKNOWN_FIELD, entry.site, format!("`{}` is not a field", entry.name), hint);
            }
        }
        let pairs = |entries: &[Entry]| entries.iter().map(|e| (e.name.clone(), e.text.value.clone())).collect();
        Test {
            name: written.name.clone(),
            site: written.site,
            input: written.input.clone(),
            set,
            expect_fields: pairs(&written.expect_fields),
            expect_quarantine: written.expect_quarantine.clone(),
        }
    }

    /// Checks that what belongs together is there.
    fn completeness(&mut self, record: &Scope, updates: &[Walk], written: &Written) {
        let parts = std::iter::once(&written.record).chain(written.lists.iter().map(|list| &list.fields));
        for part in parts {
            for spec in part.part.needed().filter(|spec| !part.fields.iter().any(|entry| entry.name == spec.name)) {
                let hint = format!("write `{} = \"…\"`", spec.name);
                self.checker.error(SETTING, part.site, format!("the field `{}` is missing", spec.name), Some(hint));
            }
        }
        let all = || record.fields.iter().chain(updates.iter().flat_map(|walk| &walk.scope.fields));
        let named = |name: &str| {
            let entries =
                written.record.fields.iter().chain(written.updates.iter().flat_map(|list| &list.fields.fields));
            entries.into_iter().any(|entry| entry.name == name)
        };
        let status = all().find(|field| matches!(field.target, Target::Status(_))).map(|field| field.site);
        if let Some(site) = status.filter(|_| !named("status.phase")) {
            let hint = "write `status.phase = \"…\"`, or leave out every `status.` field".to_owned();
            self.checker.error(
                SETTING,
                site,
                "a status without a phase says nothing: `status.phase` is missing",
                Some(hint),
            );
        }
        for (one, other) in [("status.step", "status.steps"), ("status.steps", "status.step")] {
            let alone = all().find(|field| &*field.name == one).map(|field| field.site);
            if let Some(site) = alone.filter(|_| !named(other)) {
                self.checker.error(
                    SETTING,
                    site,
                    format!("`{one}` is said without `{other}`"),
                    Some("a step is n of m".to_owned()),
                );
            }
        }
        let event = record.fields.iter().find(|field| field.target == Target::Update(UpdateField::Event));
        if let Some(site) = event.map(|field| field.site).filter(|_| !updates.is_empty()) {
            let hint = "set it in `[updates.fields]`".to_owned();
            self.checker.error(SETTING, site, "the record is not one event: it has `[updates]`", Some(hint));
        }
    }
}

/// The names along a path.
pub(super) fn names(steps: &[Step]) -> Vec<String> {
    let names = steps.iter().filter_map(|step| match step {
        Step::Name(name) => Some(name.to_string()),
        Step::Each | Step::Key(..) | Step::Where(_) => None,
    });
    names.collect()
}
