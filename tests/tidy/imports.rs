//! Who may import whom.

use std::collections::BTreeSet;
use std::fs;

use crate::sources::{root, sources};

/// Top-level modules of the hub and those they may use. `None` = everything.
const MAY_USE: &[(&str, Option<&[&str]>)] = &[
    ("model", Some(&[])),
    ("mapping", Some(&["model"])),
    ("ledger", Some(&["model"])),
    ("store", Some(&["ledger", "model", "fail"])),
    // kill points: names at which a test ends the process
    ("fail", Some(&[])),
    // checking a project compiles its mappings and states its contracts
    ("config", Some(&["mapping", "ledger", "model"])),
    ("flow", Some(&["config", "store", "ledger", "mapping", "model", "fail"])),
    // scopes of clients come from the configuration
    ("notify", Some(&["config", "store", "ledger", "model", "fail"])),
    // commands out: leased from the store, translated, settled
    ("dispatch", Some(&["store", "mapping", "model", "fail"])),
    // the board of flows is where their state is read; clients and bounds come from the configuration
    ("api", Some(&["config", "flow", "notify", "store", "ledger", "mapping", "model"])),
    ("telemetry", Some(&["config", "flow", "notify", "store", "ledger", "model"])),
    // departments that drop files, and an account of what arrives: it watches the hub as an operator would
    ("demo", Some(&["config", "flow", "store", "ledger", "mapping", "model"])),
    ("app", None),
    ("cli", None),
    ("main", None),
    ("lib", None),
];

#[test]
fn modules_import_only_what_they_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let Some((_, may_use)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: the module `{module}` has no line in MAY_USE", source.path));
            continue;
        };
        let Some(may_use) = may_use else { continue };
        for used in used_modules(&source.shipped()) {
            if used != module && !may_use.contains(&used.as_str()) && is_module(&used) {
                wrong.push(format!("{}: `{module}` may not use `{used}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn connectors_are_written_against_the_sdk_only() {
    for folder in fs::read_dir(root().join("connectors")).unwrap().flatten() {
        let Ok(manifest) = fs::read_to_string(folder.path().join("Cargo.toml")) else { continue };
        let shipped = manifest.split("[dev-dependencies]").next().unwrap();
        // `guichet-http` is the transport rest and soap share: it knows the SDK, and no connector
        let known = |line: &&str| line.starts_with("guichet-sdk") || line.starts_with("guichet-http");
        let ours = shipped.lines().filter(|line| line.starts_with("guichet")).filter(|line| !known(line));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new(), "{}", folder.path().display());
    }
}

#[test]
fn only_the_composition_root_names_a_connector() {
    let connectors = ["guichet_files", "guichet_soap", "guichet_rest", "guichet_amqp"];
    for source in sources().iter().filter(|source| source.path.starts_with("src/") && source.path != "src/app.rs") {
        let named = connectors.iter().find(|connector| source.shipped().contains(*connector));
        assert_eq!(named, None, "{}", source.path);
    }
}

fn is_module(name: &str) -> bool {
    root().join("src").join(name).is_dir() || root().join("src").join(format!("{name}.rs")).is_file()
}

/// The names right behind `crate::`, groups included.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => used.extend(top_names(group)),
            None => used.extend(word(rest)),
        }
    }
    used
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The first names of a group `{a::b, c::{d, e}}`, whose opening brace is gone.
fn top_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut expected) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            _ if expected && depth == 0 && (c.is_alphabetic() || c == '_') => {
                names.extend(word(&group[at..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn groups_are_read_at_their_first_level() {
    let code = "use crate::store::{Store, query};\nuse crate::{model::{Case, Phase}, ledger};\nlet x = crate::flow::y;";
    let used: Vec<_> = used_modules(code).into_iter().collect();
    assert_eq!(used, ["flow", "ledger", "model", "store"]);
}
