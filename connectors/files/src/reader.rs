//! The blocking side of the source: which file is next, what a batch takes from it, where a cursor leads back to.
//!
//! A file is hashed in a first pass, before its first record is cut. That reads it twice (the second time mostly from
//! the page cache; SHA-256 costs a few percent of cutting and mapping its rows), and buys three things that hashing
//! while reading cannot give: nothing of a file that was processed before is read or delivered again, every cursor
//! names the exact content it speaks of, and a resumed file is known to be the same before a byte of it is used.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use guichet_sdk::{Batch, Cursor, Digest, Fault, FaultKind, Issue, Limit, Memory, Place, Retry};

use crate::codes;
use crate::config::{After, Intake};
use crate::draft::{Draft, Fate, Position};
use crate::folder::{Folder, Found};
use crate::moves;
use crate::stream::{self, Stop, Stream};
use crate::whole::{Whole, located};

/// The state of a source between two batches.
pub struct Reader {
    pub(crate) intake: Arc<Intake>,
    pub(crate) folder: Folder,
    /// What is known of files whose last batch is not acknowledged yet.
    pub(crate) tallies: HashMap<Arc<str>, Tally>,
    /// Digests of files given out to their end and not yet known to be committed.
    pub(crate) handed: HashSet<Digest>,
    memory: Arc<dyn Memory>,
    stop: Arc<AtomicBool>,
    queue: VecDeque<Found>,
    current: Option<Whole>,
    at: At,
}

/// How the records of a file fared so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Counted from its first record on; what happened before a restart is not known.
    pub complete: bool,
    /// Records given out.
    pub records: usize,
    /// Of these, quarantined.
    pub quarantined: usize,
}

/// Where the reader stands.
#[derive(Debug, PartialEq, Eq)]
enum At {
    /// Nowhere yet, or a batch failed half-way: the next one starts with a rewind.
    Lost,
    /// After the batch with this cursor.
    After(Option<Cursor>),
}

/// A batch, and how long until a file that is still settling may be complete.
#[derive(Debug)]
pub struct Reading {
    pub batch: Batch,
    pub wait: Option<Duration>,
    /// Nothing was found at all, not even something to tell.
    pub idle: bool,
}

impl Reader {
    /// A reader that stops between two chunks once `stop` is set.
    pub fn new(intake: Arc<Intake>, memory: Arc<dyn Memory>, stop: Arc<AtomicBool>) -> Self {
        Reader {
            intake,
            folder: Folder::default(),
            tallies: HashMap::new(),
            handed: HashSet::new(),
            memory,
            stop,
            queue: VecDeque::new(),
            current: None,
            at: At::Lost,
        }
    }

