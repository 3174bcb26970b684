//! Fixed width.

use super::*;

fn fixed(fields: &[(&str, usize, usize)], prefix: &str) -> Format {
    let fields =
        fields.iter().map(|(name, start, width)| FixedField { name: (*name).into(), start: *start, width: *width });
    format(Shape::Fixed { fields: fields.collect(), prefix: prefix.into(), terminator: None })
}

#[test]
fn positions_count_characters() {
    check(
        &fixed(&[("kind", 1, 1), ("name", 2, 6), ("code", 8, 4)], ""),
        "AÉloïse0042\nBJo    7   \n\nC\n",
        r#"
        1:1 {kind: "A", name: "Éloïse", code: "0042"}
        2:1 {kind: "B", name: "Jo    ", code: "7   "}
        4:1 {kind: "C", name: ∅, code: ∅}
        "#,
    );
}

#[test]
fn only_lines_of_a_prefix_are_records() {
    check(&fixed(&[("n", 3, 2)], "D;"), "H;1\nD;2\nT;3\nD;4", "2:1 {n: \"2\"}\n4:1 {n: \"4\"}");
}

#[test]
fn a_long_line_is_broken_and_the_next_is_read() {
    let mut format = fixed(&[("n", 1, 2)], "");
    format.limits.record_bytes = 10;
    for (length, fine) in [(9, true), (10, true), (11, false), (1000, false)] {
        let text = format!("{}\nok", "x".repeat(length));
        let first = if fine {
            "1:1 {n: \"xx\"}"
        } else {
            "1:1 broken E103 record is larger than 10 bytes; only its beginning is kept at file:1:1"
        };
        check(&format, text, &format!("{first}\n2:1 {{n: \"ok\"}}"));
    }
}
