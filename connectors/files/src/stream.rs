//! Opens a file safely and streams it in chunks, unpacking gzip. Refuses what was swapped, grows, or expands too much.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::bufread::MultiGzDecoder;
use guichet_sdk::{Digest, Issue};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};

use crate::codes;
use crate::folder::Stamp;

/// Bytes read at a time: large enough that system calls do not count, small enough to stay in the cache.
pub const CHUNK: usize = 128 << 10;

/// Below this, any ratio is harmless: small, repetitive exports do shrink a thousandfold.
pub const RATIO_FROM: u64 = 1 << 20;

/// Why a file cannot be read further.
#[derive(Debug)]
pub enum Stop {
    /// It is not what was looked at: replaced, or still being written.
    Changed,
    /// It is not there any more.
    Gone,
    /// The system does not give it.
    Io(io::Error),
    /// Its content is at fault: the rest of the file will never be readable.
    Content(Issue),
    /// It is packed and was cut short; what came before is right.
    Torn(Issue),
    /// The flow is stopping.
    Stopped,
}

/// Opens the regular file that was looked at, and nothing else.
///
/// No symbolic link is followed and no pipe is waited for; then the opened handle itself is compared with what was
/// listed, so that a swap between the look and the opening is seen.
pub fn open(folder: &Path, name: &str, listed: &Stamp) -> Result<File, Stop> {
    let (file, stamp) = open_any(folder, name)?;
    if stamp == *listed { Ok(file) } else { Err(Stop::Changed) }
}

/// Opens a regular file whatever its state, and tells that state.
pub fn open_any(folder: &Path, name: &str) -> Result<(File, Stamp), Stop> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder.join(name), flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::NOENT => Stop::Gone,
        rustix::io::Errno::LOOP => Stop::Changed,
        other => Stop::Io(other.into()),
    })?;
    let file = File::from(file);
    let stamp = stamp(&file)?.ok_or(Stop::Changed)?;
    Ok((file, stamp))
}

/// The digest of a whole file. Stops between chunks when told to.
pub fn digest(file: &mut File, stop: &AtomicBool) -> Result<Digest, Stop> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    file.rewind().map_err(Stop::Io)?;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Stop::Stopped);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest::finish(hasher)),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Stop::Io(error)),
        }
    }
}

/// A file read as the bytes its records are written in.
pub struct Stream {
    inner: Inner,
    stamp: Stamp,
    buffer: Vec<u8>,
    unpacked: u64,
    limit: u64,
    limits: Limits,
}

/// How large a file may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes, unpacked.
    pub size: u64,
    /// Unpacked to packed.
    pub ratio: u64,
}

enum Inner {
    Plain(Take<File>),
    Gzip(Box<MultiGzDecoder<BufReader<Take<File>>>>),
}

