//! Scenarios that need a second process run this test binary again, as the test below.

use std::io::BufRead;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use runtime::embedded::EmbeddedBroker;

/// What the child process is to do, and on which directory.
const ROLE: &str = "SLUICE_TEST_ROLE";
const DIRECTORY: &str = "SLUICE_TEST_DIRECTORY";
const OWN_NAME: &str = "child::a_child_process_plays_its_role";

/// A child process in `role`, and the lines that it prints.
pub(crate) fn start(role: &str, dir: &Path) -> (Child, impl Iterator<Item = String>) {
    let program = std::env::current_exe().unwrap();
    lines_of(
        Command::new(program)
            .args(["--exact", OWN_NAME, "--nocapture", "--quiet"])
            .env(ROLE, role)
            .env(DIRECTORY, dir),
    )
}

/// A child process whose files may not grow beyond `blocks` of 512 bytes until it lifts the limit itself.
pub(crate) fn start_limited(role: &str, dir: &Path, blocks: u32) -> (Child, impl Iterator<Item = String>) {
    let program = std::env::current_exe().unwrap();
    // The shell ignores the signal of the limit, and a program that it becomes ignores it too.
    let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" --exact {OWN_NAME} --nocapture --quiet");
    lines_of(
        Command::new("sh")
            .arg("-c")
            .arg(script)
            .arg(program)
            .env(ROLE, role)
            .env(DIRECTORY, dir),
    )
}

fn lines_of(command: &mut Command) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(Result::ok))
}

#[test]
fn a_child_process_plays_its_role() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIRECTORY)) else {
        return;
    };
    let dir = Path::new(&dir);
    match role.as_str() {
        "hold" => hold(dir),
        "write" => crate::crash::write_for_ever(dir),
        "fail" => crate::disk_failure::fail_and_recover(dir),
        _ => panic!("unknown role {role}"),
    }
}

fn hold(dir: &Path) {
    let _broker = EmbeddedBroker::open(dir).unwrap();
    say("open");
    std::thread::park();
}

/// Prints a line that the parent reads, at once.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
