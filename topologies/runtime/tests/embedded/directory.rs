//! One directory belongs to one process.

use runtime::embedded::{EmbeddedBroker, EmbeddedError};

use crate::child;

#[test]
fn a_second_process_is_told_who_has_the_directory_and_gets_it_when_that_one_dies() {
    let dir = tempfile::tempdir().unwrap();
    let (mut holder, mut lines) = child::start("hold", dir.path());
    assert!(lines.any(|line| line == "open"));
    let refused = EmbeddedBroker::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, EmbeddedError::InUse(_)));
    assert!(refused.to_string().contains(&holder.id().to_string()), "{refused}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    EmbeddedBroker::open(dir.path()).unwrap();
}

#[test]
fn a_directory_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(EmbeddedBroker::open(dir.path()).unwrap());
    {
        let path = dir.path().join("log");
        let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), &path).unwrap();
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), &path, families).unwrap();
        db.put("format", "99").unwrap();
    }
    let refused = EmbeddedBroker::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, EmbeddedError::Damaged(_)));
    assert!(refused.to_string().contains("99"), "{refused}");
}
