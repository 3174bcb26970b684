//! Delimited text.

use super::*;

#[test]
fn rows_under_a_header() {
    check(
        &csv(b';'),
        "ref;état;note\r\n1;\"a;b\";\"say \"\"yes\"\"\r\nthere\"\r\n\r\n0042;;x\r\n",
        r#"
        2:1 {ref: "1", état: "a;b", note: "say \"yes\"\r\nthere"}
        5:1 {ref: "0042", état: ∅, note: "x"}
        "#,
    );
}

#[test]
fn every_line_end_and_none_at_the_end() {
    for end in ["\n", "\r\n", "\r"] {
        check(&csv(b','), ["a,b", "1,2", "", "3,"].join(end), "2:1 {a: \"1\", b: \"2\"}\n4:1 {a: \"3\", b: ∅}");
    }
}

#[test]
fn ragged_rows_are_broken_and_located() {
    check(
        &csv(b';'),
        "a;b\n1;2;3\n4\n5;6\n",
        r#"
        2:1 broken E110 row has 3 fields where the header has 2 at file:2:1
        3:1 broken E110 row has 1 field where the header has 2 at file:3:1
        4:1 {a: "5", b: "6"}
        "#,
    );
}
