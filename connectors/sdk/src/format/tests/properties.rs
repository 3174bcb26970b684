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

    /// What is read as XML, `quick_xml` reads too; and with the tags it finds nothing left open.
    #[test]
    fn what_is_read_as_xml_is_well_formed(bytes in pieces()) {
        let format = xml("");
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(cut) = whole_record(&format, &text) {
            let accepted = Reader::new(&format).read(&cut).is_ok();
            prop_assert!(!accepted || quick_xml_accepts(&cut), "{:?}", text);
        }
    }

    /// A tree written as XML is read back as it was.
    #[test]
    fn a_tree_comes_back_from_xml(tree in tree()) {
        let format = xml("");
        let cut = whole_record(&format, &tree.written("r")).unwrap();
        prop_assert!(quick_xml_accepts(&cut));
        prop_assert_eq!(show(&Reader::new(&format).read(&cut).unwrap().root), show(&tree.node()));
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

/// The one record of a text, if it is one that can be cut whole.
fn whole_record(format: &Format, text: &str) -> Result<Record, String> {
    match cut_in(format, text.as_bytes(), 64) {
        (cuts, None, _) => match &cuts[..] {
            [Cut::Record(record)] => Ok(record.clone()),
            other => Err(format!("{other:?}")),
        },
        (_, Some(issue), _) => Err(issue.to_string()),
    }
}

fn quick_xml_accepts(record: &Record) -> bool {
    use quick_xml::events::Event;
    let text = std::str::from_utf8(&record.bytes).unwrap();
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return true,
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.attributes().any(|attribute| attribute.is_err()) => {
                return false;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// An element: attributes, then either text or children.
#[derive(Debug, Clone)]
struct Tree {
    attributes: std::collections::BTreeMap<&'static str, String>,
    text: String,
    children: Vec<(&'static str, Tree)>,
}

impl Tree {
    fn written(&self, name: &str) -> String {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;");
        let attributes: String =
            self.attributes.iter().map(|(name, text)| format!("\n {name} = \"{}\"", escaped(text))).collect();
        let children: String = self.children.iter().map(|(name, tree)| tree.written(name) + "<!-- > -->\n").collect();
        format!("<{name}{attributes}>{}{children}</{name} >", escaped(&self.text))
    }

    fn node(&self) -> Node {
        let mut entries = Vec::new();
        for (name, text) in &self.attributes {
            entries.push((format!("@{name}").into(), Node::Text(text.as_str().into())));
        }
        for (name, tree) in &self.children {
            Node::push(&mut entries, (*name).into(), tree.node());
        }
        match (self.text.is_empty(), entries.is_empty()) {
            (true, true) => Node::Empty,
            (false, true) => Node::Text(self.text.as_str().into()),
            (true, false) => Node::Map(entries),
            (false, false) => {
                entries.push((crate::TEXT.into(), Node::Text(self.text.as_str().into())));
                Node::Map(entries)
            }
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let names = || prop::sample::select(vec!["a", "b", "é-1", "c.d", "_e"]);
    let attributes = move || prop::collection::btree_map(names(), "[ -~é]{0,6}", 0..3);
    let leaf =
        (attributes(), "[ -~\né🏛]{0,12}").prop_map(|(attributes, text)| Tree { attributes, text, children: vec![] });
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let children = prop::collection::vec((names(), inner), 1..6);
        (attributes(), children).prop_map(|(attributes, children)| Tree { attributes, text: String::new(), children })
    })
}
