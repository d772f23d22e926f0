//! The units in a booted systemd.

mod machine;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use self::machine::{Machine, documented};
use crate::program::{Client, PASSWORD, text};
use crate::readme::blocks;
use crate::service_manager::is_answered;
use crate::tls::{Certificate, handshake, rest};

/// The address in the units, inside the container.
const ADDRESS: &str = "127.0.0.1:8000";

/// Where `systemctl edit` writes.
const DROP_IN: &str = "/etc/systemd/system/widgetd.service.d";

/// What every process may write to, whatever its unit says.
const OPEN_TO_ALL: [&str; 5] = ["/dev/mqueue", "/dev/shm", "/run/lock", "/tmp", "/var/tmp"];

fn address() -> SocketAddr {
    ADDRESS.parse().unwrap()
}

fn client() -> Client {
    Client::of(&format!("http://{ADDRESS}"))
}

#[test]
#[ignore = "needs root and systemd-nspawn; .ci/run installs it"]
fn booted_systemd_starts_the_documented_service_which_is_active_only_when_it_answers() {
    let Some(machine) = Machine::boot() else { return };
    machine.enter_network();
    machine.install();
    assert!(is_answered(address()));
    assert_eq!(machine.property("ActiveState"), "active");
    let add = "user add ada@example.org --admin --database /var/lib/widgetd/widgetd.db";
    let documented = blocks("docs/operations.md");
    assert!(documented.iter().any(|block| block.lines == [format!("widgetd {add}")]));
    machine.run(&format!("echo '{PASSWORD}' | widgetd {add} --password-stdin"));
    assert_eq!(client().attempt("ada@example.org", PASSWORD).status, 200);
    assert_eq!(client().attempt("ada@example.org", "a wrong one").status, 401);
    machine.run("cd /var/lib/widgetd && widgetd doctor");

    // The journal has the priority of a line, and the time once.
    machine.wait_until(|| machine.journal().contains("auth.fail"));
    let warnings = machine.run("journalctl --unit widgetd --output cat --priority warning");
    let failure = warnings.lines().find(|line| line.contains("auth.fail")).expect("a warning");
    assert!(failure.contains("auth.fail ip=127.0.0.1 account=ada@example.org"), "{failure}");
    assert!(!warnings.contains("202"), "{warnings}");

    machine.run("systemctl stop widgetd");
    for (name, value) in [("ActiveState", "inactive"), ("Result", "success"), ("NRestarts", "0")] {
        assert_eq!(machine.property(name), value, "{name}");
    }
    assert_eq!(machine.property("ExecMainStatus"), "0");
    assert!(!is_answered(address()));
}

#[test]
#[ignore = "needs root and systemd-nspawn; .ci/run installs it"]
fn booted_systemd_restarts_a_service_that_hangs_or_is_killed() {
    let Some(machine) = Machine::boot() else { return };
    machine.enter_network();
    let settings = "printf '[Service]\\nWatchdogSec=3\\n'";
    machine.run(&format!("mkdir {DROP_IN}; {settings} > {DROP_IN}/a.conf"));
    machine.install();
    // It answers the watchdog, again and again.
    for _ in 0..3 {
        let before = machine.property("WatchdogTimestampMonotonic");
        machine.wait_until(|| machine.property("WatchdogTimestampMonotonic") != before);
    }
    assert_eq!(machine.property("NRestarts"), "0");
    machine.run("systemctl kill --signal STOP widgetd");
    machine.wait_for_restart("1");
    assert!(machine.run("journalctl --no-pager").contains("Watchdog timeout"));

    let fields = [("email", "bob@example.org"), ("password", PASSWORD)];
    assert_eq!(client().post("/auth/register", &fields).status, 201);
    machine.run("systemctl kill --signal KILL widgetd");
    machine.wait_for_restart("2");
    assert_eq!(client().attempt("bob@example.org", PASSWORD).status, 200);
}

