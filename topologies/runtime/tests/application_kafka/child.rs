//! An instance in a process of its own, which can be killed. It is this test binary again, as the test below.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::counting::Instance;
use crate::restored::{restored_records, watch};

const INSTANCE: &str = "SLUICE_TEST_INSTANCE";
const OWN_NAME: &str = "child::an_instance_runs_until_it_is_told_to_stop";
const ANSWER: &str = "restored records: ";

/// A running instance.
pub(crate) struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the instance with one stream thread.
    pub(crate) fn start(instance: &Instance) -> Self {
        let Instance {
            bootstrap,
            application_id,
            name,
            state,
        } = instance;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", OWN_NAME, "--nocapture", "--quiet"])
            .env(
                INSTANCE,
                format!("{bootstrap}\n{application_id}\n{name}\n{}", state.display()),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in order and answers how many changelog records it has replayed in its life.
    pub(crate) fn stop(mut self) -> u64 {
        drop(self.child.stdin.take());
        let mut answer = None;
        for line in self.answers.by_ref().lines().map_while(Result::ok) {
            answer = line.strip_prefix(ANSWER).map(|count| count.parse().unwrap()).or(answer);
        }
        assert!(self.child.wait().unwrap().success());
        answer.expect("the instance says what it has restored")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn an_instance_runs_until_it_is_told_to_stop() {
    let Ok(instance) = std::env::var(INSTANCE) else { return };
    let fields: Vec<&str> = instance.split('\n').collect();
    let [bootstrap, application_id, name, state] = fields[..] else {
        panic!("not an instance: {instance}")
    };
    let instance = Instance {
        bootstrap: bootstrap.to_owned(),
        application_id: application_id.to_owned(),
        name: name.to_owned(),
        state: state.into(),
    };
    watch();
    let application = instance.start(1);
    // The parent closes the pipe to stop us. When it dies, that has the same effect.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert!(application.stop());
    println!("\n{ANSWER}{}", restored_records(application_id));
}
