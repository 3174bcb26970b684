//! Following elements: the names seen, and what is refused with its place.

use crate::format::{Event, Limits, Walk, text_of};

fn seen(text: &str) -> Result<Vec<String>, (String, u64, u64)> {
    let mut walk = Walk::new(text, Limits { depth: 4, attributes: 2, ..Limits::default() });
    let mut seen = Vec::new();
    loop {
        match walk.next() {
            Err(issue) => return Err((issue.code.to_string(), issue.place.line.unwrap(), issue.place.column.unwrap())),
            Ok(None) => return Ok(seen),
            Ok(Some((span, event))) => seen.push(match event {
                Event::Open(element) => {
                    let attributes = element.attributes.iter();
                    let attributes: String = attributes
                        .map(|found| {
                            format!(
                                " {{{}}}{}={}@{}",
                                found.namespace,
                                found.local,
                                found.value,
                                &text[found.span.clone()]
                            )
                        })
                        .collect();
                    format!("<{{{}}}{}{attributes}", element.namespace, element.local)
                }
                Event::Text(text) => text.into_owned(),
                Event::Cdata(text) => format!("[{text}]"),
                Event::Aside => text[span].to_owned(),
                Event::Close(depth) => format!(">{depth}"),
            }),
        }
    }
}

#[test]
fn names_are_known_by_their_namespace() {
    let text = "<?xml version='1.0'?><a xmlns='u' xmlns:p='v'><p:b x='1' p:y = \"&lt;2\"/><c xmlns=''>t&amp;<![CDATA[<]]></c></a>";
    let expected = [
        "<?xml version='1.0'?>",
        "<{u}a",
        "<{v}b {}x=1@x='1' {v}y=<2@p:y = \"&lt;2\"",
        ">1",
        "<{}c",
        "t&",
        "[<]",
        ">1",
        ">0",
    ];
    assert_eq!(seen(text).unwrap(), expected);
}

#[test]
fn what_no_reader_takes_is_refused_where_it_stands() {
    for (text, code, line, column) in [
        ("", "E122", 1, 1),
        ("x<a/>", "E122", 1, 1),
        ("<a/>\n<b/>", "E122", 2, 1),
        ("<a>\n</b>", "E121", 2, 1),
        ("<a>", "E121", 1, 4),
        ("<a><p:b/></a>", "E124", 1, 4),
        ("<a p:x='1'/>", "E124", 1, 4),
        ("<a>&x;</a>", "E128", 1, 4),
        ("<!DOCTYPE a><a/>", "E123", 1, 1),
        ("<a><a><a><a><a/></a></a></a></a>", "E126", 1, 13),
        ("<a x='1' y='2' z='3'/>", "E127", 1, 16),
        ("<a x=1/>", "E120", 1, 6),
        ("<a><!-- </a>", "E120", 1, 4),
    ] {
        assert_eq!(seen(text), Err((code.to_owned(), line, column)), "{text}");
    }
}

#[test]
fn a_text_is_read_in_the_encoding_it_says() {
    let latin = text_of(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "auto").unwrap();
    assert!(latin.ends_with("<a>é</a>"), "{latin}");
    assert_eq!(text_of(b"<a>\xe9</a>", "windows-1252").unwrap(), "<a>é</a>");
    assert!(text_of(b"<a>\xe9</a>", "auto").is_err());
}
