//! Continuous replication, with the commands that the documentation shows.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Place, TEST_TIMEOUT, signal, text};
use crate::readme::blocks;

const WIDGETS: usize = 300;

/// Where the documentation's replica and its database are here.
struct Here<'a> {
    place: &'a Place,
}

impl Here<'_> {
    /// A documented command that begins like this.
    fn documented(&self, beginning: &str) -> Vec<String> {
        let blocks = blocks("docs/operations.md");
        let mut lines = blocks.iter().flat_map(|block| &block.lines);
        let command = lines.find(|line| line.starts_with(beginning)).expect("a command");
        let replica = format!("file://{}/replica", self.place.path().display());
        let command = command
            .replace("s3://bucket/widgetd", &replica)
            .replace("/var/lib/widgetd/widgetd.db", self.place.database().to_str().unwrap());
        command.split(' ').map(str::to_owned).collect()
    }

    fn litestream(&self, what: &str) -> Command {
        let words = self.documented(&format!("litestream {what} "));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.place.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Stops it as a service manager does, and waits until it has copied the rest.
fn stop(mut litestream: Child) {
    signal(litestream.id(), "TERM");
    wait_until(|| litestream.try_wait().unwrap().is_some());
}

#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TEST_TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs Litestream; .ci/run installs it"]
fn what_was_acknowledged_is_in_the_replica_of_litestream_when_the_service_is_killed() {
    let place = Place::new();
    place.add_admin();
    let here = Here { place: &place };
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let mut litestream = here.litestream("replicate").spawn().expect("Litestream is installed");
    let has_begun = || std::fs::read_dir(place.path().join("replica/ltx/0")).is_ok();
    wait_until(|| has_begun() || litestream.try_wait().unwrap().is_some());
    for n in 0..WIDGETS {
        assert_eq!(admin.try_add_widget(&format!("w{n}")).unwrap().status, 201);
    }
    server.kill();
    stop(litestream);
    std::fs::remove_file(place.database()).unwrap();
    // Litestream may have taken it away.
    let _ = std::fs::remove_file(place.path().join("widgetd.db-wal"));

    assert!(here.litestream("restore").status().unwrap().success());
    let restore = here.documented("widgetd restore replicated.db");
    let words: Vec<&str> = restore[1..].iter().map(String::as_str).chain(["--yes"]).collect();
    let restored = place.run(&words, "");
    assert_eq!(restored.status.code(), Some(0), "{}", text(&restored.stderr));
    let server = place.serve();
    let widgets = server.log_in("admin@example.com").get("/widgets");
    assert_eq!(widgets.body["total_items"], WIDGETS);
}