    /// The next batch after a cursor.
    pub fn batch(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Reading, Fault> {
        let mut draft = Draft::new(limit);
        // stands as lost until the batch is made: a fault or a panic on the way leads to a rewind
        if std::mem::replace(&mut self.at, At::Lost) != At::After(after.cloned()) {
            self.rewind(after, &mut draft)?;
        }
        let wait = self.fill(&mut draft)?;
        let idle = draft.is_idle();
        let batch = draft.finish().map_err(|error| unwritable(&error))?;
        self.at = At::After(batch.cursor.as_ref().or(after).cloned());
        Ok(Reading { batch, wait, idle })
    }

    fn fill(&mut self, draft: &mut Draft) -> Result<Option<Duration>, Fault> {
        // set by the one look of this batch: how long until a file may be complete
        let mut looked: Option<Option<Duration>> = None;
        while !draft.is_full() {
            self.check_stop()?;
            if let Some(whole) = self.current.take() {
                self.read_on(whole, draft)?;
            } else if let Some(found) = self.queue.pop_front() {
                self.take(found, draft)?;
            } else if let Some(wait) = looked {
                draft.batch.caught_up = wait.is_none();
                return Ok(wait);
            } else {
                looked = Some(self.look(draft)?);
            }
        }
        Ok(None)
    }

    fn look(&mut self, draft: &mut Draft) -> Result<Option<Duration>, Fault> {
        let look =
            self.folder.look(&self.intake, Instant::now()).map_err(|error| unlistable(&self.intake.folder, &error))?;
        self.queue = look.complete.into();
        draft.batch.notices.extend(look.notices);
        if let After::Move { done, .. } = &self.intake.after {
            for marker in look.orphans {
                moves::shift_marker(&self.intake.folder, &marker, "orphan", done)?;
            }
        }
        Ok(look.wait)
    }

    fn read_on(&mut self, mut whole: Whole, draft: &mut Draft) -> Result<(), Fault> {
        draft.begin(&whole.found, Some(whole.digest));
        match whole.fill(draft) {
            Ok(false) => self.current = Some(whole),
            Ok(true) => self.finish(&whole, Fate::Read, draft),
            Err(Stop::Content(issue) | Stop::Torn(issue)) => self.fail(whole, issue, draft),
            Err(stop) => {
                let position = Position { file: whole.found.name.clone(), digest: Some(whole.digest), mark: None };
                self.abandon(&position, true, stop, draft)?;
            }
        }
        Ok(())
    }

    /// A file from the queue becomes the current one, or is passed over.
    fn take(&mut self, found: Found, draft: &mut Draft) -> Result<(), Fault> {
        let position = Position { file: found.name.clone(), digest: None, mark: None };
        let opened = self.open(found, draft);
        opened.or_else(|stop| self.abandon(&position, false, stop, draft))
    }

    fn open(&mut self, found: Found, draft: &mut Draft) -> Result<(), Stop> {
        let mut file = stream::open(&self.intake.folder, &found.name, &found.stamp)?;
        if found.stamp.size == 0 {
            let issue =
                Issue::warning(codes::EMPTY, "the file is empty").hint("ask the source whether the export failed");
            self.pass(&found, None, Some(issue), draft);
            return Ok(());
        }
        let digest = self.identity(&mut file, &found.name)?;
        if self.memory.finished(&digest) || self.handed.contains(&digest) {
            let issue =
                Issue::warning(codes::KNOWN, "a file with the same content was processed before; it is not read again");
            // files that stay in the folder are met again at each start: nothing new
            let issue = (self.intake.after != After::Keep).then_some(issue);
            self.pass(&found, Some(digest), issue, draft);
            return Ok(());
        }
        self.check_number(&found, draft);
        let stream = Stream::new(file, found.stamp, self.intake.limits)?;
        let mut whole = Whole::new(found, digest, stream, None, &self.intake, &self.stop)?;
        match whole.verify(&self.stop) {
            Ok(()) => self.begin(whole, true),
            Err(Stop::Content(issue)) => {
                draft.begin(&whole.found, Some(whole.digest));
                self.folder.take(&whole.found);
                self.fail(whole, issue, draft);
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// What makes two files the same: their bytes, and the number of the export where names carry one. Export 3 may say
    /// byte for byte what export 1 said, and still takes back what export 2 said in between.
    fn identity(&self, file: &mut std::fs::File, name: &str) -> Result<Digest, Stop> {
        let content = stream::digest(file, &self.stop)?;
        let number = self.intake.numbered.as_ref().and_then(|numbered| numbered.number(name));
        Ok(number.map_or(content, |number| Digest::of(&[&content.0, &number.to_le_bytes()])))
    }

    fn begin(&mut self, whole: Whole, complete: bool) {
        self.folder.take(&whole.found);
        self.tallies.insert(whole.found.name.clone(), Tally { complete, ..Tally::default() });
        self.current = Some(whole);
    }

    /// Nothing is read of this file; it is only put out of the way.
    fn pass(&mut self, found: &Found, digest: Option<Digest>, issue: Option<Issue>, draft: &mut Draft) {
        self.folder.take(found);
        match issue {
            Some(issue) => draft.notice(issue, &found.name),
            None => return draft.passed(),
        }
        draft.begin(found, digest);
        draft.end(Fate::Read);
    }

    fn finish(&mut self, whole: &Whole, fate: Fate, draft: &mut Draft) {
        // A failed file that moves to `failed` is not remembered: put back after the mapping was corrected, it must be
        // read again. One that stays in the folder must be remembered, or it would fail at each look.
        if fate == Fate::Read || self.intake.after == After::Keep {
            self.handed.insert(whole.digest);
            draft.batch.finished.push(whole.digest);
        }
        draft.end(fate);
    }

    fn fail(&mut self, mut whole: Whole, issue: Issue, draft: &mut Draft) {
        let rest = whole.rest(&self.intake);
        let issue = located(issue, &rest);
        let reason = issue.to_string();
        draft.broken(rest, issue);
        self.finish(&whole, Fate::Unreadable(reason), draft);
    }

    /// A file that cannot be read now. It stays where it is; the others go on.
    fn abandon(&mut self, position: &Position, begun: bool, stop: Stop, draft: &mut Draft) -> Result<(), Fault> {
        let name = &*position.file;
        let issue = match stop {
            Stop::Stopped => return Err(stopped()),
            Stop::Content(issue) | Stop::Torn(issue) => issue,
            Stop::Changed | Stop::Gone if !begun => {
                // it is looked at again
                self.folder.unsettle(name);
                return Ok(());
            }
            Stop::Changed => changed("the file changed while it was read; it is read again from its beginning"),
            Stop::Gone => changed("the file disappeared while it was read"),
            Stop::Io(error) => Issue::error(codes::UNREADABLE, format!("the file cannot be read: {error}"))
                .hint("let the hub read the file; it is tried again at each look"),
        };
        if begun {
            self.folder.unsettle(name);
            draft.leave(position.clone());
        }
        draft.passed();
        if self.folder.tell_once(issue.code, name) || begun {
            draft.notice(issue, name);
        }
        Ok(())
    }

    fn check_number(&mut self, found: &Found, draft: &mut Draft) {
        let Some(numbered) = &self.intake.numbered else { return };
        if numbered.number(&found.name).is_none() && self.folder.tell_once(codes::NUMBER, &found.name) {
            let issue = Issue::warning(codes::NUMBER, "the file name holds no export number; its records have none")
                .hint("correct `export_number`, or narrow `pattern` to the names that have one");
            draft.notice(issue, &found.name);
        }
    }

    /// Forgets what was given out, and goes back to where a cursor leads.
    fn rewind(&mut self, after: Option<&Cursor>, draft: &mut Draft) -> Result<(), Fault> {
        self.current = None;
        self.queue.clear();
        self.tallies.clear();
        self.handed.clear();
        self.folder.untake_all();
        let Some(cursor) = after else { return Ok(()) };
        match Position::read(cursor).filter(|position| is_name(&position.file)) {
            Some(position) if position.mark.is_some() => self.resume(position, draft),
            Some(_) => Ok(()),
            None => {
                let issue = Issue::warning(
                    codes::CURSOR,
                    "the cursor was not written by this connector; files are read from their beginning",
                );
                draft.batch.notices.push(issue);
                Ok(())
            }
        }
    }

    fn resume(&mut self, position: Position, draft: &mut Draft) -> Result<(), Fault> {
        match self.reopen(&position) {
            Ok(whole) => {
                self.begin(whole, false);
                Ok(())
            }
            Err(Stop::Gone) => {
                let issue = Issue::error(codes::CHANGED, "the file disappeared before it was read to its end")
                    .hint("put it back, under any name: what was read of it is not applied twice");
                draft.notice(issue, &position.file);
                draft.leave(position);
                Ok(())
            }
            Err(Stop::Changed) => {
                draft.notice(
                    changed("the file changed since it was partly read; it is read from its beginning"),
                    &position.file,
                );
                draft.leave(position);
                Ok(())
            }
            // the cursor must survive: what cannot be read now is read on later
            Err(Stop::Io(error)) => Err(unreadable(&position.file, &error)),
            Err(Stop::Content(issue) | Stop::Torn(issue)) => Err(Fault::content(issue)),
            Err(Stop::Stopped) => Err(stopped()),
        }
    }

    /// The file of a cursor, if it still has the same content. Its state need not have settled: the digest tells more.
    fn reopen(&self, position: &Position) -> Result<Whole, Stop> {
        let (mut file, stamp) = stream::open_any(&self.intake.folder, &position.file)?;
        let digest = self.identity(&mut file, &position.file)?;
        if position.digest != Some(digest) {
            return Err(Stop::Changed);
        }
        let found = Found { name: position.file.clone(), stamp };
        let stream = Stream::new(file, stamp, self.intake.limits)?;
        Whole::new(found, digest, stream, position.mark.as_ref(), &self.intake, &self.stop)
    }

    fn check_stop(&self) -> Result<(), Fault> {
        if self.stop.load(Ordering::Relaxed) { Err(stopped()) } else { Ok(()) }
    }
}

/// A plain name: a cursor must not lead out of the folder.
fn is_name(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|file| file == name)
}

fn changed(message: &str) -> Issue {
    Issue::warning(codes::CHANGED, message)
        .hint("have the source write under another name and rename when done, or raise `settle`")
}

fn stopped() -> Fault {
    Fault::new(FaultKind::Environment, codes::STOPPED, "reading was stopped").retry(Retry::After(None))
}

fn unwritable(error: &serde_json::Error) -> Fault {
    Fault::new(FaultKind::Protocol, codes::CURSOR, format!("the cursor cannot be written down: {error}"))
}

fn unreadable(name: &str, error: &std::io::Error) -> Fault {
    let mut fault = Fault::new(FaultKind::Unreachable, codes::UNREADABLE, format!("the file cannot be read: {error}"));
    fault.issue.place = Place::file(name);
    fault
}

/// The folder cannot be listed.
pub fn unlistable(folder: &Path, error: &std::io::Error) -> Fault {
    let mut fault = Fault::new(
        FaultKind::Unreachable,
        codes::FOLDER,
        format!("the folder `{}` cannot be listed: {error}", folder.display()),
    );
    fault.issue.place = Place::default().path("folder");
    fault.issue.hint = Some("create the folder, mount the share, or let the hub read it".to_owned());
    fault
}
