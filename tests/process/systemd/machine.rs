//! A machine to boot: PID 1 of a container is systemd. It has the programs of this machine, read only,
//! a network of its own, and nothing else.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use super::address;
use crate::program::{BINARY, TEST_TIMEOUT, signal, text, wait_until};
use crate::readme::blocks;
use crate::service_manager::is_answered;

/// A container, which ends when this is dropped.
pub struct Machine {
    nspawn: Child,
    /// Its PID 1.
    leader: u32,
    folder: TempDir,
    /// Two at once would share a control group.
    _turn: File,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.nspawn.try_wait().is_ok_and(|ended| ended.is_none()) {
            signal(self.nspawn.id(), "TERM");
            let _ = self.nspawn.wait();
        }
    }
}

impl Machine {
    /// `None` where nobody can boot one. Standard error says so, past the capture of the tests.
    pub fn boot() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return skip("only root can");
        }
        let turn = File::create(std::env::temp_dir().join("widgetd-nspawn.lock")).unwrap();
        turn.lock().unwrap();
        let folder = TempDir::new().unwrap();
        // Of the units on this machine, none starts by itself.
        std::fs::write(folder.path().join("00-none.preset"), "disable *\n").unwrap();
        let program = folder.path().join("widgetd");
        std::fs::copy(&*BINARY, &program).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let told = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        told.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut nspawn = nspawn(&folder).spawn().expect("systemd-nspawn is installed");
        let (mut leader, mut is_ready) = (None, false);
        let deadline = Instant::now() + TEST_TIMEOUT;
        while !is_ready && nspawn.try_wait().unwrap().is_none() && Instant::now() < deadline {
            let mut message = [0; 512];
            let length = told.recv(&mut message).unwrap_or(0);
            let said = text(&message[..length]);
            let pid = said.lines().find_map(|line| line.strip_prefix("X_NSPAWN_LEADER_PID="));
            leader = pid.map(|pid| pid.parse().unwrap()).or(leader);
            is_ready = said.lines().any(|line| line == "READY=1");
        }
        let machine = Self { nspawn, leader: leader.unwrap_or(0), folder, _turn: turn };
        if !is_ready {
            let log = std::fs::read_to_string(machine.folder.path().join("log")).unwrap();
            return skip(&log);
        }
        machine.run("mkdir -p /etc/systemd/system && cp /mnt/widgetd /usr/local/bin/");
        Some(machine)
    }

    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.leader.to_string(), "--all", "sh", "-ec", script])
            .env_clear()
            .env("HOME", "/root")
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        command
    }

    /// Runs commands to their end, which have to succeed. Returns what they print.
    #[track_caller]
    pub fn run(&self, script: &str) -> String {
        let output = self.shell(script).output().unwrap();
        let said = text(&output.stdout);
        assert!(output.status.success(), "{script}\n{said}{}", text(&output.stderr));
        said
    }

    /// Runs the documented commands, among which are these words.
    #[track_caller]
    pub fn run_documented(&self, words: &str) {
        self.run(&documented("text", words));
    }

    /// Writes a file that anybody may read and run.
    pub fn write(&self, file: &str, text: &str) {
        let folder = Path::new(file).parent().unwrap().display().to_string();
        let script = format!("cat > {file} <<'E-O-F'\n{text}\nE-O-F\nchmod 755 {file}");
        self.run(&format!("mkdir -p {folder}\n{script}"));
    }

    pub fn install(&self) {
        self.run_documented("widgetd completions bash");
    }

    /// A property of the service.
    pub fn property(&self, name: &str) -> String {
        self.run(&format!("systemctl show --value --property {name} widgetd")).trim().to_owned()
    }

    pub fn journal(&self) -> String {
        self.run("journalctl --unit widgetd --output cat --no-pager")
    }

    #[track_caller]
    pub fn wait_until(&self, is_so: impl Fn() -> bool) {
        wait_until(is_so, || self.journal());
    }

    /// Waits until it has been restarted so often, and is ready.
    #[track_caller]
    pub fn wait_for_restart(&self, count: &str) {
        self.wait_until(|| {
            self.property("NRestarts") == count && self.property("ActiveState") == "active"
        });
        assert!(is_answered(address()));
    }

    /// From now on, this thread connects inside the container.
    pub fn enter_network(&self) {
        let network = File::open(format!("/proc/{}/ns/net", self.leader)).unwrap();
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(network.as_fd(), kind).unwrap();
    }
}

/// The first block of a kind that contains these words.
#[track_caller]
pub fn documented(kind: &str, words: &str) -> String {
    let blocks = blocks("docs/operations.md");
    let block = blocks.iter().find(|block| block.kind == kind && block.contains(words));
    block.unwrap_or_else(|| panic!("no {words}")).lines.join("\n")
}

fn skip<T>(why: &str) -> Option<T> {
    let line = format!("SKIPPED: no systemd can be booted here: {}\n", why.trim());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

/// The container, with an empty `/etc` and `/var`. It says in a socket when it has started.
fn nspawn(folder: &TempDir) -> Command {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let log = File::create(at("log")).unwrap();
    let mut command = Command::new("systemd-nspawn");
    command
        .args(["--quiet", "--directory=/", "--volatile=yes", "--boot", "--notify-ready=yes"])
        .args(["--register=no", "--keep-unit", "--private-network", "--console=pipe"])
        .args(["--machine=widgetd-test", "--overlay=+/usr/local::/usr/local"])
        .arg("--bind-ro=/etc/hosts")
        .arg(format!("--bind-ro={}:/mnt/widgetd", at("widgetd")))
        .arg(format!(
            "--bind-ro={}:/etc/systemd/system-preset/00-none.preset",
            at("00-none.preset")
        ))
        .env("NOTIFY_SOCKET", at("notify"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command
}
