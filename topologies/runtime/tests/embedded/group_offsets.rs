//! What an operator may do to a group's offsets, and when not.

use runtime::embedded::{EmbeddedError, GroupOffsets};

use crate::fixture::{GROUP, append, broker, commit, joined};

fn offset(topic: &str, next: i64) -> GroupOffsets {
    GroupOffsets::from([((topic.to_owned(), 0), next)])
}

#[test]
fn offsets_of_a_stopped_group_can_be_set_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b"]);
    let mut log = joined(&broker, 1, 0);
    streams::log::Log::commit(&mut log, &[commit(1, 2, "k", "v")]).unwrap();
    assert!(matches!(
        broker.alter_group_offsets(GROUP, &offset("input", 0)),
        Err(EmbeddedError::Refused(_))
    ));
    assert!(matches!(broker.delete_group(GROUP), Err(EmbeddedError::Refused(_))));
    drop(log);
    broker.alter_group_offsets(GROUP, &offset("input", 1)).unwrap();
    assert_eq!(broker.group_offsets(GROUP), offset("input", 1));
    broker.delete_group(GROUP).unwrap();
    assert_eq!(broker.groups(), Vec::<String>::new());
}

#[test]
fn an_unknown_topic_or_an_offset_out_of_range_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a"]);
    let mut wrong = offset("input", 1);
    wrong.extend(offset("nowhere", 0));
    assert!(matches!(
        broker.alter_group_offsets(GROUP, &wrong),
        Err(EmbeddedError::Unknown(_))
    ));
    assert!(matches!(
        broker.alter_group_offsets(GROUP, &offset("input", 2)),
        Err(EmbeddedError::Refused(_))
    ));
    assert_eq!(broker.group_offsets(GROUP), GroupOffsets::new());
}
