//! Ingest: cold, 95 % known, growth with the store, and bounded memory.

use crate::data::{self, Kind};
use crate::project::Project;
use crate::{ceiling, report, size};

/// Records in a transaction of the ceiling; what the hub's group commit reaches under load.
const BATCH: u64 = 4000;

/// A format, cold and with 95 % of its records known.
pub fn format(kind: Kind) {
    let records = size("GUICHET_BENCH_RECORDS", 200_000);
    let project = Project::new();
    let raw = tempfile::tempdir().unwrap();
    let file = raw.path().join("export");
    let rate = |time: std::time::Duration| records as f64 / time.as_secs_f64();

    data::write(kind, &file, 0, records, 0);
    std::fs::copy(&file, project.inbox(kind, "1.dat")).unwrap();
    let (ours, _) = project.run(kind);
    let written = ceiling::snapshot(&project.database());
    let bare = written.insert(kind, &file, records, BATCH);
    report(&format!("ingest-{}", kind.word()), rate(ours), rate(bare), "records/s");

    data::write(kind, &file, 0, records, 20);
    std::fs::copy(&file, project.inbox(kind, "2.dat")).unwrap();
    let (ours, _) = project.run(kind);
    let bare = written.since(&project.database()).insert(kind, &file, records, BATCH);
    report(&format!("ingest-{}-known", kind.word()), rate(ours), rate(bare), "records/s");
}

/// Records per second on a large store, against those on a small one. `ceiling` is the small store.
pub fn growth() {
    let cases = size("GUICHET_BENCH_GROWTH", 1_000_000);
    let (small, step) = (10_000, 100_000);
    let project = Project::new();
    let grow = |first: u64, count: u64| {
        data::write(Kind::Csv, &project.inbox(Kind::Csv, "next.csv"), first, count, 0);
        count as f64 / project.run(Kind::Csv).0.as_secs_f64()
    };
    grow(0, small);
    let at_small = grow(small, step);
    grow(small + step, cases.saturating_sub(small + step));
    let at_large = grow(cases, step);
    report("ingest-growth", at_large, at_small, &format!("records/s at {cases} against {small} cases"));
}

/// Peak of resident memory while streaming a 2 GiB file; `ceiling` is the goal of 256 MiB.
pub fn memory() {
    let bytes = size("GUICHET_BENCH_MEMORY", 2 << 30);
    let project = Project::new();
    let file = project.inbox(Kind::Xml, "large.xml");
    let records = bytes / 1470;
    data::write(Kind::Xml, &file, 0, records, 0);
    let size = std::fs::metadata(&file).unwrap().len();
    let (time, peak) = project.run(Kind::Xml);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    report(
        "ingest-memory",
        mib(peak),
        256.0,
        &format!("MiB peak over {:.0} MiB in {:.0} s", mib(size), time.as_secs_f64()),
    );
}
