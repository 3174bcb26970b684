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
