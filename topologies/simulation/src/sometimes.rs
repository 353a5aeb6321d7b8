//! Moments that a run has to come to, or it has shown nothing. The idea is Antithesis' "sometimes assertions"
//! (<https://antithesis.com/docs/best_practices/sometimes_assertions/>).

use std::collections::BTreeMap;

macro_rules! moments {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A moment in which things go wrong in systems like this one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Moment {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Moment {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The moment in words.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

moments! {
    /// A process was killed after it had produced and before it had sent offsets.
    KilledBeforeOffsets,
    /// A process was killed after it had sent offsets and before it ended the transaction.
    KilledBeforeEnd,
    /// A process was killed while the end of its transaction was on its way.
    KilledBeforeEndWasAnswered,
    /// A process was killed after its transaction was true and before its store had it.
    KilledBeforeStoreWrite,
    /// A process was killed while it restored a task.
    KilledWhileRestoring,
    /// A process was killed while its group was rebalancing.
    KilledWhileRebalancing,
    /// A gateway was killed after it had sent a command and before it was acknowledged.
    KilledBeforeCommandWasAcknowledged,
    /// The answer to the end of a transaction was lost.
    EndAnswerLost,
    /// The end of a transaction reached its coordinator after the client had given up waiting.
    EndLate,
    /// A late end of a transaction was refused.
    LateEndRefused,
    /// The answer to a produce request was lost.
    ProduceAnswerLost,
    /// A produce request reached its broker after the client had given up waiting.
    ProduceLate,
    /// A producer's thread went on while its records were on their way.
    SentAside,
    /// An abort took back a batch that may still have been on its way.
    TakenBack,
    /// The answer to transactional offsets was lost.
    OffsetsAnswerLost,
    /// A producer was told that another one has its transactional id.
    Fenced,
    /// A coordinator ended a transaction that lasted too long.
    TransactionTimedOut,
    /// Somebody asked for committed offsets while a transaction was pending on them.
    OffsetsUnstable,
    /// A producer met a transaction whose markers were not all written.
    TransactionsConcurrent,
    /// A new producer ended the open transaction of its predecessor.
    TransactionTakenOver,
    /// A member learned that its tasks were given to others.
    TasksLost,
    /// A member was asked to give tasks up.
    TasksRevoked,
    /// A process came back under its name while its session lived.
    MemberReturned,
    /// A process was stopped until its session had ended, and went on.
    ZombieWoke,
    /// A store lost what it had not yet made durable.
    StoreLostWrites,
    /// A store was found damaged.
    StoreDamaged,
    /// A disk was full.
    DiskFull,
    /// The leader of a partition moved.
    LeaderMoved,
    /// A coordinator moved.
    CoordinatorMoved,
    /// A broker was down.
    BrokerDown,
    /// A broker did not hear a process.
    RequestsCut,
    /// A process did not hear a broker.
    AnswersCut,
    /// The clock of a process jumped.
    ClockJumped,
    /// A changelog was compacted while its task ran.
    Compacted,
    /// Records that had been processed were deleted.
    Forgotten,
    /// A command was sent again because nobody had acknowledged it.
    CommandRepeated,
    /// A payment was declined because the account of the buyer was disabled meanwhile.
    PaymentOfDisabledDeclined,
    /// The payment provider did not answer a call.
    ProviderSilent,
    /// The payment provider declined a card.
    CardDeclined,
    /// The payment provider did not give money back to a card, and it went to the wallet.
    CardRefundDeclined,
    /// The payment provider did not pay out, and the money came back to the wallet.
    PayoutDeclined,
    /// A task replayed the end of its changelog over its own state.
    GapReplayed,
    /// A task was restored from its whole changelog.
    RestoredFromNothing,
    /// A request to join a group was heard after its sender had given up waiting.
    JoinLate,
    /// Redis did not answer.
    RedisSilent,
    /// Redis lost what it had written.
    RedisForgot,
    /// Redis changed a session and its answer was lost.
    RedisAnswerLost,
    /// A token was renewed with a session in Redis.
    TokenRenewed,
    /// A token that had been exchanged already got the same successor again.
    SuccessorRepeated,
    /// Two parties held one token, and their session was ended.
    TokenReused,
    /// A valid token was let through while Redis did not answer.
    ServedWithoutRedis,
}

impl Moment {
    /// Whether it belongs to [`Sample::Sessions`](crate::Sample::Sessions); the others belong to what runs on Kafka.
    #[must_use]
    pub fn is_of_sessions(self) -> bool {
        matches!(
            self,
            Self::RedisSilent
                | Self::RedisForgot
                | Self::RedisAnswerLost
                | Self::TokenRenewed
                | Self::SuccessorRepeated
                | Self::TokenReused
                | Self::ServedWithoutRedis
        )
    }
}

/// How often a run came to each moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moments(BTreeMap<Moment, u64>);

impl Moments {
    pub(crate) fn reached(&mut self, moment: Moment) {
        *self.0.entry(moment).or_default() += 1;
    }

    /// How often.
    #[must_use]
    pub fn count(&self, moment: Moment) -> u64 {
        self.0.get(&moment).copied().unwrap_or(0)
    }

    /// Those that were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<Moment> {
        let missing = Moment::ALL.iter().filter(|moment| self.count(**moment) == 0);
        missing.copied().collect()
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (moment, count) in &other.0 {
            *self.0.entry(*moment).or_default() += count;
        }
    }
}
