//! What a stream thread makes of a log that refuses: nothing is passed over, and what must go is given up.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtime::limits::{FENCED_AGAIN_WITHIN, LOG_RETRY_WAIT, ThreadLimits};
use runtime::queries::Hosting;
use runtime::{Machine, MakeLog, NoSchemas, OsMachine, StateProvider, StreamThread, ThreadContext, Work, live};
use streams::log::{Event, Log, LogReader, StoredRecord};
use streams::serde::StringSerde;
use streams::store::{KeyValueStore, StoreError};
use streams::{
    ChangelogEnd, Commit, Headers, InputOffset, InputRecord, LogError, OutputBuffer, StoreIndex, TaskId, Topic,
    TopicIndex, TopologyBuilder,
};

const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 0,
};
const INPUT: TopicIndex = TopicIndex(0);
const PATIENCE: Duration = Duration::from_secs(30);

/// What the thread asked of the log, in order.
type Calls = Arc<Mutex<Vec<&'static str>>>;

/// A log that answers what the test says, and otherwise that all went well.
struct ScriptedLog {
    events: VecDeque<Event>,
    commits: VecDeque<LogError>,
    aborts: VecDeque<LogError>,
    calls: Calls,
    /// Records since the last commit or abort.
    sent: usize,
}

impl ScriptedLog {
    fn call(&self, name: &'static str) {
        self.calls.lock().unwrap().push(name);
    }
}

impl Log for ScriptedLog {
    fn poll(&mut self, _: Duration) -> Result<Event, LogError> {
        // Restores run beside the thread; the script goes on when the task has started.
        let next = self.events.front();
        let waits = next.is_some_and(|event| !matches!(event, Event::Assigned(_)))
            && !self.calls.lock().unwrap().contains(&"start");
        Ok(if waits { None } else { self.events.pop_front() }.unwrap_or(Event::Idle))
    }

    fn drain(&mut self, take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>) -> Result<(), LogError> {
        let taken = take(InputRecord {
            topic: INPUT,
            partition: 0,
            offset: 0,
            timestamp_ms: 1,
            key: Some(b"k"),
            value: Some(b"v"),
            headers: Headers::default(),
        });
        assert!(taken.is_continue(), "one small record fills nothing");
        Ok(())
    }

    fn committed(&mut self, _: TaskId) -> Result<Vec<InputOffset>, LogError> {
        Ok(vec![InputOffset {
            topic: INPUT,
            partition: 0,
            next: 0,
        }])
    }

    fn start(&mut self, _: TaskId, _: &[InputOffset]) -> Result<(), LogError> {
        self.call("start");
        Ok(())
    }

    fn positions(&mut self) -> Result<Vec<(TaskId, InputOffset)>, LogError> {
        Ok(Vec::new())
    }

    fn pause(&mut self, _: TaskId) -> Result<(), LogError> {
        self.call("pause");
        Ok(())
    }

    fn stop(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        assert_eq!(tasks, [TASK]);
        self.call("stop");
        Ok(())
    }

    fn send(&mut self, _: TaskId, outputs: &OutputBuffer) -> Result<bool, LogError> {
        self.call("send");
        self.sent += outputs.len();
        Ok(true)
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<ChangelogEnd>, LogError> {
        self.call("commit");
        // Whatever was handed over is counted, and nothing is handed over twice.
        let sent: usize = commits.iter().map(|commit| commit.sent).sum();
        assert_eq!(sent, std::mem::take(&mut self.sent));
        assert!(sent == 0 || commits.iter().all(|commit| commit.outputs.is_empty()));
        self.commits.pop_front().map_or(Ok(vec![None; commits.len()]), Err)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.call("abort");
        self.sent = 0;
        self.aborts.pop_front().map_or(Ok(()), Err)
    }

    fn close(&mut self) {
        self.call("close");
    }
}

/// Nothing of these tests has state, so nothing is restored.
struct Nothing;

impl StateProvider for Nothing {
    fn open(&self, _: TaskId, _: &[(StoreIndex, String)]) -> Result<Arc<dyn KeyValueStore>, StoreError> {
        Err(StoreError::Io("there is no state".to_owned()))
    }

