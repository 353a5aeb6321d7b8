//! What can go wrong.

use std::fmt;
use std::ops::Range;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident => $words:literal, $lasts:expr;)+) => {
        /// A fault of a process, a machine or the network.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in reports.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }

            /// For how long it lasts, in milliseconds.
            pub(super) fn lasts_ms(self) -> Range<u64> {
                match self {
                    $(Self::$name => $lasts,)+
                }
            }
        }
    };
}

faults! {
    /// SIGKILL of one instance, which is started again.
    KillInstance => "kill -9 of an instance", 0..12_000;
    /// SIGKILL of all instances at once.
    KillAllInstances => "kill -9 of all instances", 0..5_000;
    /// SIGKILL of the edge, which is started again.
    KillEdge => "kill -9 of the edge", 0..5_000;
    /// SIGSTOP of one instance: it comes back as a zombie that does not know that others have its tasks.
    PauseInstance => "an instance hangs", 3_000..20_000;
    /// Instances that come and go, so that tasks move all the time.
    RebalanceStorm => "an instance comes and goes", 0..1_000;
    /// SIGTERM of one instance after the other, each of which is started again before the next one goes.
    RollingUpgrade => "rolling upgrade", 0..1_000;
    /// SIGKILL of the broker that leads a partition of the orders.
    KillLeader => "kill -9 of a leader", 2_000..10_000;
    /// SIGKILL of the active controller.
    KillController => "kill -9 of the controller", 2_000..10_000;
    /// SIGSTOP of a broker, which is shut out by the others and comes back.
    PauseBroker => "a broker hangs", 3_000..12_000;
    /// Nothing passes between an instance and any broker.
    CutInstance => "an instance is cut off", 3_000..20_000;
    /// Brokers hear an instance, but it does not hear them.
    CutAnswers => "an instance hears no answers", 3_000..15_000;
    /// An instance hears what is still under way, but brokers do not hear it.
    CutRequests => "an instance is not heard", 3_000..15_000;
    /// Nothing passes between the edge and any broker.
    CutEdge => "the edge is cut off", 3_000..12_000;
    /// A broker is not reached by the others, but by everybody else.
    CutPeers => "a broker is not reached by the others", 3_000..12_000;
    /// All connections break, again and again.
    ResetConnections => "connections are reset", 0..1_000;
    /// Each request and answer of one instance waits, and the line is thin.
    SlowLink => "a slow link", 3_000..10_000;
    /// There is no room left where one instance has its state.
    DiskFull => "a full disk", 3_000..10_000;
    /// A file of an instance's stores is damaged while it is down.
    DamagedStore => "a damaged store", 0..1_000;
    /// The clock of one instance is an hour ahead.
    ClockForward => "a clock an hour ahead", 3_000..8_000;
    /// The clock of one instance is an hour behind.
    ClockBack => "a clock an hour behind", 3_000..8_000;
    /// SIGKILL of Redis.
    RedisDown => "Redis is down", 2_000..8_000;
    /// SIGKILL of the schema registry.
    RegistryDown => "the registry is down", 2_000..8_000;
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
