//! Expressions as written: what the parser reads, before names are looked up and types are checked.

use super::site::Site;

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// Where it stands.
    pub site: Site,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Debug)]
pub enum ExprKind {
    /// `'text'`
    Text(String),
    /// `12.5`
    Number(String),
    /// `$name`
    Let(String),
    /// `a/b@c`
    Path(Path),
    /// `exists(a/b)`
    Exists(Path),
    /// `input | transform(…)`
    Pipe(Box<Expr>, Call),
    /// `a + b`
    Sum(Box<[Expr; 2]>),
    /// `a ?? b`
    Default(Box<[Expr; 2]>),
    /// `a == b`, or `!=`
    Equal(Box<[Expr; 2]>, bool),
    /// `a && b`
    And(Box<[Expr; 2]>),
    /// `a || b`
    Or(Box<[Expr; 2]>),
    /// `!a`
    Not(Box<Expr>),
    /// `a in ['x', 'y']`
    In(Box<Expr>, Vec<Expr>),
    /// `if(condition, a, b)`
    If(Box<[Expr; 3]>),
}

/// A transform with its arguments.
#[derive(Debug)]
pub struct Call {
    /// Where its name stands.
    pub site: Site,
    /// Name.
    pub name: String,
    /// Arguments.
    pub args: Vec<Arg>,
    /// Whether `?` follows: what it gives may be empty.
    pub optional: bool,
}

/// An argument of a transform.
#[derive(Debug)]
pub enum Arg {
    /// A value.
    Value(Expr),
    /// `'K': 'v'`
    Pair(String, Expr),
}

/// A path into the document.
#[derive(Debug)]
pub struct Path {
    /// Where it stands.
    pub site: Site,
    /// As written, without `?`.
    pub text: String,
    /// Whether it starts at the record (`^/`) rather than at the item.
    pub from_record: bool,
    /// Steps.
    pub steps: Vec<Step>,
    /// Whether it may be absent or empty.
    pub optional: bool,
}

/// A step of a path.
#[derive(Debug)]
pub enum Step {
    /// The child of this name; attributes are `@name`.
    Name(String),
    /// Every item: `[*]`.
    Each,
    /// The items for which this holds: `[@key='x']`.
    Where(Expr),
}
