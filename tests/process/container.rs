//! The image of the Containerfile, with what this machine has in the place of what a registry has.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::program::{BINARY, text, wait_until};

/// The user of the base image.
const USER: &str = "65532";

const BASE: &str = "gcr.io/distroless/cc-debian12:nonroot";

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_image_is_built_by_the_pinned_toolchain() {
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
    let image = format!("\nFROM docker.io/library/rust:{}-", channel.unwrap().trim_matches('"'));
    assert!(read("Containerfile").contains(&image), "{image}");
}

#[test]
#[ignore = "needs hadolint; .ci/run installs it"]
fn the_containerfile_has_no_lint() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Containerfile");
    let output = Command::new("hadolint").arg(file).output().expect("hadolint is installed");
    assert!(output.status.success(), "{}", text(&output.stdout));
}

/// The containers of a folder; they end when this is dropped.
struct Containers(TempDir);

impl Drop for Containers {
    fn drop(&mut self) {
        self.podman(&["rm", "--force", "--all"]);
    }
}

impl Containers {
    fn podman(&self, arguments: &[&str]) -> Output {
        let at = |name: &str| self.0.path().join(name);
        let mut command = Command::new("podman");
        command.arg("--root").arg(at("store")).arg("--runroot").arg(at("run"));
        command.arg("--tmpdir").arg(at("tmp")).args(["--storage-driver", "vfs"]);
        command.args(["--cgroup-manager", "cgroupfs", "--runtime", "runc"]);
        command.args(["--events-backend", "file"]).args(arguments);
        command.output().expect("podman is installed")
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.podman(arguments);
        assert!(output.status.success(), "{arguments:?} {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    #[track_caller]
    fn wait_until(&self, is_so: impl Fn() -> bool) {
        wait_until(is_so, || format!("{:?}", self.podman(&["logs", "it"])));
    }

    /// Builds an image from these lines, in this folder.
    #[track_caller]
    fn build(&self, name: &str, lines: &str) {
        let file = self.0.path().join("Containerfile");
        std::fs::write(&file, lines).unwrap();
        let (file, folder) = (file.to_str().unwrap(), self.0.path().join("context"));
        let how =
            ["build", "--isolation=chroot", "--format=docker", "--pull=never", "--file", file];
        self.done(&[&how[..], &["--tag", name, folder.to_str().unwrap()]].concat());
    }

    /// Starts the service on a volume, without a network.
    fn start(&self, volume: &str) {
        // Not more than this process may have.
        let limits = ["--ulimit=nofile=1024:4096", "--ulimit=nproc=1024:4096"];
        let run = ["run", "--detach", "--name=it", "--network=none", "--read-only"];
        // The timer of a health check is one of systemd.
        let rest = ["--no-healthcheck", "--volume", volume, "widgetd"];
        self.done(&[&run[..], &limits, &rest].concat());
    }
}

/// The base image and the result of the build: the program, and the libraries that it needs.
fn write_context(folder: &Path) {
    for part in ["base/etc", "built/data", "built/src/target/release"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    let users = format!("root:x:0:0::/:/none\nnonroot:x:{USER}:{USER}::/:/none\n");
    std::fs::write(folder.join("base/etc/passwd"), users).unwrap();
    let program = folder.join("built/src/target/release/widgetd");
    std::fs::copy(&*BINARY, &program).unwrap();
    std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
    let needed = Command::new("ldd").arg(&*BINARY).output().unwrap();
    let libraries = text(&needed.stdout);
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = folder.join("base").join(library.trim_start_matches('/'));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(library, copy).unwrap();
    }
}

#[test]
#[ignore = "needs root, podman and runc; .ci/run installs them"]
fn the_container_is_ready_keeps_its_volume_and_ends_well() {
    let containers = Containers(TempDir::new().unwrap());
    let folder = containers.0.path().join("context");
    write_context(&folder);
    let path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    containers.build(BASE, &format!("FROM scratch\nCOPY base/ /\n{path}\nUSER {USER}\n"));
    let containerfile = read("Containerfile");
    let last = &containerfile[containerfile.rfind("\nFROM ").unwrap()..];
    assert!(last.starts_with(&format!("\nFROM {BASE}\n")));
    containers.build("widgetd", &format!("FROM scratch AS build\nCOPY built/ /\n{last}"));

    let status = ["inspect", "--format={{.State.Status}} {{.State.ExitCode}}", "it"];
    // A folder of root's is refused, and the log says whose it is.
    let roots = folder.join("roots");
    std::fs::create_dir(&roots).unwrap();
    containers.start(&format!("{}:/data", roots.display()));
    containers.wait_until(|| containers.done(&status) == "exited 1");
    let said = text(&containers.podman(&["logs", "it"]).stderr);
    assert!(said.contains("runs as nonroot, which may not write into the folder"), "{said}");
    containers.done(&["rm", "it"]);

    containers.start("data:/data");
    let check =
        containers.done(&["image", "inspect", "--format={{json .HealthCheck.Test}}", "widgetd"]);
    let check: Vec<String> = serde_json::from_str(&check).unwrap();
    assert_eq!(check[0], "CMD");
    let words: Vec<&str> = check[1..].iter().map(String::as_str).collect();
    let is_healthy = || {
        let output = containers.podman(&[&["exec", "it"], &words[..]].concat());
        output.status.success()
    };
    containers.wait_until(is_healthy);
    containers.done(&["exec", "it", "widgetd", "backup"]);
    containers.done(&["stop", "it"]);
    assert_eq!(containers.done(&status), "exited 0");
    assert!(!is_healthy());

    let volume = containers.done(&["volume", "inspect", "--format={{.Mountpoint}}", "data"]);
    let listed = Command::new("find").arg(volume).args(["-printf", "%U %f\n"]).output().unwrap();
    let listed = text(&listed.stdout);
    assert!(listed.lines().all(|line| line.starts_with(USER)), "{listed}");
    assert!(listed.contains(" widgetd.db\n") && listed.contains(" backups\n"), "{listed}");
}
