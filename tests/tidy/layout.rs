//! Files that are pleasant to walk: each says what it is for, none is long, no word says nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::sources::{files, root, shown, sources};

const LONGEST: usize = 500;

/// Files that may be longer, with the reason.
const LONGER: &[(&str, &str)] = &[];

#[test]
fn every_module_says_what_it_is_for() {
    let told = |text: &str| {
        text.lines().find(|line| !line.is_empty() && !line.starts_with("#!")).unwrap_or_default().starts_with("//!")
    };
    let silent: Vec<_> = sources().into_iter().filter(|source| !told(&source.text)).map(|source| source.path).collect();
    assert!(silent.is_empty(), "no `//!` in: {}", silent.join(", "));
}

#[test]
fn no_file_is_long() {
    let long = sources().into_iter().map(|source| (source.text.lines().count(), source.path));
    let long: Vec<_> =
        long.filter(|(lines, path)| *lines > LONGEST && !LONGER.iter().any(|(file, _)| file == path)).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn no_name_says_nothing() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.path.starts_with("tests/tidy/")) {
        for word in ["Manager", "Helper", "Util"] {
            let named =
                |line: &str| ["struct ", "enum ", "trait ", "type ", "mod "].iter().any(|kind| line.contains(kind));
            wrong.extend(source.text.lines().filter(|line| named(line) && line.contains(word)).map(str::to_owned));
        }
        let file = source.path.rsplit('/').next().unwrap();
        if ["util.rs", "utils.rs", "helper.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&file) {
            wrong.push(source.path.clone());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_real_input_is_copied_into_the_project() {
    let shared = std::env::var_os("GUICHET_SHARED_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if !shared.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "`{}` is absent", shared.display());
        eprintln!("NOTICE: skipped `no_real_input_is_copied_into_the_project`: `{}` is absent", shared.display());
        return;
    }
    let mut real: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    collect(&shared, &mut real);
    let mut copied = Vec::new();
    for file in files() {
        let size = fs::metadata(&file).unwrap().len();
        let same = |other: &&PathBuf| size > 0 && digest(other) == digest(&file);
        copied.extend(real.get(&size).into_iter().flatten().find(same).map(|_| shown(&file)));
    }
    assert!(copied.is_empty(), "copied from the shared data: {}", copied.join(", "));
}

fn collect(folder: &Path, by_size: &mut BTreeMap<u64, Vec<PathBuf>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => collect(&path, by_size),
            Ok(meta) => by_size.entry(meta.len()).or_default().push(path),
            Err(_) => {}
        }
    }
}

fn digest(path: &Path) -> [u8; 32] {
    Sha256::digest(fs::read(path).unwrap()).into()
}
