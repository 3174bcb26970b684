//! `guichet test`: the golden samples and tests beside the mappings. Samples are made up, so their values are shown.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use guichet_sdk::{Code, Issue, Place};
use serde_json::{Value, json};

use super::failure::Failure as Ended;
use super::project::ProjectArgs;
use super::screen::Screen;
use crate::config::Report;
use crate::mapping::Mapping;
use crate::mapping::coverage::Coverage;
use crate::mapping::golden::{Failure, Files, Outcome, Run};

/// Folders below `mappings/` that are looked into.
const DEPTH: usize = 8;

/// Run the golden samples and tests beside the mappings
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet test
  guichet test mappings/planning/dossier
  guichet test --bless            # writes samples/NN.out.json; look at them, then commit
  guichet test --coverage         # what no sample shows

Exits 2 when something failed.")]
pub struct Test {
    /// Mapping folders, or folders that hold some (default: all of the project)
    paths: Vec<PathBuf>,
    /// Write the goldens anew (refused where `CI` is set)
    #[arg(long)]
    bless: bool,
    /// Tell what no sample shows: paths nobody reads, fields never set, rows of code tables never needed
    #[arg(long)]
    coverage: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

/// The result of one mapping.
struct Tested {
    file: String,
    run: Run,
    blessed: Vec<String>,
}

impl Test {
    pub fn run(self, screen: Screen) -> Result<(), Ended> {
        if self.bless && std::env::var_os("CI").is_some() {
            let issue = Issue::error(Code("E263"), "goldens are not blessed where `CI` is set");
            return Err(Ended::Configuration(issue.hint("bless them on your machine, look at them, and commit them")));
        }
        let folders = self.folders()?;
        let mut report = Report::default();
        let mut tested = Vec::new();
        for folder in &folders {
            match self.test(folder) {
                Ok(result) => tested.push(result),
                Err(issues) => report.extend(issues),
            }
        }
        let failed = tested.iter().flat_map(|tested| &tested.run.results).filter(|result| !result.failures.is_empty());
        let failed = failed.count();
        self.tell(&tested, &report, failed, screen);
        if failed > 0 || report.errors() > 0 { Err(Ended::Failed) } else { Ok(()) }
    }

    fn folders(&self) -> Result<Vec<PathBuf>, Ended> {
        let all = [self.project.project.join("mappings")];
        let starts = if self.paths.is_empty() { &all[..] } else { &self.paths[..] };
        let mut folders = Vec::new();
        for start in starts {
            let before = folders.len();
            collect(start, 0, &mut folders);
            if folders.len() == before {
                let issue = Issue::error(Code("E264"), format!("there is no mapping in `{}`", start.display()));
                return Err(Ended::Configuration(issue.hint("name a folder that holds a `mapping.toml`")));
            }
        }
        folders.sort();
        folders.dedup();
        Ok(folders)
    }

    fn test(&self, folder: &Path) -> Result<Tested, Vec<Issue>> {
        let path = folder.join("mapping.toml");
        let file = path.strip_prefix(&self.project.project).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| vec![unreadable(&file, &error)])?;
        let mapping = Mapping::compile(&file, &text, &|name| fs::read_to_string(folder.join(name)).ok())?;
        let files = samples(folder).map_err(|error| vec![unreadable(&format!("{file}: samples"), &error)])?;
        let mut run = mapping.run_goldens(&files);
        let mut blessed = Vec::new();
        for result in run.results.iter_mut().filter(|_| self.bless) {
            blessed.extend(bless(folder, result).map_err(|error| vec![unreadable(&result.name, &error)])?);
        }
        Ok(Tested { file, run, blessed })
    }

    fn tell(&self, tested: &[Tested], report: &Report, failed: usize, screen: Screen) {
        let results = tested.iter().map(|tested| tested.run.results.len()).sum::<usize>();
        if screen.json {
            let mappings: Vec<Value> = tested.iter().map(|tested| self.value(tested)).collect();
            screen.value(&json!({
                "passed": results - failed, "failed": failed, "mappings": mappings, "issues": report.issues(),
            }));
            return;
        }
        screen.note(&report.render(screen.colour()));
        for Tested { file, run, blessed } in tested {
            let failures = run.results.iter().filter(|result| !result.failures.is_empty());
            for result in failures {
                screen.out(&told(result));
            }
            for golden in blessed {
                screen.out(&format!("blessed {golden}"));
            }
            let failing = run.results.iter().filter(|result| !result.failures.is_empty()).count();
            screen.out(&format!("{file}: {} passed, {failing} failed", run.results.len() - failing));
            if self.coverage {
                screen.out(&shown(&run.coverage));
            }
        }
        screen.out(&format!("{} passed, {failed} failed", results - failed));
    }

