//! Child processes that never outlive the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Runs a program under a shell that kills it when its own standard input closes: that is when the test ends, however it ends.
const LIFELINE: &str = r#"
"$@" </dev/null &
child=$!
echo "$child" >"$PID_FILE"
trap 'kill -9 "$child" 2>/dev/null' EXIT
(read -r _; kill -9 "$child" 2>/dev/null) <&3 &
wait "$child"
"#;

/// A program with a lifeline.
pub(crate) struct Lifeline {
    shell: Child,
    line: Option<ChildStdin>,
    pid_file: PathBuf,
}

impl Lifeline {
    /// Starts `command`, its output in `log`.
    pub(crate) fn start(
        mut command: Vec<String>,
        environment: &[(String, String)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let pid_file = log.with_extension("pid");
        drop(std::fs::remove_file(&pid_file));
        let output = File::options().create(true).append(true).open(log)?;
        let mut arguments = vec!["-c".to_owned(), format!("exec 3<&0\n{LIFELINE}"), "lifeline".to_owned()];
        arguments.append(&mut command);
        let mut shell = Command::new("bash")
            .args(arguments)
            .envs(environment.iter().cloned())
            .env("PID_FILE", &pid_file)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start bash")?;
        let line = shell.stdin.take();
        Ok(Self { shell, line, pid_file })
    }

    /// Sends a signal to the program itself.
    pub(crate) fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let pid = std::fs::read_to_string(&self.pid_file)?;
        let status = Command::new("kill").args([signal, pid.trim()]).status()?;
        if status.success() {
            Ok(())
        } else {
            bail!("kill {signal} {} failed", pid.trim())
        }
    }

    /// Waits until the program has ended; answers its exit code, none after a signal.
    pub(crate) fn wait(&mut self) -> anyhow::Result<Option<i32>> {
        Ok(self.shell.wait()?.code())
    }

    /// Whether the program still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        drop(self.line.take());
        drop(self.shell.wait());
    }
}

/// Another program that a test needs, which never outlives it either.
pub struct Program(Lifeline);

impl Program {
    /// Starts a command, its output in `log`.
    pub fn start(command: &[&str], log: &Path) -> anyhow::Result<Self> {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Ok(Self(Lifeline::start(command, &[], log)?))
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.0.is_running()
    }
}

/// One `sluice` process.
pub struct Sluice {
    /// Another build than this one.
    program: Option<PathBuf>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    running: Option<Lifeline>,
}

impl Sluice {
    /// A process that is started with these arguments and variables; its output goes to `log`.
    #[must_use]
    pub fn new(arguments: &[&str], environment: Vec<(String, String)>, log: PathBuf) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self {
            program: None,
            arguments,
            environment,
            log,
            running: None,
        }
    }

    /// From its next start on it is the other build, if it is this one now, and this one otherwise.
    pub fn change_build(&mut self, other: Option<&Path>) {
        self.program = match self.program {
            None => other.map(Path::to_owned),
            Some(_) => None,
        };
    }

    /// Starts it.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let program = self.program.clone().map_or_else(binary, Ok)?;
        let mut command = vec![program.display().to_string()];
        command.extend(self.arguments.iter().cloned());
        self.running = Some(Lifeline::start(command, &self.environment, &self.log)?);
        Ok(())
    }

    /// Kills it at once: no handler of it runs.
    pub fn kill_9(&mut self) -> anyhow::Result<()> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        running.signal("-KILL")?;
        running.wait().map(drop)
    }

    /// Asks it to stop and waits until it has; answers its exit code, none when it was not running.
    pub fn stop(&mut self) -> anyhow::Result<Option<i32>> {
        self.terminate()?;
        self.wait()
    }

    /// Stops it in the middle of whatever it does, as a machine that hangs would, or lets it go on.
    pub fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        self.running.as_ref().map_or(Ok(()), |running| running.signal(signal))
    }

    /// Asks it to stop, and does not wait.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.running.as_ref().map_or(Ok(()), |running| running.signal("-TERM"))
    }

    /// Asks it to end, as Ctrl-C would, and does not wait.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        self.running.as_ref().map_or(Ok(()), |running| running.signal("-INT"))
    }

    /// Waits until it has ended by itself; answers its exit code, none when it was not running.
    pub fn wait(&mut self) -> anyhow::Result<Option<i32>> {
        self.running.take().map_or(Ok(None), |mut running| running.wait())
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(Lifeline::is_running)
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last line that says something.
    #[must_use]
    pub fn last_words(&self) -> String {
        let output = self.output();
        let last = output.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it said nothing").to_owned()
    }

    /// The end of it.
    #[must_use]
    pub fn output_tail(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let start = lines.len().saturating_sub(LINES_SHOWN);
        lines.get(start..).unwrap_or_default().join("\n")
    }
}

/// Lines of an output that a failure shows.
const LINES_SHOWN: usize = 40;

/// The `sluice` binary of this build: beside the running program, or one directory above that of a test.
pub fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let directories = own.ancestors().skip(1).take(2);
    let mut candidates = directories.map(|directory| directory.join("sluice"));
    candidates.find(|path| path.is_file()).with_context(|| {
        format!(
            "there is no sluice beside or above {}: build the workspace first",
            own.display()
        )
    })
}

/// Calls `condition` until it answers a value, at most for `limit`; the error names `what` was waited for.
pub fn wait_until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("{what}: not within {limit:?}");
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Time between two looks at a condition of another process.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
