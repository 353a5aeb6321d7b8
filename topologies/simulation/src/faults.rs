//! Faults: what happens to a run, drawn from its seed before it begins.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::cluster::{BrokerId, Cluster, PartitionId};
use crate::deployment::{Deployment, Placed};
use crate::kafka::{Cut, Kafka};
use crate::sometimes::Moment;
use crate::world::Random;

/// Something that goes wrong, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of an instance, which is started again after this time. Its disk may be damaged then.
    Kill {
        /// The instance.
        instance: usize,
        /// Until it is started again.
        down: Duration,
        /// Whether one of its tasks' directories is damaged.
        damaged: bool,
    },
    /// `kill -9` of whichever instance takes a step that touches a broker or a store, so many steps from now.
    Crash {
        /// Steps until then.
        steps: u64,
    },
    /// An instance is stopped and goes on later, as SIGSTOP and SIGCONT do.
    Stop {
        /// The instance.
        instance: usize,
        /// For how long.
        time: Duration,
    },
    /// A broker is down; others lead its partitions after a while.
    Broker {
        /// The broker.
        broker: u32,
        /// For how long.
        time: Duration,
    },
    /// Nothing comes through between an instance and the brokers, in one direction or in both.
    Cut {
        /// The instance.
        instance: usize,
        /// What does not come through.
        way: Cut,
        /// For how long.
        time: Duration,
    },
    /// Packets are late, held up and lost; connections are reset.
    Storm {
        /// Times in a thousand that a packet meets a busy network.
        busy: u64,
        /// Times in a thousand that a request is held up for longer than clients wait.
        held: u64,
        /// Times in a thousand that an answer is lost, and that a connection is reset.
        lost: u64,
        /// For how long.
        time: Duration,
    },
    /// Every leader and every coordinator moves.
    Election,
    /// The disk of an instance is full.
    DiskFull {
        /// The instance.
        instance: usize,
        /// For how long.
        time: Duration,
    },
    /// The disk of an instance is slow.
    DiskSlow {
        /// The instance.
        instance: usize,
        /// For how long.
        time: Duration,
    },
    /// The clock of an instance jumps.
    Clock {
        /// The instance.
        instance: usize,
        /// By so many milliseconds.
        by_ms: i64,
        /// For how long.
        time: Duration,
    },
    /// Changelogs are compacted.
    Compaction,
    /// Records that every application has processed are deleted.
    Retention,
}

impl Fault {
    /// How long it lasts.
    fn time(&self) -> Duration {
        match self {
            Self::Kill { down, .. } => *down,
            Self::Stop { time, .. }
            | Self::Broker { time, .. }
            | Self::Cut { time, .. }
            | Self::Storm { time, .. }
            | Self::DiskFull { time, .. }
            | Self::DiskSlow { time, .. }
            | Self::Clock { time, .. } => *time,
            Self::Crash { .. } | Self::Election | Self::Compaction | Self::Retention => Duration::ZERO,
        }
    }
}

/// When the last of these faults has ended.
pub(crate) fn healed(plan: &[(Duration, Fault)]) -> Duration {
    let ends = plan.iter().map(|(at, fault)| *at + fault.time());
    ends.max().unwrap_or_default()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// How a run is disturbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// How many faults, at least and at most.
    pub count: Range<u64>,
    /// Faults begin within this time from the start, and records come in it.
    pub span: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            count: 3..12,
            span: Duration::from_secs(40),
        }
    }
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self {
            count: 0..1,
            ..Self::default()
        }
    }

    /// Nothing goes wrong, and everything comes within a few seconds, so that many of its steps belong to somebody's work and few
    /// to waiting: the day of a crash sweep.
    #[must_use]
    pub fn brief_day() -> Self {
        Self {
            span: Duration::from_secs(8),
            ..Self::none()
        }
    }

    /// What happens, and when.
    pub(crate) fn plan(&self, instances: usize, brokers: u32, random: &mut Random) -> Vec<(Duration, Fault)> {
        let count = random.within(self.count.clone());
        let mut plan: Vec<_> = (0..count)
            .map(|_| {
                let at = random.time(Duration::from_millis(200)..self.span);
                (at, draw(instances, brokers, random))
            })
            .collect();
        plan.sort_by_key(|(at, _)| *at);
        plan
    }
}

fn draw(instances: usize, brokers: u32, random: &mut Random) -> Fault {
    let bound = u64::try_from(instances).unwrap_or(1).max(1);
    let instance = usize::try_from(random.within(0..bound)).unwrap_or(0);
    let time = random.time(Duration::from_millis(100)..Duration::from_secs(16));
    match random.within(0..21) {
        0..=3 => Fault::Crash {
            steps: random.within(1..80),
        },
        4..=6 => Fault::Kill {
            instance,
            down: random.time(Duration::from_millis(50)..Duration::from_secs(14)),
            damaged: random.permille(200),
        },
        7..=8 => Fault::Stop {
            instance,
            time: random.time(Duration::from_secs(1)..Duration::from_secs(30)),
        },
        9..=10 => Fault::Broker {
            broker: u32::try_from(random.within(0..u64::from(brokers))).unwrap_or(0),
            time,
        },
        11..=12 => Fault::Cut {
            instance,
            way: match random.within(0..3) {
                0 => Cut::Requests,
                1 => Cut::Answers,
                _ => Cut::Both,
            },
            time,
        },
        13..=14 => Fault::Storm {
            busy: random.within(0..300),
            held: random.within(0..60),
            lost: random.within(0..60),
            time,
        },
        15 => Fault::Election,
        16 => Fault::DiskFull { instance, time },
        17 => Fault::DiskSlow { instance, time },
        18 => Fault::Clock {
            instance,
            by_ms: i64::try_from(random.within(0..7_200_000)).unwrap_or(0) - 3_600_000,
            time,
        },
        19 => Fault::Retention,
        _ => Fault::Compaction,
    }
}