    fn quarantine(&self, _: TaskId, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

impl LogReader for Nothing {
    fn partitions(&mut self, _: &str) -> Result<Option<i32>, LogError> {
        Ok(None)
    }

    fn offsets(&mut self, topic: &str, _: i32) -> Result<(i64, i64), LogError> {
        Err(LogError::Fatal(format!("there is no topic {topic}")))
    }

    fn read(
        &mut self,
        topic: &str,
        _: i32,
        _: i64,
        _: i64,
        _: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError> {
        Err(LogError::Fatal(format!("there is no topic {topic}")))
    }
}

/// The machine, with an account of what was slept.
#[derive(Clone, Default)]
struct Sleeper(Arc<Mutex<Vec<Duration>>>);

impl Machine for Sleeper {
    fn now_ms(&self) -> i64 {
        1
    }

    fn instant(&self) -> Instant {
        OsMachine.instant()
    }

    fn sleep(&self, time: Duration) {
        self.0.lock().unwrap().push(time);
    }

    fn spawn(&self, name: String, work: Work) -> std::io::Result<()> {
        OsMachine.spawn(name, work)
    }

    fn unique(&self) -> u128 {
        1
    }
}

/// A thread with one task that copies, to which this happens once the task is assigned. Its commits and rewinds fail with
/// the given errors, in order, before they succeed.
fn thread(
    then: &[Event],
    commits: &[LogError],
    aborts: &[LogError],
) -> (StreamThread<ScriptedLog>, Arc<Hosting>, Calls) {
    thread_within(ThreadLimits::default(), then, commits, aborts)
}

fn thread_within(
    limits: ThreadLimits,
    then: &[Event],
    commits: &[LogError],
    aborts: &[LogError],
) -> (StreamThread<ScriptedLog>, Arc<Hosting>, Calls) {
    thread_on(Arc::new(OsMachine), limits, then, commits, aborts)
}

fn thread_on(
    machine: Arc<dyn Machine>,
    limits: ThreadLimits,
    then: &[Event],
    commits: &[LogError],
    aborts: &[LogError],
) -> (StreamThread<ScriptedLog>, Arc<Hosting>, Calls) {
    let calls = Calls::default();
    let log = ScriptedLog {
        events: [Event::Assigned(vec![TASK])].iter().chain(then).cloned().collect(),
        commits: commits.iter().cloned().collect(),
        aborts: aborts.iter().cloned().collect(),
        calls: Arc::clone(&calls),
        sent: 0,
    };
    let context = context(machine, limits);
    let hosting = Arc::clone(&context.hosting);
    (StreamThread::new(0, Arc::new(context), log), hosting, calls)
}

fn context(machine: Arc<dyn Machine>, limits: ThreadLimits) -> ThreadContext {
    let topic = |name: &str| Topic::new(name, StringSerde, StringSerde);
    let builder = TopologyBuilder::new("copy");
    builder.stream(&topic("in")).to(&topic("out"));
    let topology = builder.build().unwrap();
    let counts = BTreeMap::from([("in".to_owned(), 1), ("out".to_owned(), 1)]);
    let layout = Arc::new(topology.place("app", &counts).unwrap());
    let hosting = Arc::new(Hosting::default());
    hosting.register("copy", Arc::clone(&layout));
    ThreadContext {
        topology: Arc::new(topology),
        layout,
        hosting,
        states: Arc::new(Nothing),
        make_reader: Arc::new(|| Ok(Box::new(Nothing))),
        schemas: Arc::new(NoSchemas),
        limits,
        machine,
        observer: None,
    }
}

/// Turns until the script is at its end and nothing is left to do, or until the thread gives its client up.
fn run(thread: &mut StreamThread<ScriptedLog>, calls: &Calls, until: usize) -> Result<(), LogError> {
    let deadline = Instant::now() + PATIENCE;
    while calls.lock().unwrap().len() < until {
        assert!(Instant::now() < deadline, "only {:?}", calls.lock().unwrap());
        thread.run_once()?;
    }
    Ok(())
}

fn retriable() -> LogError {
    LogError::Retriable("no broker answers".to_owned())
}

fn abortable() -> LogError {
    LogError::Abortable("the group is rebalancing".to_owned())
}

#[test]
fn a_record_is_committed_when_the_input_is_drained() {
    let (mut thread, _, calls) = thread(&[Event::Records], &[], &[]);
    run(&mut thread, &calls, 2).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["start", "commit"]);
}

#[test]
fn outputs_of_a_large_commit_are_sent_ahead_and_once() {
    let limits = ThreadLimits {
        send_ahead_bytes: 2,
        ..ThreadLimits::default()
    };
    let (mut thread, _, calls) = thread_within(limits, &[Event::Records], &[], &[]);
    run(&mut thread, &calls, 3).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["start", "send", "commit"]);
}

/// The effects are gone by then: the same client would hand over the records behind them.
#[test]
fn a_client_that_cannot_go_back_to_its_committed_offsets_is_replaced() {
    let (mut thread, _, calls) = thread(&[Event::Records], &[abortable()], &[retriable()]);
    let ended = thread.run(&AtomicBool::new(false));
    assert!(matches!(ended, Err(LogError::Migrated(_))), "{ended:?}");
    assert_eq!(*calls.lock().unwrap(), ["start", "commit", "abort", "close"]);
}

#[test]
fn tasks_that_are_taken_away_are_given_up_although_their_last_commit_fails() {
    let (mut thread, _, calls) = thread(&[Event::Records, Event::Revoked(vec![TASK])], &[abortable()], &[]);
    run(&mut thread, &calls, 4).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["start", "commit", "stop", "abort"]);
}

#[test]
fn tasks_are_given_up_before_a_client_that_cannot_go_back_is_replaced() {
    let (mut thread, _, calls) = thread(
        &[Event::Records, Event::Revoked(vec![TASK])],
        &[abortable()],
        &[retriable()],
    );
    let ended = run(&mut thread, &calls, 5);
    assert!(matches!(ended, Err(LogError::Migrated(_))), "{ended:?}");
    assert_eq!(*calls.lock().unwrap(), ["start", "commit", "stop", "abort"]);
}

#[test]
fn a_thread_that_has_lost_its_tasks_is_not_ready_and_commits_nothing() {
    let (mut thread, hosting, calls) = thread(&[Event::Records, Event::Lost(vec![TASK])], &[], &[]);
    run(&mut thread, &calls, 1).unwrap();
    thread.run_once().unwrap();
    assert_eq!(hosting.obstacles(), Vec::<String>::new());
    run(&mut thread, &calls, 3).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["start", "stop", "abort"]);
    assert_eq!(hosting.obstacles().len(), 1);
}

