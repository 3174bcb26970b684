//! Compiling the way back: the expressions of a command, against the three parts of its document.

use guichet_sdk::settings::nearest;

use super::Beside;
use super::codes::{COMMAND, SETTING, TYPES};
use super::command::{Body, CommandMap, Items, PARTS, Placed, clash, steps};
use super::compile::{Compiler, names};
use super::parser::{parse, parse_path};
use super::path::Path;
use super::site::{File, Site};
use super::template::cut::{self, Cut};
use super::template::{Form, Piece, Template};
use super::value::Kind;
use super::written::{Entry, Text, WrittenCommand, WrittenItems};

impl<'c> Compiler<'c> {
    /// Compiles a command.
    pub(super) fn command(&mut self, written: &'c WrittenCommand, beside: Beside<'_>) -> CommandMap {
        self.checker.lets.clear();
        self.exprs.clear();
        // what a command reads is not of the source's documents: it has no part in their coverage
        let read = self.checker.paths_read.len();
        let lets = self.lets(&written.lets);
        self.parts(read, written.site);
        let values = written.values.iter().filter_map(|entry| self.placed(entry, false)).collect();
        let body = match &written.template {
            Some(name) => self.template(name, beside).map(Body::Template),
            None => Some(self.tree(written)),
        };
        self.checker.paths_read.truncate(read);
        let body = body.unwrap_or(Body::Tree { fields: Vec::new(), lists: Vec::new() });
        CommandMap { verb: written.verb, lets, values, body }
    }

    fn tree(&mut self, written: &'c WrittenCommand) -> Body {
        let fields: Vec<_> = written.fields.iter().filter_map(|entry| self.placed(entry, true)).collect();
        let lists: Vec<_> = written.lists.iter().filter_map(|list| self.items(list)).collect();
        self.clashes(&fields);
        for list in &lists {
            self.clashes(&list.fields);
            for field in fields.iter().filter(|field| clash(&field.place, &list.place)) {
                self.clashing(&field.name, field.site);
            }
        }
        Body::Tree { fields, lists }
    }

    fn items(&mut self, list: &'c WrittenItems) -> Option<Items> {
        let read = self.checker.paths_read.len();
        let each = list.each.as_ref().and_then(|text| self.each(text));
        let base = each.as_ref().map_or_else(Vec::new, |path: &Path| names(&path.steps));
        self.part(base.first().map(String::as_str), list.site);
        self.checker.base = base;
        let fields = list.fields.iter().filter_map(|entry| self.placed(entry, true)).collect();
        self.checker.base = Vec::new();
        self.parts(read, list.site);
        Some(Items { place: steps(&list.name), each: each?, fields })
    }

    /// An expression with its place; a list is only taken where the body can hold one.
    fn placed(&mut self, entry: &'c Entry, lists: bool) -> Option<Placed> {
        let read = self.checker.paths_read.len();
        let (_, typed) = self.expression(&entry.text)?;
        let site = entry.text.sites.site(0);
        self.parts(read, site);
        let typed = typed?;
        if typed.ty.list && !lists {
            let hint = "take one value: `| first`, `| last`, or `| join_each(', ')`".to_owned();
            let message = format!("`{}` takes one value, and this is a list", entry.name);
            self.checker.error(TYPES, site, message, Some(hint));
        }
        Some(Placed {
            name: entry.name.as_str().into(),
            place: steps(&entry.name),
            op: typed.op,
            site,
            origin: typed.origin,
        })
    }

    /// Checks that what was read since then begins in one of the parts of a command's document.
    fn parts(&mut self, since: usize, site: Site) {
        let read: Vec<Option<String>> =
            self.checker.paths_read[since..].iter().map(|names| names.first().cloned()).collect();
        for first in read {
            self.part(first.as_deref(), site);
        }
    }

    fn part(&mut self, first: Option<&str>, site: Site) {
        let Some(first) = first.filter(|first| !PARTS.contains(first)) else { return };
        let hint = match nearest(first, PARTS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write `payload/{first}` for what the front office sent"),
        };
        let message = format!("a command has the parts `{}`, and `{first}` is none of them", PARTS.join("`, `"));
        self.checker.error(COMMAND, site, message, Some(hint));
    }

    fn clashes(&mut self, fields: &[Placed]) {
        for (at, field) in fields.iter().enumerate() {
            if fields[..at].iter().any(|other| clash(&field.place, &other.place)) {
                self.clashing(&field.name, field.site);
            }
        }
    }

