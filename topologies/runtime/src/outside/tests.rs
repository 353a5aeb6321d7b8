//! Calls, workers and answers in a runtime whose clock goes on only when everybody waits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use streams::{Headers, Layout, OutputRecord, TaskId, TopicIndex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::*;
use crate::OsMachine;
use crate::commands::{Acknowledged, Append, CommandError, CommandRecord};
use crate::output_watch::{OutputObserver, together};

const CALLS: &str = "calls";
const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 0,
};

/// A log that refuses as often as it is told, and tells what it takes.
struct FakeLog {
    refusals: Mutex<VecDeque<CommandError>>,
    attempts: AtomicUsize,
    taken: UnboundedSender<CommandRecord>,
}

impl CommandLog for FakeLog {
    fn append(&self, record: CommandRecord) -> Append<'_> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let refusal = locked(&self.refusals).pop_front();
        let ended = refusal.map_or(
            Ok(Acknowledged {
                partition: 0,
                offset: 0,
            }),
            Err,
        );
        if ended.is_ok() {
            self.taken.send(record).unwrap();
        }
        Box::pin(async move { ended })
    }

    fn end_offset(&self, _: &str, _: i32) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>> {
        Box::pin(async { Err(CommandError::Refused("nobody asks".to_owned())) })
    }

    fn partitions(&self, _: &str) -> Result<i32, CommandError> {
        Ok(1)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that has begun, and the way to end it.
struct Begun {
    call: Call,
    end: oneshot::Sender<Vec<Answer>>,
}

/// A worker that does what the test says.
struct FakeWorker {
    at_once: usize,
    begun: UnboundedSender<Begun>,
}

impl Worker for FakeWorker {
    fn calls(&self) -> &'static str {
        CALLS
    }

    fn answers(&self) -> &'static str {
        "answers"
    }

    /// What stands before a slash, or all of it.
    fn identity(&self, call: &Call) -> Vec<u8> {
        let slash = call.value.iter().position(|byte| *byte == b'/');
        call.value[..slash.unwrap_or(call.value.len())].to_vec()
    }

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn carry_out(self: Arc<Self>, call: Call) -> Answers {
        assert_ne!(call.value, b"panic", "as the test wants it");
        let (end, ended) = oneshot::channel();
        self.begun.send(Begun { call, end }).unwrap();
        Box::pin(async move {
            match ended.await {
                Ok(answers) => answers,
                // The test has let go of it: it never ends.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

struct Stage {
    outside: Outside,
    observer: Box<dyn OutputObserver>,
    log: Arc<FakeLog>,
    begun: UnboundedReceiver<Begun>,
    taken: UnboundedReceiver<CommandRecord>,
}

impl Stage {
    fn new(at_once: usize) -> Self {
        let (told, begun) = unbounded_channel();
        let (given, taken) = unbounded_channel();
        let log = Arc::new(FakeLog {
            refusals: Mutex::default(),
            attempts: AtomicUsize::new(0),
            taken: given,
        });
        let worker = Arc::new(FakeWorker { at_once, begun: told });
        let commands: Arc<dyn CommandLog> = Arc::clone(&log) as _;
        let machine: Arc<dyn Machine> = Arc::new(OsMachine);
        let outside = Outside::start(vec![worker], &commands, &machine, &Handle::current());
        let observer = (outside.observer())(&layout());
        Self {
            outside,
            observer,
            log,
            begun,
            taken,
        }
    }

    fn send(&mut self, value: &str) {
        self.send_with(value, &Headers::default());
    }

    fn send_with(&mut self, value: &str, headers: &Headers) {
        let record = record(Some(b"key"), Some(value.as_bytes()), headers);
        self.observer.output(TASK, CALLS, &record);
    }

    fn commit(&mut self, value: &str) {
        self.send(value);
        self.observer.committed();
    }

    async fn next(&mut self) -> Begun {
        self.begun.recv().await.unwrap()
    }

    /// The clock goes on when nobody has anything to do, so what has not begun then does not begin.
    async fn nothing_begins(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(1), self.begun.recv())
            .await
            .is_err()
    }
}

fn layout() -> Layout {
    Layout {
        application_id: "test".to_owned(),
        topics: Vec::new(),
        tasks: Vec::new(),
        stores: Vec::new(),
    }
}

fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>, headers: &'a Headers) -> OutputRecord<'a> {
    OutputRecord {
        topic: TopicIndex(0),
        partition: 0,
        timestamp_ms: 0,
        key,
        value,
        headers,
    }
}

fn yes() -> Vec<Answer> {
    vec![Answer::new(b"yes".to_vec())]
}

#[tokio::test(start_paused = true)]
async fn a_committed_call_is_answered_under_its_key_and_in_its_trace() {
    let mut stage = Stage::new(1);
    let mut headers = Headers::default();
    headers.push("traceparent", b"a-trace".to_vec());
    stage.send_with("call", &headers);
    assert!(stage.nothing_begins().await, "nothing is true before the commit");
    stage.observer.committed();
    let begun = stage.next().await;
    assert_eq!((begun.call.key, begun.call.value), (b"key".to_vec(), b"call".to_vec()));
    begun.end.send(yes()).unwrap();
    let answer = stage.taken.recv().await.unwrap();
    assert_eq!(
        (answer.topic.as_str(), answer.key.as_slice()),
        ("answers", b"key".as_slice())
    );
    assert_eq!(answer.value, Some(b"yes".to_vec()));
    assert_eq!(answer.headers, [("traceparent".to_owned(), b"a-trace".to_vec())]);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_transaction_did_not_come_true_is_never_carried_out() {
    let mut stage = Stage::new(1);
    stage.send("of a transaction that is aborted");
    stage.observer.dropped();
    stage.commit("of one that is not");
    assert_eq!(stage.next().await.call.value, b"of one that is not");
    assert!(stage.nothing_begins().await);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_key_or_value_is_no_call() {
    let mut stage = Stage::new(1);
    let none = Headers::default();
    stage.observer.output(TASK, CALLS, &record(None, Some(b"call"), &none));
    stage.observer.output(TASK, CALLS, &record(Some(b"key"), None, &none));
    stage.observer.committed();
    assert!(stage.nothing_begins().await);
}

#[tokio::test(start_paused = true)]
async fn answers_are_written_in_the_order_in_which_the_worker_gives_them() {
    let mut stage = Stage::new(1);
    stage.commit("call");
    let twice = ["first", "second"].map(|value| Answer::new(value.into()));
    stage.next().await.end.send(twice.into()).unwrap();
    for value in ["first", "second"] {
        assert_eq!(stage.taken.recv().await.unwrap().value, Some(value.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_the_worker_allows() {
    let mut stage = Stage::new(2);
    for value in ["a", "b", "c"] {
        stage.commit(value);
    }
    let first = stage.next().await;
    let _second = stage.next().await;
    assert!(stage.nothing_begins().await);
    first.end.send(Vec::new()).unwrap();
    assert_eq!(stage.next().await.call.value, b"c");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_here_already_is_not_taken_again_until_it_has_ended() {
    let mut stage = Stage::new(1);
    stage.commit("under way");
    let under_way = stage.next().await;
    for value in ["under way", "under way/again", "waiting", "waiting/again"] {
        stage.commit(value);
    }
    under_way.end.send(Vec::new()).unwrap();
    let waiting = stage.next().await;
    assert_eq!(waiting.call.value, b"waiting");
    waiting.end.send(Vec::new()).unwrap();
    assert!(stage.nothing_begins().await, "the repeated ones were not taken");
    stage.commit("under way");
    assert_eq!(stage.next().await.call.value, b"under way");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_the_line_full_is_dropped_and_can_come_again() {
    let mut stage = Stage::new(1);
    stage.commit("under way");
    let mut under_way = stage.next().await;
    for number in 0..=CALLS_WAITING_MAX {
        stage.commit(&number.to_string());
    }
    for number in 0..CALLS_WAITING_MAX {
        under_way.end.send(Vec::new()).unwrap();
        under_way = stage.next().await;
        assert_eq!(under_way.call.value, number.to_string().into_bytes());
    }
    under_way.end.send(Vec::new()).unwrap();
    assert!(stage.nothing_begins().await, "the last one had no place");
    stage.commit(&CALLS_WAITING_MAX.to_string());
    assert_eq!(
        stage.next().await.call.value,
        CALLS_WAITING_MAX.to_string().into_bytes()
    );
}

#[tokio::test(start_paused = true)]
async fn of_one_commit_no_more_calls_are_kept_than_the_line_has_places() {
    let mut stage = Stage::new(1);
    for number in 0..2 * CALLS_WAITING_MAX {
        stage.send(&number.to_string());
    }
    stage.observer.committed();
    let mut begun = 0;
    while let Ok(Some(call)) = tokio::time::timeout(Duration::from_millis(1), stage.begun.recv()).await {
        call.end.send(Vec::new()).unwrap();
        begun += 1;
    }
    assert_eq!(begun, CALLS_WAITING_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_is_given_up_after_its_time() {
    let mut stage = Stage::new(1);
    let began = Instant::now();
    stage.commit("hangs");
    stage.commit("next");
    drop(stage.next().await.end);
    assert_eq!(stage.next().await.call.value, b"next");
    assert_eq!(began.elapsed(), CALL_TIME_MAX);
    assert!(stage.taken.try_recv().is_err(), "nothing was claimed");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_log_does_not_take_now_is_offered_again() {
    let mut stage = Stage::new(1);
    let unavailable = CommandError::Unavailable("no leader".to_owned());
    locked(&stage.log.refusals).extend(vec![unavailable; 2]);
    let began = Instant::now();
    stage.commit("call");
    stage.next().await.end.send(yes()).unwrap();
    assert!(stage.taken.recv().await.is_some());
    assert_eq!(
        began.elapsed(),
        APPEND_RETRY_WAIT * 3,
        "one wait, and one twice as long"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_log_never_takes_is_given_up_and_its_call_can_come_again() {
    for (error, attempts) in [
        (
            CommandError::Unavailable("gone".to_owned()),
            APPEND_ATTEMPTS_MAX as usize,
        ),
        (CommandError::Refused("too large".to_owned()), 1),
    ] {
        let mut stage = Stage::new(1);
        locked(&stage.log.refusals).extend(vec![error; attempts]);
        stage.commit("call");
        stage.next().await.end.send(yes()).unwrap();
        stage.commit("another");
        stage.next().await.end.send(Vec::new()).unwrap();
        assert_eq!(stage.log.attempts.load(Ordering::Relaxed), attempts);
        assert!(stage.taken.try_recv().is_err());
        stage.commit("call");
        assert_eq!(stage.next().await.call.value, b"call");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_goes_on_with_the_next_call() {
    let mut stage = Stage::new(1);
    for after in ["after the first", "after the second"] {
        stage.commit("panic");
        stage.commit(after);
        let next = stage.next().await;
        assert_eq!(next.call.value, after.as_bytes());
        next.end.send(Vec::new()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_is_under_way_ends_and_what_waits_is_dropped() {
    let mut stage = Stage::new(1);
    stage.commit("under way");
    stage.commit("waiting");
    let under_way = stage.next().await;
    let Stage {
        outside,
        mut begun,
        mut taken,
        mut observer,
        ..
    } = stage;
    let ((), ()) = tokio::join!(outside.finish(), async {
        tokio::task::yield_now().await;
        under_way.end.send(yes()).unwrap();
    });
    assert_eq!(taken.recv().await.unwrap().value, Some(b"yes".to_vec()));
    assert!(begun.try_recv().is_err(), "what waited has not begun");
    // A thread that still commits finds nobody, and goes on.
    let none = Headers::default();
    observer.output(TASK, CALLS, &record(Some(b"key"), Some(b"late"), &none));
    observer.committed();
    assert!(begun.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_a_call_that_hangs_is_cut_off() {
    let mut stage = Stage::new(1);
    stage.commit("hangs");
    drop(stage.next().await.end);
    let began = Instant::now();
    stage.outside.finish().await;
    assert_eq!(began.elapsed(), END_WAIT_MAX);
}

/// Notes what it is told, and wants one topic.
struct Noting {
    topic: &'static str,
    notes: Arc<Mutex<Vec<String>>>,
}

impl OutputObserver for Noting {
    fn wants(&self, topic: &str) -> bool {
        topic == self.topic
    }

    fn output(&mut self, _: TaskId, topic: &str, _: &OutputRecord<'_>) {
        locked(&self.notes).push(format!("{} hears of {topic}", self.topic));
    }

    fn committed(&mut self) {
        locked(&self.notes).push(format!("{} commits", self.topic));
    }

    fn dropped(&mut self) {
        locked(&self.notes).push(format!("{} drops", self.topic));
    }
}

#[test]
fn each_of_several_observers_hears_of_what_it_wants_and_all_of_commits() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let noting = |topic| -> MakeOutputObserver {
        let notes = Arc::clone(&notes);
        Arc::new(move |_| {
            let notes = Arc::clone(&notes);
            Box::new(Noting { topic, notes })
        })
    };
    let mut both = together(vec![noting("a"), noting("b")]).unwrap()(&layout());
    assert!(both.wants("a") && both.wants("b") && !both.wants("c"));
    let none = Headers::default();
    both.output(TASK, "b", &record(None, None, &none));
    both.committed();
    both.dropped();
    let expected = ["b hears of b", "a commits", "b commits", "a drops", "b drops"];
    assert_eq!(*locked(&notes), expected);
    assert!(together(Vec::new()).is_none());
}
