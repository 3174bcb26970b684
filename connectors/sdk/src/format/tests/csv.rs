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

#[test]
fn quotes() {
    check(
        &csv(b','),
        "a,b\n\"x\"y,1\n5\" pipe,2\n\"\",\"\"\"\"\n\"l1\nl2\",3\n",
        r#"
        2:1 broken E114 text follows a closing quote at file:2:4
        3:1 {a: "5\" pipe", b: "2"}
        4:1 {a: ∅, b: "\""}
        5:1 {a: "l1\nl2", b: "3"}
        "#,
    );
}

#[test]
fn an_unclosed_quote_spoils_its_own_line_only() {
    check(
        &csv(b','),
        "a,b\n1,\"open\n2,x\n3,y\n",
        r#"
        2:1 broken E111 a quote opened at line 2 is never closed at file:2:3
        3:1 {a: "2", b: "x"}
        4:1 {a: "3", b: "y"}
        "#,
    );
    let mut small = csv(b',');
    small.limits.record_bytes = 20;
    check(
        &small,
        "a,b\n1,\"open\n2,x\n3,y\n4,z\n5,\"closed\"\n6,\"and a longer line\n7,u\n",
        r#"
        2:1 broken E111 a quote opened at line 2 is never closed at file:2:3
        3:1 {a: "2", b: "x"}
        4:1 {a: "3", b: "y"}
        5:1 {a: "4", b: "z"}
        6:1 {a: "5", b: "closed"}
        7:1 broken E111 a quote opened at line 7 is never closed at file:7:3
        8:1 {a: "7", b: "u"}
        "#,
    );
}

#[test]
fn the_header_names_each_column_once() {
    let refused = |text: &str, message: &str| {
        check(&csv(b';'), text, &format!("stopped E112 {message} at file:1:1"));
        check(&csv(b';'), format!("{text}1;2;3\n"), &format!("stopped E112 {message} at file:1:1"));
    };
    refused("a;b;a\n", "columns 1 and 3 of the header are both `a`");
    refused("a;b;\n", "column 3 of the header has no name");
    check(&csv(b';'), "", "stopped E116 the file ends before its header, row 1 at file:1:1");
    let mut named = csv(b';');
    if let Shape::Csv { columns, .. } = &mut named.shape {
        *columns = ["x", "y", "z"].map(str::to_owned).to_vec();
    }
    check(&named, "a;b;a\n1;2;3\n", "2:1 {x: \"1\", y: \"2\", z: \"3\"}");
    check(&named, "a;b\n", "stopped E112 the header has 2 columns where `columns` names 3 at file:1:1");
}

#[test]
fn the_header_row_is_counted_as_an_editor_does() {
    let mut format = csv(b';');
    if let Shape::Csv { header, .. } = &mut format.shape {
        *header = 4;
    }
    check(&format, "Export \"du\n\njour\na;b\n\n1;2", "6:1 {a: \"1\", b: \"2\"}");
    check(&format, "Export\nx\n", "stopped E116 the file ends before its header, row 4 at file:3:1");
}

#[test]
fn without_header() {
    let bare = |ragged| {
        format(Shape::Csv { delimiter: b',', quote: None, header: 0, columns: vec![], ragged, terminator: None })
    };
    check(
        &bare(false),
        "1,\"2\n3\n",
        "1:1 {c1: \"1\", c2: \"\\\"2\"}\n2:1 broken E110 row has 1 field where the first row has 2 at file:2:1",
    );
    check(
        &bare(true),
        "1,2\n3\n4,5,6\n",
        "1:1 {c1: \"1\", c2: \"2\"}\n2:1 {c1: \"3\"}\n3:1 {c1: \"4\", c2: \"5\", c3: \"6\"}",
    );
}

#[test]
fn ragged_rows_under_a_header_keep_what_they_have() {
    let mut ragged = csv(b',');
    if let Shape::Csv { ragged, .. } = &mut ragged.shape {
        *ragged = true;
    }
    check(&ragged, "a,b\n1\n2,3,4\n", "2:1 {a: \"1\"}\n3:1 {a: \"2\", b: \"3\", c3: \"4\"}");
}

#[test]
fn limits_hold_exactly() {
    let mut format = csv(b',');
    format.limits = Limits { record_bytes: 12, columns: 3, field_bytes: 8, ..Limits::default() };
    let row = |text: &str| told(&format, format!("a,b\n{text}\n1,2\n")).lines().next().unwrap().to_owned();
    assert_eq!(row("12345678,1"), "2:1 {a: \"12345678\", b: \"1\"}");
    assert_eq!(row("123456789,1"), "2:1 broken E113 a field is longer than 8 bytes at file:2:1");
    assert_eq!(row("1234567,1234"), "2:1 {a: \"1234567\", b: \"1234\"}");
    assert_eq!(
        row("12345678,1234"),
        "2:1 broken E103 record is larger than 12 bytes; only its beginning is kept at file:2:1"
    );
    for text in ["123456789,1", "1234567,1234", "12345678,1234", "\"12\n34\",\"12345\"", "1,2345678901234567890\n,\""] {
        let whole = format!("a,b\n{text}\n1,2\n");
        check(&format, &whole, &told(&format, &whole));
        assert!(told(&format, &whole).contains("{a: \"1\", b: \"2\"}"), "{text}: goes on");
    }
    if let Shape::Csv { ragged, .. } = &mut format.shape {
        *ragged = true;
    }
    assert!(told(&format, "a,b\n1,2,3\n").contains("c3"));
    assert!(told(&format, "a,b\n1,2,3,4\n").contains("E113 row has 4 columns; 3 are allowed"));
}

#[test]
fn nul_is_refused_per_row() {
    check(
        &csv(b','),
        "a\n1\0\n2\n",
        "2:1 broken E104 a NUL character stands in the record at file:2:2\n3:1 {a: \"2\"}",
    );
}

#[test]
fn a_record_carries_its_header_and_nothing_of_its_neighbours() {
    let (cuts, _, _) = cut_in(&csv(b';'), b"a;b\r\n1;2\r\n3;4\r\n", 5);
    let records: Vec<_> = cuts.iter().map(record).collect();
    assert_eq!((&records[0].bytes[..], &*records[0].context), (&b"1;2"[..], "utf-8\na;b"));
    assert!(std::sync::Arc::ptr_eq(&records[0].context, &records[1].context), "one allocation per file");
    let (line, position, time) = (records[1].origin.line, records[1].origin.position, records[1].origin.time);
    assert_eq!((&*records[1].origin.name, line, position, time), ("file", 3, 2, 7));
}

#[test]
fn a_header_that_cannot_be_read_stops_the_file() {
    for (text, refused) in [
        ("a,\"b\nc,d\n", "E111 a quote opened at line 1 is never closed at file:1:3"),
        ("a,\"b\"x\n1,2\n", "E114 text follows a closing quote at file:1:6"),
    ] {
        check(&csv(b','), text, &format!("stopped {refused}"));
    }
}
