//! What a task promises: effects whole or not at all, timers as state, and stores that equal their changelogs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use streams::serde::{I64Serde, StringSerde};
use streams::trace::TraceContext;
use streams::{
    DriverOptions, FiredTimer, Headers, ProcessError, Processor, ProcessorContext, ProcessorSpec, PunctuationType,
    Record, SinkRef, StoreRef, TimerRef, Topic, Topology, TopologyBuilder, TopologyTestDriver, dead_letter,
};

fn input() -> Topic<String, i64> {
    Topic::new("input", StringSerde, I64Serde)
}

fn output() -> Topic<String, i64> {
    Topic::new("output", StringSerde, I64Serde)
}

/// Sums the values of a key, forwards the sum, refuses negative values after it has already written, and expires a sum.
struct Summing {
    sums: StoreRef<String, i64>,
    expiry: TimerRef<String>,
    output: SinkRef<String, i64>,
}

const EXPIRY_MS: i64 = 1_000;

impl Processor<String, i64> for Summing {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        record: Record<String, i64>,
    ) -> Result<(), ProcessError> {
        let mut sums = context.store(&self.sums)?;
        let sum = sums.get(&record.key)?.unwrap_or(0) + record.value;
        sums.put(&record.key, sum)?;
        context.set_timer(&self.expiry, &record.key, context.now_ms() + EXPIRY_MS)?;
        context.send(&self.output, &Record::new(record.key.clone(), sum, record.timestamp_ms))?;
        if record.value < 0 {
            Err(ProcessError::refused("negative"))
        } else {
            Ok(())
        }
    }

    fn on_timer(
        &mut self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        timer: &FiredTimer,
    ) -> Result<(), ProcessError> {
        let key = timer.key(&self.expiry).map_err(ProcessError::refused)?;
        let Some(sum) = context.store(&self.sums)?.get(&key)? else {
            return Ok(());
        };
        context.store(&self.sums)?.delete(&key)?;
        context.send(&self.output, &Record::new(key, -sum, timer.at_ms))
    }
}

fn summing() -> Topology {
    let builder = TopologyBuilder::new("summing");
    let sums = builder.store("sums", StringSerde, I64Serde);
    let expiry = builder.timers("expiry", StringSerde, PunctuationType::WallClockTime);
    let output = builder.sink(&output());
    let spec = ProcessorSpec::new("sum").store(&sums).timers(&expiry).sink(&output);
    let _: streams::dsl::Stream<(), ()> = builder.stream(&input()).process(spec, move || Summing {
        sums,
        expiry: expiry.clone(),
        output,
    });
    builder.build().unwrap()
}

fn driver() -> TopologyTestDriver {
    TopologyTestDriver::new(vec![summing()], DriverOptions::default()).unwrap()
}

fn outputs(driver: &TopologyTestDriver) -> Vec<(String, i64)> {
    driver
        .read(&output())
        .unwrap()
        .into_iter()
        .map(|record| (record.key, record.value))
        .collect()
}

fn pipe(driver: &mut TopologyTestDriver, key: &str, value: i64) {
    driver.pipe(&input(), &key.to_owned(), &value).unwrap();
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), *value))
        .collect()
}

#[test]
fn a_processor_sees_its_own_uncommitted_writes_and_outputs_appear_only_with_the_commit() {
    let mut driver = driver();
    driver.set_autocommit(false);
    pipe(&mut driver, "a", 1);
    pipe(&mut driver, "a", 2);
    assert_eq!(outputs(&driver), []);
    assert!(driver.store_entries("summing", "sums").is_empty());
    driver.commit().unwrap();
    assert_eq!(outputs(&driver), pairs(&[("a", 1), ("a", 3)]));
    assert_eq!(
        driver.changelog_entries("summing", "sums"),
        driver.store_entries("summing", "sums")
    );
}

#[test]
fn a_refused_record_leaves_no_effect_but_its_dead_letter_and_the_partition_goes_on() {
    let mut driver = driver();
    pipe(&mut driver, "a", 5);
    pipe(&mut driver, "a", -1);
    pipe(&mut driver, "a", 1);
    assert_eq!(outputs(&driver), pairs(&[("a", 5), ("a", 6)]));
    let letters = driver.read_raw("test-summing-dead-letters");
    let (key, value, headers) = letters.first().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (key.as_deref(), value.as_deref()),
        (Some(&b"a"[..]), Some(&(-1i64).to_be_bytes()[..]))
    );
    assert_eq!(headers.last(dead_letter::headers::ERROR), Some(&b"negative"[..]));
    assert_eq!(headers.last(dead_letter::headers::TOPIC), Some(&b"input"[..]));
    assert_eq!(headers.last(dead_letter::headers::OFFSET), Some(&b"1"[..]));
}

