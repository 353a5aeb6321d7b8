//! The functional layer through the test driver: each operator does what Kafka Streams users expect of its namesake.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use streams::dsl::Grouped;
use streams::serde::{I64Serde, Nullable, StringSerde};
use streams::{DriverOptions, Topic, Topology, TopologyBuilder, TopologyError, TopologyTestDriver};

fn words() -> Topic<String, String> {
    Topic::new("words", StringSerde, StringSerde)
}

fn counts() -> Topic<String, i64> {
    Topic::new("counts", StringSerde, I64Serde)
}

fn driver(topology: Topology) -> TopologyTestDriver {
    TopologyTestDriver::new(vec![topology], DriverOptions::default()).unwrap()
}

fn pipe(driver: &mut TopologyTestDriver, topic: &Topic<String, String>, key: &str, value: &str) {
    driver.pipe(topic, &key.to_owned(), &value.to_owned()).unwrap();
}

fn read<V>(driver: &TopologyTestDriver, topic: &Topic<String, V>) -> Vec<(String, V)> {
    driver
        .read(topic)
        .unwrap()
        .into_iter()
        .map(|record| (record.key, record.value))
        .collect()
}

/// The classic: sentences to words, words to counts, through a repartition topic because the key changes.
fn word_count() -> Topology {
    let builder = TopologyBuilder::new("word-count");
    builder
        .stream(&words())
        .flat_map(|_, line: String| {
            line.split(' ')
                .map(|word| (word.to_owned(), String::new()))
                .collect::<Vec<_>>()
        })
        .group_by_key(Grouped::new("by-word", StringSerde, StringSerde))
        .count()
        .to_stream()
        .map_values(|count| count.unwrap_or(0))
        .to(&counts());
    builder.build().unwrap()
}

#[test]
fn words_are_counted_across_partitions_through_a_repartition_topic() {
    let mut driver = driver(word_count());
    pipe(&mut driver, &words(), "1", "a b a");
    pipe(&mut driver, &words(), "2", "b a");
    let mut last = std::collections::BTreeMap::new();
    last.extend(read(&driver, &counts()));
    assert_eq!(
        last.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), 3), ("b".to_owned(), 2)]
    );
}

#[test]
fn a_repartition_topic_splits_the_topology_and_describe_shows_it() {
    let text = word_count().describe().to_string();
    let expected = "\
Topology: word-count
  Sub-topology: 0
    source:   words (topic: words) --> flat-map-1
    processor:flat-map-1 --> by-word
    sink:     by-word (topic: by-word-repartition)
  Sub-topology: 1
    source:   by-word (topic: by-word-repartition) --> by-word
    processor:by-word (stores: by-word) --> map-values-5
    processor:map-values-5 --> map-values-6
    processor:map-values-6 --> counts
    sink:     counts (topic: counts)
";
    assert_eq!(text, expected);
    let mermaid = word_count().describe().mermaid();
    assert!(
        mermaid.starts_with("flowchart LR") && mermaid.contains("store_by_word[(\"by-word\")]"),
        "{mermaid}"
    );
}

#[test]
fn branch_sends_each_record_to_exactly_one_side_and_merge_brings_them_together() {
    let builder = TopologyBuilder::new("branching");
    let (short, long) = builder.stream(&words()).branch(|_, word| word.len() < 3);
    let marked = short.map_values(|word| format!("<{word}>"));
    marked.merge(&long).to(&Topic::new("out", StringSerde, StringSerde));
    let mut driver = driver(builder.build().unwrap());
    pipe(&mut driver, &words(), "k", "ab");
    pipe(&mut driver, &words(), "k", "abc");
    let out = read(&driver, &Topic::new("out", StringSerde, StringSerde));
    assert_eq!(
        out,
        [("k".to_owned(), "<ab>".to_owned()), ("k".to_owned(), "abc".to_owned())]
    );
}

fn names() -> Topic<String, Option<String>> {
    Topic::new("names", StringSerde, Nullable(StringSerde))
}

