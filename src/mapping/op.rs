//! Compiled expressions: names resolved, types checked, constants folded. Evaluating one allocates only where a text changes.

use std::collections::HashMap;
use std::sync::Arc;

use guichet_sdk::Issue;

use super::codes::{ABSENT, NO_ROW};
use super::eval::{Scene, Stop};
use super::path::Path;
use super::site::Site;
use super::table::{NoRow, Table};
use super::transform::Apply;
use super::value::Value;

/// A compiled expression.
pub enum Op {
    /// A literal.
    Const(Value<'static>),
    /// A `[let]` of the scene.
    Let(usize),
    /// What stands at a path.
    Path(Path),
    /// Whether something does.
    Exists(Path),
    /// A transform.
    Apply(Box<Step>),
    /// A code looked up in a table.
    Code(Box<Lookup>),
    /// A code looked up in pairs.
    Map(Box<Pairs>),
    /// Two texts joined.
    Sum(Box<[Op; 2]>),
    /// The second where the first is empty.
    Default(Box<[Op; 2]>),
    /// Whether two values are equal, or differ.
    Equal(Box<[Op; 2]>, bool),
    /// Both.
    And(Box<[Op; 2]>),
    /// Either.
    Or(Box<[Op; 2]>),
    /// Not.
    Not(Box<Op>),
    /// One of several.
    In(Box<Op>, Vec<Value<'static>>),
    /// The second where the first holds, else the third.
    If(Box<[Op; 3]>),
}

/// Where a transform stands, and which path its input came from.
pub struct Spot {
    /// Where it stands in the mapping.
    pub site: Site,
    /// The path its input came from; empty for a literal.
    pub origin: Box<str>,
}

/// A transform applied to an input.
pub struct Step {
    /// Input.
    pub input: Op,
    /// Transform.
    pub apply: Apply,
    /// Whether it takes a list as a whole rather than item by item.
    pub whole: bool,
    /// Where.
    pub spot: Spot,
}

/// A code looked up in a table.
pub struct Lookup {
    /// The code.
    pub input: Op,
    /// Table.
    pub table: Arc<Table>,
    /// Column.
    pub column: usize,
    /// The date, where the table has dates.
    pub at: Option<Op>,
    /// Where.
    pub spot: Spot,
}

/// A code looked up in pairs.
pub struct Pairs {
    /// The code.
    pub input: Op,
    /// Pairs.
    pub pairs: HashMap<Box<str>, Value<'static>>,
    /// Where.
    pub spot: Spot,
}

impl Op {
    /// What the expression gives for a scene.
    pub fn eval<'a>(&'a self, scene: &Scene<'a>) -> Result<Value<'a>, Stop> {
        match self {
            Op::Const(value) => Ok(borrowed(value)),
            Op::Let(at) => scene.lets.get(*at).cloned().flatten().ok_or(Stop::Poisoned),
            Op::Path(path) => path.read(scene),
            Op::Exists(path) => path.exists(scene).map(Value::Bool),
            Op::Apply(step) => step.eval(scene),
            Op::Code(lookup) => each(lookup.input.eval(scene)?, &|code| lookup.find(code, scene)),
            Op::Map(pairs) => each(pairs.input.eval(scene)?, &|code| pairs.find(code, scene)),
            Op::Sum(two) => {
                let left = two[0].eval(scene)?.into_text();
                Ok(Value::Text(left + two[1].eval(scene)?.into_text()))
            }
            Op::Default(two) => match two[0].eval(scene)? {
                value if value.is_blank() => two[1].eval(scene),
                value => Ok(value),
            },
            Op::Equal(two, negated) => Ok(Value::Bool((two[0].eval(scene)? == two[1].eval(scene)?) != *negated)),
            Op::And(two) => Ok(Value::Bool(two[0].holds(scene)? && two[1].holds(scene)?)),
            Op::Or(two) => Ok(Value::Bool(two[0].holds(scene)? || two[1].holds(scene)?)),
            Op::Not(one) => Ok(Value::Bool(!one.holds(scene)?)),
            Op::In(one, choices) => {
                let value = one.eval(scene)?;
                Ok(Value::Bool(choices.contains(&value)))
            }
            Op::If(three) => three[if three[0].holds(scene)? { 1 } else { 2 }].eval(scene),
        }
    }

    /// Whether a condition holds; an empty one does not.
    pub fn holds(&self, scene: &Scene<'_>) -> Result<bool, Stop> {
        Ok(self.eval(scene)? == Value::Bool(true))
    }
}

impl Step {
    fn eval<'a>(&'a self, scene: &Scene<'a>) -> Result<Value<'a>, Stop> {
        let unfit = |unfit: super::transform::Unfit| {
            let issue = Issue::error(unfit.code, unfit.what);
            let issue = match unfit.hint {
                Some(hint) => issue.hint(hint),
                None => issue,
            };
            scene.stop(issue, self.spot.site, &self.spot.origin)
        };
        match self.input.eval(scene)? {
            Value::List(items) if !self.whole => {
                let done = items.into_iter().map(|item| (self.apply)(item)).collect::<Result<Vec<_>, _>>();
                done.map(Value::List).map_err(unfit)
            }
            value if value.is_blank() && !self.whole => Ok(Value::Empty),
            value => (self.apply)(value).map_err(unfit),
        }
    }
}

impl Lookup {
    fn find<'a>(&'a self, code: &str, scene: &Scene<'a>) -> Result<Value<'a>, Stop> {
        let day = match &self.at {
            None => None,
            Some(at) => match at.eval(scene)? {
                Value::Date(moment) => Some(moment.civil_day),
                Value::Empty | Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::List(_) => {
                    let issue = Issue::error(ABSENT, "has no date to be looked up on");
                    return Err(scene.stop(issue, self.spot.site, &self.spot.origin));
                }
            },
        };
        match self.table.find(code, day) {
            Ok(row) => {
                if let Some(seen) = scene.seen {
                    seen.row(&self.table, row);
                }
                Ok(row.cell(self.column).map_or(Value::Empty, |text| Value::Text(text.into())))
            }
            Err(why) => {
                let name = &self.table.name;
                let what = match why {
                    NoRow::Code => format!("has no row in table `{name}`"),
                    NoRow::Day => format!("has no row in table `{name}` valid on its date"),
                };
                let issue = Issue::error(NO_ROW, what)
                    .hint(format!("add a row to `{}` that says what the code means", self.table.written_in()));
                Err(scene.stop(issue, self.spot.site, &self.spot.origin))
            }
        }
    }
}

impl Pairs {
    fn find<'a>(&'a self, code: &str, scene: &Scene<'a>) -> Result<Value<'a>, Stop> {
        self.pairs.get(code).map(borrowed).ok_or_else(|| {
            let issue =
                Issue::error(NO_ROW, "has no pair in `map(…)`").hint("add the pair that says what the code means");
            scene.stop(issue, self.spot.site, &self.spot.origin)
        })
    }
}

/// Looks up a text, or each text of a list; nothing stays nothing.
fn each<'a, F: Fn(&str) -> Result<Value<'a>, Stop>>(value: Value<'a>, find: &F) -> Result<Value<'a>, Stop> {
    match value {
        Value::Text(code) if !code.is_empty() => find(code.trim()),
        Value::List(items) => {
            items.into_iter().map(|item| each(item, find)).collect::<Result<Vec<_>, _>>().map(Value::List)
        }
        Value::Empty | Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Date(_) => Ok(Value::Empty),
    }
}

fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::Text((&**text).into()),
        Value::Empty | Value::Number(_) | Value::Bool(_) | Value::Date(_) | Value::List(_) => value.clone(),
    }
}
