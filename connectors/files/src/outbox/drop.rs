//! Drops commands and looks what became of them. The order of steps is the whole point: a copy stands in `sent` before the
//! file is renamed into the source's folder, so that afterwards it can always be told whether the source could have seen it,
//! also when the source has taken the file away meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::{Delivery, Fault, FaultKind, Issue, Outcome, Place, Retry, Sink};
use tokio::task::spawn_blocking;

use super::config::{Outbox, filled};
use crate::{codes, moves};

/// Where files are written before the source sees them, below its folder.
const ASIDE: &str = ".guichet/aside";
/// Where a copy of everything that was dropped stays.
const SENT: &str = ".guichet/sent";
/// Bytes read of an answer.
const ANSWER: u64 = 4 << 10;

/// Commands of a flow, out.
pub struct FilesSink(pub Arc<BTreeMap<String, Outbox>>);

impl FilesSink {
    fn outbox(&self, delivery: &Delivery) -> Result<(Outbox, String), Fault> {
        let outbox =
            self.0.get(&*delivery.verb).ok_or_else(|| unfit("the settings do not say how the verb is dropped"))?;
        let name = filled(&outbox.name, delivery).ok_or_else(|| unfit("a value cannot stand in the name of a file"))?;
        Ok((outbox.clone(), name))
    }
}

#[async_trait]
impl Sink for FilesSink {
    fn address(&self, delivery: &Delivery) -> String {
        match self.outbox(delivery) {
            Ok((outbox, name)) => format!("file {}", outbox.folder.join(name).display()),
            Err(fault) => fault.issue.message.clone(),
        }
    }

    async fn execute(&self, delivery: &Delivery) -> Outcome {
        let (outbox, name) = match self.outbox(delivery) {
            Ok(found) => found,
            Err(fault) => return Outcome::NotSent(fault),
        };
        let (id, body) = (delivery.id.to_string(), delivery.body.clone());
        let dropped = spawn_blocking(move || put(&outbox.folder, &id, &name, &body).map(|()| name)).await;
        match dropped {
            Ok(Ok(name)) => Outcome::Accepted { tracking: Some(name) },
            Ok(Err(Undropped::NotThere(fault))) => Outcome::NotSent(fault),
            Ok(Err(Undropped::Perhaps(why))) => Outcome::Unknown { why, heard: None },
            Err(error) => {
                let why = Fault::new(FaultKind::Environment, codes::STOPPED, error.to_string());
                Outcome::Unknown { why: why.retry(Retry::Unknown), heard: None }
            }
        }
    }

    async fn look_up(&self, delivery: &Delivery) -> Option<Outcome> {
        let outbox = self.0.get(&*delivery.verb)?.clone();
        let name = |pattern: &Option<String>| pattern.as_deref().and_then(|pattern| filled(pattern, delivery));
        let (confirmed, refused) = (name(&outbox.confirmed), name(&outbox.refused));
        let (id, file) = (delivery.id.to_string(), filled(&outbox.name, delivery));
        let looked = spawn_blocking(move || look(&outbox, &id, confirmed, refused, file)).await;
        Some(looked.unwrap_or_else(|error| Err(io::Error::other(error))).unwrap_or_else(|error| {
            let why = Fault::new(FaultKind::Environment, codes::FOLDER, format!("the folder cannot be read: {error}"));
            Outcome::Unknown { why, heard: None }
        }))
    }
}

/// Why a file was not dropped.
enum Undropped {
    /// The source surely does not see it.
    NotThere(Fault),
    /// It may.
    Perhaps(Fault),
}

fn put(folder: &Path, id: &str, name: &str, body: &[u8]) -> Result<(), Undropped> {
    let not_there = |error: io::Error| Undropped::NotThere(broken(folder, &error));
    let (aside, sent) = (folder.join(ASIDE), folder.join(SENT));
    for made in [&aside, &sent] {
        fs::create_dir_all(made).map_err(not_there)?;
    }
    let (draft, copy) = (aside.join(id), sent.join(id));
    // the draft first: a copy without a draft means that the draft was renamed
    for (path, within) in [(&draft, &aside), (&copy, &sent)] {
        let written = File::create(path).and_then(|mut file| file.write_all(body).and_then(|()| file.sync_all()));
        written.map_err(not_there)?;
        moves::sync(within).map_err(Undropped::NotThere)?;
    }
    let target = folder.join(name);
    if target.symlink_metadata().is_ok() {
        return Err(not_there(io::ErrorKind::AlreadyExists.into()));
    }
    fs::rename(&draft, &target).map_err(not_there)?;
    // seen by the source from here on; a power loss could still undo it
    moves::sync(folder).map_err(|fault| Undropped::Perhaps(fault.retry(Retry::Unknown)))
}

