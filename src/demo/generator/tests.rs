#![allow(clippy::unwrap_used)]
//! The city is the same for the same seed and day, plausible in size, and its files look as its departments write them.

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::date;

use super::*;

fn city() -> (City, Vec<Dropped>) {
    City::history(42, date(2026, 11, 5).at(14, 30, 0, 0))
}

/// The files of that city, made once for the tests that only look at them.
static FILES: LazyLock<Vec<Dropped>> = LazyLock::new(|| city().1);

#[test]
fn the_same_seed_and_day_give_the_same_bytes() {
    let ((mut one, files), (mut other, _)) = (city(), city());
    assert_eq!(files, *FILES);
    let mut now = date(2026, 11, 5).at(14, 30, 0, 0);
    for _ in 0..60 {
        now += 1.second();
        assert_eq!(one.live(now), other.live(now));
    }
}

#[test]
fn every_department_has_years_of_files_each_with_its_own_name() {
    let files = &*FILES;
    for department in Department::ALL {
        let names: std::collections::BTreeSet<_> =
            files.iter().filter(|file| file.department == department).map(|file| &file.name).collect();
        assert!(names.len() >= 46, "{department:?} dropped {}", names.len());
    }
    let mut total = Expected::default();
    files.iter().for_each(|file| total += file.expected);
    assert!((20_000..60_000).contains(&total.records), "{total:?}");
    assert_eq!((total.quarantined, total.parked), (10, 1), "two accidents a department, and one record behind them");
}

#[test]
fn a_city_of_any_day_stands() {
    for day in [date(2024, 2, 29), date(2026, 12, 1)] {
        let (mut city, files) = City::history(7, day.at(9, 0, 0, 0));
        let mut total = Expected::default();
        files.iter().for_each(|file| total += file.expected);
        assert_eq!((total.quarantined, total.parked), (10, 1), "{day}");
        (0..100).for_each(|second| drop(city.live(day.at(9, 0, 0, 0) + i64::from(second).seconds())));
    }
}

#[test]
fn each_department_writes_its_own_character_set() {
    let files = &*FILES;
    let of = |department| files.iter().rfind(|file| file.department == department).unwrap();
    let holds = |file: &Dropped, bytes: &[u8]| file.bytes.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(of(Department::Planning), b"D\xe9p\xf4t en mairie"), "ISO-8859-15");
    assert!(holds(of(Department::Streets), "Signalement reçu".as_bytes()), "UTF-8");
    assert!(holds(of(Department::Schools), b"Pr\xe9nom enfant;N\xe9(e) le"), "windows-1252");
    assert!(
        files.iter().any(|file| file.department == Department::Tax && holds(file, b"\x90chafaudages")),
        "code page 850"
    );
    assert!(of(Department::Aid).bytes.starts_with(&[0x1f, 0x8b]), "gzip");
}
