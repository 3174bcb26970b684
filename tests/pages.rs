//! The page of each connector is true: its complete example is a project that passes `check` and whose samples the mapping
//! understands.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Command;

use support::hub::Hub;
use support::page::{What, blocks, create, differs, lock_secrets};
use support::project::Project;
use support::root;

#[test]
fn the_example_of_every_connector_is_a_project_that_works() {
    for kind in guichet::app::registry().0.keys() {
        let name = format!("connectors/{kind}/README.md");
        let page = std::fs::read_to_string(root().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let example = page.split("\n## ").find(|part| part.starts_with("A complete example")).map(blocks);
        let folder = tempfile::tempdir().unwrap();
        let mut samples = 0;
        for block in example.unwrap_or_else(|| panic!("{name} has no section `A complete example`")) {
            let What::File { name, encoding } = &block.what else { continue };
            create(folder.path(), name, encoding.as_deref(), &block.text);
            samples += usize::from(name.contains("/samples/"));
        }
        assert!(samples > 0, "{name}: the example has no sample");
        lock_secrets(folder.path());
        let checked = guichet(folder.path(), &["check"]);
        assert!(checked.contains(" 0 warnings"), "{name}: {checked}");
        let tested = guichet(folder.path(), &["test", "--bless"]);
        assert!(tested.contains(" passed, 0 failed"), "{name}: {tested}");
    }
}

#[test]
fn the_example_of_the_readme_passes_check() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for block in blocks(&page) {
        if let What::File { name, encoding } = &block.what {
            create(folder.path(), name, encoding.as_deref(), &block.text);
        }
    }
    let checked = guichet(folder.path(), &["check"]);
    assert!(checked.starts_with("ok: 1 source, 1 flow") && checked.contains(" 0 warnings"), "{checked}");
    // every kind has its line in the table
    for kind in guichet::app::registry().0.keys() {
        assert!(page.contains(&format!("| `{kind}`")), "README.md has no line for `{kind}`");
    }
}

#[test]
fn the_files_of_the_example_are_read_as_the_page_says() {
    let page = std::fs::read_to_string(root().join("connectors/files/README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for block in blocks(&page) {
        if let What::File { name, encoding } = &block.what {
            create(folder.path(), name, encoding.as_deref(), &block.text);
        }
    }
    let run = guichet(folder.path(), &["run", "taxis/licences", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!((&summary["counts"]["received"], &summary["counts"]["quarantined"]), (&3.into(), &0.into()), "{run}");
    assert!(folder.path().join("inbox/taxis/done/licences-001.csv").exists());
    let cases = guichet(folder.path(), &["cases", "--reference", "T-0043"]);
    assert!(cases.contains("Évry") && cases.contains("granted"), "{cases}");
}

#[test]
fn the_push_of_the_example_is_answered_as_the_page_says() {
    let page = std::fs::read_to_string(root().join("connectors/push/README.md")).unwrap();
    let project = Project { folder: tempfile::tempdir().unwrap() };
    let mut answers = Vec::new();
    for block in blocks(&page) {
        match &block.what {
            What::File { name, encoding } => create(project.folder.path(), name, encoding.as_deref(), &block.text),
            What::Answer { json: true } => answers.push(block.text),
            What::Answer { json: false } | What::Commands | What::Nothing => {}
        }
    }
    lock_secrets(project.folder.path());
    let hub = Hub::start(&project);
    let sent = hub
        .request("POST", "/v1/inbound/works/orders")
        .basic_auth("works", Some("key-of-the-works-department"))
        .header("content-type", "application/json")
        .body(std::fs::read(project.path("orders.json")).unwrap());
    let told = differs(&answers[0], true, &sent.send().unwrap().text().unwrap());
    assert_eq!(told, None, "{}", told.as_deref().unwrap_or_default());
}

/// A command on a project that must succeed; what it says.
fn guichet(project: &Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_guichet"))
        .args(words)
        .current_dir(project)
        .env_remove("CI")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{words:?}: {said}");
    text(&output.stdout)
}
