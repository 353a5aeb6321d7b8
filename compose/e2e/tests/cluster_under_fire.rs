//! Three brokers, three instances and an edge, each fault once while orders come; afterwards the books must be right.
//! `./dev chaos` does the same for as long as one wants.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did"
)]

use e2e::Random;
use e2e::chaos::{Fault, Plan, run};

#[test]
fn the_books_are_right_whatever_happens_to_processes_machines_and_the_network() {
    let seed = Random::from_environment("SLUICE_CHAOS_SEED").seed;
    let plan = Plan::each_once(Fault::ALL, seed);
    let report = run(&plan, &mut |line| println!("{line}")).unwrap();
    println!("{report}");
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(report.recoveries.len() + report.left_out.len(), Fault::ALL.len());
    assert!(report.orders.contains_key("PAID") && report.orders.contains_key("CANCELLED"));
}
