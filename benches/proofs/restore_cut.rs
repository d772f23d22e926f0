//! The power goes while a backup is restored.

use std::path::Path;

use rusqlite::Connection as Database;
use tempfile::TempDir;

use crate::Run;
use crate::disk::{Disk, records};
use crate::power_cut::folder_in_memory;
use crate::program::{Place, text};
use crate::shim::Shim;

pub fn prove(run: &Run) -> String {
    let (restores, cuts) = (run.times(20, 2), run.times(500, 60));
    let (mut old, mut new) = (0, 0);
    for part in 0..restores {
        let place = Place::new();
        place.add_admin();
        let elsewhere = TempDir::new().unwrap();
        let backup = elsewhere.path().join("backup.db");
        import(&place, "in-the-backup", 100 + part);
        place.run(&["backup", backup.to_str().unwrap()], "");
        import(&place, "later", 200);
        let present = widgets(place.path()).unwrap();
        let base = Disk::of(place.path());

        let shim = Shim::new();
        let restore = ["restore", backup.to_str().unwrap(), "--yes"];
        let output = shim.tracing(place.command(&restore)).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let wanted = widgets(place.path()).unwrap();
        assert_ne!(wanted, present);

        let trace = shim.trace();
        let records = records(&trace);
        let mut random = run.random(part);
        for number in 0..cuts {
            // The first is after its end, and half of the others are where names change.
            let last = if number.is_multiple_of(2) { 40 } else { records.len() };
            let after = records.len() - if number == 0 { 0 } else { random.below(last) };
            let mut disk = base.clone();
            records[..after].iter().for_each(|record| disk.apply(&record.event));
            let folder = folder_in_memory();
            disk.cut_power(&mut random, folder.path());
            let found = widgets(folder.path());
            let is_new = found.as_ref() == Ok(&wanted);
            let is_done = after == records.len();
            assert!(
                is_new || !is_done && found.as_ref() == Ok(&present),
                "restore {part}, cut {number} after {after} of {} records: {found:?}",
                records.len()
            );
            old += usize::from(!is_new);
            new += usize::from(is_new);
        }
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new");
    format!(
        "{restores} restores, {} cuts: {old} left the old database whole, {new} the restored one.",
        restores * cuts
    )
}

fn import(place: &Place, prefix: &str, count: usize) {
    let row = |n| format!("{prefix}-{n},https://example.com,2099-12-31\n");
    let table = format!("name,info_url,deadline\n{}", (0..count).map(row).collect::<String>());
    let output = place.run(&["import", "widgets", "-"], &table);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The names of all widgets of a whole database.
fn widgets(folder: &Path) -> rusqlite::Result<Vec<String>> {
    let database = Database::open(folder.join("widgetd.db"))?;
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(vec![verdict]);
    }
    let mut names = database.prepare("SELECT name FROM widget ORDER BY id")?;
    names.query_map([], |row| row.get(0))?.collect()
}
