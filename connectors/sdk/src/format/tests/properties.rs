//! What holds whatever the bytes are: chunks do not matter, every mark resumes, nothing panics, parsers agree.

use proptest::prelude::*;

use super::*;

fn shapes() -> Vec<Format> {
    let mut small = vec![
        csv(b';'),
        xml("r"),
        xml(""),
        format(Shape::Json { record: String::new() }),
        format(Shape::Json { record: "a/b".into() }),
        format(Shape::Ndjson),
        format(Shape::Fixed { fields: vec![], prefix: String::new(), terminator: None }),
    ];
    let mut forced = csv(b';');
    forced.encoding = "utf-16".into();
    small.push(forced);
    for format in &mut small {
        format.limits = Limits { record_bytes: 40, depth: 4, attributes: 3, columns: 5, field_bytes: 20 };
    }
    small
}

/// Pieces that make interesting inputs likelier than random bytes do.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "<r>", "</r>", "<r a='1'>", "<r/>", "<all>", "</all>", "<x>", "</x>", "<!--", "-->", "<![CDATA[", "]]>", "<?p ", "?>",
            "<?xml version='1.0'?>", "&amp;", "&#x41;", "&nope;", " xmlns='u'", " xmlns:p='u'", "<p:r>", "</p:r>", "<!DOCTYPE", "<", ">",
            "\"", "'", ";", "\n", "\r\n", "\r", "a", "ab;cd", "\"a\"\"b\"", "\"a\nb\"", "é", "{", "}", "[", "]", ",", ":", "{\"a\":",
            "{\"a\":{\"b\":[", "]}}", "\"b\":", "\\", "\\u00e9", "1", "-1.5e400", "true", "null", " ", "\0", "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::collection::vec(32_u8..127, 0..60),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn seen(cuts: &[Cut]) -> String {
    format!("{cuts:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Chunks do not matter, and reading what was cut never panics.
    #[test]
    fn any_chunking_gives_the_same_cuts(bytes in pieces(), chunk in 1_usize..50) {
        for format in shapes() {
            let whole = cut_in(&format, &bytes, bytes.len().max(1));
            let parts = cut_in(&format, &bytes, chunk);
            prop_assert_eq!(seen(&whole.0), seen(&parts.0), "{:?}", &format.shape);
            prop_assert_eq!(&whole.1, &parts.1, "{:?}", &format.shape);
            let reader = Reader::new(&format);
            for cut in &whole.0 {
                let _ = reader.read(record(cut));
            }
        }
    }

    /// After every cut the mark leads to exactly the cuts that are left.
    #[test]
    fn every_mark_resumes(bytes in pieces(), chunk in 1_usize..50) {
        for format in shapes() {
            let (all, error, _) = cut_in(&format, &bytes, bytes.len().max(1));
            let mut framer = Framer::new(&format, "file".into(), 7);
            let mut chunks = bytes.chunks(chunk);
            let mut done = 0;
            loop {
                let mark = framer.mark();
                let mark: Mark = serde_json::from_str(&serde_json::to_string(&mark).unwrap()).unwrap();
                let mut resumed = Framer::resume(&format, "file".into(), 7, &mark);
                let rest = drain(&mut resumed, &bytes[mark.offset as usize..], chunk);
                prop_assert_eq!(seen(&all[done..]), seen(&rest.0), "{:?} after {} from {:?}", &format.shape, done, mark);
                prop_assert_eq!(&error, &rest.1, "{:?} after {} from {:?}", &format.shape, done, mark);
                match framer.next() {
                    Ok(Some(_)) => done += 1,
                    Ok(None) => match chunks.next() {
                        Some(chunk) => framer.push(chunk),
                        None => break,
                    },
                    Err(_) => break,
                }
            }
        }
    }

    /// Valid JSON is read as `serde_json` reads it; what one refuses the other refuses (but for repeated keys).
    #[test]
    fn json_agrees_with_serde_json(bytes in pieces()) {
        let ndjson = format(Shape::Ndjson);
        let reader = Reader::new(&ndjson);
        let text = String::from_utf8_lossy(&bytes).replace(['\n', '\r', '\u{feff}', '\0'], " ");
        let (cuts, _, _) = cut_in(&ndjson, text.as_bytes(), 100);
        if let [Cut::Record(record)] = &cuts[..] {
            let theirs = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text).is_ok();
            let ours = reader.read(record);
            let twice = matches!(&ours, Err(issue) if issue.code == Code("E131"));
            prop_assert_eq!(theirs, ours.is_ok() || twice, "{:?} {:?}", text, ours);
        }
    }
}
