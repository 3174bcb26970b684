//! Patterns on file names: `*`, `?`, and `{number}` for the number of an export. Pure; never looks at a folder.

/// A pattern in which `*` stands for any text and `?` for one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern from its text.
    pub fn new(text: &str) -> Self {
        Pattern(text.to_owned())
    }

    /// The text it was written as.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole name matches. A name that starts with a dot (half-copied files of rsync and editors) matches
    /// only a pattern that starts with one.
    pub fn matches(&self, name: &str) -> bool {
        (self.0.starts_with('.') || !name.starts_with('.')) && glob(&self.0, name)
    }
}

/// A name with the number of an export in it, as `export-{number}.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    head: String,
    tail: String,
}

impl Numbered {
    /// The word that stands for the number.
    pub const MARK: &str = "{number}";

    /// A pattern that holds `{number}` exactly once; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.split_once(Self::MARK)?;
        (!tail.contains(Self::MARK)).then(|| Numbered { head: head.to_owned(), tail: tail.to_owned() })
    }

    /// The number in a name: the first run of digits with which the rest of the name matches.
    pub fn number(&self, name: &str) -> Option<u64> {
        runs_of_digits(name)
            .find(|(start, end)| glob(&self.head, &name[..*start]) && glob(&self.tail, &name[*end..]))
            .and_then(|(start, end)| name[start..end].parse().ok())
    }
}

fn runs_of_digits(name: &str) -> impl Iterator<Item = (usize, usize)> {
    let bytes = name.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len())
        .filter(move |at| digit(*at) && (*at == 0 || !digit(at - 1)))
        .map(move |start| (start, (start..=bytes.len()).find(|at| !digit(*at)).unwrap_or(bytes.len())))
}

/// Remembers only the last `*`, so that no pattern costs more than pattern × name.
fn glob(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut star = None;
    loop {
        let (wanted, found) = (pattern.clone().next(), name.clone().next());
        if wanted == Some('*') {
            pattern.next();
            star = Some((pattern.clone(), name.clone()));
        } else if wanted.is_none() && found.is_none() {
            return true;
        } else if found.is_some() && (wanted == found || wanted == Some('?')) {
            pattern.next();
            name.next();
        } else {
            let Some((after, at)) = &mut star else { return false };
            if at.next().is_none() {
                return false;
            }
            (pattern, name) = (after.clone(), at.clone());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn star_and_question_mark() {
        for (pattern, name, expected) in [
            ("*.csv", "export.csv", true),
            ("*.csv", "export.csv.gz", false),
            ("*.csv", "EXPORT.CSV", false),
            ("*.csv*", "export.csv.gz", true),
            ("dossier-??.xml", "dossier-07.xml", true),
            ("dossier-??.xml", "dossier-é7.xml", true),
            ("dossier-??.xml", "dossier-7.xml", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*", "", true),
            ("", "x", false),
            ("*", ".half.csv.Xy12", false),
            (".*", ".half", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_not_exponential() {
        let pattern = Pattern::new(&"*a".repeat(60));
        assert!(!pattern.matches(&("a".repeat(250) + "b")));
    }

    #[test]
    fn number_of_an_export() {
        let numbered = Numbered::parse("export-{number}.csv*").unwrap();
        assert_eq!(numbered.number("export-00042.csv.gz"), Some(42));
        assert_eq!(numbered.number("export-.csv"), None);
        assert_eq!(numbered.number("export-x7.csv"), None);
        assert_eq!(numbered.number("export-99999999999999999999.csv"), None);
        assert_eq!(Numbered::parse("*_{number}.xml").unwrap().number("2026_17.xml"), Some(17));
        assert_eq!(Numbered::parse("export.csv"), None);
        assert_eq!(Numbered::parse("{number}-{number}.csv"), None);
    }
}
