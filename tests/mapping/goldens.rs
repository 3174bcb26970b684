//! The mappings of the project pass their own samples and tests. `BLESS=1 cargo test --test mapping goldens` writes the
//! goldens anew.

use std::fs;
use std::path::{Path, PathBuf};

use guichet::mapping::Mapping;
use guichet::mapping::golden::{Failure, Files};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compiles a mapping of the project.
pub fn mapping(folder: &str) -> Mapping {
    let place = root().join("mappings").join(folder);
    let text = fs::read_to_string(place.join("mapping.toml")).unwrap();
    let beside = |name: &str| fs::read_to_string(place.join(name)).ok();
    let compiled = Mapping::compile(&format!("mappings/{folder}/mapping.toml"), &text, &beside);
    compiled.unwrap_or_else(|issues| {
        let shown: Vec<String> = issues.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

fn files(folder: &Path) -> Files {
    let samples = fs::read_dir(folder.join("samples")).unwrap().flatten();
    let named = samples.map(|entry| (format!("samples/{}", entry.file_name().to_string_lossy()), entry.path()));
    named.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

fn check(folder: &str) {
    let place = root().join("mappings").join(folder);
    let run = mapping(folder).run_goldens(&files(&place));
    let bless = std::env::var_os("BLESS").is_some() && std::env::var_os("CI").is_none();
    let mut wrong = Vec::new();
    for result in &run.results {
        for failure in &result.failures {
            match (&result.golden, failure) {
                (Some((name, content)), Failure::NoGolden | Failure::Differs { .. }) if bless => {
                    fs::write(place.join(name), content).unwrap();
                }
                _ => wrong.push(format!("{} ({}): {failure:?}", result.name, result.place)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run.results.len() >= 2, "{folder} has samples and tests");
    assert_eq!(run.coverage.unread, [] as [&str; 0], "{folder}: columns nobody reads");
    assert_eq!(run.coverage.unset, [], "{folder}: fields no sample sets");
}

#[test]
fn permits_as_csv() {
    check("wabo/receipt-csv");
}

#[test]
fn permits_as_event_log() {
    check("wabo/receipt-xes");
}

#[test]
fn fines() {
    check("fines/roadtraffic");
}

#[test]
fn street_anomalies() {
    check("streets/dansmarue");
}

#[test]
fn city_requests() {
    check("streets/nyc311");
}
