//! From expressions as written to compiled ones: names looked up, types checked, constants folded, every problem of an
//! expression reported where it stands. A part that is wrong silences what depends on it, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guichet_sdk::settings::nearest;
use guichet_sdk::{Code, Issue};

use super::ast::{Expr, ExprKind, Path as WrittenPath, Step as WrittenStep};
use super::codes::{EXPRESSION, TYPES, UNKNOWN_NAME};
use super::date::Calendar;
use super::op::Op;
use super::path::{Path, Step as PathStep};
use super::site::Site;
use super::table::Table;
use super::value::{Kind, Number, Type, Value};

/// A compiled expression with its type and the path its value comes from.
pub struct Typed {
    /// Expression.
    pub op: Op,
    /// Type.
    pub ty: Type,
    /// The first path it reads; empty for literals.
    pub origin: Box<str>,
}

/// What is known of a `[let]`: its type, and the path its value comes from.
pub type Known = (Type, Box<str>);

/// What the compiler knows while it checks.
pub struct Checker<'c> {
    /// The mapping's file.
    pub file: &'c str,
    /// How dates are read.
    pub calendar: &'c Arc<Calendar>,
    /// Code tables.
    pub tables: &'c BTreeMap<String, Arc<Table>>,
    /// `[let]`s so far: name, and type where it could be compiled.
    pub lets: Vec<(&'c str, Option<Known>)>,
    /// Problems.
    pub issues: Vec<Issue>,
    /// Columns read, by table.
    pub columns_read: BTreeMap<String, BTreeSet<usize>>,
    /// Paths read, for the coverage report.
    pub paths_read: Vec<Vec<String>>,
    /// The list the expressions are about, as steps.
    pub base: Vec<String>,
    in_filter: bool,
}

impl<'c> Checker<'c> {
    /// A checker that has seen nothing yet.
    pub fn new(file: &'c str, calendar: &'c Arc<Calendar>, tables: &'c BTreeMap<String, Arc<Table>>) -> Self {
        Checker {
            file,
            calendar,
            tables,
            lets: Vec::new(),
            issues: Vec::new(),
            columns_read: BTreeMap::new(),
            paths_read: Vec::new(),
            base: Vec::new(),
            in_filter: false,
        }
    }

    /// Reports a problem.
    pub fn error(&mut self, code: Code, site: Site, message: impl Into<String>, hint: Option<String>) {
        let issue = Issue::error(code, message).at(site.place(self.file));
        self.issues.push(match hint {
            Some(hint) => issue.hint(hint),
            None => issue,
        });
    }

    /// Reports kinds that do not fit.
    pub(super) fn types(&mut self, site: Site, message: String, hint: impl Into<String>) {
        self.error(TYPES, site, message, Some(hint.into()));
    }

    /// Compiles an expression; `None` where it has been reported.
    pub fn check(&mut self, expr: &Expr) -> Option<Typed> {
        let literal = |value, kind| Typed { op: Op::Const(value), ty: Type::one(kind), origin: "".into() };
        match &expr.kind {
            ExprKind::Text(text) => Some(literal(Value::Text(text.clone().into()), Kind::Text)),
            ExprKind::Number(text) => {
                let number = self.number(text, expr.site)?;
                Some(literal(Value::Number(number), Kind::Number))
            }
            ExprKind::Let(name) => self.named(name, expr.site),
            ExprKind::Path(path) => {
                let path = self.path(path)?;
                let maybe = !path.many && (path.optional || self.in_filter);
                let ty = Type { kind: Kind::Text, list: path.many, maybe };
                Some(Typed { origin: path.text.clone(), op: Op::Path(path), ty })
            }
            ExprKind::Exists(path) => {
                let path = self.path(path)?;
                let origin = path.text.clone();
                Some(Typed { op: Op::Exists(path), ty: Type::one(Kind::Boolean), origin })
            }
            ExprKind::Pipe(input, call) => self.pipe(input, call),
            ExprKind::Sum(two) => self.sum(two),
            ExprKind::Default(two) => self.default(two, expr.site),
            ExprKind::Equal(two, negated) => {
                let [left, right] = self.pair(two, expr.site)?;
                Some(condition(Op::Equal(Box::new([left.op, right.op]), *negated), left.origin))
            }
            ExprKind::And(two) => {
                let [left, right] = two.each_ref().map(|one| self.condition(one));
                let (left, right) = (left?, right?);
                Some(condition(Op::And(Box::new([left.op, right.op])), left.origin))
            }
            ExprKind::Or(two) => {
                let [left, right] = two.each_ref().map(|one| self.condition(one));
                let (left, right) = (left?, right?);
                Some(condition(Op::Or(Box::new([left.op, right.op])), left.origin))
            }
            ExprKind::Not(one) => {
                let one = self.condition(one)?;
                Some(condition(Op::Not(Box::new(one.op)), one.origin))
            }
            ExprKind::In(one, choices) => self.within(one, choices),
            ExprKind::If(three) => self.choice(three, expr.site),
        }
    }

