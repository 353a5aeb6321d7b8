//! Sessions in the simulation: two gateways whole, one Redis, people who come and go, and thieves of tokens.

mod gateway;
mod gateway_log;
mod lineage;
mod people;
mod redis;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime::NoSchemas;
use schemas::SchemaTable;
use schemas::topics::REVOCATIONS;

use crate::faults::Faults;
use crate::simulation::Simulation;
use crate::workload::{Progress, Stage, Workload};
use crate::world::Random;
use gateway::Gateway;
use people::People;
use redis::Redis;

/// People of a run, unless said otherwise.
pub const PEOPLE_DEFAULT: usize = 5;
/// Long enough for many tokens of five minutes.
const SPAN: Duration = Duration::from_hours(2);
/// How long Redis is away, or out of reach.
const AWAY: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_mins(12);
/// What Redis loses when it dies: it writes its file every second.
const UNSYNCED: std::ops::Range<Duration> = Duration::ZERO..Duration::from_secs(2);

impl Simulation {
    /// Logins, renewals, logouts and thefts at two gateways, while gateways are killed and Redis is away, forgets and is out of reach.
    #[must_use]
    pub fn sessions(people: usize) -> Self {
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let workload = Arc::new(Sessions { schemas, people });
        Self::of(Vec::new(), Arc::new(NoSchemas), Some(workload)).faults(Faults {
            span: SPAN,
            ..Faults::default()
        })
    }
}

struct Sessions {
    schemas: Arc<SchemaTable>,
    people: usize,
}

impl Workload for Sessions {
    fn topics(&self) -> Vec<&'static str> {
        vec![REVOCATIONS.name]
    }

    fn begin(&self, stage: &Stage) -> Box<dyn Progress> {
        let world = &stage.kafka.world;
        let redis = Redis::new(world);
        let gateways = [(), ()].map(|()| Gateway::open(stage, &self.schemas, &redis));
        let troubles = world.draw(|random| plan(&stage.faults, random));
        for (at, trouble) in troubles.clone() {
            let redis = redis.clone();
            world.after(at, move |_| trouble.begin(&redis));
        }
        Box::new(Life {
            people: People::begin(stage, gateways, &redis, self.people),
            redis,
            troubles,
        })
    }
}

struct Life {
    people: People,
    redis: Redis,
    troubles: Vec<(Duration, Trouble)>,
}

impl Progress for Life {
    fn is_done(&mut self, _: &Stage) -> bool {
        self.people.are_done()
    }

    fn judge(&mut self, _: &Stage) -> Vec<String> {
        let mut found = self.people.violations();
        found.extend(self.redis.violations());
        found
    }

    fn faults(&self) -> Vec<String> {
        let told = |(at, trouble): &(Duration, Trouble)| format!("{:>6.0} s {trouble}", at.as_secs_f64());
        self.troubles.iter().map(told).collect()
    }
}

/// What happens to Redis.
#[derive(Debug, Clone)]
enum Trouble {
    Silent(Duration),
    Crash { down: Duration, lost: Duration },
    Flush,
    Storm(Duration),
}

impl Trouble {
    fn draw(random: &mut Random) -> Self {
        match random.within(0..10) {
            0..3 => Self::Silent(random.time(AWAY)),
            3..5 => Self::Crash {
                down: random.time(AWAY),
                lost: random.time(UNSYNCED),
            },
            5 => Self::Flush,
            _ => Self::Storm(random.time(AWAY)),
        }
    }

    fn begin(&self, redis: &Redis) {
        match self {
            Self::Silent(time) => redis.silence(*time),
            Self::Crash { down, lost } => redis.crash(*down, *lost),
            Self::Flush => redis.flush(),
            Self::Storm(time) => redis.storm(*time),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(time) => write!(f, "Redis is silent for {:.0} s", time.as_secs_f64()),
            Self::Crash { down, lost } => {
                let (down, lost) = (down.as_secs_f64(), lost.as_secs_f64());
                write!(
                    f,
                    "Redis dies, is there again after {down:.0} s and has lost {lost:.2} s"
                )
            }
            Self::Flush => f.write_str("Redis is emptied"),
            Self::Storm(time) => write!(f, "a storm before Redis for {:.0} s", time.as_secs_f64()),
        }
    }
}

/// All troubles are over when the span is.
fn plan(faults: &Faults, random: &mut Random) -> Vec<(Duration, Trouble)> {
    let count = random.within(faults.count.clone());
    let mut plan: Vec<_> = (0..count)
        .map(|_| {
            let at = random.time(Duration::ZERO..faults.span.saturating_sub(AWAY.end));
            (at, Trouble::draw(random))
        })
        .collect();
    plan.sort_by_key(|(at, _)| *at);
    plan
}
