//! Tokens to expressions. `|` binds tighter than `+`, `+` than `??`, `??` than comparisons, then `&&`, then `||`. Bounded
//! in length and nesting; stops at the first complaint of an expression, which is located to the character.

use guichet_sdk::Issue;

use super::ast::{Arg, Call, Expr, ExprKind, Path, Step};
use super::codes::EXPRESSION;
use super::lexer::{Complaint, Token, tokens};
use super::site::{Inside, Site};

/// Bytes of an expression.
pub const MAX_LENGTH: usize = 4096;
/// Nesting of an expression.
pub const MAX_DEPTH: usize = 64;

/// Functions, written before their argument; everything else is a transform, written after a `|`.
const FUNCTIONS: &[&str] = &["if", "exists", "count", "first", "last"];

type Parsed<T> = Result<T, Complaint>;

/// Reads a whole expression.
pub fn parse(text: &str, sites: &Inside) -> Result<Expr, (Site, Issue)> {
    read(text, sites, |parser| parser.either())
}

/// Reads a whole expression that must be a path.
pub fn parse_path(text: &str, sites: &Inside) -> Result<Path, (Site, Issue)> {
    read(text, sites, |parser| parser.path())
}

fn read<T>(text: &str, sites: &Inside, what: impl FnOnce(&mut Parser<'_>) -> Parsed<T>) -> Result<T, (Site, Issue)> {
    let whole = || {
        if text.len() > MAX_LENGTH {
            let issue = Issue::error(EXPRESSION, format!("the expression is longer than {MAX_LENGTH} bytes"));
            return Err((0, issue.hint("name parts of it in `[let]`, or use a code table")));
        }
        let mut parser = Parser { text, sites, tokens: tokens(text)?, at: 0, depth: 0, in_filter: false };
        let parsed = what(&mut parser)?;
        parser.end()?;
        Ok(parsed)
    };
    whole().map_err(|(offset, issue)| (sites.site(offset), issue))
}

struct Parser<'t> {
    text: &'t str,
    sites: &'t Inside,
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
    in_filter: bool,
}

