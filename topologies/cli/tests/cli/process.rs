//! Processes of the binary, each with a state directory that goes with the test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Time for a process to become ready or to end, generous because tests share the machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// A state directory, and commands on it.
pub(crate) struct Sluice {
    state_dir: TempDir,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `sluice up`, ready to serve. Killed when it is dropped.
pub(crate) struct Up {
    child: Child,
    pub(crate) url: String,
}

impl Sluice {
    /// A state directory with nothing in it.
    pub(crate) fn new() -> Self {
        Self {
            state_dir: TempDir::new().unwrap(),
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        run(self.command().args(arguments))
    }

    /// Runs a command that has to succeed, and reads what it prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--output", "json"]].concat());
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// Runs a command that has to succeed, and reads each line that it prints as JSON.
    pub(crate) fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        done.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Starts `sluice up` on free ports and waits until it is ready.
    pub(crate) fn up(&self) -> Up {
        self.up_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn up_with(&self, arguments: &[&str]) -> Up {
        Self::started(self.command().stderr(Stdio::inherit()), arguments)
    }

    /// The same with further arguments, and with everything logged that can be, as JSON lines in a file.
    pub(crate) fn up_logging(&self, log: &Path, arguments: &[&str]) -> Up {
        let mut command = self.command();
        command
            .args(["--log-format", "json"])
            .env("RUST_LOG", "debug")
            .stderr(File::create(log).unwrap());
        Self::started(&mut command, arguments)
    }

    fn started(command: &mut Command, arguments: &[&str]) -> Up {
        command.args(["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (lines, ready) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .for_each(|line| drop(lines.send(line)));
        });
        let line = ready.recv_timeout(DEADLINE).expect("no ready line came");
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("{line:?}"));
        assert!(line.starts_with("ready in "), "{line:?}");
        Up {
            url: url.to_owned(),
            child,
        }
    }

    /// The state directory.
    pub(crate) fn path(&self) -> &Path {
        self.state_dir.path()
    }

    /// A copy of everything that a stopped process has left.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_files(self.path(), copy.path());
        copy
    }

    fn command(&self) -> Command {
        let mut command = bare();
        command.arg("--state-dir").arg(self.state_dir.path());
        command
    }
}

impl Up {
    /// Ends the process at once, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end, and waits for it.
    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended already where a test stopped it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command that needs no state directory.
pub(crate) fn without_state(arguments: &[&str]) -> Done {
    run(bare().args(arguments))
}

/// The binary without whatever the environment of the tests says.
fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLUICE_")) {
        command.env_remove(name);
    }
    command
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn run(command: &mut Command) -> Done {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    Done {
        code: status.code().expect("the command was killed"),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
