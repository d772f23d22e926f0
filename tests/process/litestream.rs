//! Continuous replication, with the commands that the documentation shows.

use std::process::{Child, Command, Stdio};

use crate::program::{Place, signal, text, wait_until};
use crate::readme::blocks;

const WIDGETS: usize = 300;

/// A documented command that begins like this, with the replica and the database in this place.
fn documented(place: &Place, beginning: &str) -> Vec<String> {
    let blocks = blocks("docs/operations.md");
    let mut lines = blocks.iter().flat_map(|block| &block.lines);
    let command = lines.find(|line| line.starts_with(beginning)).expect("a command");
    let replica = format!("file://{}/replica", place.path().display());
    let command = command
        .replace("s3://bucket/widgetd", &replica)
        .replace("/var/lib/widgetd/widgetd.db", place.database().to_str().unwrap());
    command.split(' ').map(str::to_owned).collect()
}

fn litestream(place: &Place, what: &str) -> Command {
    let words = documented(place, &format!("litestream {what} "));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(place.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[track_caller]
fn wait_for_litestream(is_so: impl FnMut() -> bool) {
    wait_until(is_so, || "Litestream takes too long".to_owned());
}

/// Stops it as a service manager does, and waits until it has copied the rest.
fn stop(mut replicating: Child) {
    signal(replicating.id(), "TERM");
    wait_for_litestream(|| replicating.try_wait().unwrap().is_some());
}

#[test]
#[ignore = "needs Litestream; .ci/run installs it"]
fn what_was_acknowledged_is_in_the_replica_of_litestream_when_the_service_is_killed() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let mut replicating = litestream(&place, "replicate").spawn().expect("Litestream is installed");
    let has_begun = || std::fs::read_dir(place.path().join("replica/ltx/0")).is_ok();
    wait_for_litestream(|| has_begun() || replicating.try_wait().unwrap().is_some());
    for n in 0..WIDGETS {
        assert_eq!(admin.try_add_widget(&format!("w{n}")).unwrap().status, 201);
    }
    server.kill();
    stop(replicating);
    std::fs::remove_file(place.database()).unwrap();
    // Litestream may have taken it away.
    let _ = std::fs::remove_file(place.path().join("widgetd.db-wal"));

    assert!(litestream(&place, "restore").status().unwrap().success());
    let restore = documented(&place, "widgetd restore replicated.db");
    let words: Vec<&str> = restore[1..].iter().map(String::as_str).chain(["--yes"]).collect();
    let restored = place.run(&words, "");
    assert_eq!(restored.status.code(), Some(0), "{}", text(&restored.stderr));
    let server = place.serve();
    let widgets = server.log_in("admin@example.com").get("/widgets");
    assert_eq!(widgets.body["total_items"], WIDGETS);
}
