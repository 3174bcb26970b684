//! Every invariant of `ARCHITECTURE.md` is named by a test, in its name (`i3_…`) or in a comment beside it (`I3`).

use crate::sources::sources;

const INVARIANTS: [&str; 10] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"];

/// Invariants without a test yet, with the reason. A line goes as soon as its test is there.
const NOT_YET: &[(&str, &str)] = &[(
    "I10",
    "the trail of reads of personal files comes with the issue on parties and mandates; scopes are tested in `api`",
)];

#[test]
fn every_invariant_is_named_by_a_test() {
    let tests = sources().into_iter().filter(|source| source.path != "tests/tidy/invariants.rs");
    let tests: Vec<_> = tests.map(|source| (source.tests().to_owned(), source.path)).collect();
    let named = |invariant: &str| tests.iter().any(|(text, _)| names(text, invariant));
    let expected = |invariant: &&str| !NOT_YET.iter().any(|(absent, _)| absent == invariant);
    let silent: Vec<_> = INVARIANTS.iter().copied().filter(expected).filter(|invariant| !named(invariant)).collect();
    assert!(silent.is_empty(), "no test names {silent:?}");
    let late: Vec<_> = NOT_YET.iter().filter(|(invariant, _)| named(invariant)).collect();
    assert!(late.is_empty(), "tested by now, take them out of NOT_YET: {late:?}");
}

/// Whether a text names an invariant as a word, or in the name of a test.
fn names(text: &str, invariant: &str) -> bool {
    let in_name = format!("fn {}_", invariant.to_lowercase());
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.contains(&in_name)
        || text.match_indices(invariant).any(|(at, _)| {
            let before = text[..at].chars().next_back().is_some_and(inside);
            let after = text[at + invariant.len()..].chars().next().is_some_and(inside);
            !before && !after
        })
}

#[test]
fn a_name_is_a_whole_word() {
    assert!(names("// I1: nothing is lost", "I1") && names("fn i1_nothing_is_lost()", "I1") && names("(I1)", "I1"));
    assert!(!names("I10", "I1") && !names("fn i10_x()", "I1") && !names("AI1", "I1"));
}
