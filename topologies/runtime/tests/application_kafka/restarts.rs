//! Stops in order: what comes back goes on where it stood, with as little to read as there can be.

use crate::audit::{check_books, check_store};
use crate::counting::Instance;
use crate::feed::{Sent, send};
use crate::restored::{restored_records, watch};
use crate::support::{KafkaServer, unique};

struct World {
    directory: tempfile::TempDir,
    instance: Instance,
    sent: Sent,
}

fn world() -> World {
    watch();
    let directory = tempfile::tempdir().unwrap();
    let server = KafkaServer::shared();
    let instance = Instance::new(server.bootstrap(), &unique("restarts"), "a", directory.path());
    instance.create_topics(server);
    World {
        directory,
        instance,
        sent: Sent::new(),
    }
}

impl World {
    /// Runs the application until it has counted `count` more records, and answers what it restored for that.
    fn run(&mut self, threads: usize, count: usize) -> u64 {
        let before = restored_records(&self.instance.application_id);
        let application = self.instance.start(threads);
        send(&self.instance, &mut self.sent, count, 10);
        check_books(&self.instance, &self.sent);
        assert!(application.stop());
        restored_records(&self.instance.application_id) - before
    }
}

#[test]
fn records_are_counted_and_the_counts_go_on_after_a_restart() {
    let mut world = world();
    assert_eq!(world.run(1, 1_000), 0);
    assert_eq!(world.run(2, 1_000), 0, "a stopped instance has everything on disk");
    check_store(&world.instance, &world.sent);
}

#[test]
fn a_lost_state_directory_is_rebuilt_from_the_changelog() {
    let mut world = world();
    world.run(1, 500);
    std::fs::remove_dir_all(world.directory.path().join("a")).unwrap();
    assert!(
        world.run(1, 100) >= 10,
        "at least the last count of each key is read again"
    );
    check_store(&world.instance, &world.sent);
}
