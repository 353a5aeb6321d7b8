//! Three instances are killed with -9 and restarted at random moments while orders come in; afterwards the books must be right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::books::{check, read_ledger};
use e2e::topics::{RawRecord, TopicReader};
use e2e::{Random, Server, Sluice, Stack, wait_until};
use schemas::SchemaTable;
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::store::{KeyRange, KeyValueStore};
use streams::{StoreIndex, Topology};

/// Orders of a run. `SLUICE_E2E_ORDERS` sets another number.
const ORDERS: usize = 20_000;
const INSTANCES: usize = 3;
/// Partitions of every topic between the topologies.
const PARTITIONS: i32 = 6;
/// Time between two kills, drawn from this range in milliseconds.
const KILL_EVERY_MS: std::ops::Range<u64> = 3_000..9_000;
/// After so many kills the books are audited while everything goes on.
const AUDIT_EVERY: usize = 10;
/// Time for the load, kills included. CI has an hour and a half for everything.
const RUN_WAIT: Duration = Duration::from_mins(40);
const READY_WAIT: Duration = Duration::from_mins(2);
/// What each instance runs.
const RUN: [&str; 6] = ["run", "accounts", "products", "payments", "orders", "views"];

#[test]
fn the_books_are_right_after_instances_were_killed_at_random_moments() {
    let stack = Stack::start().unwrap();
    let orders = std::env::var("SLUICE_E2E_ORDERS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(ORDERS);
    let mut random = Random::from_environment("SLUICE_E2E_SEED");
    let mut edge = Server::new(&stack, "edge", &["edge"]).unwrap();
    let instance = |number| Server::new(&stack, &format!("instance-{number}"), &RUN).unwrap();
    let mut instances: Vec<Server> = (0..INSTANCES).map(instance).collect();
    // The first process creates topics and registers schemas; it is there before the others look. It is ready with them.
    edge.sluice.start().unwrap();
    wait_until("the edge has created the topics", READY_WAIT, || edge.readiness().ok()).unwrap();
    for instance in &mut instances {
        instance.sluice.start().unwrap();
    }
    for instance in &instances {
        instance.wait_until_ready().unwrap();
    }
    edge.wait_until_ready().unwrap();

    let ledger = stack.directory().join("ledger.jsonl");
    let mut load = load(&stack, &edge.url(), orders, &ledger);
    let began = Instant::now();
    load.start().unwrap();
    let (mut kills, mut audits) = (0, 0);
    while load.is_running() {
        assert!(
            began.elapsed() < RUN_WAIT,
            "the load did not end\n{}",
            load.output_tail()
        );
        // Either the load ends or it is time for the next kill.
        if wait_until("the load ends", random.time(KILL_EVERY_MS), || {
            (!load.is_running()).then_some(())
        })
        .is_ok()
        {
            break;
        }
        let victim = random.below(INSTANCES);
        let instance = instances.get_mut(victim).unwrap();
        instance.sluice.kill_9().unwrap();
        instance.sluice.start().unwrap();
        kills += 1;
        if kills % AUDIT_EVERY == 0 {
            println!("{}", audit(&stack, instance.state()));
            audits += 1;
        }
    }
    println!(
        "load ended after {:?} and {kills} kills\n{}",
        began.elapsed(),
        load.output_tail()
    );
    assert!(kills > 0 && audits > 0);

    let mut reader = TopicReader::new(&stack.kafka(), &stack.registry());
    let accepted = read_ledger(&ledger).unwrap();
    assert_eq!(
        accepted.len(),
        orders,
        "every order was accepted in the end\n{}",
        load.output_tail()
    );
    for instance in &instances {
        instance.wait_until_ready().unwrap();
    }
    for instance in &mut instances {
        instance.sluice.stop().unwrap();
    }
    edge.sluice.stop().unwrap();

    assert_eq!(
        reader.open_transactions().unwrap(),
        Vec::<String>::new(),
        "no transaction stays open"
    );
    for instance in &instances {
        println!("{}", audit(&stack, instance.state()));
    }
    let findings = check(&mut reader, &accepted).unwrap();
    println!(
        "{} records, orders by status {:?}, seed {}",
        findings.records, findings.orders, random.seed
    );
    assert_eq!(findings.violations, Vec::<String>::new());
    assert_eq!(findings.orders.values().sum::<usize>(), orders);
    assert!(findings.orders.contains_key("PAID") && findings.orders.contains_key("CANCELLED"));
    let compared = compare_stores(&mut reader, &instances);
    println!("{compared} stores equal their changelogs");
    assert!(compared > 0);
}

fn load(stack: &Stack, url: &str, orders: usize, ledger: &Path) -> Sluice {
    let count = orders.to_string();
    let ledger = ledger.display().to_string();
    let arguments = [
        "load",
        "--url",
        url,
        "--orders",
        &count,
        "--concurrency",
        "64",
        "--cards",
        "20",
        "--declines",
        "5",
        "--stock-outs",
        "5",
        "--ledger",
        &ledger,
    ];
    Sluice::new(&arguments, stack.environment(), stack.directory().join("load.log"))
}

/// What `sluice audit` says of the books and of the stores in a state directory; it must find nothing wrong.
fn audit(stack: &Stack, state: &Path) -> String {
    let ended = stack.audit(state).unwrap();
    assert_eq!(ended.code, 0, "{}\n{}", ended.printed, ended.said);
    ended.printed
}

/// Compares each store on disk with its changelog, up to the position that the store itself names: state that an instance
/// kept of a task that moved away is behind, and must be right as far as it goes.
fn compare_stores(reader: &mut TopicReader, instances: &[Server]) -> usize {
    let memory = StoreMemory::new(StoreBudget::default()).unwrap();
    let mut changelogs = Changelogs::new();
    for topic in reader
        .topics()
        .unwrap()
        .into_keys()
        .filter(|topic| topic.ends_with("-changelog"))
    {
        let records = reader.read_raw(&topic).unwrap();
        changelogs.insert(topic, records);
    }
    let mut compared = 0;
    let topologies = commerce::topologies::all(&Arc::new(SchemaTable::new())).unwrap();
    for instance in instances {
        for topology in &topologies {
            compared += compare_application(instance.state(), topology, &memory, &changelogs);
        }
    }
    compared
}

type Changelogs = BTreeMap<String, Vec<RawRecord>>;

fn compare_application(state: &Path, topology: &Topology, memory: &StoreMemory, changelogs: &Changelogs) -> usize {
    let application = format!("sluice-{}", topology.name());
    let directory = StateDirectory::new(&state.join("state"), &application, memory.clone()).unwrap();
    let counts = topology
        .external_topics()
        .map(|name| (name.to_owned(), PARTITIONS))
        .collect();
    let layout = topology.place(&application, &counts).unwrap();
    let mut compared = 0;
    for task in directory.tasks().unwrap() {
        let own = layout.task(task.task).unwrap();
        let name = |store: &StoreIndex| layout.stores.get(usize::from(store.0)).cloned().unwrap();
        let stores: Vec<_> = own.stores.iter().map(|store| (*store, name(store))).collect();
        let store = directory.open(task.task, &stores).unwrap();
        let Some(position) = store.positions().changelog else {
            continue;
        };
        let records = changelogs
            .get(&format!("{application}-{}-changelog", task.task.subtopology))
            .unwrap();
        for (index, name) in &stores {
            // An entry's key is the store's name, a zero byte, and the key in the store.
            let prefix = [name.as_bytes(), &[0]].concat();
            let mut expected = BTreeMap::new();
            let own = |record: &&RawRecord| record.partition == task.task.partition && record.offset < position;
            for record in records.iter().filter(own) {
                let Some(key) = record.key.as_deref().unwrap().strip_prefix(prefix.as_slice()) else {
                    continue;
                };
                match &record.value {
                    Some(value) => expected.insert(key.to_vec(), value.clone()),
                    None => expected.remove(key),
                };
            }
            let mut found = BTreeMap::new();
            let visit = &mut |key: &[u8], value: &[u8]| {
                found.insert(key.to_vec(), value.to_vec());
                std::ops::ControlFlow::Continue(())
            };
            store.range(*index, KeyRange::all(), false, visit).unwrap();
            assert!(
                found == expected,
                "{application} task {} store {name} differs from its changelog",
                task.task
            );
            compared += 1;
        }
    }
    compared
}
