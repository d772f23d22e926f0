//! A load that stands for other machines: this program once more, in a process of its own. Most run
//! only while a core has nothing else to do: otherwise the load would take the cores from the client
//! that measures, and from the service, as no other machine can.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

/// Loads until [`stops`], and says what came of it.
pub type Generate = fn(&Value) -> Value;

/// The other process.
pub struct Load {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Load {
    /// Starts a load, and waits until it says that it is in full swing.
    pub fn start(name: &str, settings: &Value) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--load", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the load starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut stdin = child.stdin.take();
        let pipe = stdin.as_mut().expect("its input");
        writeln!(pipe, "{settings}").expect("it takes its settings");
        let mut load = Self { child, stdin, stdout };
        assert_eq!(load.line(), "ready", "{name}");
        load
    }

    /// Ends it, and returns what came of it.
    pub fn stop(mut self) -> Value {
        self.stdin = None;
        let report = self.line();
        assert!(self.child.wait().expect("it ends").success(), "the load has failed");
        serde_json::from_str(&report).expect("a report")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static STOPS: AtomicBool = AtomicBool::new(false);

/// Whether the load is to end.
pub fn stops() -> bool {
    STOPS.load(Ordering::Relaxed)
}

/// Tells who has started the load that it is in full swing.
pub fn ready() {
    println!("ready");
}

/// What the other process does.
pub fn generate(load: Generate) {
    let mut settings = String::new();
    std::io::stdin().read_line(&mut settings).expect("settings");
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).expect("descriptors");
    std::thread::spawn(|| {
        // Ends with who has started this process, too.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        STOPS.store(true, Ordering::Relaxed);
    });
    let report = load(&serde_json::from_str(&settings).expect("settings"));
    println!("{report}");
}

/// Threads that are started from here on inherit it.
pub fn run_while_idle() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    // It fails where the process is nice already, after it has set the policy.
    let policy = thread_schedule_policy().expect("the policy");
    assert_eq!(policy, idle, "{set:?}");
}
