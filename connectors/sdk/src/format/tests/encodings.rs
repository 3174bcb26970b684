//! Encodings: found, forced, lied about.

use super::*;

fn encoded(format: Format, encoding: &str) -> Format {
    Format { encoding: encoding.into(), ..format }
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

const ROWS: &str = "2:1 {nom: \"Éloïse\", n: \"1\"}\n3:1 {nom: \"🏛\", n: \"2\"}";

#[test]
fn unicode_in_every_form() {
    let text = "nom;n\nÉloïse;1\n🏛;2\n";
    let marked = format!("\u{feff}{text}");
    check(&csv(b';'), text, ROWS);
    check(&csv(b';'), &marked, ROWS);
    for big in [false, true] {
        check(&csv(b';'), utf16(&marked, big), ROWS);
        check(&csv(b';'), utf16(text, big), ROWS);
    }
    check(&encoded(csv(b';'), "utf-16be"), utf16(text, true), ROWS);
}

#[test]
fn single_byte_encodings() {
    for (encoding, bytes) in
        [("windows-1252", &b"a\n\x80\xC9\n"[..]), ("iso-8859-15", b"a\n\xA4\xC9\n"), ("cp858", b"a\n\xD5\x90\n")]
    {
        check(&encoded(csv(b';'), encoding), bytes, "2:1 {a: \"€É\"}");
    }
    check(&encoded(csv(b';'), "cp850"), b"a\n\x82t\x82\n", "2:1 {a: \"été\"}");
    check(&encoded(csv(b';'), "latin1"), b"a\n\xE9\x92\n", "2:1 {a: \"é’\"}");
    check(&encoded(csv(b';'), "klingon"), "a\n1\n", "stopped E100 encoding `klingon` is not known at file:1:1");
    check(&encoded(csv(b';'), "shift_jis"), "a\n1\n", "stopped E100 encoding `shift_jis` is not known at file:1:1");
}

#[test]
fn the_prolog_of_xml_counts() {
    check(&xml(""), b"<?xml version='1.0' encoding='ISO-8859-1'?><d>\xE9</d>", "1:44 \"é\"");
    check(&xml("d"), b"<?xml version=\"1.0\" encoding=\"cp850\"?><r><d>\x82</d></r>", "1:42 \"é\"");
    check(&xml(""), utf16("\u{feff}<?xml version='1.0' encoding='UTF-16'?><d>é</d>", false), "1:40 \"é\"");
    check(&xml(""), utf16("<?xml version='1.0'?><d>é</d>", true), "1:22 \"é\"");
}

#[test]
fn lies_are_told() {
    check(
        &xml(""),
        "<?xml version='1.0' encoding='utf-16'?><d>é</d>",
        "! E102 declared as `utf-16`, but its bytes show `utf-8`; read as `utf-8` at file:1:1\n1:40 \"é\"",
    );
    check(
        &encoded(csv(b';'), "windows-1252"),
        "\u{feff}a\né\n",
        "! E102 declared as `windows-1252`, but its first bytes show `utf-8`; read as `utf-8` at file:1:1\n2:1 {a: \"é\"}",
    );
    check(
        &encoded(csv(b';'), "windows-1252"),
        "a\né\nè\n",
        "! E102 read as `windows-1252`, but its accented characters look like `utf-8` at file:2:1\n2:1 {a: \"Ã©\"}\n3:1 {a: \"Ã¨\"}",
    );
    check(
        &csv(b';'),
        b"a;b\n1;\xE9t\xE9\n2;\x82t\x82\n3;ok\n",
        "2:1 broken E101 not valid `utf-8`; the bytes look like `windows-1252` at file:2:3\n\
         3:1 broken E101 not valid `utf-8`; the bytes look like `cp850` at file:3:3\n4:1 {a: \"3\", b: \"ok\"}",
    );
}

#[test]
fn what_may_be_windows_is_not_suspected() {
    // É» is valid UTF-8 for a letter no administration writes.
    check(&encoded(csv(b';'), "windows-1252"), b"a\n\xC9\xBB\n", "2:1 {a: \"É»\"}");
}

#[test]
fn half_characters_are_broken_records() {
    let mut bytes = utf16("a\nx\n", false);
    bytes.extend([0x00, 0xD8, b'\n', 0, b'y', 0, b'\n', 0, b'z']);
    check(
        &encoded(csv(b';'), "utf-16"),
        bytes,
        r#"
        2:1 {a: "x"}
        3:1 broken E101 a byte has no meaning in `utf-16le` at file:3:1
        4:1 {a: "y"}
        5:1 broken E101 a byte has no meaning in `utf-16le` at file:5:1
        "#,
    );
}
