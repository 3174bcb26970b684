//! What stands in the repository as an example is valid, and the schemas editors read are those of the code.

use std::fs;
use std::process::Command;

use guichet::app::registry;
use guichet::config::schema::{FileKind, of};
use guichet::config::{Environment, check};

use crate::sources::root;

#[test]
fn every_example_project_passes_check() {
    for folder in [".", "src/demo/city"] {
        let project = root().join(folder);
        if !project.join("mappings").is_dir() {
            eprintln!("NOTICE: skipped `every_example_project_passes_check` of `{folder}`: it has no mappings yet");
            continue;
        }
        let (project, report) = check(&project, &registry(), &Environment::default());
        assert_eq!(report.issues(), [], "{folder}:\n{report}");
        assert!(project.is_some_and(|project| project.flows.len() >= 5));
    }
}

/// Counterparts are other people's systems, not always there; their mappings are tried on samples all the same.
#[test]
fn the_mappings_of_counterparts_pass_their_samples() {
    let folder = root().join("tests/counterparts/redmine");
    let tested = Command::new(env!("CARGO_BIN_EXE_guichet")).arg("test").arg("--project").arg(folder).output().unwrap();
    let told = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success() && told.contains("4 passed, 0 failed"), "{told}");
}

#[test]
fn i8_adding_a_source_needs_no_rust() {
    // I8: every source of the example project is files of `config/` and `mappings/`; no Rust names one
    let names: Vec<_> =
        fs::read_dir(root().join("config/sources")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(names.len() >= 5);
    for name in names {
        let name = name.to_string_lossy().trim_end_matches(".toml").to_owned();
        let quoted = format!("\"{name}\"");
        let naming = crate::sources::sources().into_iter().find(|source| source.shipped().contains(&quoted));
        assert_eq!(naming.map(|source| source.path), None, "`{name}` is named in Rust");
    }
}

/// The schemas are goldens: `BLESS=1 cargo test --test tidy schemas` writes them anew (the mapping's is written by hand).
#[test]
fn the_schemas_are_those_of_the_code() {
    for kind in FileKind::ALL {
        let file = root().join(format!("config/schema/{}.json", kind.word()));
        let schema = format!("{}\n", serde_json::to_string_pretty(&of(kind, &registry())).unwrap());
        if std::env::var_os("BLESS").is_some() && std::env::var_os("CI").is_none() && kind != FileKind::Mapping {
            fs::write(&file, &schema).unwrap();
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            golden == schema,
            "{} is not what the code says; run `BLESS=1 cargo test --test tidy schemas`",
            file.display()
        );
    }
}
