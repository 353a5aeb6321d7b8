//! A backlog is worked off: copy, count and saga, each beside the bare loop in the same minutes.

use anyhow::{Result, ensure};

use super::{Run, say};
use crate::broker::Broker;
use crate::feed::{Feed, scattered, scrambled};
use crate::plan::{COUNT_KEYS, Plan};
use crate::process::{Measured, Sample};
use crate::report::{Report, Row};
use crate::shapes::Shape;
use crate::topics::{self, check_counts, committed_records};

/// Stream threads that are measured.
const THREADS: [usize; 2] = [1, 2];

/// Runs the wanted ones and adds their rows.
pub(crate) fn run(broker: &Broker, plan: &Plan, report: &mut Report) -> Result<()> {
    if plan.includes("copy") {
        let records = fill(broker, Shape::Copy, plan.copy)?;
        for repeat in 0..plan.repeats {
            report.add(measure(broker, Shape::Bare, records, 1, repeat)?);
            for threads in THREADS {
                report.add(measure(broker, Shape::Copy, records, threads, repeat)?);
            }
            report.add(measure(broker, Shape::Numbered, records, 1, repeat)?);
        }
        topics::delete(&broker.admin()?, &format!("{}-", source(Shape::Copy)))?;
    }
    for (name, shape, records) in [("count", Shape::Count, plan.count), ("saga", Shape::Saga, plan.orders)] {
        if !plan.includes(name) {
            continue;
        }
        let records = fill(broker, shape, records)?;
        for repeat in 0..plan.repeats {
            for threads in THREADS {
                report.add(measure(broker, shape, records, threads, repeat)?);
            }
        }
        topics::delete(&broker.admin()?, &format!("{}-", source(shape)))?;
    }
    Ok(())
}

fn source(shape: Shape) -> &'static str {
    match shape {
        Shape::Bare | Shape::Copy | Shape::Numbered | Shape::Keep => "copied",
        Shape::Count => "counted",
        Shape::Saga => "ordered",
    }
}

/// Fills the inputs; answers the number of records.
fn fill(broker: &Broker, shape: Shape, records: u64) -> Result<u64> {
    let inputs: Vec<String> = shape
        .inputs()
        .iter()
        .map(|input| format!("{}-{input}", source(shape)))
        .collect();
    let total = records * u64::try_from(inputs.len())?;
    say(&format!("filling {} with {total} records", inputs.join(", ")));
    topics::create(&broker.admin()?, inputs.clone())?;
    let feed = Feed::bulk(broker.bootstrap())?;
    for input in &inputs {
        match shape {
            Shape::Saga => feed.fill(input, (0..records).map(scrambled))?,
            Shape::Bare | Shape::Copy | Shape::Numbered | Shape::Count | Shape::Keep => {
                feed.fill(input, scattered(records, COUNT_KEYS))?;
            }
        }
    }
    Ok(total)
}

fn measure(broker: &Broker, shape: Shape, records: u64, threads: usize, repeat: usize) -> Result<Row> {
    let name = format!("{shape:?}-{threads}-{repeat}").to_lowercase();
    let run = Run::new(broker, shape, source(shape), &name, threads)?;
    let measured = Measured::start(broker, &run.options)?;
    let middle = measured.sample_when(|progress| progress.processed >= records / 2)?;
    let end = measured.sample_when(|progress| progress.processed >= records)?;
    let (start, memory) = (measured.started(), measured.peak_memory()?);
    measured.stop()?;
    check(&run, records)?;
    run.discard()?;
    let row = Row {
        shape,
        threads,
        warm: Window::between(&middle, &end),
        cold: Window::between(&start, &end),
        peak_memory: memory,
    };
    say(&format!("{name}: {row}"));
    Ok(row)
}

/// What one record cost between two looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Processor time of the process for one record, in microseconds.
    pub(crate) own_us: f64,
    /// Processor time of the broker for one record, in microseconds.
    pub(crate) broker_us: f64,
    /// Records in one second.
    pub(crate) rate: f64,
}

impl Window {
    #[allow(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]
    fn between(from: &Sample, to: &Sample) -> Self {
        let spent = to.since(from);
        let records = spent.records as f64;
        Self {
            own_us: spent.own.as_secs_f64() * 1e6 / records,
            broker_us: spent.broker.as_secs_f64() * 1e6 / records,
            rate: records / spent.time.as_secs_f64(),
        }
    }
}

/// What came out, under `read_committed`, is exactly what had to.
fn check(run: &Run<'_>, records: u64) -> Result<()> {
    let bootstrap = &run.options.bootstrap;
    match run.options.shape {
        Shape::Count => check_counts(bootstrap, &run.output("output"), scattered(records, COUNT_KEYS)),
        Shape::Saga => {
            let orders = records / 3;
            for (output, expected) in [
                ("payment-requests", orders),
                ("stock-requests", orders),
                ("order-events", 2 * orders),
                ("results", orders),
            ] {
                let found = committed_records(bootstrap, &run.output(output))?;
                ensure!(
                    found == expected,
                    "{output}: {found} committed records instead of {expected}"
                );
            }
            Ok(())
        }
        Shape::Bare | Shape::Copy | Shape::Numbered | Shape::Keep => {
            let found = committed_records(bootstrap, &run.output("output"))?;
            ensure!(found == records, "{found} committed records instead of {records}");
            Ok(())
        }
    }
}
