//! Three brokers, three instances and an edge, and one fault after another while orders come; afterwards the books must be right.
//! `./dev chaos` does the same with every fault, for as long as one wants.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did"
)]

use e2e::Random;
use e2e::chaos::{Fault, Plan, run};

/// Faults of processes, brokers, the network, disks, and what the system leans on.
const FAULTS: [Fault; 6] = [
    Fault::KillLeader,
    Fault::KillInstance,
    Fault::PauseInstance,
    Fault::ResetConnections,
    Fault::DamagedStore,
    Fault::RedisDown,
];

#[test]
fn the_books_are_right_whatever_happens_to_processes_machines_and_the_network() {
    let seed = Random::from_environment("SLUICE_CHAOS_SEED").seed;
    let plan = Plan::each_once(&FAULTS, seed);
    let report = run(&plan, &mut |line| println!("{line}")).unwrap();
    println!("{report}");
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(report.recoveries.len(), FAULTS.len());
    assert!(report.orders.contains_key("PAID") && report.orders.contains_key("CANCELLED"));
}