/// Lets a fault happen now, and end by itself.
pub(crate) fn inject(fault: &Fault, deployment: &Deployment, kafka: &Kafka) {
    let world = &kafka.world;
    world.note(&fault.to_string(), 0);
    match *fault {
        Fault::Kill {
            instance,
            down,
            damaged,
        } => kill(deployment, kafka, instance, down, damaged),
        Fault::Crash { steps } => world.crash_at(world.steps() + steps),
        Fault::Stop { instance, time } => {
            let Some(process) = deployment.process(instance) else {
                return;
            };
            world.stop(process, time);
            if time > SESSION {
                world.after(time, move |world| {
                    if world.is_alive(process) {
                        world.reached(Moment::ZombieWoke);
                    }
                });
            }
        }
        Fault::Broker { broker, time } => break_broker(kafka, BrokerId(broker), time),
        Fault::Cut { instance, way, time } => {
            let Some(process) = deployment.process(instance) else {
                return;
            };
            kafka.weather(|weather| weather.cut.insert(process, way));
            let healed = kafka.clone();
            world.after(time, move |_| {
                healed.weather(|weather| weather.cut.remove(&process));
            });
        }
        Fault::Storm { busy, held, lost, time } => storm(kafka, (busy, held, lost), time),
        Fault::Election => elect_all(kafka),
        Fault::DiskFull { instance, time } => {
            let Some(disk) = deployment.disk(instance) else { return };
            disk.set_full(true);
            world.after(time, move |_| disk.set_full(false));
        }
        Fault::DiskSlow { instance, time } => {
            let Some(disk) = deployment.disk(instance) else { return };
            disk.set_slow(true);
            world.after(time, move |_| disk.set_slow(false));
        }
        Fault::Clock { instance, by_ms, time } => {
            let Some(process) = deployment.process(instance) else {
                return;
            };
            world.reached(Moment::ClockJumped);
            world.skew(process, by_ms);
            world.after(time, move |world| world.skew(process, 0));
        }
        Fault::Compaction => {
            world.reached(Moment::Compacted);
            kafka.change(|cluster| {
                for partition in cluster.all_partitions() {
                    cluster.compact(partition);
                }
            });
        }
        Fault::Retention => forget_processed(deployment, kafka),
    }
}

/// Sessions of the engine's defaults end after this time.
const SESSION: Duration = Duration::from_secs(10);
/// The controller finds out after this time that a broker is gone.
const FAILOVER: Range<Duration> = Duration::from_millis(300)..Duration::from_secs(3);

fn kill(deployment: &Deployment, kafka: &Kafka, instance: usize, down: Duration, damaged: bool) {
    if !deployment.kill(instance) {
        return;
    }
    if damaged && let Some(disk) = deployment.disk(instance) {
        disk.damage();
    }
    let deployment = deployment.clone();
    kafka.world.after(down, move |world| {
        if down < SESSION {
            world.reached(Moment::MemberReturned);
        }
        deployment.start(instance);
    });
}

fn break_broker(kafka: &Kafka, broker: BrokerId, time: Duration) {
    kafka.world.reached(Moment::BrokerDown);
    kafka.weather(|weather| weather.down.insert(broker));
    let failover = kafka.world.draw(|random| random.time(FAILOVER));
    let elected = kafka.clone();
    kafka.world.after(failover, move |_| {
        elect(&elected, |cluster| cluster.move_away_from(broker));
    });
    let healed = kafka.clone();
    kafka.world.after(time.max(failover), move |_| {
        healed.weather(|weather| weather.down.remove(&broker));
    });
}

/// Deletes what is older than the committed offsets of every application that reads it.
fn forget_processed(deployment: &Deployment, kafka: &Kafka) {
    kafka.change(|cluster| {
        let mut processed: BTreeMap<PartitionId, i64> = BTreeMap::new();
        for Placed { layout, .. } in deployment.placed() {
            for task in &layout.tasks {
                let inputs = task.inputs.iter().filter_map(|input| layout.topic(*input));
                for topic in inputs.filter_map(|input| cluster.topic(&input.name)) {
                    let partition = task.id.partition;
                    let at = PartitionId { topic, partition };
                    let committed = cluster.committed_offset(&layout.application_id, at).unwrap_or(0);
                    let least = processed.entry(at).or_insert(committed);
                    *least = committed.min(*least);
                }
            }
        }
        for (partition, offset) in processed.into_iter().filter(|(_, offset)| *offset > 0) {
            kafka.world.reached(Moment::Forgotten);
            cluster.delete_before(partition, offset);
        }
    });
}

fn storm(kafka: &Kafka, (busy, held, lost): (u64, u64, u64), time: Duration) {
    kafka.weather(|weather| {
        (weather.busy, weather.held) = (busy, held);
        (weather.lost, weather.reset) = (lost, lost);
    });
    let healed = kafka.clone();
    kafka.world.after(time, move |_| {
        healed.weather(|weather| {
            (weather.busy, weather.held) = (0, 0);
            (weather.lost, weather.reset) = (0, 0);
        });
    });
}

fn elect_all(kafka: &Kafka) {
    let turn = kafka.world.draw(|random| random.within(0..u64::from(u32::MAX)));
    elect(kafka, |cluster| cluster.rotate(u32::try_from(turn).unwrap_or(0)));
}

fn elect(kafka: &Kafka, moves: impl FnOnce(&mut Cluster)) {
    kafka.world.reached(Moment::LeaderMoved);
    kafka.world.reached(Moment::CoordinatorMoved);
    kafka.change(moves);
}
