//! The ceiling of ingest: a bare program that parses the file with the same crates and inserts the very rows the hub
//! made into the same schema with the same durability, parser and writer each on a core. It maps, folds, decides nothing.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::data::Kind;

/// Tables keyed by hashes: their rows arrive in no order, and reading them back in key order would make the ceiling an
/// append where the hub had to insert.
const HASHED: &[&str] = &["seen", "term"];

/// Rows of one table.
struct Table {
    name: String,
    columns: usize,
    rows: Vec<Vec<Value>>,
}

/// What a run of the hub wrote: its schema, and the rows new or changed since `before`.
pub struct Written {
    schema: Vec<String>,
    before: Vec<Table>,
    tables: Vec<Table>,
}

/// Reads what is in a closed database.
pub fn snapshot(database: &Path) -> Written {
    let (schema, tables) = read(database);
    Written { schema, before: Vec::new(), tables }
}

impl Written {
    /// What a second run added or changed.
    pub fn since(self, database: &Path) -> Written {
        let (schema, mut tables) = read(database);
        for table in &mut tables {
            let Some(old) = self.tables.iter().find(|old| old.name == table.name) else { continue };
            let known: HashSet<String> = old.rows.iter().map(|row| format!("{row:?}")).collect();
            table.rows.retain(|row| !known.contains(&format!("{row:?}")));
        }
        Written { schema, before: self.tables, tables }
    }

    /// Parses the file and inserts the rows, `batch` records to a transaction; the time it took.
    pub fn insert(&self, kind: Kind, file: &Path, records: u64, batch: u64) -> Duration {
        let folder = tempfile::tempdir().unwrap();
        let mut db = self.prepare(folder.path());
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(parse(kind, file), records));
            self.write(&mut db, records, batch);
        });
        started.elapsed()
    }

    /// Inserts the rows and parses nothing.
    pub fn insert_only(&self, records: u64, batch: u64) -> Duration {
        let folder = tempfile::tempdir().unwrap();
        let mut db = self.prepare(folder.path());
        let started = Instant::now();
        self.write(&mut db, records, batch);
        started.elapsed()
    }

    fn prepare(&self, folder: &Path) -> Connection {
        let mut db = open(&folder.join("ceiling.db"));
        self.schema.iter().for_each(|sql| db.execute_batch(sql).unwrap());
        write(&mut db, &self.before, 1);
        db
    }

    fn write(&self, db: &mut Connection, records: u64, batch: u64) {
        write(db, &self.tables, records.div_ceil(batch).max(1) as usize);
    }
}

fn read(database: &Path) -> (Vec<String>, Vec<Table>) {
    let db = Connection::open(database).unwrap();
    let strings = |sql: &str| -> Vec<String> {
        db.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let schema =
        strings("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC");
    let names = strings("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let tables = names.into_iter().map(|name| table(&db, name)).collect();
    (schema, tables)
}

fn table(db: &Connection, name: String) -> Table {
    let mut statement = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|n| row.get(n)).collect()).unwrap();
    let mut rows: Vec<Vec<Value>> = rows.map(Result::unwrap).collect();
    if HASHED.contains(&name.as_str()) {
        shuffle(&mut rows);
    }
    Table { name, columns, rows }
}

/// Fisher–Yates over SplitMix64.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 7u64;
    for n in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        items.swap(n, ((z ^ (z >> 31)) % (n as u64 + 1)) as usize);
    }
}

fn open(file: &Path) -> Connection {
    let db = Connection::open(file).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA foreign_keys=OFF",
    )
    .unwrap();
    db
}

fn write(db: &mut Connection, tables: &[Table], rounds: usize) {
    for round in 0..rounds {
        let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        for table in tables {
            let marks = vec!["?"; table.columns].join(",");
            let sql = format!("INSERT OR REPLACE INTO \"{}\" VALUES ({marks})", table.name);
            let mut statement = transaction.prepare_cached(&sql).unwrap();
            let share = table.rows.len() * round / rounds..table.rows.len() * (round + 1) / rounds;
            for row in &table.rows[share] {
                statement.execute(rusqlite::params_from_iter(row)).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}

/// Raw parse: every field or event is looked at, nothing is kept; the number of records.
fn parse(kind: Kind, file: &Path) -> u64 {
    match kind {
        Kind::Csv => parse_csv(&std::fs::read(file).unwrap()),
        Kind::Xml => parse_xml(file),
        Kind::Json => parse_json(&std::fs::read(file).unwrap()),
    }
}

fn parse_csv(bytes: &[u8]) -> u64 {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(b';').build();
    let (mut rest, mut out, mut ends, mut records) = (bytes, vec![0; 1 << 16], vec![0; 64], 0u64);
    loop {
        let (result, read, ..) = reader.read_record(rest, &mut out, &mut ends);
        rest = &rest[read..];
        match result {
            csv_core::ReadRecordResult::Record => records += 1,
            csv_core::ReadRecordResult::End => return records - 1,
            csv_core::ReadRecordResult::InputEmpty
            | csv_core::ReadRecordResult::OutputFull
            | csv_core::ReadRecordResult::OutputEndsFull => {}
        }
    }
}

fn parse_xml(file: &Path) -> u64 {
    let mut reader = quick_xml::Reader::from_file(file).unwrap();
    let (mut buffer, mut records) = (Vec::new(), 0);
    loop {
        match reader.read_event_into(&mut buffer).unwrap() {
            quick_xml::events::Event::Start(start) if start.local_name().as_ref() == "dossier" => records += 1,
            quick_xml::events::Event::Eof => return records,
            _ => {}
        }
        buffer.clear();
    }
}

fn parse_json(bytes: &[u8]) -> u64 {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
        .filter(|value| value.is_object())
        .count() as u64
}
