//! The project's mappings on the real files (`../shared/data`): every record understood, and what it comes to.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use guichet::mapping::Mapping;
use guichet::model::{CaseUpdate, Facts, Phase};
use guichet_sdk::format::{Cut, Framer, Reader};

use crate::goldens::{mapping, root};

/// A real input; absent = skipped with a notice, or a failure under `CI=true`.
fn real_input(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("GUICHET_SHARED_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    match fs::read(folder.join(name)) {
        Ok(bytes) => Some(bytes),
        Err(_) if std::env::var("CI").as_deref() == Ok("true") => panic!("{name} is not there"),
        Err(_) => {
            eprintln!("NOTICE: skipped, {name} is not there");
            None
        }
    }
}

/// Every update of a file, in its order.
fn updates(mapping: &Mapping, bytes: &[u8]) -> Vec<CaseUpdate> {
    let mut framer = Framer::new(&mapping.format, "real".into(), 0);
    framer.push(bytes);
    framer.end();
    let reader = Reader::new(&mapping.format);
    let mut updates = Vec::new();
    while let Some(cut) = framer.next().unwrap() {
        let Cut::Record(record) = cut else { panic!("{cut:?}") };
        let document = reader.read(&record).unwrap();
        updates.extend(mapping.apply(&document).unwrap_or_else(|refusal| panic!("{:#?}", refusal.issues)));
    }
    updates
}

/// What a case comes to: the facts said last, and its statuses in the order of their time.
type Case = (Facts, Vec<(String, i64, Phase)>);

fn cases(updates: Vec<CaseUpdate>) -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for update in updates {
        let case = cases.entry(update.key).or_default();
        if !update.facts.is_empty() {
            case.0 = update.facts;
        }
        let status = update.status.map(|s| (s.source_code.unwrap(), s.effective_at.unwrap().micros, s.phase));
        case.1.extend(status);
    }
    cases.values_mut().for_each(|case| case.1.sort_by_key(|(_, at, _)| *at));
    cases
}

#[test]
fn the_permit_log_as_csv_and_as_event_log_comes_to_the_same_cases() {
    let Some(csv) = real_input("a1-receipt-wabo/input_data/receipt.csv") else { return };
    let Some(xes) = real_input("a1-receipt-wabo/compressed_input_data/08_receipt.xes.gz") else { return };
    let mut xml = Vec::new();
    flate2::read::GzDecoder::new(&xes[..]).read_to_end(&mut xml).unwrap();
    let from_csv = cases(updates(&mapping("wabo/receipt-csv"), &csv));
    let from_xes = cases(updates(&mapping("wabo/receipt-xes"), &xml));
    assert_eq!(from_csv.len(), 1434);
    assert_eq!(from_csv.values().map(|case| case.1.len()).sum::<usize>(), 8577);
    assert_eq!(from_csv, from_xes);
    let channels = from_csv.values().filter(|case| case.0.channel.as_deref() == Some("Internet")).count();
    assert_eq!(channels, 1250);
    assert_eq!(from_csv.values().filter(|case| case.0.closed_at.is_none()).count(), 105);
}

#[test]
fn fines_come_to_a_hundred_cases() {
    let Some(csv) = real_input("a2-road-traffic-small/input_data/roadtraffic100traces.csv") else { return };
    let cases = cases(updates(&mapping("fines/roadtraffic"), &csv));
    assert_eq!((cases.len(), cases.values().map(|case| case.1.len()).sum::<usize>()), (100, 390));
}

#[test]
fn street_anomalies_are_ten_thousand_cases() {
    let Some(csv) = real_input("b3-dansmarue/data/raw/raw_data.csv") else { return };
    let updates = updates(&mapping("streets/dansmarue"), &csv);
    let placed = |update: &&CaseUpdate| {
        let location = update.facts.location.as_ref();
        location.and_then(|l| l.longitude.as_deref()).is_some_and(|l| l.starts_with("2."))
    };
    assert_eq!(updates.iter().filter(placed).count(), 10_000);
    assert_eq!(updates.iter().map(|update| &update.key).collect::<std::collections::BTreeSet<_>>().len(), 10_000);
}

#[test]
fn city_requests_are_all_closed() {
    let Some(csv) = real_input("b4-nyc311/311_Service_Requests.csv") else { return };
    let updates = updates(&mapping("streets/nyc311"), &csv);
    assert_eq!(updates.len(), 117);
    assert!(updates.iter().all(|update| update.status.as_ref().is_some_and(|status| status.phase == Phase::Closed)));
}
