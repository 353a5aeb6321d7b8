//! The whole system under fire: three brokers, three instances and an edge, orders that keep coming, and one fault after another.
//!
//! A [`Plan`] says what goes wrong, in which order, from one seed. After each fault it is measured how long an order that comes
//! then takes to be paid. At the end the books are checked from the topics alone, and `sluice audit` has to agree.

mod fault;
mod field;
mod plan;
mod probe;
mod report;
mod strike;
mod terrain;

use std::time::{Duration, Instant};

pub use fault::Fault;
pub use plan::{Plan, Strike};
pub use report::{Recovery, Report};

use crate::random::Random;
use field::Field;
use probe::Probe;

/// So long orders come before the first fault.
const WARM_UP: Duration = Duration::from_secs(10);
/// Between two faults nothing goes wrong for a time in this range, in milliseconds.
const CALM_MS: std::ops::Range<u64> = 500..2_500;

/// Carries a plan out. `say` is told what happens, a line at a time.
///
/// An error is a system that could not be set up, or one that did not recover; wrong books are in the report.
pub fn run(plan: &Plan, say: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    let mut random = Random::new(plan.seed());
    let mut field = Field::set_up(plan.earlier(), say)?;
    let mut report = Report::new(plan.seed());
    report.left_out = field.impossible();
    for (fault, why) in &report.left_out {
        say(&format!("left out: {fault}: {why}"));
    }
    let ended = carry_out(plan, &mut field, &mut report, &mut random, say);
    if ended.is_err() || !report.violations.is_empty() {
        field.stack.keep_directory();
        say(&format!(
            "logs and state are kept in {}",
            field.stack.directory().display()
        ));
    }
    ended.map(|()| report)
}

fn carry_out(
    plan: &Plan,
    field: &mut Field,
    report: &mut Report,
    random: &mut Random,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let mut probe = Probe::new(field)?;
    probe.until_paid(field)?;
    field.begin_load()?;
    field.watch(WARM_UP)?;
    report.undisturbed = probe.until_paid(field)?;
    say(&format!(
        "without any fault an order is paid after {:.1} s",
        report.undisturbed.as_secs_f64()
    ));
    let began = Instant::now();
    let mut told = 0;
    for strikes in plan.rounds(&report.left_out) {
        if plan.is_over(began.elapsed()) {
            break;
        }
        let recovered = round(field, &mut probe, &strikes, random, say);
        for words in field.ended.iter().skip(told) {
            say(&format!("  ended by itself and started again: {words}"));
        }
        told = field.ended.len();
        let recovered = recovered?;
        report.recovered(&strikes, recovered);
        field.watch(random.time(CALM_MS))?;
    }
    report.took = began.elapsed();
    field.settle(report, &probe.accepted, say)
}

/// One fault, or two that overlap. Answers how long the first order after them took.
fn round(
    field: &mut Field,
    probe: &mut Probe,
    strikes: &[Strike],
    random: &mut Random,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Duration> {
    let mut struck = Vec::new();
    for strike in strikes {
        let victim = field.strike(*strike, random)?;
        say(&format!(
            "{} ({victim}) for {:.1} s",
            strike.fault,
            strike.lasts.as_secs_f64()
        ));
        field.watch(strike.lasts / u32::try_from(strikes.len()).unwrap_or(1))?;
        struck.push((*strike, victim));
    }
    for (strike, victim) in &struck {
        field.heal(*strike, *victim)?;
    }
    let recovered = probe.until_paid(field)?;
    say(&format!(
        "the next order was paid after {:.1} s",
        recovered.as_secs_f64()
    ));
    Ok(recovered)
}