#[test]
#[ignore = "needs root and systemd-nspawn; .ci/run installs it"]
fn booted_systemd_reloads_the_settings_of_a_service_that_goes_on() {
    let Some(machine) = Machine::boot() else { return };
    machine.enter_network();
    machine.install();
    let process = machine.property("MainPID");
    let reload = |settings: &str| {
        let file = "/var/lib/widgetd/Rocket.toml";
        machine.run(&format!("printf '[default]\\n{settings}\\n' > {file}"));
        machine.run("systemctl reload widgetd");
    };
    let is_allowed = || {
        let client = client().with("Origin", "https://app.example.org");
        client.get("/ui").headers.contains_key("access-control-allow-origin")
    };
    assert!(!is_allowed());
    reload("cors_origins = [\"https://app.example.org\"]");
    machine.wait_until(is_allowed);
    reload("cors_orgins = []");
    machine.wait_until(|| machine.journal().contains("the settings were not reloaded"));
    assert!(is_allowed());
    assert_eq!(machine.property("MainPID"), process);
}

#[test]
#[ignore = "needs root and systemd-nspawn; .ci/run installs it"]
fn booted_systemd_with_a_socket_refuses_no_connection_while_the_service_restarts() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    machine.run_documented("systemctl enable --now widgetd.socket");
    let (stop, answered, failed) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                machine.enter_network();
                while !stop.load(Ordering::Relaxed) {
                    let count = if is_answered(address()) { &answered } else { &failed };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // More in ten seconds than systemd allows by itself.
        let restart = "systemctl reset-failed widgetd; systemctl restart widgetd";
        let all_done = (0..5).all(|_| machine.shell(restart).status().unwrap().success());
        stop.store(true, Ordering::Relaxed);
        assert!(all_done, "{}", machine.journal());
    });
    let (answered, failed) = (answered.into_inner(), failed.into_inner());
    assert!(answered > 20 && failed == 0, "{answered} requests, {failed} failed");

    // A connection starts the service, if it was stopped.
    machine.run("systemctl stop widgetd");
    assert_eq!(machine.property("ActiveState"), "inactive");
    machine.enter_network();
    assert!(is_answered(address()));
    assert_eq!(machine.property("ActiveState"), "active");
}

#[test]
#[ignore = "needs root and systemd-nspawn; .ci/run installs it"]
fn booted_systemd_lets_the_service_write_its_own_folder_and_nothing_else() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    // As the service's user, where the service is.
    let found = machine.run(
        "process=$(systemctl show --value --property MainPID widgetd)
        user=$(stat --dereference --format %u /var/lib/widgetd)
        test $user -gt 1000
        nsenter --target $process --mount --setuid $user --setgid $user --wd=/ \
            find / -path /proc -prune -o -writable '(' -type d -o -type f ')' -print 2>/dev/null || :",
    );
    let own = "/var/lib/private/widgetd";
    assert!(found.lines().any(|path| path == format!("{own}/widgetd.db")), "{found}");
    let others: Vec<_> = found.lines().filter(|path| !path.starts_with(own)).collect();
    assert!(others.iter().all(|path| OPEN_TO_ALL.contains(path)), "{others:?}");
    // Two of these are not those of others.
    let temporary = machine.run("ls /tmp /var/tmp");
    assert!(temporary.contains("-widgetd.service-"), "{temporary}");
}

