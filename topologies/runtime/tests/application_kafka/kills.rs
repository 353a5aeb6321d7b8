//! `kill -9` in the middle: counts stay exact, and a restart reads what the disk lacks and nothing else.

use crate::audit::{check_books, check_store, gap_and_total, wait_for_outputs};
use crate::child::Process;
use crate::counting::Instance;
use crate::feed::{Sent, send};
use crate::support::{KafkaServer, unique};

/// Kills of one scenario.
const ROUNDS: usize = 3;
/// Records that are sent in each round, and the outputs after which the kill comes.
const RECORDS: usize = 20_000;
const RECORDS_BEFORE_KILL: usize = 5_000;
const KEYS: usize = 1_000;

fn instances<const N: usize>(directory: &tempfile::TempDir, names: [&str; N]) -> [Instance; N] {
    let server = KafkaServer::shared();
    let application_id = unique("kills");
    let instances = names.map(|name| Instance::new(server.bootstrap(), &application_id, name, directory.path()));
    instances[0].create_topics(server);
    instances
}

#[test]
fn an_instance_killed_in_the_middle_restores_only_the_gap_and_counts_on_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let [instance] = instances(&directory, ["a"]);
    let mut sent = Sent::new();
    let (mut gaps, mut totals) = (0, 0);
    for round in 0..ROUNDS {
        send(&instance, &mut sent, RECORDS, KEYS);
        let victim = Process::start(&instance);
        wait_for_outputs(&instance, round * RECORDS + RECORDS_BEFORE_KILL);
        victim.kill();
        let (gap, total) = gap_and_total(&instance);
        let heir = Process::start(&instance);
        check_books(&instance, &sent);
        assert_eq!(
            heir.stop(),
            gap,
            "the restart reads the gap to the changelog and nothing else"
        );
        (gaps, totals) = (gaps + gap, totals + total);
    }
    assert!(
        gaps < totals,
        "a kill loses the newest writes of the disk only: {gaps} of {totals}"
    );
    check_store(&instance, &sent);
}

#[test]
fn one_of_two_instances_is_killed_again_and_again_and_the_counts_stay_exact() {
    let directory = tempfile::tempdir().unwrap();
    let [victim, survivor] = instances(&directory, ["a", "b"]);
    let mut sent = Sent::new();
    let surviving = Process::start(&survivor);
    let mut dying = Process::start(&victim);
    for round in 0..ROUNDS {
        send(&victim, &mut sent, RECORDS, KEYS);
        wait_for_outputs(&victim, round * RECORDS + RECORDS_BEFORE_KILL);
        dying.kill();
        dying = Process::start(&victim);
        check_books(&victim, &sent);
    }
    dying.stop();
    surviving.stop();
    check_books(&victim, &sent);
}
