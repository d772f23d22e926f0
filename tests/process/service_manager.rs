//! What systemd and the service tell each other, without systemd.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::program::{BINARY, Place, Server, TEST_TIMEOUT, signal, text};

/// The messages to the service manager until one is this.
fn until(manager: &UnixDatagram, last: &str) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    while said.last().is_none_or(|said| said != last) {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap_or_else(|_| panic!("no {last}: {said:?}"));
        said.push(text(&message[..length]).trim().to_owned());
    }
    said
}

#[test]
fn service_manager_hears_of_readiness_of_the_watchdog_and_of_the_end() {
    let mut place = Place::new();
    let socket = place.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    place.set("NOTIFY_SOCKET", socket.to_str().unwrap());
    place.set("WATCHDOG_USEC", "200000");
    let server = place.serve();
    let said = until(&manager, "READY=1");
    assert!(said.iter().all(|said| said == "READY=1" || said == "WATCHDOG=1"), "{said:?}");
    until(&manager, "WATCHDOG=1");
    until(&manager, "WATCHDOG=1");
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
    until(&manager, "STOPPING=1");
}

/// Starts the service on a socket that stays open for the next one, as systemd does: it is
/// descriptor 3.
pub fn serve_on(place: &Place, socket: OwnedFd) -> Server {
    let serve = place.command(&["serve"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve"])
        .arg(&*BINARY)
        .current_dir(place.path())
        .stdin(Stdio::from(socket));
    for (name, value) in serve.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    Place::start(shell)
}

/// A request on a connection of its own. `true` if it was answered whole.
pub fn is_answered(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TEST_TIMEOUT))?;
        stream.write_all(b"GET /healthz/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

#[test]
fn socket_activation_serves_on_the_socket_that_is_passed() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve_on(&place, listener.try_clone().unwrap().into());
    assert_eq!(server.url, format!("http://{address}"));
    assert!(is_answered(address));
    server.terminate();
    // It waits in the socket for the next service.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| is_answered(address));
        let server = serve_on(&place, listener.try_clone().unwrap().into());
        assert!(waiting.join().unwrap());
        server.terminate();
    });
}

const RESTARTS: usize = 100;

#[test]
#[ignore = "restarts the service 100 times, for half a minute"]
fn load_of_restarts_with_socket_activation_refuses_and_cuts_no_request() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, answered, failed) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let count = if is_answered(address) { &answered } else { &failed };
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for _ in 0..RESTARTS {
            let server = serve_on(&place, listener.try_clone().unwrap().into());
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(server.terminate().0, Some(0));
        }
        let server = serve_on(&place, listener.try_clone().unwrap().into());
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
        server.terminate();
    });
    let (answered, failed) = (answered.into_inner(), failed.into_inner());
    eprintln!("{answered} requests over {RESTARTS} restarts, {failed} failed");
    assert_eq!(failed, 0);
    assert!(answered > RESTARTS, "{answered}");
}

#[test]
fn units_for_systemd_are_printed() {
    let place = Place::new();
    let unit = text(&place.run(&["systemd-unit"], "").stdout);
    for line in ["Type=notify", "WatchdogSec=30", "ExecStart=/usr/local/bin/widgetd serve"] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let socket = text(&place.run(&["systemd-unit", "--socket"], "").stdout);
    assert!(socket.contains("\nListenStream=127.0.0.1:8000\n"));
}

#[test]
#[ignore = "needs systemd-analyze; .ci/run installs it"]
fn systemd_unit_is_hardened_to_1_5_or_better() {
    let place = Place::new();
    let unit = place.path().join("widgetd.service");
    std::fs::write(&unit, place.run(&["systemd-unit"], "").stdout).unwrap();
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg(&unit).output().unwrap();
        text(&output.stdout) + &text(&output.stderr)
    };
    let said = analyze(&["security", "--offline=true", "--no-pager"]);
    let level = said.lines().find_map(|line| line.split("widgetd.service: ").nth(1));
    let level: f64 =
        level.unwrap_or_else(|| panic!("{said}")).split(' ').next().unwrap().parse().unwrap();
    assert!(level <= 1.5, "{said}");
}

#[test]
fn completions_and_manual_pages_are_written() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&place.run(&["completions", shell], "").stdout);
        assert!(script.contains("widgetd") && script.contains("rollback"), "{shell}");
    }
    let folder = place.path().join("man/man1");
    assert!(place.run(&["man", "man/man1"], "").status.success());
    for (page, word) in [("widgetd.1", "widgetd\\-backup(1)"), ("widgetd-restore.1", "yes")] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(word), "{page}: {text}");
    }
    let help = text(&place.run(&["help", "backup"], "").stdout);
    assert!(help.contains("--keep"), "{help}");
}

#[test]
fn sighup_reloads_settings_and_never_ends_a_service_without_a_terminal() {
    let place = Place::new();
    let settings = |lines: &str| {
        std::fs::write(place.path().join("Rocket.toml"), format!("[default]\n{lines}\n")).unwrap();
    };
    let mut command = place.command(&["serve", "--port", "0"]);
    command.stdin(Stdio::null());
    let mut server = Place::start(command);
    let allowed = |server: &Server| {
        let answer = server.client().with("Origin", "https://app.example.org").get("/ui");
        answer
            .headers
            .get("access-control-allow-origin")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(allowed(&server), None);
    settings("cors_origins = [\"https://app.example.org\"]\nrealm = \"other\"");
    signal(server.id(), "HUP");
    assert!(server.wait_for_line("Reloaded `trusted_proxies`"));
    assert!(server.wait_for_line("A restart is needed for `realm`."));
    assert_eq!(allowed(&server).as_deref(), Some("https://app.example.org"));
    settings("cors_orgins = []");
    signal(server.id(), "HUP");
    assert!(server.wait_for_line("the settings were not reloaded"));
    assert_eq!(allowed(&server).as_deref(), Some("https://app.example.org"));
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
#[ignore = "needs script of bsdutils; .ci/run installs it"]
fn hang_up_of_the_terminal_ends_the_service_as_sigterm_does() {
    let place = Place::new();
    let serve = place.command(&["serve", "--port", "0"]);
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command"])
        .arg(format!("exec {} serve --port 0", *BINARY))
        .arg("/dev/null")
        .current_dir(place.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    for (name, value) in serve.get_envs() {
        if let Some(value) = value {
            script.env(name, value);
        }
    }
    let mut terminal = script.spawn().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Ctrl-C")));
    let log = place.path().join("widgetd.db-wal");
    assert!(log.exists());
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    // The end moves the log into the database; a kill leaves it.
    let deadline = Instant::now() + TEST_TIMEOUT;
    while log.exists() {
        assert!(Instant::now() < deadline, "it goes on, or was killed");
        std::thread::sleep(Duration::from_millis(20));
    }
}