    /// Reads a number.
    pub(super) fn number(&mut self, text: &str, site: Site) -> Option<Number> {
        let number = Number::parse(text, '.');
        if number.is_none() {
            self.error(EXPRESSION, site, "the number has more than 18 digits", None);
        }
        number
    }

    fn named(&mut self, name: &str, site: Site) -> Option<Typed> {
        match self.lets.iter().rposition(|(known, _)| *known == name) {
            Some(at) => {
                let (ty, origin) = self.lets[at].1.clone()?;
                Some(Typed { op: Op::Let(at), ty, origin })
            }
            None => {
                let near = nearest(name, self.lets.iter().map(|(known, _)| *known));
                let hint = near.map_or_else(
                    || "name it in `[let]`, before the expressions that use it".to_owned(),
                    |near| format!("did you mean `${near}`?"),
                );
                self.error(UNKNOWN_NAME, site, format!("`${name}` is not in `[let]`"), Some(hint));
                None
            }
        }
    }

    /// Compiles a path and notes what it reads.
    pub fn path(&mut self, written: &WrittenPath) -> Option<Path> {
        let mut names = if written.from_record { Vec::new() } else { self.base.clone() };
        let outer = (std::mem::replace(&mut self.in_filter, true), self.base.clone());
        let mut steps = Vec::new();
        let mut sound = true;
        for step in &written.steps {
            match step {
                WrittenStep::Name(name) => {
                    names.push(name.clone());
                    steps.push(PathStep::Name(name.clone().into()));
                }
                WrittenStep::Each => steps.push(PathStep::Each),
                WrittenStep::Where(condition) => {
                    self.base.clone_from(&names);
                    match self.condition(condition) {
                        Some(typed) => steps.push(key_step(condition, typed.op)),
                        None => sound = false,
                    }
                }
            }
        }
        (self.in_filter, self.base) = outer;
        self.paths_read.push(names);
        sound.then(|| Path {
            site: written.site,
            text: written.text.clone().into(),
            from_record: written.from_record,
            optional: written.optional || self.in_filter,
            many: steps.iter().any(|step| matches!(step, PathStep::Each)),
            steps: steps.into(),
        })
    }

    fn condition(&mut self, expr: &Expr) -> Option<Typed> {
        let typed = self.check(expr)?;
        if typed.ty.kind != Kind::Boolean || typed.ty.list {
            let hint = "compare it: `a == 'x'`, `exists(a)`, or `a | boolean`";
            self.types(expr.site, format!("a condition is expected, and this is {}", article(typed.ty)), hint);
            return None;
        }
        Some(typed)
    }

    /// Two expressions of the same kind, one value each.
    fn pair(&mut self, two: &[Expr; 2], site: Site) -> Option<[Typed; 2]> {
        let [left, right] = two.each_ref().map(|one| self.check(one));
        let (left, right) = (left?, right?);
        if left.ty.list || right.ty.list {
            self.types(site, "a list cannot be compared".to_owned(), "take one value of it: `| first`, `| count`");
            return None;
        }
        if left.ty.kind != right.ty.kind {
            let message = format!("{} and {} cannot be compared", article(left.ty), article(right.ty));
            self.types(site, message, "bring both to one kind: `| date`, `| integer`, or quote the literal");
            return None;
        }
        Some([left, right])
    }