    fn clashing(&mut self, name: &str, site: Site) {
        let message = format!("`{name}` stands where another field stands");
        self.checker.error(COMMAND, site, message, Some("give each its own place in the body".to_owned()));
    }

    fn template(&mut self, name: &Text, beside: Beside<'_>) -> Option<Template> {
        let Some(text) = beside(&name.value) else {
            let message = format!("there is no file `{}` beside the mapping", name.value);
            self.checker.error(SETTING, name.sites.site(0), message, None);
            return None;
        };
        let form = if name.value.ends_with(".xml") { Form::Xml } else { Form::Text };
        let folder = self.checker.file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let path = format!("{folder}{}", name.value);
        let file = File::new(&path, &text);
        let cuts = match form {
            Form::Xml => cut::xml(&text),
            Form::Text => cut::text(&text),
        };
        match cuts {
            Ok(cuts) => Some(Template { form, pieces: self.pieces(cuts, &file) }),
            Err((offset, what)) => {
                let place = file.site(offset).place(&path);
                let message = format!("the template cannot be used: {what}");
                self.checker.issues.push(guichet_sdk::Issue::error(COMMAND, message).at(place));
                None
            }
        }
    }

    fn pieces(&mut self, cuts: Vec<Cut>, file: &File<'_>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for cut in cuts {
            pieces.extend(match cut {
                Cut::Plain(text) => Some(Piece::Plain(text)),
                Cut::Value(text, at) => {
                    self.written(&text, at, file, Wanted::Value).map(|typed| Piece::Value(typed.op))
                }
                Cut::When(text, at, inside) => {
                    let condition = self.written(&text, at, file, Wanted::Condition);
                    let inside = self.pieces(inside, file);
                    condition.map(|condition| Piece::When(condition.op, inside))
                }
                Cut::Each(text, at, inside) => {
                    let path = self.walked(&text, at, file);
                    let base = path.as_ref().map_or_else(Vec::new, |path| names(&path.steps));
                    let outer = std::mem::replace(&mut self.checker.base, base);
                    let inside = self.pieces(inside, file);
                    self.checker.base = outer;
                    path.map(|path| Piece::Each(path, inside))
                }
            });
        }
        pieces
    }

    /// An expression of a template, reported in the template.
    fn written(&mut self, text: &str, at: usize, file: &File<'_>, wanted: Wanted) -> Option<super::check::Typed> {
        let sites = file.plain(at..at + text.len() + 1);
        self.in_template(file, |compiler| {
            let read = compiler.checker.paths_read.len();
            let typed = match parse(text, &sites) {
                Ok(expr) => compiler.checker.check(&expr),
                Err((site, issue)) => {
                    compiler.checker.issues.push(issue.at(site.place(compiler.checker.file)));
                    None
                }
            }?;
            compiler.parts(read, sites.site(0));
            let (fits, what) = match wanted {
                Wanted::Value => (!typed.ty.list, "one value is expected, and this is a list"),
                Wanted::Condition => (
                    typed.ty.kind == Kind::Boolean && !typed.ty.list,
                    "a condition is expected: `exists(…)`, `a == 'x'`",
                ),
            };
            if !fits {
                compiler.checker.error(TYPES, sites.site(0), what, None);
            }
            fits.then_some(typed)
        })
    }

    fn walked(&mut self, text: &str, at: usize, file: &File<'_>) -> Option<Path> {
        let sites = file.plain(at..at + text.len() + 1);
        self.in_template(file, |compiler| {
            let read = compiler.checker.paths_read.len();
            let path = match parse_path(text, &sites) {
                Ok(written) => compiler.checker.path(&written)?,
                Err((site, issue)) => {
                    compiler.checker.issues.push(issue.at(site.place(compiler.checker.file)));
                    return None;
                }
            };
            compiler.parts(read, sites.site(0));
            if !path.many {
                let hint = format!("write `{}[*]`", path.text);
                compiler.checker.error(
                    TYPES,
                    path.site,
                    "`guichet:each` walks a list, and this is one value",
                    Some(hint),
                );
            }
            Some(path)
        })
    }

    /// Problems found meanwhile stand in the template, not in the mapping.
    fn in_template<T>(&mut self, file: &File<'_>, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.checker.issues.len();
        let done = work(self);
        for issue in &mut self.checker.issues[before..] {
            issue.place.file = Some(file.name.to_owned());
        }
        done
    }
}

/// What an expression of a template must give.
#[derive(Clone, Copy)]
enum Wanted {
    Value,
    Condition,
}
