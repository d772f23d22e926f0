//! A library between the service and the C library (`shim.c`), and how to speak to it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

/// The calls that can fail, as bits.
pub const READ: u64 = 1;
pub const WRITE: u64 = 2;
pub const SYNC: u64 = 4;
pub const OPEN: u64 = 8;
pub const TRUNCATE: u64 = 16;
pub const NAME: u64 = 32;
pub const MAP: u64 = 64;

/// The words of the control file, in the order of `shim.c`.
const WORDS: usize = 6;
const CALLS: usize = 0;
const FIRST: usize = 1;
const LAST: usize = 2;
const KINDS: usize = 3;
const ERROR: usize = 4;
const CLOCK_SHIFT: usize = 5;

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/proofs/shim.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o"]);
    let status = compiler.args([&library, &source]).arg("-ldl").status().expect("a C compiler");
    assert!(status.success(), "{compiler:?}");
    library
});

/// What stands below the service in one folder.
pub struct Shim {
    files: TempDir,
    control: File,
}

impl Shim {
    pub fn new() -> Self {
        let files = TempDir::new().unwrap();
        let control = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(files.path().join("control"))
            .unwrap();
        control.write_all_at(&[0; WORDS * 8], 0).unwrap();
        File::create(files.path().join("trace")).unwrap();
        Self { files, control }
    }

    /// Puts this shim below a command whose files are in its current folder.
    pub fn below(&self, mut command: Command) -> Command {
        let folder = command.get_current_dir().expect("a folder").to_owned();
        command
            .env("LD_PRELOAD", &*LIBRARY)
            .env("SHIM_CONTROL", self.files.path().join("control"))
            .env("SHIM_FOLDER", folder);
        command
    }

    /// The same, and records what happens to the files.
    pub fn tracing(&self, command: Command) -> Command {
        let mut command = self.below(command);
        command.env("SHIM_TRACE", self.files.path().join("trace"));
        command
    }

    /// What was recorded.
    pub fn trace(&self) -> Vec<u8> {
        std::fs::read(self.files.path().join("trace")).unwrap()
    }

    /// How many bytes were recorded so far. What has been on disk before this call is among them.
    pub fn traced(&self) -> usize {
        let length = self.files.path().join("trace").metadata().unwrap().len();
        usize::try_from(length).unwrap()
    }

    /// From now on, the calls of these kinds are counted, and those from `first` to `last`, counted
    /// from 1, fail with `error`; with 0, a write writes half.
    pub fn fail(&self, kinds: u64, first: u64, last: u64, error: i32) {
        self.set(FIRST, 0);
        self.set(CALLS, 0);
        self.set(LAST, last);
        self.set(ERROR, u64::try_from(error).unwrap());
        self.set(KINDS, kinds);
        self.set(FIRST, first);
    }

    /// No call fails any more.
    pub fn heal(&self) {
        self.set(FIRST, 0);
    }

    /// How many calls of the counted kinds there were.
    pub fn calls(&self) -> u64 {
        let mut word = [0; 8];
        self.control.read_exact_at(&mut word, CALLS as u64 * 8).unwrap();
        u64::from_ne_bytes(word)
    }

    /// Sets the clock of the service to this many seconds after the machine's.
    pub fn shift_clock(&self, seconds: i64) {
        let nanos = seconds * 1_000_000_000;
        self.set(CLOCK_SHIFT, u64::from_ne_bytes(nanos.to_ne_bytes()));
    }

    fn set(&self, word: usize, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
    }
}
