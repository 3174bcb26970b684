//! The reference page of mappings, written from the code: transforms with their signatures and examples, fields with what
//! they take. `mappings/REFERENCE.md` is its golden.

use std::fmt::Write;

use super::calls::signature;
use super::fields::{Form, Part};
use super::transform::{self, Takes, Transform};

/// The document the examples read.
pub const SAMPLE: &str = r#"{"kind": "PE", "state": "ACC", "state_date": "2024-01-15", "tag": ["red", "green"],
 "step": [{"@on": "2024-03-01"}, {"@on": "2024-03-09"}]}"#;

/// The code table the examples read.
pub const SAMPLE_TABLE: &str = r#"[tables.states]
rows = [{ code = "ACC", phase = "decided", valid_from = "2000-01-01" }]
"#;

const GRAMMAR: &str = include_str!("grammar.md");

/// The page.
pub fn page() -> String {
    let mut page = String::from(GRAMMAR);
    let _ = write!(
        page,
        "\n## Transforms\n\nThe examples read this document, in the time zone `Europe/Paris`:\n\n```json\n{SAMPLE}\n```\n\nand this table:\n\n```toml\n{SAMPLE_TABLE}```\n\n| transform | takes → gives | what it gives | example | result |\n|---|---|---|---|---|\n"
    );
    for transform in transform::all() {
        let (expression, result) = transform.example;
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | `{}` | `{result}` |",
            signature(transform),
            kinds(transform),
            transform.does.replace('|', "\\|"),
            expression.replace('|', "\\|"),
        );
    }
    page.push_str("\n## Fields\n");
    for (title, part) in [
        ("`[fields]` and `[updates.fields]`", Part::Record),
        ("`[lists.parties.fields]`", Part::Parties),
        ("`[lists.actions.fields]`", Part::Actions),
        ("`[lists.documents.fields]`", Part::Documents),
        ("`[lists.links.fields]`", Part::Links),
    ] {
        let _ = write!(page, "\n### {title}\n\n| field | takes |\n|---|---|\n");
        for spec in part.specs() {
            let own = if spec.name.ends_with('.') { "NAME" } else { "" };
            let required = if spec.required { ", required" } else { "" };
            let _ = writeln!(page, "| `{}{own}` | {}{required} |", spec.name, takes(spec.form));
        }
    }
    page
}

fn kinds(transform: &Transform) -> String {
    let (takes, kind) = match transform.takes {
        Takes::One(kind) => (kind.to_string(), Some(kind)),
        Takes::List(kind) => (format!("list of {kind}"), Some(kind)),
        Takes::AnyList => ("list".to_owned(), None),
    };
    let gives = transform.gives.or(kind).map_or_else(|| "its kind".to_owned(), |kind| kind.to_string());
    let maybe = if transform.maybe { ", may be empty" } else { "" };
    format!("{takes} → {gives}{maybe}")
}

fn takes(form: Form) -> String {
    match form {
        Form::Text => "text (numbers, dates and booleans are written as text)".to_owned(),
        Form::Integer => "a whole number".to_owned(),
        Form::Date => "a date".to_owned(),
        Form::Version => "a whole number, or a date".to_owned(),
        Form::Word(vocabulary) => format!("one of `{}`", vocabulary.words().join("` `")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::mapping::Mapping;
    use crate::mapping::tests::document;

    #[test]
    fn every_example_gives_what_it_says() {
        let head = "[mapping]\nid = \"e\"\nversion = \"1\"\nmodel = \"case/1\"\n[source]\nformat = \"json\"\ntz = \"Europe/Paris\"\n[fields]\ncase.key = \"'k'\"\n";
        for transform in transform::all() {
            let (expression, result) = transform.example;
            let text = format!("{head}case.attributes.example = \"{expression}\"\n{SAMPLE_TABLE}");
            let mapping = Mapping::compile("m", &text, &|_| None);
            let mapping = mapping.unwrap_or_else(|issues| panic!("{}: {issues:#?}", transform.name));
            let update = mapping.apply(&document(SAMPLE)).unwrap().remove(0);
            let given = update.facts.attributes.get("example").map(String::as_str);
            assert_eq!(given, Some(result), "{expression}");
        }
    }
}
