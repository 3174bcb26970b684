//! The embedded store passes the suite, and keeps what only it promises.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::model::{OrderClass, Phase};
use crate::store::Counts;
use crate::store::suite::{Hub, Stage, cursor, said, store_suite};

/// A folder with one database.
struct Folder(TempDir);

impl Folder {
    fn path(&self) -> PathBuf {
        self.0.path().join("guichet.db")
    }
}

impl Stage for Folder {
    fn new() -> Self {
        Folder(TempDir::new().unwrap())
    }

    fn open(&self) -> Result<Box<dyn Store>, StoreFault> {
        Ok(Box::new(Sqlite::open(&self.path(), Bounds::default())?))
    }
}

store_suite! { Folder }

/// Units the doomed process commits; each speaks about the same ten cases.
const UNITS: i64 = 12;
const CASES: i64 = 10;
const STORE: &str = "GUICHET_TEST_DOOMED_STORE";

/// Not a test of its own: the process that `a_crash_leaves_whole_units` lets die.
#[tokio::test]
#[ignore = "run by `a_crash_leaves_whole_units` in a process of its own"]
async fn doomed() {
    let Ok(path) = std::env::var(STORE) else { return };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(Path::new(&path), Bounds::default()).unwrap());
    let hub = Hub::new(store, "permits", Order::of(OrderClass::Time)).await;
    for unit in 0..UNITS {
        let items = (0..CASES).map(|n| hub.mapped(said(&format!("C{n}"), Phase::InProgress, unit))).collect();
        let work = Work { cursor: cursor(&unit.to_string()), ..hub.work(items) };
        hub.store.commit(work).await.unwrap();
        std::fs::write(format!("{path}.told"), unit.to_string()).unwrap();
    }
}

#[tokio::test]
async fn a_crash_leaves_whole_units() {
    for point in ["in-transaction", "before-commit", "after-commit"] {
        // The first passes of a point are the registration of the flow; then one per unit.
        for pass in [1, 2, 3, 7] {
            let folder = Folder::new();
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "store::sqlite::tests::doomed", "--ignored"])
                .env(STORE, folder.path())
                .env("GUICHET_FAIL", format!("{point}:{pass}"))
                .output()
                .unwrap()
                .status;
            assert!(!status.success(), "{point}:{pass} was not reached");
            let told = std::fs::read_to_string(open::beside(&folder.path(), ".told")).ok();
            let told = told.map_or(-1, |text| text.parse::<i64>().unwrap());
            judge(&folder, told, &format!("{point}:{pass}")).await;
        }
    }
}

/// After the crash: whole units, at least those the caller was told of, at most one more, and the cursor with them.
async fn judge(folder: &Folder, told: i64, name: &str) {
    let hub = Hub::new(folder.open().unwrap().into(), "permits", Order::of(OrderClass::Time)).await;
    let standing = hub.store.standing(hub.flow).await.unwrap();
    let units = standing.counts.received as i64 / CASES;
    assert_eq!(standing.counts.received as i64, units * CASES, "{name}");
    assert!(units == told + 1 || units == told + 2, "{name}: {units} units, told of {told}");
    assert_eq!(standing.cursor, if units == 0 { None } else { cursor(&(units - 1).to_string()) }, "{name}");
    for n in 0..CASES {
        let row = hub.store.find("permits", &format!("C{n}")).await.unwrap();
        let entries = match row {
            Some(row) => hub.store.entries(row).await.unwrap().len() as i64,
            None => 0,
        };
        assert_eq!(entries, units, "{name}");
    }
    // And it goes on where it stopped.
    assert_eq!(hub.commit(vec![hub.mapped(said("C0", Phase::Closed, 99))]).await.endings.len(), 1);
}

#[tokio::test]
async fn a_foreign_file_is_left_untouched() {
    let folder = Folder::new();
    std::fs::write(folder.path(), "not a database, but somebody's work; long enough to be read as a header").unwrap();
    let before = std::fs::read(folder.path()).unwrap();
    match folder.open() {
        Err(StoreFault::Unusable(issue)) => assert_eq!(issue.code.0, "E233"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a foreign file was opened"),
    }
    assert_eq!(std::fs::read(folder.path()).unwrap(), before);
}

#[tokio::test]
async fn a_unit_that_fails_takes_no_other_of_its_group_with_it() {
    let folder = Folder::new();
    let hub = Hub::new(folder.open().unwrap().into(), "permits", Order::of(OrderClass::Time)).await;
    let unregistered = FlowRow(99);
    let units: Vec<_> = (0..30)
        .map(|n| {
            let mut work = hub.work(vec![hub.mapped(said(&format!("C{n}"), Phase::Received, 1))]);
            work.flow = if n % 3 == 0 { unregistered } else { hub.flow };
            let store = hub.store.clone();
            tokio::spawn(async move { store.commit(work).await.is_ok() })
        })
        .collect();
    for (n, unit) in units.into_iter().enumerate() {
        assert_eq!(unit.await.unwrap(), n % 3 != 0, "unit {n}");
    }
    assert_eq!(hub.counts().await, Counts { received: 20, applied: 20, ..Counts::default() });
    assert_eq!(hub.store.changed(0).await, 20);
}

#[tokio::test]
async fn the_log_is_emptied_when_the_store_closes() {
    let folder = Folder::new();
    let hub = Hub::new(folder.open().unwrap().into(), "permits", Order::of(OrderClass::Time)).await;
    hub.commit((0..500).map(|n| hub.mapped(said(&format!("C{n}"), Phase::Received, 1))).collect()).await;
    let log = open::beside(&folder.path(), "-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    hub.store.close().await;
    assert!(std::fs::metadata(&log).map_or(0, |log| log.len()) == 0);
}
