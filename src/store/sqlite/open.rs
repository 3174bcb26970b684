//! Opening: the lock, the pragmas, and what is refused: an SQLite that corrupts, a newer or foreign file, a second process.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use guichet_sdk::{Code, Issue, Place};
use rusqlite::{Connection, OpenFlags};

use crate::store::StoreFault;

/// Earlier ones can corrupt a database when the write-ahead log is reset (`reliability.md`).
const SQLITE_AT_LEAST: i32 = 3_051_003;
/// "Guic", so that `file` and this program tell our databases from others.
pub(super) const APPLICATION_ID: i32 = 0x4775_6963;
/// Page cache of the writer, KiB: it keeps the inner pages of every index in reach.
const WRITER_CACHE_KIB: i32 = 48 * 1024;
/// Page cache of one reader, KiB.
const READER_CACHE_KIB: i32 = 4 * 1024;
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 96;
/// How long a statement waits for a lock that only a checkpoint of this process or a foreign tool can hold.
const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// The lock of a store; held by the writer until it ends, released by the operating system if the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store at this path.
    pub(super) fn take(store: &Path) -> Result<Lock, StoreFault> {
        let path = beside(store, ".lock");
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| refuse(Code("E235"), format!("the lock file cannot be opened: {error}"), &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let message = format!("another process ({}) works on this store", holder.trim());
                return Err(refuse(Code("E234"), message, store));
            }
            Err(TryLockError::Error(error)) => {
                return Err(refuse(Code("E235"), format!("the lock cannot be taken: {error}"), &path));
            }
        }
        // For the message above only; the lock itself is the operating system's.
        let _ = file.set_len(0).and_then(|()| write!(file, "process {}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

/// Opens the connection of the writer and makes sure that it is durable.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreFault> {
    let version = rusqlite::version_number();
    if version < SQLITE_AT_LEAST {
        let message = format!("SQLite {} can corrupt a store; 3.51.3 is the oldest accepted", rusqlite::version());
        return Err(refuse(Code("E235"), message, path));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| cannot_open(&error, path))?;
    prepare(&connection, WRITER_CACHE_KIB).map_err(|error| cannot_open(&error, path))?;
    Ok(connection)
}

/// Puts a database that is ours into the mode we rely on. Only after it is known to be ours.
pub(super) fn make_durable(connection: &Connection, path: &Path) -> Result<(), StoreFault> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|error| cannot_open(&error, path))?;
    if mode != "wal" {
        let message = format!("the file system does not allow a write-ahead log (journal mode `{mode}`)");
        return Err(refuse(Code("E235"), message, path));
    }
    let pragmas =
        "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY;";
    connection.execute_batch(pragmas).map_err(|error| cannot_open(&error, path))
}

/// Opens a connection that can only read.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection, READER_CACHE_KIB)?;
    connection.execute_batch("PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;")?;
    Ok(connection)
}

fn prepare(connection: &Connection, cache_kib: i32) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "cache_size", -cache_kib)
}

/// The path of a file beside the database.
pub(super) fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Refuses the store, with its place.
pub(super) fn refuse(code: Code, message: impl Into<String>, path: &Path) -> StoreFault {
    let hint = match code.0 {
        "E232" => "use the version of Guichet that wrote it, or a newer one",
        "E233" => "name another file: this one is left untouched",
        "E234" => "stop the other process, or give this one a store of its own",
        _ => "put the store on a local disk where this user may write",
    };
    StoreFault::Unusable(Box::new(Issue::error(code, message).at(Place::file(path.display().to_string())).hint(hint)))
}

fn cannot_open(error: &rusqlite::Error, path: &Path) -> StoreFault {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        return refuse(Code("E233"), "the file is not a database", path);
    }
    refuse(Code("E235"), format!("the store cannot be opened: {error}"), path)
}
