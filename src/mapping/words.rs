//! The words an expression can give, as far as they are written down in the mapping: literals, pairs of `map`, cells of
//! code tables. What comes from the source itself is checked when it comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use guichet_sdk::Place;

use super::ast::{Arg, Call, Expr, ExprKind};
use super::site::Site;
use super::table::Table;

/// A word written down.
pub struct Word {
    /// The word.
    pub text: String,
    /// Where the expression stands that gives it.
    pub site: Site,
    /// Where the word itself stands, when that is a cell of a table.
    pub place: Option<Place>,
    /// Whether it stands after `??`.
    pub is_default: bool,
}

/// What names in expressions stand for.
pub struct Known<'k> {
    /// Expressions of `[let]`; `None` where one could not be read.
    pub lets: Vec<(&'k str, &'k Option<Expr>)>,
    /// Code tables.
    pub tables: &'k BTreeMap<String, Arc<Table>>,
}

/// The words an expression can give.
pub fn words(expr: &Expr, known: &Known<'_>, is_default: bool) -> Vec<Word> {
    match &expr.kind {
        ExprKind::Text(text) => vec![Word { text: text.clone(), site: expr.site, place: None, is_default }],
        ExprKind::Let(name) => {
            // `[let]`s see only what was written before them.
            let found = known.lets.iter().rposition(|(known, _)| known == name);
            let Some((at, expr)) = found.and_then(|at| Some((at, known.lets[at].1.as_ref()?))) else {
                return Vec::new();
            };
            words(expr, &Known { lets: known.lets[..at].to_vec(), tables: known.tables }, is_default)
        }
        ExprKind::If(three) => both(&three[1], &three[2], known, is_default, is_default),
        ExprKind::Default(two) => both(&two[0], &two[1], known, is_default, true),
        ExprKind::Pipe(_, call) => called(call, known),
        ExprKind::Number(_)
        | ExprKind::Path(_)
        | ExprKind::Exists(_)
        | ExprKind::Sum(_)
        | ExprKind::Equal(..)
        | ExprKind::And(_)
        | ExprKind::Or(_)
        | ExprKind::Not(_)
        | ExprKind::In(..) => Vec::new(),
    }
}

fn both(one: &Expr, other: &Expr, known: &Known<'_>, is_default: bool, other_is: bool) -> Vec<Word> {
    let mut all = words(one, known, is_default);
    all.extend(words(other, known, other_is));
    all
}

fn called(call: &Call, known: &Known<'_>) -> Vec<Word> {
    let text = |at: usize| match call.args.get(at) {
        Some(Arg::Value(Expr { kind: ExprKind::Text(text), .. })) => Some(text),
        Some(Arg::Value(_) | Arg::Pair(..)) | None => None,
    };
    match &*call.name {
        "map" => {
            let values = call.args.iter().filter_map(|arg| match arg {
                Arg::Pair(_, value) => Some(value),
                Arg::Value(_) => None,
            });
            values.flat_map(|value| words(value, known, false)).collect()
        }
        "code" => {
            let table = text(0).and_then(|name| known.tables.get(name));
            let Some((table, column)) = table.and_then(|table| Some((table, table.column(text(1)?)?))) else {
                return Vec::new();
            };
            let word = |(text, place): (&str, Place)| Word {
                text: text.to_owned(),
                site: call.site,
                place: Some(place),
                is_default: false,
            };
            table.cells(column).map(word).collect()
        }
        _ => Vec::new(),
    }
}
