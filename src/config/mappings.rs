//! The mappings of a project: every `mapping.toml` below `mappings/`, compiled once, used by flows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guichet_sdk::settings::nearest;
use guichet_sdk::{Digest, Format, Issue, Place};

use super::codes;
use super::report::Report;
use crate::mapping::Mapping;
use crate::model::Service;

/// How deep mappings may lie below `mappings/`.
const DEPTH: usize = 8;

/// A mapping that is there.
pub struct Found {
    /// Compiled; `None` when it has errors (already reported).
    pub mapping: Option<Arc<Mapping>>,
    /// How its records are written; `None` when that cannot be read (already reported).
    pub format: Option<Format>,
    /// Digest of its text and of the files it reads.
    pub digest: Digest,
    /// Its file, relative to the project.
    pub file: String,
}

/// The mappings of a project, by folder below `mappings/`.
pub struct Mappings(pub BTreeMap<String, Found>);

impl Mappings {
    /// Compiles every mapping of a project.
    pub fn load(root: &Path, report: &mut Report) -> Self {
        let mut folders = Vec::new();
        collect(&root.join("mappings"), String::new(), 0, &mut folders, report);
        folders.sort();
        Mappings(
            folders.into_iter().filter_map(|folder| Some((folder.clone(), found(root, &folder, report)?))).collect(),
        )
    }

    /// Warns about services they name that are not in the catalogue.
    pub fn services(&self, services: &BTreeMap<String, Service>, report: &mut Report) {
        for found in self.0.values() {
            let named = found.mapping.iter().flat_map(|mapping| mapping.services());
            for code in named.filter(|code| !services.contains_key(*code)) {
                let message = format!("the service `{code}` is not in the catalogue");
                let place = Place::file(&found.file).path("fields.case.service");
                let hint = match nearest(code, services.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("create `config/services/{code}.toml`"),
                };
                report.push(Issue::warning(codes::NO_SERVICE, message).at(place).hint(hint));
            }
        }
    }

    /// Warns about those no flow uses.
    pub fn unused(&self, used: &[String], report: &mut Report) {
        for (folder, found) in &self.0 {
            if !used.contains(folder) {
                let issue = Issue::warning(codes::UNUSED, format!("no flow uses the mapping `{folder}`"));
                let hint = format!("write `mapping = \"{folder}\"` in a flow of `config/sources/`");
                report.push(issue.at(Place::file(&found.file)).hint(hint));
            }
        }
    }
}

fn collect(folder: &Path, name: String, depth: usize, folders: &mut Vec<String>, report: &mut Report) {
    if folder.join("mapping.toml").is_file() {
        folders.push(name);
        return;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) if depth < DEPTH => entries,
        Ok(_) => return,
        Err(error) if depth == 0 && error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return report.push(super::unreadable(&format!("mappings/{name}"), &error)),
    };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        let below = entry.file_name().to_string_lossy().into_owned();
        let name = if name.is_empty() { below } else { format!("{name}/{below}") };
        collect(&entry.path(), name, depth + 1, folders, report);
    }
}

fn found(root: &Path, folder: &str, report: &mut Report) -> Option<Found> {
    let file = format!("mappings/{folder}/mapping.toml");
    let text = super::read_text(root, &file, report)?;
    let place: PathBuf = root.join("mappings").join(folder);
    let beside_texts = RefCell::new(Vec::new());
    let beside = |name: &str| {
        let text = fs::read_to_string(place.join(name)).ok()?;
        beside_texts.borrow_mut().push(text.clone());
        Some(text)
    };
    let compiled = Mapping::compile(&file, &text, &beside);
    let texts = beside_texts.into_inner();
    let parts: Vec<&[u8]> = std::iter::once(text.as_bytes()).chain(texts.iter().map(String::as_bytes)).collect();
    let digest = Digest::of(&parts);
    let (mapping, format) = match compiled {
        Ok(mapping) => {
            let format = mapping.format.clone();
            (Some(Arc::new(mapping)), Some(format))
        }
        Err(issues) => {
            report.extend(issues);
            (None, Mapping::format(&file, &text))
        }
    };
    Some(Found { mapping, format, digest, file })
}