    fn sum(&mut self, two: &[Expr; 2]) -> Option<Typed> {
        let parts = two.each_ref().map(|one| {
            let typed = self.check(one)?;
            let ty = typed.ty;
            if ty.list {
                self.types(one.site, "`+` joins texts, and this is a list".to_owned(), "write `| join_each(', ')`");
            } else if ty.kind != Kind::Text {
                let hint = "a date becomes text with `| format('%d/%m/%Y')`; a number is text as long as it is not made a number";
                self.types(one.site, format!("`+` joins texts, and this is {}", article(ty)), hint);
            } else if ty.maybe {
                let hint = "say what stands there instead: `(… ?? '')`";
                self.types(one.site, "what `+` joins may be empty here".to_owned(), hint);
            } else {
                return Some(typed);
            }
            None
        });
        let [left, right] = parts;
        let (left, right) = (left?, right?);
        let origin = if left.origin.is_empty() { right.origin } else { left.origin };
        let op = match (left.op, right.op) {
            (Op::Const(Value::Text(left)), Op::Const(Value::Text(right))) => Op::Const(Value::Text(left + right)),
            (left, right) => Op::Sum(Box::new([left, right])),
        };
        Some(Typed { op, ty: Type::one(Kind::Text), origin })
    }

    fn default(&mut self, two: &[Expr; 2], site: Site) -> Option<Typed> {
        let [left, right] = two.each_ref().map(|one| self.check(one));
        let (left, right) = (left?, right?);
        if !left.ty.maybe {
            let hint = match &two[0].kind {
                ExprKind::Path(path) => format!("write `{}?` where it may be absent or empty", path.text),
                ExprKind::Pipe(_, call) if call.name == "code" => {
                    "a code without a row goes to quarantine, whatever stands after `??`; where a cell may be empty, write `code(…)?`".to_owned()
                }
                _ => "remove `??` and what follows".to_owned(),
            };
            self.types(site, "what stands before `??` is never empty".to_owned(), hint);
            return None;
        }
        if left.ty.kind != right.ty.kind || right.ty.list {
            let message = format!("before `??` stands {}, and after it {}", article(left.ty), article(right.ty));
            self.types(two[1].site, message, "give a default of the same kind");
            return None;
        }
        let ty = Type { maybe: right.ty.maybe, ..left.ty };
        Some(Typed { op: Op::Default(Box::new([left.op, right.op])), ty, origin: left.origin })
    }

    fn within(&mut self, one: &Expr, choices: &[Expr]) -> Option<Typed> {
        let typed = self.check(one);
        let mut values = Vec::new();
        for choice in choices {
            let literal = self.check(choice)?;
            let wanted = typed.as_ref().map(|typed| typed.ty);
            if let Some(wanted) = wanted.filter(|wanted| wanted.kind != literal.ty.kind || wanted.list) {
                let message = format!("{} is never {}", article(wanted), article(literal.ty));
                self.types(choice.site, message, "bring both to one kind, or quote the literal");
                return None;
            }
            if let Op::Const(value) = literal.op {
                values.push(value);
            }
        }
        let typed = typed?;
        Some(condition(Op::In(Box::new(typed.op), values), typed.origin))
    }

    fn choice(&mut self, three: &[Expr; 3], site: Site) -> Option<Typed> {
        let test = self.condition(&three[0]);
        let [then, other] = [&three[1], &three[2]].map(|one| self.check(one));
        let (test, then, other) = (test?, then?, other?);
        if then.ty.kind != other.ty.kind || then.ty.list != other.ty.list {
            let message = format!("`if` gives {} or {}", article(then.ty), article(other.ty));
            self.types(site, message, "give the same kind both ways");
            return None;
        }
        let ty = Type { maybe: then.ty.maybe || other.ty.maybe, ..then.ty };
        let origin = if then.origin.is_empty() { other.origin } else { then.origin };
        Some(Typed { op: Op::If(Box::new([test.op, then.op, other.op])), ty, origin })
    }
}

fn condition(op: Op, origin: Box<str>) -> Typed {
    Typed { op, ty: Type::one(Kind::Boolean), origin }
}

/// `[@key='x']` is compared without evaluating an expression.
fn key_step(written: &Expr, op: Op) -> PathStep {
    if let ExprKind::Equal(two, false) = &written.kind
        && let [Expr { kind: ExprKind::Path(path), .. }, Expr { kind: ExprKind::Text(wanted), .. }] = &**two
        && let [WrittenStep::Name(name)] = path.steps.as_slice()
        && !path.from_record
    {
        return PathStep::Key(name.as_str().into(), wanted.as_str().into());
    }
    PathStep::Where(op)
}

/// A type with its article, for messages.
pub(super) fn article(ty: Type) -> String {
    match ty {
        Type { list: false, kind: Kind::Text, .. } => "text".to_owned(),
        _ => format!("a {}", ty.to_string().trim_start_matches("a ")),
    }
}
