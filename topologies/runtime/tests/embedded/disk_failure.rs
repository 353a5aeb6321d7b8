//! The disk refuses a write in the middle: nothing half written shows, and the log goes on when the disk does.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use streams::LogError;
use streams::log::{Event, Log};

use crate::child;
use crate::fixture::{GROUP, PATIENCE, broker, commit, drained, entries, joined, read, start};

/// 512-byte blocks that a file of the child may have: enough to open, soon too few to write.
const BLOCKS_MAX: u32 = 2_048;

#[test]
fn a_write_that_the_disk_refuses_is_unclear_until_the_log_has_recovered_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, lines) = child::start_limited("fail", dir.path(), BLOCKS_MAX);
    let lines: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success());
    assert!(lines.iter().any(|line| line == "recovered"), "{lines:?}");
}

/// The child: commits until the disk refuses, lifts the limit, and goes on from what the log then holds.
pub(crate) fn fail_and_recover(dir: &Path) {
    let broker = broker(dir, 1);
    let mut log = joined(&broker, 1, 0);
    let value = "v".repeat(32 << 10);
    let mut sequence: u64 = 0;
    let refused = loop {
        sequence += 1;
        match log.commit(&[commit(sequence, 0, &format!("k{sequence}"), &value)]) {
            Ok(_) => {}
            Err(cause) => break cause,
        }
    };
    assert!(matches!(refused, LogError::Migrated(_)), "{refused}");
    let Event::Lost(lost) = log.poll(PATIENCE).unwrap() else {
        panic!("nothing was lost")
    };
    log.stop(&lost).unwrap();
    lift_limit();
    let Event::Assigned(tasks) = log.poll(PATIENCE).unwrap() else {
        panic!("nothing was assigned")
    };
    let deadline = Instant::now() + PATIENCE;
    while let Err(cause) = log.committed(tasks[0]) {
        assert!(matches!(cause, LogError::Retriable(_)), "{cause}");
        assert!(Instant::now() < deadline, "the log did not recover: {cause}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    start(&mut log, tasks[0]);
    let outputs = read(&broker, "output", 0).len();
    let acknowledged = usize::try_from(sequence).unwrap() - 1;
    assert!(
        (acknowledged..=acknowledged + 1).contains(&outputs),
        "{outputs} of {acknowledged}"
    );
    assert_eq!(entries(&broker).len(), outputs);
    assert!(broker.group_offsets(GROUP).contains_key(&("input".to_owned(), 0)));
    assert_eq!(drained(&mut log), []);
    log.commit(&[commit(sequence, 0, "again", "v")]).unwrap();
    assert_eq!(read(&broker, "output", 0).len(), outputs + 1);
    child::say("recovered");
}

fn lift_limit() {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
    .unwrap();
}