impl Stream {
    /// A stream from the first byte. No more is read than the file had when it was looked at.
    pub fn new(mut file: File, stamp: Stamp, limits: Limits) -> Result<Self, Stop> {
        let gzip = is_gzip(&mut file).map_err(Stop::Io)?;
        let file = file.take(stamp.size);
        let (inner, limit) = if gzip {
            let ratio = stamp.size.saturating_mul(limits.ratio).max(RATIO_FROM);
            (Inner::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, file)))), limits.size.min(ratio))
        } else {
            (Inner::Plain(file), limits.size)
        };
        Ok(Stream { inner, stamp, buffer: vec![0; CHUNK], unpacked: 0, limit, limits })
    }

    /// Unpacks a packed file to its end without giving anything away, then starts again; a plain file passes at once.
    ///
    /// A damaged gzip stream unpacks to wrong bytes until a checksum tells, which is at the end of a member: only
    /// after this can its bytes be trusted. It costs a second unpacking (about a sixth of what cutting and mapping the
    /// records costs). A file that was merely cut short passes: what comes before the cut is right.
    pub fn verify(&mut self, stop: &AtomicBool) -> Result<(), Stop> {
        if matches!(self.inner, Inner::Plain(_)) {
            return Ok(());
        }
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Stopped);
            }
            match self.chunk() {
                Ok(chunk) if !chunk.is_empty() => {}
                Ok(_) | Err(Stop::Torn(_)) => return self.restart(0),
                Err(stop) => return Err(stop),
            }
        }
    }

    /// The next bytes; none at the end. The handle is looked at again before the end is told, so that a file that was
    /// written to meanwhile never passes for complete.
    pub fn chunk(&mut self) -> Result<&[u8], Stop> {
        if matches!(self.inner, Inner::Plain(_)) && self.stamp.size > self.limit {
            return Err(Stop::Content(self.too_large()));
        }
        let read = self.read()?;
        if read == 0 && stamp(self.file())? != Some(self.stamp) {
            return Err(Stop::Changed);
        }
        self.unpacked += read as u64;
        if self.unpacked > self.limit {
            return Err(Stop::Content(self.too_large()));
        }
        Ok(&self.buffer[..read])
    }

    /// Moves to a byte of the unpacked stream; gzip is unpacked up to there.
    pub fn skip(&mut self, to: u64, stop: &AtomicBool) -> Result<(), Stop> {
        if let Inner::Plain(file) = &mut self.inner {
            let to = to.min(self.stamp.size);
            file.get_mut().seek(SeekFrom::Start(to)).map_err(Stop::Io)?;
            file.set_limit(self.stamp.size - to);
            self.unpacked = to;
            return Ok(());
        }
        while self.unpacked < to {
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Stopped);
            }
            let wanted = usize::try_from(to - self.unpacked).unwrap_or(CHUNK).min(CHUNK);
            self.buffer.truncate(wanted);
            let read = self.chunk().map(<[u8]>::len);
            self.buffer.resize(CHUNK, 0);
            if read? == 0 {
                return Err(Stop::Changed);
            }
        }
        Ok(())
    }

    /// Bytes of the file itself read so far, for progress.
    pub fn consumed(&self) -> u64 {
        self.stamp.size
            - match &self.inner {
                Inner::Plain(file) => file.limit(),
                Inner::Gzip(decoder) => decoder.get_ref().get_ref().limit(),
            }
    }

    /// Up to so many bytes from a place on, as far as they can be had: limits and damage end them, but are not told.
    /// The stream is of no use afterwards.
    pub fn head(&mut self, from: u64, bytes: usize) -> Vec<u8> {
        let mut head = Vec::new();
        if self.restart(from).is_err() {
            return head;
        }
        while head.len() < bytes {
            match self.read() {
                Ok(read) if read > 0 => head.extend_from_slice(&self.buffer[..read.min(bytes - head.len())]),
                Ok(_) | Err(_) => break,
            }
        }
        head
    }

    fn restart(&mut self, from: u64) -> Result<(), Stop> {
        let file = self.file().try_clone().map_err(Stop::Io)?;
        *self = Stream::new(file, self.stamp, self.limits)?;
        self.skip(from, &AtomicBool::new(false))
    }

    fn read(&mut self) -> Result<usize, Stop> {
        loop {
            let read = match &mut self.inner {
                Inner::Plain(file) => file.read(&mut self.buffer),
                Inner::Gzip(decoder) => decoder.read(&mut self.buffer),
            };
            match read {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.is_damage(&error) => return Err(self.damaged(&error)),
                Err(error) => return Err(Stop::Io(error)),
            }
        }
    }

    /// The decoder tells damage with the same type as the file tells its failures; only these kinds are its own.
    fn is_damage(&self, error: &io::Error) -> bool {
        let damage = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput, io::ErrorKind::UnexpectedEof];
        matches!(self.inner, Inner::Gzip(_)) && damage.contains(&error.kind())
    }

    fn damaged(&self, error: &io::Error) -> Stop {
        match stamp(self.file()) {
            Ok(now) if now != Some(self.stamp) => return Stop::Changed,
            Ok(_) => {}
            Err(stop) => return stop,
        }
        let (near, size) = (self.consumed(), self.stamp.size);
        let issue = |message: String| {
            Issue::error(codes::GZIP, message).hint("check the file with `gzip -t`, and have it sent again")
        };
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Stop::Torn(issue(format!("the gzip stream ends too early, at byte {size}")))
        } else {
            Stop::Content(issue(format!("the gzip stream is damaged, before byte {near} of {size}")))
        }
    }

    fn too_large(&self) -> Issue {
        if self.limit == self.limits.size {
            Issue::error(codes::TOO_LARGE, format!("the file holds more than {} bytes", self.limits.size))
                .hint("have the export split, or raise `max_size`")
        } else {
            Issue::error(codes::BOMB, format!("the file unpacks to more than {} times its {} bytes", self.limits.ratio, self.stamp.size))
                .hint("a packed file of this kind is made to fill a disk; raise `max_ratio` only if the source really writes such files")
        }
    }

    fn file(&self) -> &File {
        match &self.inner {
            Inner::Plain(file) => file.get_ref(),
            Inner::Gzip(decoder) => decoder.get_ref().get_ref().get_ref(),
        }
    }
}

fn stamp(file: &File) -> Result<Option<Stamp>, Stop> {
    file.metadata().map(|metadata| Stamp::of(&metadata)).map_err(Stop::Io)
}

/// By its first bytes, never by its name; leaves the file at its start.
fn is_gzip(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::with_capacity(3);
    file.rewind()?;
    Read::by_ref(file).take(3).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head == [0x1f, 0x8b, 8])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, mknodat};
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn what_was_swapped_between_look_and_opening_is_refused() {
        let inbox = tempdir().unwrap();
        let path = inbox.path().join("a.csv");
        fs::write(&path, "one").unwrap();
        let (_, listed) = open_any(inbox.path(), "a.csv").unwrap();
        assert!(open(inbox.path(), "a.csv", &listed).is_ok());
        let swaps: [fn(&Path); 3] = [
            |path| fs::write(path, "two").unwrap(),
            |path| symlink("/etc/passwd", path).unwrap(),
            |path| mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
        ];
        for swap in swaps {
            fs::rename(&path, inbox.path().join("away")).unwrap();
            swap(&path);
            assert!(matches!(open(inbox.path(), "a.csv", &listed), Err(Stop::Changed)));
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(open(inbox.path(), "a.csv", &listed), Err(Stop::Gone)));
    }

    #[test]
    fn a_digest_stops_when_told() {
        let inbox = tempdir().unwrap();
        fs::write(inbox.path().join("a.csv"), "one").unwrap();
        let (mut file, _) = open_any(inbox.path(), "a.csv").unwrap();
        assert!(matches!(digest(&mut file, &AtomicBool::new(true)), Err(Stop::Stopped)));
        assert!(digest(&mut file, &AtomicBool::new(false)).is_ok());
    }
}