/// Its group may have gone on without it, which it finds out in its own time.
#[test]
fn a_thread_whose_commits_fail_one_after_the_other_pauses_between_them() {
    let machine = Sleeper::default();
    // Each record is committed before the next is asked for.
    let limits = ThreadLimits {
        commit_interval: Duration::ZERO,
        ..ThreadLimits::default()
    };
    let records = vec![Event::Records; 4];
    let end = LogError::Fatal("the end".to_owned());
    let commits = [abortable(), abortable(), abortable(), end];
    let (mut thread, _, calls) = thread_on(Arc::new(machine.clone()), limits, &records, &commits, &[]);
    let ended = thread.run(&AtomicBool::new(false));
    assert!(matches!(ended, Err(LogError::Fatal(_))), "{ended:?}");
    let commits = calls.lock().unwrap().iter().filter(|call| **call == "commit").count();
    assert_eq!(commits, 4);
    let paused = machine.0.lock().unwrap().clone();
    assert_eq!(
        paused.iter().filter(|time| **time == LOG_RETRY_WAIT).count(),
        2,
        "{paused:?}"
    );
}

/// A machine whose time passes when somebody waits.
struct Clockwork {
    start: Instant,
    passed: Mutex<Duration>,
}

impl Machine for Clockwork {
    fn now_ms(&self) -> i64 {
        1
    }

    fn instant(&self) -> Instant {
        self.start + *self.passed.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }

    fn spawn(&self, name: String, work: Work) -> std::io::Result<()> {
        OsMachine.spawn(name, work)
    }

    fn unique(&self) -> u128 {
        1
    }
}

/// How the life of a thread ends that is driven out of its group after each of these times, and is then asked to stop.
fn life_of_a_thread_driven_out_after(times: &[Duration]) -> Result<(), String> {
    let machine = Arc::new(Clockwork {
        start: Instant::now(),
        passed: Mutex::default(),
    });
    let context = Arc::new(context(Arc::clone(&machine) as _, ThreadLimits::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let times = Mutex::new(VecDeque::from(times.to_vec()));
    let asked = Arc::clone(&stop);
    let make_log: MakeLog<ScriptedLog> = Arc::new(move |_| {
        let Some(time) = times.lock().unwrap().pop_front() else {
            asked.store(true, Ordering::Relaxed);
            return Err(retriable());
        };
        machine.sleep(time);
        Err(LogError::Fenced("another process has this name".to_owned()))
    });
    live(0, &context, &make_log, &stop)
}

#[test]
fn a_thread_that_is_driven_out_of_its_group_joins_again() {
    assert_eq!(life_of_a_thread_driven_out_after(&[Duration::ZERO]), Ok(()));
    let rarely = [FENCED_AGAIN_WITHIN; 3];
    assert_eq!(life_of_a_thread_driven_out_after(&rarely), Ok(()));
}

#[test]
fn a_thread_that_is_driven_out_again_soon_ends_its_process() {
    let soon = [Duration::ZERO, FENCED_AGAIN_WITHIN / 2];
    let reason = "another process has this name".to_owned();
    assert_eq!(life_of_a_thread_driven_out_after(&soon), Err(reason));
}
