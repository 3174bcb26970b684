//! JSON and NDJSON.

use super::*;

fn json(record: &str) -> Format {
    format(Shape::Json { record: record.into() })
}

#[test]
fn items_of_an_array_wherever_it_stands() {
    let items = "1:2 {a: 1.10, b: \"é\\n\"}\n1:29 {a: -1e400, c: [true, ∅]}";
    check(&json(""), r#"[{"a":1.10,"b":"\u00e9\n"}, {"a":-1e400,"c":[true,null]}]"#, items);
    check(
        &json("data/items"),
        r#"{"n":{"data":[1]}, "data": {"x":"]}", "items": [ {"a":"\"}"} ] , "y":[{}]} }"#,
        r#"1:50 {a: "\"}"}"#,
    );
}

#[test]
fn a_single_object_is_one_record() {
    check(&json("d"), "{\"d\":{\"a\":1}}", "1:6 {a: 1}");
    check(&json(""), " {\"a\":{}}", "1:2 {a: {}}");
    check(&json("d"), "{\"d\":null}", "");
    check(&json(""), "[]", "");
}

#[test]
fn what_is_wrong_is_located() {
    check(
        &json(""),
        "[{\"a\":1,\n\"a\":2},{\"a\":01}]",
        "1:2 unread E131 the same key stands twice in one object at file:2:1 `a`\n2:8 unread E130 a number cannot start with 0; a code with leading zeros is written in double quotes at file:2:13 `a`",
    );
    check(
        &json("d"),
        "{\"d\":[{}],\"d\":[{}]}",
        "1:7 {}\nstopped E131 key `d` stands twice in one object at file:1:11",
    );
    check(&json("d/e"), "{\"d\":{\"x\":1}}", "stopped E132 there is nothing at `d/e` in this document at file:1:14");
    check(&json("d"), "{\"d\":7}", "stopped E132 an array or an object is expected at this place at file:1:6 `d`");
    check(&json(""), "[{\"a\":1}", "1:2 {a: 1}\nstopped E134 the file ends inside its JSON document at file:1:9");
    check(&json(""), "[{\"a\":1", "stopped E134 the file ends inside the value that starts at line 1 at file:1:8");
    check(&json(""), "", "stopped E134 the file is empty at file:1:1");
    check(&json(""), "[{} {}]", "1:2 {}\nstopped E130 `,` or `]` is expected here at file:1:5");
    check(&json(""), "{}\n{}", "1:1 {}\nstopped E130 text after the end of the JSON document at file:2:1");
}

#[test]
fn a_value_per_line() {
    check(
        &format(Shape::Ndjson),
        "{\"a\":1}\r\n\n {\"a\":tru}\n{\"a\":2}",
        "1:1 {a: 1}\n3:1 unread E130 a value is expected here; text is written in double quotes at file:3:7 `a`\n4:1 {a: 2}",
    );
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for (depth, fine) in [(63, true), (64, true), (65, false)] {
        let told = told(&format(Shape::Ndjson), nested(depth));
        assert_eq!(!told.contains("E126"), fine, "{depth}: {told}");
    }
    assert!(told(&json(""), format!("[{}]", nested(100_000))).contains("E126"));
}

#[test]
fn many_distinct_keys_take_no_square_of_time() {
    let keys: Vec<_> = (0..60_000).map(|n| format!("\"k{n}\":1")).collect();
    let told = told(&json(""), format!("{{{}}}", keys.join(",")));
    assert_eq!(told.matches(": 1").count(), 60_000);
}
