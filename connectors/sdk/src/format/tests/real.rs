//! Real inputs, found through `$GUICHET_SHARED_DATA` or `../shared/data` beside the workspace.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::*;

/// The folder of real inputs; `None`, told aloud, where there is none.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn shared() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder =
        std::env::var_os("GUICHET_SHARED_DATA").map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "real inputs are not at {}", folder.display());
    eprintln!("SKIPPED: real inputs are not at {}", folder.display());
    None
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(folder.join(name)).unwrap();
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
    plain
}

/// All documents of a file that must hold nothing wrong.
#[track_caller]
fn documents(format: &Format, bytes: &[u8]) -> Vec<Node> {
    let (cuts, error, notices) = cut_in(format, bytes, 64 << 10);
    assert_eq!(error, None);
    assert_eq!(notices, []);
    let reader = Reader::new(format);
    let document = |cut: &Cut| match cut {
        Cut::Record(record) => reader.read(record).unwrap().root,
        Cut::Broken(_, issue) => panic!("{issue}"),
    };
    cuts.iter().map(document).collect()
}

/// The `@value` of the attribute with this `@key`.
fn value<'a>(node: &'a Node, kind: &str, key: &str) -> Option<&'a str> {
    let all = match node.get(kind)? {
        Node::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    all.iter().find(|item| item.get("@key").and_then(Node::scalar) == Some(key))?.get("@value")?.scalar()
}

#[test]
fn permits_as_csv_and_as_xes_agree() {
    let Some(folder) = shared() else { return };
    let rows = documents(&csv(b','), &read(&folder, "a1-receipt-wabo/input_data/receipt.csv"));
    let traces = documents(&xml("trace"), &read(&folder, "a1-receipt-wabo/compressed_input_data/08_receipt.xes.gz"));
    assert_eq!((rows.len(), traces.len()), (8577, 1434));
    let mut events = 0;
    let mut from_rows = rows.iter().map(|row| (row.get("case:concept:name"), row.get("concept:name")));
    for trace in &traces {
        let case = value(trace, "string", "concept:name");
        let Some(Node::List(list)) = trace.get("event").map(|event| match event {
            Node::List(items) => Node::List(items.clone()),
            one => Node::List(vec![one.clone()]),
        }) else {
            panic!("a trace without events")
        };
        for event in &list {
            let (row_case, row_activity) = from_rows.next().unwrap();
            assert_eq!(row_case.and_then(Node::scalar), case);
            assert_eq!(row_activity.and_then(Node::scalar), value(event, "string", "concept:name"));
            events += 1;
        }
    }
    assert_eq!(events, 8577);
}

#[test]
fn other_csv_files_hold_what_their_index_says() {
    let Some(folder) = shared() else { return };
    let rows = documents(&csv(b','), &read(&folder, "b3-dansmarue/data/raw/raw_data.csv"));
    assert_eq!(rows.len(), 10_000);
    let distinct = |name: &str| {
        rows.iter()
            .filter_map(|row| row.get(name).and_then(Node::scalar))
            .collect::<std::collections::HashSet<_>>()
            .len()
    };
    assert_eq!((distinct("id_dmr"), distinct("numero")), (10_000, 9_559));
    let nyc = documents(&csv(b','), &read(&folder, "b4-nyc311/311_Service_Requests.csv"));
    assert_eq!(nyc.len(), 117);
    let agency = |name: &str| nyc.iter().filter(|row| row.get("Agency").and_then(Node::scalar) == Some(name)).count();
    assert_eq!((agency("NYPD"), agency("DEP")), (76, 41));
    let fines = documents(&csv(b','), &read(&folder, "a2-road-traffic-small/input_data/roadtraffic100traces.csv"));
    assert_eq!(fines.len(), 390);
}

#[test]
fn a_header_on_another_row_and_a_ragged_row() {
    let Some(folder) = shared() else { return };
    let mut format = csv(b';');
    if let Shape::Csv { header, .. } = &mut format.shape {
        *header = 3;
    }
    let rows = documents(&format, &read(&folder, "d4-csv-detective/tests/data/a_test_file.csv"));
    assert_eq!(rows[0].get("STRUCTURED_INFO").and_then(Node::scalar), Some(r#"{"champ_1": 0, "champ_2": -1.0}"#));
    assert_eq!(
        told(&csv(b';'), read(&folder, "d4-csv-detective/tests/data/c_test_file.csv")),
        "2:1 broken E110 row has 3 fields where the header has 2 at file:2:1\n"
    );
}

#[test]
fn bai2_lines_and_the_one_that_is_cut_short() {
    let Some(folder) = shared() else { return };
    let starts = ["01", "02", "03", "16", "49", "98", "99"].map(str::to_owned).to_vec();
    let terminator = Some(Terminator { text: "/".into(), starts });
    let bai2 =
        format(Shape::Csv { delimiter: b',', quote: None, header: 0, columns: vec![], ragged: true, terminator });
    for (name, lines) in [("citi_example", 14), ("nwb_example", 18), ("account_trailer_amount_blank_example", 8)] {
        let rows = documents(&bai2, &read(&folder, &format!("d2-bai2/tests/data/{name}.bai2")));
        assert_eq!(rows.len(), lines, "{name}");
        assert_eq!(rows[0].get("c1").and_then(Node::scalar), Some("01"));
        assert_eq!(rows[0].get("c9").and_then(Node::scalar), Some("2"));
    }
    let broken = told(&bai2, read(&folder, "d2-bai2/tests/data/svb_us_example.bai2"));
    let broken: Vec<_> = broken.lines().filter(|line| line.contains("broken")).collect();
    assert_eq!(broken, ["20:1 broken E115 the line does not end in `/`: it was cut short at file:20:18"]);
}

#[test]
fn malformed_event_logs_are_read_cleanly_or_refused_with_their_place() {
    let Some(folder) = shared() else { return };
    let format = xml("trace");
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("a7-xes-malformed")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        files += 1;
        let (cuts, error, _) = cut_in(&format, &bytes, 16);
        let reader = Reader::new(&format);
        let mut wrong: Vec<Issue> = error.into_iter().collect();
        for cut in &cuts {
            match cut {
                Cut::Record(record) => wrong.extend(reader.read(record).err()),
                Cut::Broken(_, issue) => wrong.push(issue.clone()),
            }
        }
        for issue in &wrong {
            let place = &issue.place;
            assert!(place.file.is_some() && place.line.is_some() && place.column.is_some(), "{name}: {issue}");
        }
        if name == "noLog.xes" {
            assert_eq!(wrong.iter().map(line).collect::<Vec<_>>(), ["E122 no root element at file:1:1"]);
        }
    }
    assert_eq!(files, 71);
}

#[test]
fn undeclared_prefixes_of_a_real_system_are_refused_with_a_hint() {
    let Some(folder) = shared() else { return };
    let name = "c1-open311-adapter/t/open311/endpoint/xml/bartec/servicerequests_get_SR4.xml";
    let bytes = read(&folder, name);
    let told = told(&xml("ServiceRequest"), &bytes);
    assert!(told.contains("unread E124 prefix `xsi` is not declared at file:"), "{told}");
    let (_, error, _) = cut_in(&xml(""), &bytes, 1000);
    assert_eq!(error, None, "the place is told by the reader, record by record");
}
