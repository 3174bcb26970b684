//! Checking what stands after a `|`: transforms against their signatures, `map` against its pairs, `code` against its
//! table. Transforms of literals are applied at once.

use std::collections::HashMap;
use std::sync::Arc;

use guichet_sdk::settings::nearest;

use super::ast::{Arg, Call, Expr, ExprKind};
use super::check::{Checker, Typed, article};
use super::codes::UNKNOWN_NAME;
use super::op::{Lookup, Op, Pairs, Spot, Step};
use super::site::Site;
use super::table::Table;
use super::transform::{self, Argument, Make, Takes, Times, Transform};
use super::value::{Kind, Type};

impl Checker<'_> {
    /// Compiles a transform of an input.
    pub(super) fn pipe(&mut self, input: &Expr, call: &Call) -> Option<Typed> {
        let typed = self.check(input);
        let Some(transform) = transform::find(&call.name) else {
            let near = nearest(&call.name, transform::all().map(|transform| transform.name));
            let hint = near.map_or_else(
                || "`mappings/REFERENCE.md` lists them".to_owned(),
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