fn look(
    outbox: &Outbox,
    id: &str,
    confirmed: Option<String>,
    refused: Option<String>,
    file: Option<String>,
) -> io::Result<Outcome> {
    if let Some(line) = first_line(&outbox.answers, confirmed)? {
        return Ok(Outcome::Confirmed { reference: (!line.is_empty()).then_some(line) });
    }
    if let Some(line) = first_line(&outbox.answers, refused)? {
        return Ok(Outcome::Refused { reason: line });
    }
    let there = |path: PathBuf| match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    // a copy and no draft any more: it was renamed into the folder, whatever the source did with it since
    let dropped = there(outbox.folder.join(SENT).join(id))? && !there(outbox.folder.join(ASIDE).join(id))?;
    if dropped {
        return Ok(Outcome::Accepted { tracking: file });
    }
    Ok(Outcome::NotSent(Fault::new(FaultKind::Refused, codes::NOT_DROPPED, "the file was never put into the folder")))
}

/// The first line of an answer, where there is one.
fn first_line(folder: &Path, name: Option<String>) -> io::Result<Option<String>> {
    let Some(name) = name else { return Ok(None) };
    let path = folder.join(name);
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => {}
        // a link or a pipe is no answer
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(ANSWER).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    Ok(Some(line.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()))
}

fn broken(folder: &Path, error: &io::Error) -> Fault {
    let message = format!("the command cannot be dropped: {error}");
    let mut fault = Fault::new(FaultKind::Environment, codes::NOT_DROPPED, message);
    fault.issue.place = Place::file(folder.display().to_string());
    fault.issue.hint = Some("let the hub write in the folder; `.guichet` in it is the hub's".to_owned());
    fault
}

fn unfit(message: &str) -> Fault {
    let mut fault = Fault::new(FaultKind::Refused, codes::NOT_DROPPED, message);
    fault.issue =
        Box::new(Issue::clone(&fault.issue).hint("correct the settings or the mapping, then retry the command"));
    fault
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use guichet_sdk::DeliveryId;

    use super::*;
    use crate::outbox::{DropSettings, check};

    fn sink(folder: &Path) -> FilesSink {
        let settings = DropSettings {
            folder: "out".into(),
            name: "{command}.json".into(),
            confirmed: Some("{command}.ok".into()),
            refused: Some("{command}.err".into()),
            answers: Some("back".into()),
        };
        let mut issues = Vec::new();
        let outboxes = check(&BTreeMap::from([("submit".to_owned(), settings)]), folder, &mut issues);
        assert!(issues.is_empty(), "{issues:?}");
        fs::create_dir_all(folder.join("back")).unwrap();
        FilesSink(Arc::new(outboxes))
    }

    fn delivery(id: &str) -> Delivery {
        Delivery {
            id: DeliveryId(id.into()),
            verb: "submit".into(),
            case_key: None,
            values: BTreeMap::new(),
            content_type: "application/json".into(),
            body: Bytes::from_static(b"{}"),
            tracking: None,
        }
    }

    #[tokio::test]
    async fn a_command_is_dropped_whole_and_its_answer_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(folder.path());
        for (id, answer, text) in [("c1", "c1.ok", "R-7\r\nthanks"), ("c2", "c2.err", "no such street\n")] {
            let one = delivery(id);
            assert!(matches!(sink.look_up(&one).await, Some(Outcome::NotSent(_))), "nothing was dropped yet");
            assert!(matches!(sink.execute(&one).await, Outcome::Accepted { .. }));
            let file = folder.path().join(format!("out/{id}.json"));
            assert_eq!(fs::read(&file).unwrap(), b"{}");
            fs::remove_file(&file).unwrap();
            assert!(matches!(sink.look_up(&one).await, Some(Outcome::Accepted { .. })), "the source took it away");
            fs::write(folder.path().join("back").join(answer), text).unwrap();
            match sink.look_up(&one).await.unwrap() {
                Outcome::Confirmed { reference } => assert_eq!(reference.as_deref(), Some("R-7")),
                Outcome::Refused { reason } => assert_eq!(reason, "no such street"),
                other => panic!("{other:?}"),
            }
        }
        let seen: Vec<_> = fs::read_dir(folder.path().join("out")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(seen, [".guichet"], "nothing half-written in sight");
    }

    #[tokio::test]
    async fn a_drop_that_stopped_half_way_surely_did_not_arrive_and_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let (sink, one) = (sink(folder.path()), delivery("c1"));
        for half in [&["aside"][..], &["aside", "sent"]] {
            for place in half {
                let place = folder.path().join("out/.guichet").join(place);
                fs::create_dir_all(&place).unwrap();
                fs::write(place.join("c1"), "{").unwrap();
            }
            assert!(matches!(sink.look_up(&one).await, Some(Outcome::NotSent(_))), "{half:?}");
        }
        assert!(matches!(sink.execute(&one).await, Outcome::Accepted { .. }));
        assert_eq!(fs::read(folder.path().join("out/c1.json")).unwrap(), b"{}");
        assert!(matches!(sink.execute(&one).await, Outcome::NotSent(_)), "never over a file that is there");
    }
}