#[test]
#[ignore = "needs root and systemd-nspawn; .ci/run installs it"]
fn booted_systemd_lets_the_service_speak_tls_with_the_documented_hook_of_certbot() {
    let Some(machine) = Machine::boot() else { return };
    machine.enter_network();
    machine.install();
    let certificate = Certificate::new();
    machine.write("/root/live/privkey.pem", &certificate.key);
    machine.write("/root/live/fullchain.pem", &certificate.pem);
    machine.write("/usr/local/sbin/widgetd-certificate", &documented("text", "RENEWED_LINEAGE"));
    machine.run("RENEWED_LINEAGE=/root/live widgetd-certificate");
    machine.write("/var/lib/widgetd/Rocket.toml", &documented("toml", "tls_cert"));
    machine.write(&format!("{DROP_IN}/override.conf"), &documented("ini", "AmbientCapabilities"));
    machine.run("systemctl daemon-reload; systemctl restart widgetd");
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let stream = TcpStream::connect("127.0.0.1:443").unwrap();
    let mut stream = handshake(stream, &certificate.der, &["http/1.1"]);
    stream.write_all(request).unwrap();
    let answer = text(&rest(&mut stream));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut plain = TcpStream::connect("127.0.0.1:80").unwrap();
    plain.write_all(request).unwrap();
    let answer = text(&rest(&mut plain));
    assert!(answer.contains("\r\nlocation: https://widgets.example.org/healthz\r\n"), "{answer}");
}

/// The other machine is this one.
const SSH: &str = "#!/bin/sh\nshift; cd /root; exec sh -c \"$*\"\n";
const SCP: &str = "#!/bin/sh\nexec cp \"$1\" \"/tmp/$1\"\n";

/// The blocks of the documented day.
fn day() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md"));
    let page = page.unwrap();
    let (_, section) = page.split_once("\n## An operator's day\n").expect("a section");
    let section = section.split("\n## ").next().unwrap();
    let blocks =
        section.split("   ```text\n").skip(1).map(|rest| rest.split("   ```").next().unwrap());
    blocks
        .map(|block| block.lines().map(|line| line.trim_start().to_owned() + "\n").collect())
        .collect()
}

/// Without a terminal nobody is asked, and the container has no proxy to look through.
fn unattended(block: &str) -> String {
    let ask =
        format!("echo '{PASSWORD}' | widgetd user add ada@example.org --admin --password-stdin");
    block
        .replace("widgetd user add ada@example.org --admin", &ask)
        .replace("widgetd rollback\n", "widgetd rollback --yes\n")
        .replace(
            "widgetd doctor\n",
            "widgetd doctor > /tmp/found || [ \"$(grep ^wrong /tmp/found | cut -c10-14)\" = proxy ]\n",
        )
}

#[test]
#[ignore = "needs root, systemd-nspawn and sqlite3; .ci/run installs them"]
fn booted_systemd_goes_through_an_operators_day_as_documented() {
    let Some(machine) = Machine::boot() else { return };
    let schema_1 = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/fixtures/schema_1.sql");
    let old = std::fs::read_to_string(schema_1).unwrap();
    machine.write("/usr/local/bin/ssh", SSH);
    machine.write("/usr/local/bin/scp", SCP);
    machine.write("/root/old.sql", &old);
    machine.run("mkdir -p /root/widgetd/target/release && cd /root/widgetd/target/release && mv /usr/local/bin/widgetd .");
    let day = day();
    assert_eq!(day.len(), 9, "{day:?}");
    machine.enter_network();
    for (step, block) in (1..).zip(&day) {
        let folder = if step < 3 { "/root" } else { "/var/lib/widgetd" };
        if step == 6 {
            // Here, the service is one of the first version.
            machine.run(
                "systemctl stop widgetd && cd /var/lib/widgetd && rm widgetd.db
                sqlite3 widgetd.db < /root/old.sql && chmod 600 widgetd.db
                chown --reference=widgetd.db.key widgetd.db",
            );
        }
        let said = machine.run(&format!("cd {folder}\n{}", unattended(block)));
        if step == 5 {
            assert!(said.contains("ada@example.org"), "{said}");
        }
        assert_eq!(machine.property("ActiveState"), "active", "step {step}");
        assert!(is_answered(address()), "step {step}");
    }
    machine.run("ls /var/lib/widgetd/widgetd.db.before-upgrade /var/lib/widgetd/backups/*.db");
}
