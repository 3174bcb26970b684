//! How long cutting and reading records takes, beside the bare parsers on the same bytes:
//! `cargo run --release -p guichet-sdk --example formats`. Prints, never asserts; trust ratios, not times.
#![allow(clippy::print_stdout, reason = "a measuring program prints")]

use std::hint::black_box;
use std::time::Instant;

use guichet_sdk::Record;
use guichet_sdk::format::{Cut, Format, Framer, Limits, Reader, Shape};

/// Records of each kind.
const RECORDS: usize = 20_000;
/// How often each measure is taken; the best counts.
const ROUNDS: usize = 5;
/// The work is done this often in a round: the clock of the kernel ticks in milliseconds.
const REPEATS: usize = 10;

fn main() {
    let csv = csv();
    let shape =
        Shape::Csv { delimiter: b';', quote: Some(b'"'), header: 1, columns: vec![], ragged: false, terminator: None };
    compare("csv", &csv, shape.clone(), || csv_core(&csv));
    let quoted = csv.lines().map(|line| format!("\"{}\"\n", line.replace(';', "\";\""))).collect::<String>();
    compare("csv, all quoted", &quoted, shape, || csv_core(&quoted));
    let xml = xml();
    let shape = Shape::Xml { record: "dossier".into(), namespaces: vec![], raw: vec![] };
    compare("xml", &xml, shape, || quick_xml(&xml));
    let json = json();
    compare("json", &json, Shape::Json { record: "data/items".into() }, || serde_json(&json));
}

/// Processor time of this thread in seconds: what neighbours on the machine do counts less than on a wall clock.
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

/// Best time per record of some work, in microseconds.
fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let (start, wall) = (processor(), Instant::now());
        for _ in 0..REPEATS {
            black_box(work());
        }
        match (start, processor()) {
            (Some(start), Some(end)) => end - start,
            _ => wall.elapsed().as_secs_f64(),
        }
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min) * 1e6 / (RECORDS * REPEATS) as f64
}

fn compare<T>(name: &str, text: &str, shape: Shape, bare: impl FnMut() -> T) {
    let format = Format { shape, encoding: "auto".into(), limits: Limits::default() };
    let records = cut(&format, text);
    assert_eq!(records.len(), RECORDS, "{name}");
    let reader = Reader::new(&format);
    let cutting = best(|| cut(&format, text).len());
    let reading = best(|| records.iter().filter(|record| reader.read(record).is_ok()).count());
    let bare = best(bare);
    println!(
        "{name:16} {:5} bytes/record  cut {cutting:6.3} µs  read {reading:6.3} µs  bare parser {bare:6.3} µs",
        text.len() / RECORDS
    );
}

fn cut(format: &Format, text: &str) -> Vec<Record> {
    let mut framer = Framer::new(format, "bench".into(), 0);
    let mut records = Vec::with_capacity(RECORDS);
    for chunk in text.as_bytes().chunks(256 << 10) {
        framer.push(chunk);
        while let Ok(Some(Cut::Record(record))) = framer.next() {
            records.push(record);
        }
    }
    framer.end();
    while let Ok(Some(Cut::Record(record))) = framer.next() {
        records.push(record);
    }
    records
}

fn csv() -> String {
    let row = |n: usize| {
        format!(
            "{n};PC0{n};permis;2024-03-{:02};Internet;Rue de l'Église {n};75011;Paris;;INS;2024-01-02;12.50;a;;Dupré\n",
            n % 28 + 1
        )
    };
    "id;ref;kind;date;channel;street;zip;city;note;state;since;amount;x;y;name\n".to_owned()
        + &(0..RECORDS).map(row).collect::<String>()
}

fn xml() -> String {
    let person = |n: usize| {
        format!(
            "\n      <demandeur qualite=\"PE\" type=\"PP\"><nom>Dupré {n}</nom><prenom>Zoé</prenom><siret/></demandeur>"
        )
    };
    let record = |n: usize| {
        let people: String = (0..4).map(person).collect();
        let pieces: String = (0..6)
            .map(|n| format!("\n      <piece code=\"P{n}\"><nom>plan {n}</nom><depot>01/02/2024</depot></piece>"))
            .collect();
        format!(
            "  <dossier id=\"{n}\">\n    <entete><reference>PC 075 {n}</reference><dateDepot>12/03/2024 10:30</dateDepot><derniereMaj>14/03/2024 08:00</derniereMaj></entete>\n    \
             <projet><nature>Construction d'une maison &amp; garage</nature><surface unite=\"m2\">120</surface></projet>\n    \
             <terrain><adresse><numero>12</numero><voie>Rue de l'Église</voie><cp>75011</cp><ville>Paris</ville></adresse><parcelle>AB 0123</parcelle></terrain>\n    \
             <etat code=\"INS\"><libelle>En instruction</libelle><dateEtat>14/03/2024 08:00</dateEtat></etat>\n    <demandeurs>{people}\n    </demandeurs>\n    <pieces>{pieces}\n    </pieces>\n  </dossier>\n"
        )
    };
    format!(
        "<?xml version=\"1.0\"?>\n<dossiers xmlns=\"urn:exemple:ads:v2\">\n{}</dossiers>\n",
        (0..RECORDS).map(record).collect::<String>()
    )
}

fn json() -> String {
    let record = |n: usize| {
        format!(
            r#"{{"id":"{n}","type":"consultation","dateEmission":"2024-03-12","etat":{{"code":"INS","libelle":"En instruction","depuis":"2024-03-14T08:00:00Z"}},"projet":{{"nature":"Construction d'une maison","surface":120.50,"clos":false}},"demandeurs":[{{"nom":"Dupré","prenom":"Zoé","siret":null}},{{"nom":"Martin","prenom":"Éva","siret":null}}],"pieces":[1,2,3,4,5],"adresse":{{"numero":12,"voie":"Rue de l'Église","cp":"75011","ville":"Paris"}}}}"#
        )
    };
    format!("{{\"data\":{{\"items\":[{}]}}}}", (0..RECORDS).map(record).collect::<Vec<_>>().join(",\n"))
}

/// Fields of all rows, as bytes.
fn csv_core(text: &str) -> usize {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(b';').build();
    let (mut input, mut fields) = (text.as_bytes(), 0);
    let (mut output, mut ends) = ([0; 4096], [0; 64]);
    loop {
        let (result, read, _, count) = reader.read_record(input, &mut output, &mut ends);
        input = &input[read..];
        fields += count;
        if matches!(result, csv_core::ReadRecordResult::End) {
            return fields;
        }
    }
}

/// All events, their attributes and texts decoded.
fn quick_xml(text: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut count = 0;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) | Err(_) => return count,
            Ok(quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag)) => {
                count += tag.attributes().flatten().count() + 1;
            }
            Ok(_) => count += 1,
        }
    }
}

/// The whole document as a tree.
fn serde_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}
