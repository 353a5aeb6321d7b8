//! Records that cannot be processed, on every source topic of every topology: each becomes a dead letter, and the partition goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use e2e::topics::{RawRecord, TopicReader};
use e2e::{Server, Stack, wait_until, workspace};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use schemas::SchemaTable;

/// Time until every partition is read past what was put there.
const DRAIN_WAIT: Duration = Duration::from_mins(2);
/// The bytes of a huge record: just below what a topic takes.
const HUGE: usize = 1_000_000;
/// An id that no registry gives away.
const UNKNOWN_SCHEMA: u32 = 0x7fff_fffe;

/// What is wrong with a record, and what its dead letter must say about it.
struct Poison {
    name: &'static str,
    key: Option<&'static str>,
    value: Vec<u8>,
    stage: &'static str,
    error: &'static str,
}

/// What a topic with this schema cannot hold. A repartition topic has none: what the topology encodes itself is not framed, and
/// there a frame is as foreign as any other bytes.
fn poisons(schema: Option<u32>) -> Vec<Poison> {
    let known_schema = schema.unwrap_or(1);
    let unknown = schema.map_or("cannot read the value", |_| "2147483646");
    let framed = |id: u32, rest: &[u8]| [&[0][..], &id.to_be_bytes(), rest].concat();
    let poison = |name, value, error| Poison {
        name,
        key: Some("poison"),
        value,
        stage: "value",
        error,
    };
    vec![
        poison("garbage", b"\xff\xfe not avro".to_vec(), "cannot read the value"),
        poison("nothing", Vec::new(), "cannot read the value"),
        poison("a cut frame", vec![0, 0, 1], "cannot read the value"),
        poison("an unknown schema", framed(UNKNOWN_SCHEMA, b"abc"), unknown),
        poison(
            "garbage in a known schema",
            framed(known_schema, &[0xff; 40]),
            "cannot read the value",
        ),
        poison("a huge record", vec![b'x'; HUGE], "cannot read the value"),
        Poison {
            key: None,
            stage: "key",
            ..poison("a null key", framed(known_schema, b"abc"), "cannot read the key")
        },
    ]
}

#[test]
fn every_poisoned_record_becomes_a_dead_letter_and_its_partition_goes_on() {
    let stack = Stack::start().unwrap();
    let mut server = Server::new(&stack, "shop", &["up"]).unwrap();
    server.start().unwrap();
    let sources = sources(&stack);
    assert_eq!(sources.len(), 5, "{:?}", sources.keys());

    let sent = poison_every_partition(&stack, sources.values().flatten());
    wait_until("every input is read to its end", DRAIN_WAIT, || {
        is_drained(&stack).then_some(())
    })
    .unwrap();
    let mut reader = TopicReader::new(&stack.kafka(), &stack.registry());
    for (topology, topics) in &sources {
        let letters = reader.read_raw(&format!("sluice-{topology}-dead-letters")).unwrap();
        let mut expected: BTreeMap<_, _> = sent.iter().filter(|((topic, ..), _)| topics.contains(topic)).collect();
        for letter in &letters {
            let place = place(letter);
            let poison = expected
                .remove(&place)
                .unwrap_or_else(|| panic!("{topology}: a second letter or none of ours: {place:?}"));
            check(&place, letter, poison);
        }
        let lost: Vec<_> = expected.into_keys().collect();
        assert!(lost.is_empty(), "{topology} lost {lost:?}");
    }
    let journey = Command::new(workspace().join("compose/journey.sh"))
        .arg(server.url())
        .output()
        .unwrap();
    assert!(journey.status.success(), "{}", String::from_utf8_lossy(&journey.stdout));
    server.wait_until_ready().unwrap();
    server.sluice.stop().unwrap();
}

/// Topic, partition and offset.
type Place = (String, i32, i64);

/// The topics that each topology reads, those that it fills itself included.
fn sources(stack: &Stack) -> BTreeMap<String, BTreeSet<String>> {
    let counts = TopicReader::new(&stack.kafka(), &stack.registry()).topics().unwrap();
    let topologies = commerce::topologies::all(&Arc::new(SchemaTable::new())).unwrap();
    let inputs = topologies.iter().map(|topology| {
        let layout = topology.place(&format!("sluice-{}", topology.name()), &counts).unwrap();
        let topics = layout.tasks.iter().flat_map(|task| task.inputs.iter());
        let names = topics.map(|topic| layout.topic(*topic).unwrap().name.clone());
        (topology.name().to_owned(), names.collect())
    });
    inputs.collect()
}

/// Sends every poison to every partition, the huge one to one partition of each topic.
fn poison_every_partition<'a>(stack: &Stack, topics: impl Iterator<Item = &'a String>) -> BTreeMap<Place, Poison> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack.kafka())
        .set("message.max.bytes", "2000000")
        .create()
        .unwrap();
    let mut reader = TopicReader::new(&stack.kafka(), &stack.registry());
    let counts = reader.topics().unwrap();
    let mut sent = BTreeMap::new();
    for topic in topics.collect::<BTreeSet<_>>() {
        let schema = reader.schema_id(&format!("{topic}-value"));
        assert_eq!(schema.is_none(), topic.ends_with("-repartition"), "{topic}");
        for partition in 0..counts[topic] {
            for poison in poisons(schema) {
                if poison.value.len() == HUGE && partition > 0 {
                    continue;
                }
                let record = BaseRecord::<str, [u8]>::to(topic)
                    .partition(partition)
                    .payload(&poison.value);
                let record = poison.key.map_or(record, |key| {
                    BaseRecord::to(topic)
                        .partition(partition)
                        .payload(&poison.value[..])
                        .key(key)
                });
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
        }
        producer.flush(DRAIN_WAIT).unwrap();
        for record in reader.read_raw(topic).unwrap() {
            let poison = poisons(schema).into_iter().find(|poison| {
                record.value.as_deref() == Some(&poison.value) && record.key.as_deref() == poison.key.map(str::as_bytes)
            });
            if let Some(poison) = poison {
                sent.insert((topic.clone(), record.partition, record.offset), poison);
            }
        }
    }
    sent
}

fn is_drained(stack: &Stack) -> bool {
    let shown = e2e::results(&["offsets", "show"], &stack.environment()).unwrap();
    let topologies = shown.as_array().unwrap().iter();
    let mut partitions = topologies.flat_map(|topology| topology["partitions"].as_array().unwrap());
    partitions.all(|partition| partition["lag"] == 0)
}

fn place(letter: &RawRecord) -> Place {
    let number = |name: &str| letter.headers[name].parse::<i64>().unwrap();
    let partition = i32::try_from(number("sluice.partition")).unwrap();
    (
        letter.headers["sluice.topic"].clone(),
        partition,
        number("sluice.offset"),
    )
}

fn check(place: &Place, letter: &RawRecord, poison: &Poison) {
    let what = format!("{} at {place:?}: {:?}", poison.name, letter.headers);
    assert!(
        letter.value.as_deref() == Some(&poison.value),
        "the bytes differ: {what}"
    );
    assert_eq!(letter.key.as_deref(), poison.key.map(str::as_bytes), "{what}");
    assert_eq!(letter.headers["sluice.stage"], poison.stage, "{what}");
    assert!(letter.headers["sluice.error"].contains(poison.error), "{what}");
    assert!(!letter.headers["sluice.task"].is_empty(), "{what}");
}