#[test]
fn a_stream_joins_the_tables_present_value_and_a_left_join_also_its_absence() {
    let builder = TopologyBuilder::new("joining");
    let table = builder.table("names", &names(), StringSerde);
    let clicks = builder.stream(&words());
    let out = |name| Topic::new(name, StringSerde, StringSerde);
    clicks
        .join_table("inner", &table, |_, click, name| format!("{click}:{name}"))
        .to(&out("inner-out"));
    clicks
        .left_join_table("left", &table, |_, click, name| {
            format!("{click}:{}", name.unwrap_or_default())
        })
        .to(&out("left-out"));
    let mut driver = driver(builder.build().unwrap());
    pipe(&mut driver, &words(), "1", "x");
    driver.pipe(&names(), &"1".to_owned(), &Some("ann".to_owned())).unwrap();
    pipe(&mut driver, &words(), "1", "y");
    driver.pipe(&names(), &"1".to_owned(), &None).unwrap();
    pipe(&mut driver, &words(), "1", "z");
    let values = |name| {
        read(&driver, &out(name))
            .into_iter()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(values("inner-out"), ["y:ann"]);
    assert_eq!(values("left-out"), ["x:", "y:ann", "z:"]);
}

#[test]
fn a_table_table_join_follows_both_sides_and_removes_its_row_with_either() {
    let builder = TopologyBuilder::new("tables");
    let cities: Topic<String, Option<String>> = Topic::new("cities", StringSerde, Nullable(StringSerde));
    let left = builder.table("names", &names(), StringSerde);
    let right = builder.table("cities", &cities, StringSerde);
    let out = Topic::new("out", StringSerde, Nullable(StringSerde));
    left.join("people", &right, StringSerde, |_, name, city| format!("{name}@{city}"))
        .to_stream()
        .to(&out);
    let mut driver = driver(builder.build().unwrap());
    let key = "1".to_owned();
    driver.pipe(&names(), &key, &Some("ann".to_owned())).unwrap();
    driver.pipe(&cities, &key, &Some("seoul".to_owned())).unwrap();
    driver.pipe(&names(), &key, &Some("bea".to_owned())).unwrap();
    driver.pipe(&cities, &key, &None).unwrap();
    let rows: Vec<_> = read(&driver, &out).into_iter().map(|(_, row)| row).collect();
    assert_eq!(rows, [Some("ann@seoul".to_owned()), Some("bea@seoul".to_owned()), None]);
    assert!(driver.store_entries("tables", "people").is_empty());
}

#[test]
fn reduce_keeps_the_first_value_and_folds_the_others_into_it() {
    let builder = TopologyBuilder::new("reducing");
    let numbers: Topic<String, i64> = Topic::new("numbers", StringSerde, I64Serde);
    let grouped = builder
        .stream(&numbers)
        .group_by_key(Grouped::new("largest", StringSerde, I64Serde));
    grouped
        .reduce(i64::max)
        .to_stream()
        .map_values(Option::unwrap_or_default)
        .to(&counts());
    let mut driver = driver(builder.build().unwrap());
    for n in [3, 9, 4] {
        driver.pipe(&numbers, &"k".to_owned(), &n).unwrap();
    }
    assert_eq!(
        read(&driver, &counts()).into_iter().map(|(_, n)| n).collect::<Vec<_>>(),
        [3, 9, 9]
    );
}

#[test]
fn mistakes_in_a_declaration_are_named() {
    let twice = TopologyBuilder::new("twice");
    twice.stream(&words()).to(&Topic::new("out", StringSerde, StringSerde));
    drop(twice.stream(&words()));
    assert_eq!(
        twice.build().err(),
        Some(TopologyError::DuplicateName("words".to_owned()))
    );

    let unused = TopologyBuilder::new("unused");
    drop(unused.stream(&words()));
    let _ = unused.store("lonely", StringSerde, I64Serde);
    assert_eq!(
        unused.build().err(),
        Some(TopologyError::UnusedStore("lonely".to_owned()))
    );

    assert_eq!(
        TopologyBuilder::new("empty").build().err(),
        Some(TopologyError::NoSource)
    );

    let bad = TopologyBuilder::new("a topology with spaces");
    drop(bad.stream(&words()));
    assert!(matches!(bad.build().err(), Some(TopologyError::BadName(_))));
}

#[test]
fn sources_of_one_part_must_have_the_same_number_of_partitions() {
    let builder = TopologyBuilder::new("uneven");
    let table = builder.table("names", &names(), StringSerde);
    let out = Topic::new("out", StringSerde, StringSerde);
    builder
        .stream(&words())
        .join_table("join", &table, |_, word, _| word)
        .to(&out);
    let topology = builder.build().unwrap();
    let counts = [("words", 3), ("names", 4), ("out", 3)]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
    let refused = topology.place("app", &counts);
    assert!(
        matches!(refused, Err(TopologyError::NotCopartitioned { subtopology: 0, .. })),
        "{refused:?}"
    );
}