impl Parser<'_> {
    fn token(&self) -> &Token {
        &self.tokens[self.at].1
    }

    fn offset(&self) -> usize {
        self.tokens[self.at].0
    }

    fn site(&self) -> Site {
        self.sites.site(self.offset())
    }

    fn advance(&mut self) -> Token {
        let token = self.token().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn next_is(&self, symbol: &str) -> bool {
        matches!(self.tokens.get(self.at + 1), Some((_, Token::Symbol(next))) if *next == symbol)
    }

    fn eat(&mut self, symbol: &'static str) -> bool {
        let found = *self.token() == Token::Symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.eat(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{symbol}`")))
    }

    fn unexpected(&self, wanted: &str) -> Complaint {
        let found = self.token().describe();
        (self.offset(), Issue::error(EXPRESSION, format!("{wanted} is expected, {found} found")))
    }

    fn end(&self) -> Parsed<()> {
        let hint = match self.token() {
            Token::End => return Ok(()),
            Token::Symbol("=") => "values are compared with `==`",
            Token::Name(_) | Token::Text(_) => "join texts with `+`; a transform follows a `|`",
            Token::Number(_) | Token::Let(_) | Token::Symbol(_) => "write one expression",
        };
        let (at, issue) = self.unexpected("an operator or the end of the expression");
        Err((at, issue.hint(hint)))
    }

    /// Runs a nested part, within the depth allowed.
    fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            let issue = Issue::error(EXPRESSION, format!("the expression is nested deeper than {MAX_DEPTH}"));
            return Err((self.offset(), issue.hint("name parts of it in `[let]`")));
        }
        self.depth += 1;
        let done = part(self);
        self.depth -= 1;
        done
    }

    fn either(&mut self) -> Parsed<Expr> {
        let mut left = self.both()?;
        while *self.token() == Token::Symbol("||") {
            let site = self.site();
            self.advance();
            let right = self.both()?;
            left = Expr { site, kind: ExprKind::Or(Box::new([left, right])) };
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed<Expr> {
        let mut left = self.comparison()?;
        while *self.token() == Token::Symbol("&&") {
            let site = self.site();
            self.advance();
            let right = self.comparison()?;
            left = Expr { site, kind: ExprKind::And(Box::new([left, right])) };
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.default()?;
        let site = self.site();
        let negated = match self.token() {
            Token::Symbol("==") => false,
            Token::Symbol("=") if self.in_filter => false,
            Token::Symbol("!=") => true,
            Token::Name(word) if word == "in" => {
                self.advance();
                return Ok(Expr { site, kind: ExprKind::In(Box::new(left), self.choices()?) });
            }
            Token::Name(_) | Token::Text(_) | Token::Number(_) | Token::Let(_) | Token::Symbol(_) | Token::End => {
                return Ok(left);
            }
        };
        self.advance();
        let right = self.default()?;
        Ok(Expr { site, kind: ExprKind::Equal(Box::new([left, right]), negated) })
    }

    /// `['x', 'y']`
    fn choices(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("[")?;
        let mut choices = Vec::new();
        loop {
            choices.push(self.literal()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("]")?;
        Ok(choices)
    }

    fn literal(&mut self) -> Parsed<Expr> {
        let site = self.site();
        let kind = match self.token().clone() {
            Token::Text(text) => ExprKind::Text(text),
            Token::Number(number) => ExprKind::Number(number),
            Token::Name(_) | Token::Let(_) | Token::Symbol(_) | Token::End => {
                return Err(self.unexpected("a text or number"));
            }
        };
        self.advance();
        Ok(Expr { site, kind })
    }

    fn default(&mut self) -> Parsed<Expr> {
        let (mut left, mut piped) = self.sum()?;
        while *self.token() == Token::Symbol("??") {
            let site = self.site();
            self.advance();
            let (right, right_piped) = self.sum()?;
            piped = piped.or(right_piped);
            left = Expr { site, kind: ExprKind::Default(Box::new([left, right])) };
            if let Some(at) = piped {
                let issue = Issue::error(EXPRESSION, "`??` and `|` are mixed without parentheses");
                return Err((at, issue.hint("write `(a ?? b) | transform` or `a ?? (b | transform)`")));
            }
        }
        Ok(left)
    }

    /// A sum, and where a bare `|` stands in it.
    fn sum(&mut self) -> Parsed<(Expr, Option<usize>)> {
        let (mut left, mut piped) = self.pipe()?;
        while *self.token() == Token::Symbol("+") {
            let site = self.site();
            self.advance();
            let (right, right_piped) = self.pipe()?;
            piped = piped.or(right_piped);
            left = Expr { site, kind: ExprKind::Sum(Box::new([left, right])) };
        }
        Ok((left, piped))
    }

    fn pipe(&mut self) -> Parsed<(Expr, Option<usize>)> {
        let mut input = self.primary()?;
        let mut piped = None;
        while *self.token() == Token::Symbol("|") {
            piped = piped.or(Some(self.offset()));
            self.advance();
            let site = self.site();
            let Token::Name(name) = self.token().clone() else { return Err(self.unexpected("a transform")) };
            self.advance();
            let args = if *self.token() == Token::Symbol("(") { self.nested(Self::args)? } else { Vec::new() };
            let optional = self.eat("?");
            input = Expr { site, kind: ExprKind::Pipe(Box::new(input), Call { site, name, args, optional }) };
        }
        Ok((input, piped))
    }

    fn args(&mut self) -> Parsed<Vec<Arg>> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.eat(")") {
            if !args.is_empty() {
                self.expect(",")?;
            }
            args.push(match self.token().clone() {
                Token::Text(key) if self.next_is(":") => {
                    self.advance();
                    self.advance();
                    Arg::Pair(key, self.literal()?)
                }
                _ => Arg::Value(self.either()?),
            });
        }
        Ok(args)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let site = self.site();
        let kind = match self.token().clone() {
            Token::Symbol("(") => {
                self.advance();
                let inner = self.nested(Self::either)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("!") => {
                self.advance();
                ExprKind::Not(Box::new(self.nested(Self::primary)?))
            }
            Token::Let(name) => {
                self.advance();
                ExprKind::Let(name)
            }
            Token::Number(number) => {
                self.advance();
                ExprKind::Number(number)
            }
            Token::Text(text) if !["/", "@", "["].iter().any(|symbol| self.next_is(symbol)) => {
                self.advance();
                if *self.token() == Token::Symbol("?") {
                    let issue = Issue::error(EXPRESSION, "a text is never empty");
                    return Err((self.offset(), issue.hint("to read a name with spaces, write `./'the name'?`")));
                }
                ExprKind::Text(text)
            }
            Token::Name(name) if self.next_is("(") => return self.function(&name),
            Token::Name(_) | Token::Text(_) | Token::Symbol("@" | "./" | "^/" | ".") => ExprKind::Path(self.path()?),
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a path, text or function")),
        };
        Ok(Expr { site, kind })
    }

    fn function(&mut self, name: &str) -> Parsed<Expr> {
        let site = self.site();
        if !FUNCTIONS.contains(&name) {
            let issue = Issue::error(EXPRESSION, format!("`{name}` is written like a function"));
            return Err((self.offset(), issue.hint(format!("a transform follows its input: `a/b | {name}(…)`"))));
        }
        self.advance();
        self.expect("(")?;
        let kind = self.nested(|parser| match name {
            "if" => {
                let condition = parser.either()?;
                parser.expect(",")?;
                let then = parser.either()?;
                parser.expect(",")?;
                Ok(ExprKind::If(Box::new([condition, then, parser.either()?])))
            }
            "exists" => Ok(ExprKind::Exists(parser.path()?)),
            _ => {
                let at = parser.site();
                let input = Expr { site: at, kind: ExprKind::Path(parser.path()?) };
                let call = Call { site, name: name.to_owned(), args: Vec::new(), optional: false };
                Ok(ExprKind::Pipe(Box::new(input), call))
            }
        })?;
        self.expect(")")?;
        Ok(Expr { site, kind })
    }

    fn path(&mut self) -> Parsed<Path> {
        let (site, start) = (self.site(), self.offset());
        let from_record = self.eat("^/");
        let itself = !from_record && self.eat(".");
        let mut steps = Vec::new();
        if !itself {
            self.eat("./");
            steps.push(self.step()?);
        }
        loop {
            // `a/b` and `a@b`: the `@` belongs to the name.
            if self.eat("/") || (*self.token() == Token::Symbol("@") && !itself) {
                steps.push(self.step()?);
            } else if *self.token() == Token::Symbol("[") && !itself {
                self.nested(|parser| parser.filter(&mut steps))?;
            } else {
                break;
            }
        }
        let text = self.text[start..self.offset()].trim_end().to_owned();
        Ok(Path { site, text, from_record, steps, optional: self.eat("?") })
    }

    fn step(&mut self) -> Parsed<Step> {
        let attribute = if self.eat("@") { "@" } else { "" };
        match self.token().clone() {
            Token::Name(name) | Token::Text(name) => {
                self.advance();
                Ok(Step::Name(format!("{attribute}{name}")))
            }
            Token::Number(_) | Token::Let(_) | Token::Symbol(_) | Token::End => {
                let (at, issue) = self.unexpected("a name");
                Err((
                    at,
                    issue.hint("a name with other signs than letters, digits, `_`, `-`, `.`, `:` is quoted: `a/'b c'`"),
                ))
            }
        }
    }

    /// `[*]`, `[* where(…)]` or `[condition]`.
    fn filter(&mut self, steps: &mut Vec<Step>) -> Parsed<()> {
        self.expect("[")?;
        let each = self.eat("*");
        let condition = if each && *self.token() == Token::Name("where".to_owned()) {
            self.advance();
            self.expect("(")?;
            let condition = self.condition()?;
            self.expect(")")?;
            Some(condition)
        } else if each {
            None
        } else {
            Some(self.condition()?)
        };
        self.expect("]")?;
        steps.extend(condition.map(Step::Where));
        steps.extend(each.then_some(Step::Each));
        Ok(())
    }

    fn condition(&mut self) -> Parsed<Expr> {
        let outer = std::mem::replace(&mut self.in_filter, true);
        let condition = self.either();
        self.in_filter = outer;
        condition
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::mapping::site::File;

    fn read(text: &str) -> Result<Expr, (Site, Issue)> {
        let toml = format!("\"{text}\"");
        parse(text, &File::new("f", &toml).inside(0..toml.len(), text))
    }

    fn shape(text: &str) -> String {
        fn show(expr: &Expr) -> String {
            match &expr.kind {
                ExprKind::Text(text) => format!("'{text}'"),
                ExprKind::Number(number) => number.clone(),
                ExprKind::Let(name) => format!("${name}"),
                ExprKind::Path(path) => format!("{}{}", path.text, if path.optional { "?" } else { "" }),
                ExprKind::Exists(path) => format!("exists({})", path.text),
                ExprKind::Pipe(input, call) => format!("({} | {})", show(input), call.name),
                ExprKind::Sum(two) => format!("({} + {})", show(&two[0]), show(&two[1])),
                ExprKind::Default(two) => format!("({} ?? {})", show(&two[0]), show(&two[1])),
                ExprKind::Equal(two, negated) => {
                    format!("({} {} {})", show(&two[0]), if *negated { "!=" } else { "==" }, show(&two[1]))
                }
                ExprKind::And(two) => format!("({} && {})", show(&two[0]), show(&two[1])),
                ExprKind::Or(two) => format!("({} || {})", show(&two[0]), show(&two[1])),
                ExprKind::Not(one) => format!("!{}", show(one)),
                ExprKind::In(one, many) => format!("({} in {})", show(one), many.len()),
                ExprKind::If(three) => three.iter().map(show).collect::<Vec<_>>().join(" ? "),
            }
        }
        show(&read(text).unwrap())
    }

    #[test]
    fn precedence_is_as_documented() {
        assert_eq!(shape("a | trim + b | upper"), "((a | trim) + (b | upper))");
        assert_eq!(shape("a? ?? b + c"), "(a? ?? (b + c))");
        assert_eq!(shape("a == 'x' && b != 'y' || !c"), "(((a == 'x') && (b != 'y')) || !c)");
        assert_eq!(shape("(a? ?? '') | trim"), "((a? ?? '') | trim)");
        assert_eq!(shape("'a b'/c@d"), "'a b'/c@d");
        assert_eq!(shape("./'a b'? ?? 'x'"), "(./'a b'? ?? 'x')");
        assert_eq!(shape("s[@key='k']@value | date"), "(s[@key='k']@value | date)");
        assert_eq!(shape("count(a/b[*])"), "(a/b[*] | count)");
        assert_eq!(shape("^/a | code('t', 'c', $d)?"), "(^/a | code)");
    }

    #[test]
    fn complaints_stand_at_their_character() {
        let column = |text: &str| read(text).unwrap_err().0.column - 1;
        assert_eq!(column("a? ?? b | trim"), 9);
        assert_eq!(column("a | "), 5);
        assert_eq!(column("a = 'x'"), 3);
        assert_eq!(column("trim(a)"), 1);
        assert_eq!(column("(a"), 3);
    }

    #[test]
    fn trap_7_nesting_and_length_are_capped() {
        let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert!(read(&nested(MAX_DEPTH + 1)).is_err());
        assert!(read(&"a".repeat(MAX_LENGTH)).is_ok());
        assert!(read(&"a".repeat(MAX_LENGTH + 1)).is_err());
        assert!(read(&"!".repeat(1000)).is_err());
        assert!(read(&"a[".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(text in "\\PC{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn nor_on_what_looks_like_an_expression(text in "[a-c@/'?|+=!&\\[\\]()*,:.^$0-9 ]{0,40}") {
            let _ = read(&text);
        }
    }
}
