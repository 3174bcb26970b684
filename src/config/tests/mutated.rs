//! Mutated projects: whatever is done to a valid one, the check ends, and says where and what to write instead.

use guichet_sdk::Severity;

use super::*;

/// What is done to the value of a line.
const VALUES: [&str; 5] = ["-1", "1e400", "\"x\"", "[]", "{ a = 1 }"];

/// A project of one file, and the mapping its flow names.
fn project(file: &str, text: &str) -> Sample {
    Sample::of(&[("config/guichet.toml", ""), ("mappings/fines/roadtraffic/mapping.toml", ""), (file, text)])
}

const FILES: [(&str, &str); 3] = [
    ("config/guichet.toml", DEFAULTS),
    ("config/sources/fines.toml", include_str!("../../../config/sources/fines.toml")),
    ("config/services/traffic-fine.toml", include_str!("../../../config/services/traffic-fine.toml")),
];

/// Every text that differs from this one in one line.
fn mutants(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut mutants = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let with = |new: &[&str]| [&lines[..at], new, &lines[at + 1..]].concat().join("\n");
        mutants.push(with(&[]));
        mutants.push(with(&[line, line]));
        if let Some((key, _)) = line.split_once(" = ") {
            mutants.extend(VALUES.iter().map(|value| with(&[&format!("{key} = {value}")])));
        }
    }
    mutants
}

#[test]
fn a_mutated_project_works_or_says_why() {
    let mut count = 0;
    for (file, text) in FILES {
        let sample = project(file, text);
        for mutant in mutants(text) {
            sample.write(file, &mutant);
            let (_, report) = sample.check(&[]);
            for issue in report.issues() {
                assert!(issue.severity == Severity::Warning || issue.hint.is_some(), "{issue} has no hint");
                assert!(issue.place.file.is_some(), "{issue} has no place");
                let first = issue.message.chars().next().unwrap();
                assert!(!first.is_uppercase() && !issue.message.ends_with('.'), "{issue}");
            }
            let _ = report.render(true);
            count += 1;
        }
    }
    assert!(count > 300, "{count} mutants");
}

#[test]
fn a_mistyped_key_is_always_found() {
    for (file, text) in FILES {
        let sample = project(file, text);
        let settings = ["folder", "pattern", "otlp"];
        for (at, line) in text.lines().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')) {
            // settings belong to the connector, which reports its own unknown keys
            if settings.iter().any(|key| line.starts_with(key)) {
                continue;
            }
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines[at] = format!("x{line}");
            sample.write(file, &lines.join("\n"));
            let said = sample.said(&[]);
            let expected = format!("E003 {file}:{}:1 ", at + 1);
            assert!(said.iter().any(|said| said.starts_with(&expected)), "{line}: {said:?}");
        }
    }
}
