//! Where things stand in a written file: lines and columns of keys, strings, and of every character inside a string.
//! Refuses to guess: where a string cannot be walked (a form of escape it does not know), its start is given.

use std::ops::Range;

use guichet_sdk::Place;

/// A line and column, both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Site {
    /// The place of this site in a file.
    pub fn place(self, file: &str) -> Place {
        Place::file(file).at(u64::from(self.line), u64::from(self.column))
    }
}

/// A written file, whose byte offsets can be located.
pub struct File<'t> {
    /// Its name, as shown.
    pub name: &'t str,
    /// Its text.
    pub text: &'t str,
    lines: Vec<usize>,
}

impl<'t> File<'t> {
    /// A file of this name and text.
    pub fn new(name: &'t str, text: &'t str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        File { name, text, lines: std::iter::once(0).chain(after).collect() }
    }

    /// The site of a byte offset.
    pub fn site(&self, offset: usize) -> Site {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        Site { line: line as u32, column: before.chars().count() as u32 + 1 }
    }

    /// The sites of every byte of a stretch that stands there as it is.
    pub fn plain(&self, span: Range<usize>) -> Inside {
        Inside { sites: span.map(|offset| self.site(offset)).collect() }
    }

    /// The sites of every byte of a TOML string that stands at `span`, quotes included, and reads as `value`.
    pub fn inside(&self, span: Range<usize>, value: &str) -> Inside {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let offsets = match walk(raw) {
            Some((read, offsets)) if read == value => offsets,
            Some(_) | None => vec![0; value.len() + 1],
        };
        let mut sites = Vec::with_capacity(offsets.len());
        for offset in offsets {
            sites.push(self.site(span.start + offset));
        }
        Inside { sites }
    }
}

/// The sites of the characters of one string, by byte offset in its value.
pub struct Inside {
    sites: Vec<Site>,
}

impl Inside {
    /// The site of a byte offset; the end where the offset is past it.
    pub fn site(&self, offset: usize) -> Site {
        let last = self.sites.len().saturating_sub(1);
        self.sites.get(offset.min(last)).copied().unwrap_or(Site { line: 1, column: 1 })
    }
}

/// Reads a raw TOML string: its value, and for each byte of the value (and its end) the offset in the raw text.
fn walk(raw: &str) -> Option<(String, Vec<usize>)> {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| raw.starts_with(quote))?;
    let end = quote.len() + raw.strip_prefix(quote)?.strip_suffix(quote)?.len();
    let mut at = quote.len();
    if quote.len() == 3 {
        at += raw[at..].strip_prefix("\r\n").map_or(usize::from(raw[at..].starts_with('\n')), |_| 2);
    }
    let (mut value, mut offsets) = (String::new(), Vec::new());
    while at < end {
        let c = raw[at..end].chars().next()?;
        let (read, length) = if c == '\\' && quote.starts_with('"') {
            escape(&raw[at + 1..end]).map(|(read, length)| (read, length + 1))?
        } else {
            (Some(c), c.len_utf8())
        };
        if let Some(read) = read {
            value.push(read);
            offsets.resize(value.len(), at);
        }
        at += length;
    }
    offsets.push(end);
    Some((value, offsets))
}

/// What follows a backslash: the character (none at the end of a line), and how many bytes it takes.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let digits = |n: usize| {
        let code = u32::from_str_radix(rest.get(1..1 + n)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 1 + n))
    };
    match rest.chars().next()? {
        'b' => Some((Some('\u{8}'), 1)),
        't' => Some((Some('\t'), 1)),
        'n' => Some((Some('\n'), 1)),
        'f' => Some((Some('\u{c}'), 1)),
        'r' => Some((Some('\r'), 1)),
        'e' => Some((Some('\u{1b}'), 1)),
        c @ ('"' | '\\') => Some((Some(c), 1)),
        'x' => digits(2),
        'u' => digits(4),
        'U' => digits(8),
        c if c.is_whitespace() => Some((None, rest.len() - rest.trim_start().len())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_8_escapes_shift_columns() {
        let text = "a = \"x\\u00e9\\ty\"\nb = '''\nlong'''\n";
        let file = File::new("f", text);
        let inside = file.inside(4..16, "xé\ty");
        let column = |offset| inside.site(offset).column;
        assert_eq!((column(0), column(1), column(3), column(4)), (6, 7, 13, 15));
        let inside = file.inside(21..32, "long");
        assert_eq!(inside.site(1), Site { line: 3, column: 2 });
    }

    #[test]
    fn columns_count_characters() {
        let file = File::new("f", "é = 'à b'\n");
        assert_eq!(file.site(file.text.find('b').unwrap_or_default()), Site { line: 1, column: 8 });
    }
}