#[test]
fn garbage_and_null_keys_become_dead_letters_with_their_stage() {
    let mut driver = driver();
    driver
        .pipe_raw("input", Some(b"k"), Some(b"short"), 1, Headers::default())
        .unwrap();
    driver
        .pipe_raw("input", None, Some(&1i64.to_be_bytes()), 1, Headers::default())
        .unwrap();
    let stages: Vec<_> = driver
        .read_raw("test-summing-dead-letters")
        .iter()
        .map(|(_, _, headers)| headers.last(dead_letter::headers::STAGE).map(<[u8]>::to_vec))
        .collect();
    assert_eq!(stages, [Some(b"value".to_vec()), Some(b"key".to_vec())]);
}

#[test]
fn an_abort_forgets_everything_and_the_same_records_give_the_same_outputs_again() {
    let mut driver = driver();
    pipe(&mut driver, "a", 1);
    driver.set_autocommit(false);
    pipe(&mut driver, "a", 2);
    driver.abort();
    assert_eq!(outputs(&driver), pairs(&[("a", 1)]));
    driver.run_until_idle().unwrap();
    driver.commit().unwrap();
    assert_eq!(outputs(&driver), pairs(&[("a", 1), ("a", 3)]));
}

#[test]
fn a_crash_loses_nothing_that_was_committed_even_when_the_store_is_rebuilt_from_its_changelog() {
    for wipe in [false, true] {
        let mut driver = driver();
        pipe(&mut driver, "a", 1);
        driver.crash(wipe).unwrap();
        pipe(&mut driver, "a", 2);
        assert_eq!(outputs(&driver), pairs(&[("a", 1), ("a", 3)]), "wipe: {wipe}");
    }
}

#[test]
fn a_timer_fires_once_when_its_time_has_come_and_survives_a_crash() {
    for wipe in [false, true] {
        let mut driver = driver();
        pipe(&mut driver, "a", 7);
        driver.advance_wall_clock(EXPIRY_MS - 1).unwrap();
        assert_eq!(outputs(&driver).len(), 1);
        driver.crash(wipe).unwrap();
        driver.advance_wall_clock(1).unwrap();
        driver.advance_wall_clock(10 * EXPIRY_MS).unwrap();
        assert_eq!(outputs(&driver), pairs(&[("a", 7), ("a", -7)]));
        assert!(driver.changelog_entries("summing", "expiry").is_empty());
    }
}

#[test]
fn an_output_carries_the_trace_of_its_record_again_the_same_and_one_of_a_timer_carries_none() {
    let request = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    let mut driver = driver();
    driver.set_autocommit(false);
    let headers = request.carried_by(Headers::default());
    driver
        .pipe_raw("input", Some(b"a"), Some(&7i64.to_be_bytes()), 0, headers)
        .unwrap();
    driver.abort();
    driver.run_until_idle().unwrap();
    driver.commit().unwrap();
    driver.advance_wall_clock(EXPIRY_MS).unwrap();
    driver.commit().unwrap();
    let traces: Vec<_> = driver
        .read_raw("output")
        .iter()
        .map(|(_, _, headers)| TraceContext::of(headers))
        .collect();
    let steps = (0..6).map(|partition| request.step("test-summing", "input", partition, 0));
    assert_eq!(traces.len(), 2);
    assert_eq!(traces.last(), Some(&None));
    assert_eq!(steps.filter(|step| traces.first() == Some(&Some(*step))).count(), 1);
}

#[test]
fn keys_spread_over_partitions_and_each_keeps_its_own_sum() {
    let mut driver = driver();
    for round in 1..=3 {
        for key in ["a", "b", "c", "d", "e"] {
            pipe(&mut driver, key, round);
        }
    }
    let last: Vec<_> = outputs(&driver).into_iter().rev().take(5).map(|(_, sum)| sum).collect();
    assert_eq!(last, [6; 5]);
}

#[test]
fn the_same_input_gives_the_same_output_log() {
    let run = || {
        let mut driver = driver();
        for n in 0..50 {
            pipe(&mut driver, &format!("key-{}", n % 7), n % 11 - 2);
        }
        driver.read_raw("output")
    };
    assert_eq!(run(), run());
}
