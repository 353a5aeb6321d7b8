//! What tools see and change.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use runtime::kafka::{KafkaConfig, KafkaHealth, KafkaLog, ensure_internal_topics};
use streams::log::{Event, Log, LogReader};
use streams::{Layout, LogError};

use crate::fixture::{INPUT, LogFixture, append, joined, layout, name, task, wait_for};
use crate::kafka_fixture::KafkaFixture;
use crate::support::{KafkaServer, unique};

#[test]
fn internal_topics_are_created_once_and_refused_when_they_are_different() {
    let admin = KafkaServer::shared().admin();
    let wanted = layout(&unique("internal"), 2);
    let mut created = ensure_internal_topics(&admin, &wanted, 1).unwrap();
    created.sort();
    let app = &wanted.application_id;
    assert_eq!(created, [format!("{app}-0-changelog"), format!("{app}-tasks")]);
    assert_eq!(ensure_internal_topics(&admin, &wanted, 1), Ok(Vec::new()));
    let changelog = admin.describe(&[&created[0]]).unwrap().remove(0);
    assert_eq!((changelog.partitions, changelog.replication), (2, 1));
    assert_eq!(changelog.settings["cleanup.policy"], "compact");
    let grown = Layout {
        application_id: app.clone(),
        ..Layout::clone(&layout(app, 3))
    };
    let refused = ensure_internal_topics(&admin, &grown, 1);
    assert!(
        matches!(&refused, Err(LogError::Fatal(reason)) if reason.contains("2 partitions")),
        "{refused:?}"
    );
}

#[test]
fn topics_that_are_deleted_are_gone_and_deleting_them_again_is_no_error() {
    let server = KafkaServer::shared();
    let (admin, topic) = (server.admin(), unique("short-lived"));
    server.create_topic(&topic, 1);
    assert_eq!(admin.delete(&[&topic]), Ok(vec![topic.clone()]));
    wait_for("the deletion", || {
        (!admin.topics().unwrap().contains_key(&topic)).then_some(())
    });
    assert_eq!(admin.delete(&[&topic]), Ok(Vec::new()));
}

#[test]
fn a_member_tells_where_it_answers_queries_and_which_tasks_it_has() {
    let fixture = KafkaFixture::new(2);
    let config = KafkaConfig {
        endpoint: "10.0.0.1:8080".to_owned(),
        ..fixture.config(0)
    };
    let mut log = KafkaLog::connect(config, fixture.layout(), KafkaHealth::default().into()).unwrap();
    wait_for("the tasks", || {
        matches!(log.poll(std::time::Duration::from_millis(50)), Ok(Event::Assigned(_))).then_some(())
    });
    let group = fixture.server.admin().group(&fixture.layout.application_id).unwrap();
    assert_eq!(group.members.len(), 1);
    assert_eq!(group.members[0].endpoint(), Some("10.0.0.1:8080"));
    assert_eq!(group.members[0].tasks(&fixture.layout), [task(0), task(1)]);
}

#[test]
fn committed_offsets_are_set_only_while_nobody_is_in_the_group() {
    let fixture = KafkaFixture::new(1);
    let (admin, group) = (fixture.server.admin(), fixture.layout.application_id.clone());
    let input = (name(&fixture, INPUT), 0);
    append(&fixture, 0, &["a", "b", "c"]);
    let wanted: BTreeMap<_, _> = [(input.clone(), 2)].into();
    let mut log = joined(&fixture, 0, 1);
    let refused = admin.set_committed(&group, &wanted);
    assert!(
        matches!(&refused, Err(LogError::Fatal(reason)) if reason.contains("live members")),
        "{refused:?}"
    );
    log.close();
    wait_for("the group to be empty", || {
        admin.group(&group).unwrap().is_empty().then_some(())
    });
    admin.set_committed(&group, &wanted).unwrap();
    assert_eq!(
        admin
            .committed(&group, &[input, ("no-such-topic".to_owned(), 0)])
            .unwrap(),
        wanted
    );
    let log = &mut joined(&fixture, 0, 1);
    assert_eq!(crate::fixture::taken(log, 1)[0].1, 2);
}

#[test]
fn an_open_transaction_shows_between_the_ends_and_times_lead_to_offsets() {
    let fixture = KafkaFixture::new(1);
    let (admin, topic) = (fixture.server.admin(), name(&fixture, INPUT));
    append(&fixture, 0, &["a"]);
    let producer = transactional(&fixture.server.bootstrap());
    producer.begin_transaction().unwrap();
    let open = BaseRecord::to(&topic)
        .partition(0)
        .key("k")
        .payload("open")
        .timestamp(5_000);
    producer.send(open).map_err(|(error, _)| error).unwrap();
    producer.flush(std::time::Duration::from_secs(30)).unwrap();
    let ends = admin.ends(&topic, 0).unwrap();
    assert_eq!((ends.first, ends.committed, ends.last), (0, 1, 2));
    let mut reader = fixture.reader();
    assert_eq!(reader.readable(&topic, 0), Ok((0, 1)), "who looks is not kept waiting");
    assert!(matches!(reader.offsets(&topic, 0), Err(LogError::Retriable(_))));
    producer.commit_transaction(std::time::Duration::from_secs(30)).unwrap();
    wait_for("the marker", || {
        (admin.ends(&topic, 0).unwrap().committed == 3).then_some(())
    });
    assert_eq!(admin.offset_at(&topic, 0, 0), Ok(0));
    assert_eq!(admin.offset_at(&topic, 0, 2_000), Ok(1));
    assert_eq!(admin.offset_at(&topic, 0, FAR_FUTURE_MS), Ok(3));
}

/// The year 2100; the marker of a transaction has the broker's time.
const FAR_FUTURE_MS: i64 = 4_102_444_800_000;

fn transactional(bootstrap: &str) -> BaseProducer {
    let mut settings = ClientConfig::new();
    let settings = settings
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", unique("open"));
    let producer: BaseProducer = settings.create().unwrap();
    producer.init_transactions(std::time::Duration::from_secs(30)).unwrap();
    producer
}
