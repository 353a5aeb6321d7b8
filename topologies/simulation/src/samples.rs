//! Small applications with a known answer, for the engine's own sake.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use streams::dsl::Grouped;
use streams::serde::{I64Serde, Nullable, StringSerde};
use streams::{Topic, Topology, TopologyBuilder, TopologyError};

use crate::outcome::Outcome;
use crate::simulation::Simulation;

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sample {
    /// One topic into another.
    Copy,
    /// Words of lines, counted: a repartition topic and a store.
    Count,
    /// Two tables joined.
    Join,
    /// The shop.
    Shop,
    /// Logins, renewals and logouts at two gateways and one Redis.
    Sessions,
}

impl Sample {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Copy, Self::Count, Self::Join, Self::Shop, Self::Sessions];

    /// The simulation of this application with so many records, orders or people.
    pub fn simulation(self, size: usize) -> Result<Simulation, TopologyError> {
        match self {
            Self::Copy => Ok(Simulation::new(copy()?)
                .instances(3)
                .partitions(3)
                .input("in", numbered("value", size))
                .check(copied)),
            Self::Count => Ok(Simulation::new(count()?)
                .instances(3)
                .partitions(3)
                .input("lines", lines(size))
                .check(counted)),
            Self::Join => Ok(Simulation::new(join()?)
                .instances(2)
                .partitions(3)
                .input("left", numbered("left", size))
                .input("right", numbered("right", size))
                .check(joined)),
            Self::Shop => Simulation::shop(size),
            Self::Sessions => Ok(Simulation::sessions(size)),
        }
    }

    /// Records, orders or people of a run, unless said otherwise.
    #[must_use]
    pub fn usual_size(self) -> usize {
        match self {
            Self::Shop => crate::ORDERS_DEFAULT,
            Self::Sessions => crate::PEOPLE_DEFAULT,
            Self::Copy | Self::Count | Self::Join => 60,
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Copy => "copy",
            Self::Count => "count",
            Self::Join => "join",
            Self::Shop => "shop",
            Self::Sessions => "sessions",
        })
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|sample| sample.to_string() == name);
        found.ok_or_else(|| format!("there is no simulation {name:?}; choose copy, count, join, shop or sessions"))
    }
}

const KEYS: usize = 7;

fn text(name: &str) -> Topic<String, String> {
    Topic::new(name, StringSerde, StringSerde)
}

fn nullable(name: &str) -> Topic<String, Option<String>> {
    Topic::new(name, StringSerde, Nullable(StringSerde))
}

fn numbered(word: &str, count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|number| (format!("key {}", number % KEYS), format!("{word} {number}")))
        .collect()
}

fn lines(count: usize) -> Vec<(String, String)> {
    let line = |number: usize| format!("a{} b{} c{}", number % 3, number % 5, number % KEYS);
    (0..count)
        .map(|number| (format!("line {number}"), line(number)))
        .collect()
}

fn copy() -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new("copy");
    builder.stream(&text("in")).to(&text("out"));
    builder.build()
}

fn count() -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new("count");
    builder
        .stream(&text("lines"))
        .flat_map(|_, line: String| {
            let words = line.split(' ').map(|word| (word.to_owned(), String::new()));
            words.collect::<Vec<_>>()
        })
        .group_by_key(Grouped::new("words", StringSerde, StringSerde))
        .count()
        .to_stream()
        .to(&Topic::new("counts", StringSerde, Nullable(I64Serde)));
    builder.build()
}

fn join() -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new("join");
    let left = builder.table("left-table", &nullable("left"), StringSerde);
    let right = builder.table("right-table", &nullable("right"), StringSerde);
    left.join("both", &right, StringSerde, |_, left, right| {
        format!("{left} and {right}")
    })
    .to_stream()
    .to(&nullable("out"));
    builder.build()
}

fn copied(outcome: &Outcome) -> Vec<String> {
    let (sent, copied) = (outcome.by_key("in"), outcome.by_key("out"));
    let differs = sent.iter().find(|(key, values)| copied.get(*key) != Some(values));
    let of_nobody = copied.keys().find(|key| !sent.contains_key(*key));
    differs
        .map(|(key, _)| key)
        .or(of_nobody)
        .map(|key| {
            format!(
                "what came and what went under {:?} differs",
                String::from_utf8_lossy(key)
            )
        })
        .into_iter()
        .collect()
}

/// Each word has been counted 1, 2, 3, up to the number of its occurrences.
fn counted(outcome: &Outcome) -> Vec<String> {
    let mut occurrences: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for (_, line) in outcome.sorted("lines") {
        for word in line.split(|byte| *byte == b' ') {
            *occurrences.entry(word.to_vec()).or_default() += 1;
        }
    }
    let counts = outcome.by_key("counts");
    let up_to = |count: i64| {
        (1..=count)
            .map(|count| count.to_be_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let wrong = occurrences
        .iter()
        .filter(|(word, count)| counts.get(*word) != Some(&up_to(**count)));
    wrong
        .map(|(word, count)| {
            let told = counts.get(word).map_or(0, Vec::len);
            format!(
                "{:?} came {count} times and was counted {told} times",
                String::from_utf8_lossy(word)
            )
        })
        .collect()
}

/// The last word about each key is made of the last of both sides.
fn joined(outcome: &Outcome) -> Vec<String> {
    let last = |topic: &str| -> BTreeMap<Vec<u8>, Vec<u8>> {
        let by_key = outcome.by_key(topic).into_iter();
        by_key
            .filter_map(|(key, mut values)| Some((key, values.pop()?)))
            .collect()
    };
    let (left, right, out) = (last("left"), last("right"), last("out"));
    let both = left
        .iter()
        .filter_map(|(key, left)| Some((key, [left, right.get(key)?])));
    let expected: BTreeMap<Vec<u8>, Vec<u8>> = both
        .map(|(key, [left, right])| (key.clone(), [left.as_slice(), b" and ", right.as_slice()].concat()))
        .collect();
    let wrong = expected.iter().filter(|(key, value)| out.get(*key) != Some(value));
    let told = wrong.map(|(key, value)| {
        let [key, value] = [key, value].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        format!("the last word about {key:?} is not {value:?}")
    });
    told.chain((out.len() > expected.len()).then(|| "something was joined that has one side".to_owned()))
        .collect()
}
