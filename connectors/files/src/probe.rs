//! Opening a folder and asking after it. Creates `done` and `failed`; touches no file.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use guichet_sdk::{Fault, FaultKind, Place, Probe};
use rustix::fs::Access;
use tokio::task::spawn_blocking;

use crate::codes;
use crate::config::{After, Complete, Intake};
use crate::folder::Folder;
use crate::reader::unlistable;

/// Asks after a folder.
pub struct FolderProbe(pub Arc<Intake>);

#[async_trait]
impl Probe for FolderProbe {
    async fn probe(&self) -> Result<String, Fault> {
        let intake = self.0.clone();
        let asked = spawn_blocking(move || ask(&intake)).await;
        asked.unwrap_or_else(|error| Err(Fault::new(FaultKind::Environment, codes::STOPPED, error.to_string())))
    }
}

/// Makes sure that the folders can be used.
pub fn prepare(intake: &Intake) -> Result<(), Fault> {
    let folder = std::fs::metadata(&intake.folder).map_err(|error| unlistable(&intake.folder, &error))?;
    if !folder.is_dir() {
        return Err(unlistable(&intake.folder, &io::ErrorKind::NotADirectory.into()));
    }
    let After::Move { done, failed } = &intake.after else { return Ok(()) };
    for (key, target) in [("done", done), ("failed", failed)] {
        std::fs::create_dir_all(target).map_err(|error| unusable(key, target, &error))?;
        let device = std::fs::metadata(target).map_err(|error| unusable(key, target, &error))?.dev();
        if device != folder.dev() {
            return Err(unusable(key, target, &io::ErrorKind::CrossesDevices.into()));
        }
    }
    for (key, target) in [("folder", &intake.folder), ("done", done), ("failed", failed)] {
        let access = rustix::fs::access(target, Access::WRITE_OK | Access::EXEC_OK);
        access.map_err(|error| unusable(key, target, &error.into()))?;
    }
    Ok(())
}

fn ask(intake: &Intake) -> Result<String, Fault> {
    prepare(intake)?;
    // every file counts as waiting, also those that have not settled
    let at_once = match &intake.complete {
        Complete::Settled(_) => Complete::Settled(Duration::ZERO),
        Complete::Marked(suffix) => Complete::Marked(suffix.clone()),
    };
    let intake = Intake { complete: at_once, ..intake.clone() };
    let look = Folder::default().look(&intake, Instant::now()).map_err(|error| unlistable(&intake.folder, &error))?;
    let (count, folder, pattern) = (look.complete.len(), intake.folder.display(), intake.pattern.as_str());
    let files = if count == 1 { "file" } else { "files" };
    Ok(match intake.after {
        After::Keep => format!("`{folder}` is readable; {count} {files} there match `{pattern}`"),
        After::Move { .. } => {
            format!("`{folder}` is readable, `done` and `failed` are writable; {count} {files} waiting for `{pattern}`")
        }
    })
}

fn unusable(key: &str, target: &Path, error: &io::Error) -> Fault {
    let message = format!("files cannot be moved to or from `{}`: {error}", target.display());
    let mut fault = Fault::new(FaultKind::Environment, codes::TARGET, message);
    fault.issue.place = Place::default().path(key);
    fault.issue.hint = Some(match error.kind() {
        io::ErrorKind::CrossesDevices => {
            "put it on the same file system as `folder`: a move must be one step".to_owned()
        }
        _ => "let the hub write there, or write `keep = true` to leave files where they are".to_owned(),
    });
    fault
}
