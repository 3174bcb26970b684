//! XML.

use super::*;

#[test]
fn records_inside_a_root() {
    check(
        &xml("d"),
        "<?xml version='1.0'?>\n<!-- x --><all n='1'>\n <d id=\"7\"><a>1</a><b/><a>2</a><c k='v'>t</c></d>\n <x/><d><e><![CDATA[<&]]></e></d></all>\n",
        r#"
        3:2 {@id: "7", a: ["1", "2"], b: ∅, c: {@k: "v", #text: "t"}}
        4:6 {e: "<&"}
        "#,
    );
}

#[test]
fn the_root_is_the_record() {
    check(&xml(""), "<d><a>é&amp;&#233;</a></d>", r#"1:1 {a: "é&é"}"#);
}

fn with(record: &str, namespaces: &[(&str, &str)], raw: &[&str]) -> Format {
    let namespaces = namespaces.iter().map(|(prefix, uri)| ((*prefix).into(), (*uri).into())).collect();
    format(Shape::Xml { record: record.into(), namespaces, raw: raw.iter().map(|path| (*path).into()).collect() })
}

#[test]
fn text_in_all_its_forms() {
    check(
        &xml(""),
        "<r><a> x </a><b>\n</b><c/><d></d><e k='1'/><f k='1'>t</f><g>a<h/>b <i/>\n </g><j>1<![CDATA[<2>]]><!-- no -->3</j><k>x\r\ny</k><l m='a\nb&quot;'/></r>",
        r##"1:1 {a: " x ", b: "\n", c: ∅, d: ∅, e: {@k: "1"}, f: {@k: "1", #text: "t"}, g: {h: ∅, i: ∅, #text: "ab "}, j: "1<2>3", k: "x\ny", l: {@m: "a b\""}}"##,
    );
    check(&xml(""), "<r/>", "1:1 ∅");
    check(&xml(""), "<r>t</r>", "1:1 \"t\"");
}

#[test]
fn nil_is_empty() {
    let xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'";
    check(
        &xml(""),
        format!(
            "<r {xsi}><a xsi:nil='true'/><b xsi:nil='true'> </b><c xsi:nil='true' k='v'/><d xsi:nil='false'>x</d><e xsi:type='t'/></r>"
        ),
        r#"1:1 {a: ∅, b: ∅, c: {@k: "v"}, d: "x", e: {@xsi:type: "t"}}"#,
    );
}

#[test]
fn namespaces_are_known_by_the_prefix_of_the_mapping() {
    let format = with("", &[("ads", "urn:ads"), ("", "urn:plain")], &[]);
    let expected = r#"1:1 {ads:a: "1", b: "2", @ads:k: "3", z:c: "4", d: "5"}"#;
    for text in [
        "<r xmlns:q='urn:ads' xmlns:z='urn:z' q:k='3'><q:a>1</q:a><b>2</b><z:c>4</z:c><d xmlns='urn:plain'>5</d></r>",
        "<r xmlns:ads='urn:ads' ads:k='3' xmlns:z='urn:z'><a xmlns='urn:ads'>1</a><b>2</b><z:c>4</z:c><p:d xmlns:p='urn:plain'>5</p:d></r>",
    ] {
        let mut found = told(&format, text);
        // Attributes come first in a map; their place among the children says nothing.
        found = found.replace("@ads:k: \"3\", ", "").replace("z:c:", "@ads:k: \"3\", z:c:");
        assert_eq!(found.trim(), expected);
    }
}

#[test]
fn records_keep_the_declarations_around_them() {
    check(
        &with("ads:d", &[("ads", "urn:ads")], &[]),
        "<all xmlns='urn:x' xmlns:q=\"urn:&quot;q\"><d/><p xmlns='urn:ads'><d q:k='1'><a>1</a></d></p><q:d/><a:d xmlns:a='urn:ads'><a:a>2</a:a></a:d></all>",
        "1:65 {@q:k: \"1\", ads:a: \"1\"}\n1:98 {ads:a: \"2\"}",
    );
    check(&with("ads:d", &[], &[]), "<d/>", "stopped E105 the prefix of `record = \"ads:d\"` is not declared at file");
}

#[test]
fn one_local_name_from_two_namespaces() {
    let text = "<r xmlns:p='urn:p'><id>1</id><p:id>2</p:id></r>";
    let refused = "1:1 unread E125 `id` stands for two things here: it comes from two namespaces at file:1:30";
    check(&xml(""), text, refused);
    check(&with("", &[("p", "urn:p")], &[]), text, "1:1 {id: \"1\", p:id: \"2\"}");
    check(&xml(""), "<r><id xmlns='u1'/><id xmlns='u2'/></r>", &refused.replace("1:30", "1:20"));
    check(&xml(""), "<r><a><id xmlns='u1'/></a><b><id xmlns='u2'/></b></r>", "1:1 {a: {id: ∅}, b: {id: ∅}}");
}

#[test]
fn what_xml_refuses() {
    for (text, refused) in [
        ("", "stopped E122 no root element at file:1:1"),
        ("  \n", "stopped E122 no root element at file:2:1"),
        ("a;b\n", "stopped E122 text before the root element: is this XML? at file:1:1"),
        (
            "<!DOCTYPE r><r/>",
            "stopped E123 a DOCTYPE is refused: it can pull in files and blow up entities at file:1:1",
        ),
        ("<r/><s/>", "1:1 ∅\nstopped E122 a second root element at file:1:5"),
        ("<r/>x", "1:1 ∅\nstopped E122 text after the root element at file:1:5"),
        (
            "<r/><?xml version='1.0'?>",
            "1:1 ∅\nstopped E122 a second XML declaration: two documents in one file at file:1:5",
        ),
        ("<r>&nbsp;</r>", "1:1 unread E128 an entity that is not predefined at file:1:4"),
        ("<r>\n <a>&</a></r>", "1:1 unread E128 an entity that is not predefined at file:2:5 `a`"),
        ("<r>&#0;</r>", "1:1 unread E128 an entity that is not predefined at file:1:4"),
        ("<r><xsi:a/></r>", "1:1 unread E124 prefix `xsi` is not declared at file:1:4"),
        ("<r><a x:k='1'/></r>", "1:1 unread E124 prefix `x` is not declared at file:1:7"),
        ("<r a='1' a='2'/>", "1:1 unread E127 attribute `a` stands twice on one element at file:1:10"),
        ("<r a=1/>", "1:1 unread E120 an attribute value must be quoted at file:1:6"),
        ("<r a='1'b='2'/>", "1:1 unread E120 a blank is missing between two attributes at file:1:9"),
        ("<r>\u{1}</r>", "1:1 unread E104 a control character stands in the record at file:1:4"),
        ("<r><a></b></r>", "1:1 broken E121 `</b>` where `</a>` is expected at file:1:7"),
        ("<r><a>", "stopped E121 the file ends before `</a>` at file:1:7"),
        ("<r><a", "stopped E120 the file ends inside a tag at file:1:6"),
        ("<r><!-- x", "stopped E120 the file ends before `-->` at file:1:10"),
        ("</r>", "stopped E121 `</r>` closes no element at file:1:1"),
        ("<r><a k='x></a><b k='y'/></r>", "1:1 broken E120 an attribute value opened here is not closed at file:1:9"),
        ("<r><1/></r>", "1:1 broken E120 `<` is followed by no name; in text it is written `&lt;` at file:1:4"),
        ("<r>a < b</r>", "1:1 broken E120 `<` is followed by no name; in text it is written `&lt;` at file:1:6"),
        ("<r><!ENTITY a 'b'></r>", "1:1 broken E120 `<!` starts neither a comment nor CDATA at file:1:4"),
    ] {
        check(&xml(""), text, refused);
    }
}

#[test]
fn a_broken_record_spoils_no_other() {
    check(
        &xml("d"),
        "<all>\n<d><a>1</b></d>\n<d><a>2</a></d>\n<d>3</x></d>\n<d k=>4</d>\n<d>5</d>\n</all>",
        r#"
        2:1 broken E121 `</b>` where `</a>` is expected at file:2:8
        3:1 {a: "2"}
        4:1 broken E121 `</x>` where `</d>` is expected at file:4:5
        5:1 unread E120 an attribute value must be quoted at file:5:6
        6:1 "5"
        "#,
    );
    check(&xml("d"), "<all><d>1</d></al>", "1:6 \"1\"\nstopped E121 `</al>` where `</all>` is expected at file:1:14");
    check(&xml("d"), "<all><x k=1/><d/></all>", "stopped E120 an attribute value must be quoted at file:1:6");
    check(&xml("d"), "<all><q:x/><d/></all>", "stopped E124 prefix `q` is not declared at file:1:6");
}

#[test]
fn records_do_not_nest_and_stand_at_any_depth() {
    check(&xml("d"), "<d><d>1</d></d>", "1:1 {d: \"1\"}");
    check(&xml("d"), "<a><b><d>1</d></b><c><x><d>2</d></x></c><d/></a>", "1:7 \"1\"\n1:25 \"2\"\n1:41 ∅");
}

#[test]
fn mixed_content_kept_raw() {
    check(
        &with("d", &[], &["note/body"]),
        "<all><d><note><body k='v'>See <b>there</b> &amp; <i/></body><body/></note><body><b/></body></d></all>",
        r##"1:6 {note: {body: [{@k: "v", #text: "See <b>there</b> &amp; <i/>"}, ∅]}, body: {b: ∅}}"##,
    );
}

#[test]
fn limits_hold_exactly() {
    let nested = |depth: usize| format!("<all>{}{}</all>", "<d>".repeat(depth), "</d>".repeat(depth));
    for (depth, fine) in [(63, true), (64, true), (65, false)] {
        assert_eq!(!told(&xml("d"), nested(depth)).contains("E126"), fine, "{depth}");
    }
    assert!(told(&xml("x"), "<d>".repeat(100_000)).contains("stopped E126"));
    let attributes = |count: usize| format!("<r{}/>", (0..count).map(|n| format!(" a{n}=''")).collect::<String>());
    for (count, fine) in [(255, true), (256, true), (257, false)] {
        assert_eq!(!told(&xml(""), attributes(count)).contains("E127"), fine, "{count}");
    }
    assert!(told(&xml(""), attributes(100_000)).contains("E127"));
    let mut small = xml("d");
    small.limits.record_bytes = 40;
    for (length, fine) in [(32, true), (33, true), (34, false), (3000, false)] {
        let text = format!("<all><d>{}</d><d>ok</d></all>", "x".repeat(length));
        let expected = told(&small, &text);
        check(&small, &text, &expected);
        assert_eq!(!expected.contains("1:6 broken E103"), fine, "{length}: {expected}");
        assert!(expected.contains("\"ok\""), "{length}: goes on");
    }
    let text = format!("<all><d><![CDATA[{}]]></d><d>ok</d></all>", "<d>".repeat(100));
    check(
        &small,
        &text,
        "1:6 broken E103 record is larger than 40 bytes; only its beginning is kept at file:1:6\n1:325 \"ok\"",
    );
    let text = format!("<all><d k='{}'/></all>", "x".repeat(100));
    check(&small, &text, "stopped E103 a tag is longer than 40 bytes at file:1:6");
}

#[test]
fn many_distinct_names_take_no_square_of_time() {
    let children: String = (0..60_000).map(|n| format!("<a{n}/>")).collect();
    assert_eq!(told(&xml(""), format!("<r>{children}</r>")).matches('∅').count(), 60_000);
    let mixed: String = (0..30_000).map(|n| format!("<a{n}/><b{n} xmlns='u'/>")).collect();
    assert_eq!(told(&xml(""), format!("<r>{mixed}</r>")).matches('∅').count(), 60_000);
}