    fn value(&self, tested: &Tested) -> Value {
        let failures = tested.run.results.iter().filter(|result| !result.failures.is_empty()).map(|result| {
            let what: Vec<String> = result.failures.iter().map(said).collect();
            json!({ "name": result.name, "place": result.place, "failures": what })
        });
        let mut value = json!({
            "file": tested.file,
            "results": tested.run.results.len(),
            "failures": failures.collect::<Vec<_>>(),
            "blessed": tested.blessed,
        });
        if self.coverage {
            let Coverage { unread, unset, unseen } = &tested.run.coverage;
            value["coverage"] = json!({ "unread": unread, "unset": unset, "unseen": unseen });
        }
        value
    }
}

fn collect(folder: &Path, depth: usize, folders: &mut Vec<PathBuf>) {
    if folder.join("mapping.toml").is_file() {
        folders.push(folder.to_owned());
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| depth < DEPTH && entry.path().is_dir()) {
        collect(&entry.path(), depth + 1, folders);
    }
}

/// The files of a mapping's `samples/`; none where there is no such folder.
fn samples(folder: &Path) -> std::io::Result<Files> {
    let entries = match fs::read_dir(folder.join("samples")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Files::new()),
        Err(error) => return Err(error),
    };
    let mut files = Files::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = format!("samples/{}", entry.file_name().to_string_lossy());
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// Writes the golden of a sample that has none or another one; the sample then passes.
fn bless(folder: &Path, result: &mut Outcome) -> std::io::Result<Option<String>> {
    let Some((name, content)) = &result.golden else { return Ok(None) };
    let golden = |failure: &Failure| match failure {
        Failure::NoGolden | Failure::Differs { .. } => true,
        Failure::Field { .. } | Failure::Issue(_) | Failure::NotRefused(_) => false,
    };
    if !result.failures.iter().any(golden) {
        return Ok(None);
    }
    fs::write(folder.join(name), content)?;
    result.failures.retain(|failure| !golden(failure));
    let golden = folder.join(name);
    Ok(Some(golden.strip_prefix(".").unwrap_or(&golden).display().to_string()))
}

fn told(result: &Outcome) -> String {
    let mut told = format!("failed: `{}`\n  at {}\n", result.name, result.place);
    for failure in &result.failures {
        told.push_str(&format!("  {}\n", said(failure).replace('\n', "\n  ")));
    }
    told
}

fn said(failure: &Failure) -> String {
    match failure {
        Failure::NoGolden => "there is no golden yet\n  hint: `guichet test --bless` writes it".into(),
        Failure::Differs { line, expected, found } => {
            format!("line {line} of the golden\n  expected: {expected}\n  found:    {found}")
        }
        Failure::Field { field, expected, found } => {
            format!("`{field}`\n  expected: {expected}\n  found:    {}", found.as_deref().unwrap_or("nothing"))
        }
        Failure::Issue(issue) => issue.to_string(),
        Failure::NotRefused(code) => format!("it was understood, and was to be refused with {code}"),
    }
}

fn shown(coverage: &Coverage) -> String {
    let Coverage { unread, unset, unseen } = coverage;
    let mut lines: Vec<String> = unread.iter().map(|path| format!("  nobody reads `{path}`")).collect();
    let at = |place: &Place| place.to_string();
    lines.extend(unset.iter().map(|(field, place)| format!("  no sample sets `{field}` ({})", at(place))));
    lines
        .extend(unseen.iter().map(|(table, place)| format!("  no sample needs this row of `{table}` ({})", at(place))));
    if lines.is_empty() {
        lines.push("  the samples show everything".into());
    }
    lines.join("\n")
}

fn unreadable(name: &str, error: &std::io::Error) -> Issue {
    Issue::error(Code("E265"), format!("`{name}` cannot be read or written: {}", error.kind()))
}
