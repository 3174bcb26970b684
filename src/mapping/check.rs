//! From expressions as written to compiled ones: names looked up, types checked, constants folded, every problem of an
//! expression reported where it stands. A part that is wrong silences what depends on it, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use guichet_sdk::settings::nearest;
use guichet_sdk::{Code, Issue};

use super::ast::{Arg, Call, Expr, ExprKind, Path as WrittenPath, Step as WrittenStep};
use super::codes::{EXPRESSION, TYPES, UNKNOWN_NAME};
use super::date::Calendar;
use super::op::{Lookup, Op, Pairs, Spot, Step};
use super::path::{Path, Step as PathStep};
use super::site::Site;
use super::table::Table;
use super::transform::{self, Argument, Make, Takes, Times, Transform};
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

/// What the compiler knows while it checks.
pub struct Checker<'c> {
    /// The mapping's file.
    pub file: &'c str,
    /// How dates are read.
    pub calendar: &'c Arc<Calendar>,
    /// Code tables.
    pub tables: &'c BTreeMap<String, Arc<Table>>,
    /// `[let]`s so far: name, and type where it could be compiled.
    pub lets: Vec<(&'c str, Option<(Type, Box<str>)>)>,
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

    fn types(&mut self, site: Site, message: String, hint: impl Into<String>) {
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

    fn number(&mut self, text: &str, site: Site) -> Option<Number> {
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

    fn pipe(&mut self, input: &Expr, call: &Call) -> Option<Typed> {
        let typed = self.check(input);
        let Some(transform) = transform::find(&call.name) else {
            let near = nearest(&call.name, transform::all().map(|transform| transform.name));
            let hint = near.map_or_else(
                || "`docs/mapping-reference.md` lists them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.error(UNKNOWN_NAME, call.site, format!("`{}` is not a transform", call.name), Some(hint));
            return None;
        };
        if call.optional && !matches!(transform.make, Make::Code) {
            let message = format!("`?` after `{}` means nothing", call.name);
            self.types(call.site, message, "it follows a path, or `code(…)` whose cell may be empty");
            return None;
        }
        if !self.takes(typed.as_ref(), transform, call) {
            return None;
        }
        match transform.make {
            Make::Map => self.map(typed, call),
            Make::Code => self.code(typed, call),
            Make::From(make) => {
                let args = self.arguments(transform, call)?;
                match make(&args, self.calendar) {
                    Ok(apply) => self.fold(typed?, transform, apply, call.site),
                    Err(why) => {
                        self.types(call.site, format!("`{}`: {why}", call.name), usage(transform));
                        None
                    }
                }
            }
        }
    }

    /// Whether a transform takes what is piped into it; an input already reported passes.
    fn takes(&mut self, input: Option<&Typed>, transform: &Transform, call: &Call) -> bool {
        let Some(ty) = input.map(|input| input.ty) else { return true };
        let name = transform.name;
        let (fits, wanted) = match transform.takes {
            Takes::One(kind) => (ty.kind == kind, article(Type::one(kind))),
            Takes::List(kind) => (ty.kind == kind && ty.list, article(Type { list: true, ..Type::one(kind) })),
            Takes::AnyList => (ty.list, "a list".to_owned()),
        };
        if !fits {
            let hint = match (transform.takes, ty.kind) {
                (Takes::List(_) | Takes::AnyList, _) if !ty.list => "`[*]` gives a list: `a/b[*]`".to_owned(),
                (Takes::One(Kind::Date) | Takes::List(Kind::Date), Kind::Text) => format!("write `| date | {name}`"),
                (Takes::One(Kind::Number), Kind::Text) => format!("write `| number | {name}`"),
                _ => usage(transform),
            };
            self.types(call.site, format!("`{name}` takes {wanted}, and this is {}", article(ty)), hint);
        }
        fits
    }

    /// Checks the literals given to a transform against its parameters.
    fn arguments(&mut self, transform: &Transform, call: &Call) -> Option<Vec<Argument>> {
        let least = transform.params.iter().filter(|param| param.times == Times::One).count();
        let many = transform.params.iter().any(|param| param.times == Times::Many);
        if call.args.len() < least || (!many && call.args.len() > transform.params.len()) {
            let message = format!("`{}` is given {} arguments", call.name, call.args.len());
            self.types(call.site, message, usage(transform));
            return None;
        }
        let mut arguments = Vec::new();
        for (at, arg) in call.args.iter().enumerate() {
            let param = transform.params.get(at).or(transform.params.last())?;
            let Arg::Value(expr) = arg else {
                self.types(call.site, format!("`{}` takes no pairs", call.name), usage(transform));
                return None;
            };
            arguments.push(match (&expr.kind, param.kind) {
                (ExprKind::Text(text), Kind::Text) => Argument::Text(text.clone()),
                (ExprKind::Number(text), Kind::Number) => Argument::Number(self.number(text, expr.site)?),
                _ => {
                    let message = format!("`{}` of `{}` is a literal {}", param.name, call.name, param.kind);
                    self.types(expr.site, message, usage(transform));
                    return None;
                }
            });
        }
        Some(arguments)
    }

    /// Applies a transform: at once to a literal, else when a document comes.
    fn fold(&mut self, input: Typed, transform: &Transform, apply: transform::Apply, site: Site) -> Option<Typed> {
        let whole = matches!(transform.takes, Takes::List(_) | Takes::AnyList);
        let ty = Type {
            kind: transform.gives.unwrap_or(input.ty.kind),
            list: input.ty.list && !whole,
            maybe: transform.maybe || (input.ty.maybe && !whole),
        };
        let op = match input.op {
            Op::Const(value) if !value.is_blank() => match apply(value) {
                Ok(value) => Op::Const(value.into_owned()),
                Err(unfit) => {
                    let hint = unfit.hint.map(str::to_owned);
                    self.error(unfit.code, site, format!("the literal {}", unfit.what), hint);
                    return None;
                }
            },
            op => {
                let spot = Spot { site, origin: input.origin.clone() };
                Op::Apply(Box::new(Step { input: op, apply, whole, spot }))
            }
        };
        Some(Typed { op, ty, origin: input.origin })
    }

    fn map(&mut self, input: Option<Typed>, call: &Call) -> Option<Typed> {
        let mut pairs = HashMap::new();
        let mut kind = None;
        for arg in &call.args {
            let Arg::Pair(key, value) = arg else {
                self.types(call.site, "`map` takes pairs".to_owned(), "write `map('K': 'v', …)`");
                return None;
            };
            let typed = self.check(value)?;
            if *kind.get_or_insert(typed.ty.kind) != typed.ty.kind {
                self.types(
                    value.site,
                    "the pairs of `map` give different kinds".to_owned(),
                    "quote all of them, or none",
                );
                return None;
            }
            let Op::Const(value) = typed.op else { return None };
            if pairs.insert(key.trim().into(), value).is_some() {
                self.types(call.site, format!("`{key}` has two pairs in `map`"), "keep one of them");
                return None;
            }
        }
        let Some(kind) = kind else {
            self.types(call.site, "`map` has no pairs".to_owned(), "write `map('K': 'v', …)`");
            return None;
        };
        let input = input?;
        let spot = Spot { site: call.site, origin: input.origin.clone() };
        let ty = Type { kind, ..input.ty };
        Some(Typed { op: Op::Map(Box::new(Pairs { input: input.op, pairs, spot })), ty, origin: input.origin })
    }

    fn code(&mut self, input: Option<Typed>, call: &Call) -> Option<Typed> {
        let (table, column) = self.table_column(call)?;
        let at = match call.args.get(2) {
            Some(Arg::Value(expr)) => Some((self.check(expr)?, expr.site)),
            Some(Arg::Pair(..)) | None => None,
        };
        let at = match at {
            Some((at, site)) if at.ty != Type::one(Kind::Date) => {
                let what = if at.ty.maybe { "a date that may be empty".to_owned() } else { article(at.ty) };
                let message = format!("the third argument of `code` is the date of the event, and this is {what}");
                self.types(site, message, "write a date that is always there, such as `etat/date | date`");
                return None;
            }
            Some((at, _)) => Some(at.op),
            None if table.dated => {
                let message = format!("the rows of table `{}` are dated, and `code` is given no date", table.name);
                self.types(
                    call.site,
                    message,
                    "give the date of the event as third argument: `code(table, column, $since)`",
                );
                return None;
            }
            None => None,
        };
        if let Some(hole) = table.hole(column).filter(|_| !call.optional) {
            let name = &table.columns[column].0;
            let message = format!(
                "column `{name}` of table `{}` is empty in the row at line {}",
                table.name,
                hole.line.unwrap_or_default()
            );
            self.types(call.site, message, format!("fill the cell, or write `code('{}', '{name}', …)?`", table.name));
            return None;
        }
        let input = input?;
        let spot = Spot { site: call.site, origin: input.origin.clone() };
        let ty = Type { maybe: input.ty.maybe || call.optional, ..input.ty };
        let at = at.filter(|_| table.dated);
        let op = Op::Code(Box::new(Lookup { input: input.op, table, column, at, spot }));
        Some(Typed { op, ty, origin: input.origin })
    }

    /// The table and column that the first two arguments of `code` name.
    fn table_column(&mut self, call: &Call) -> Option<(Arc<Table>, usize)> {
        let text = |at: usize| match call.args.get(at) {
            Some(Arg::Value(Expr { kind: ExprKind::Text(text), site })) => Some((text.as_str(), *site)),
            Some(_) | None => None,
        };
        let (Some((table_name, table_site)), Some((column_name, column_site)), true) =
            (text(0), text(1), call.args.len() <= 3)
        else {
            let message = "`code` takes the names of a table and a column, and a date".to_owned();
            self.types(call.site, message, "write `code('table', 'column', $since)`");
            return None;
        };
        let Some(table) = self.tables.get(table_name).cloned() else {
            let hint = match nearest(table_name, self.tables.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write a table `[tables.{table_name}]`"),
            };
            self.error(UNKNOWN_NAME, table_site, format!("there is no table `{table_name}`"), Some(hint));
            return None;
        };
        let Some(column) = table.column(column_name) else {
            if table.columns.is_empty() {
                // The table itself has been reported: its file is not there, or it has no rows.
                return None;
            }
            let names: Vec<&str> = table.columns.iter().map(|(name, _)| &**name).collect();
            let hint = match nearest(column_name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its columns are `{}`", names.join("`, `")),
            };
            let message = format!("table `{table_name}` has no column `{column_name}`");
            self.error(UNKNOWN_NAME, column_site, message, Some(hint));
            return None;
        };
        self.columns_read.entry(table_name.to_owned()).or_default().insert(column);
        Some((table, column))
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

/// How a transform is written: `slice(start, length)`.
pub fn signature(transform: &Transform) -> String {
    let params = transform.params.iter().map(|param| match param.times {
        Times::One => param.name.to_owned(),
        Times::Optional => format!("{}?", param.name),
        Times::Many => format!("{}…", param.name),
    });
    let params = match transform.make {
        Make::From(_) => params.collect::<Vec<_>>().join(", "),
        Make::Code => "table, column, at?".to_owned(),
        Make::Map => "'K': 'v', …".to_owned(),
    };
    if params.is_empty() { transform.name.to_owned() } else { format!("{}({params})", transform.name) }
}

fn usage(transform: &Transform) -> String {
    format!("it is written `| {}`", signature(transform))
}

fn article(ty: Type) -> String {
    match ty {
        Type { list: false, kind: Kind::Text, .. } => "text".to_owned(),
        _ => format!("a {}", ty.to_string().trim_start_matches("a ")),
    }
}
