//! The closed list of bugs.

macro_rules! bugs {
    ($($part:ident: $($(#[doc = $doc:literal])+ $name:ident => $breaks:literal,)+)+) => {
        /// A bug, in the words of what is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($($(#[doc = $doc])+ $name,)+)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// What is wrong, in words.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $($(Self::$name => concat!($($doc),+).trim_ascii(),)+)+
                }
            }

            /// What it breaks: an invariant of the shop, or a step of the protocol by which a commit becomes true.
            #[must_use]
            pub fn breaks(self) -> &'static str {
                match self {
                    $($(Self::$name => $breaks,)+)+
                }
            }

            /// Where it is.
            #[must_use]
            pub fn part(self) -> Part {
                match self {
                    $($(Self::$name => Part::$part,)+)+
                }
            }
        }
    };
}

/// Where a bug is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// In transactions, membership and positions: `runtime/src/kafka`.
    Protocol,
    /// In stream threads, tasks and restore: `runtime` and `streams`.
    Engine,
    /// In the shop: `commerce`.
    Shop,
    /// In the sessions of the gateway: `edge-api`.
    Sessions,
}

bugs! {
    Protocol:
    /// Offsets are committed in a transaction of their own, before the records.
    OffsetsApart => "offsets",
    /// A producer of which a request was lost goes on.
    TroubledProducerKept => "fencing",
    /// An abort ends nothing, and the next transaction goes on with what was sent.
    AbortUnsent => "abort",
    /// A transaction whose end went unanswered is taken for committed.
    UnansweredTakenForCommitted => "outcome",
    /// A transaction whose end went unanswered is taken for aborted.
    UnansweredTakenForAborted => "outcome",
    /// Any committed offset is taken for that of the transaction that is asked about.
    TokenIgnored => "outcome",
    /// Inputs do not go back after an abort.
    NoRewind => "rewind",
    /// Inputs go back further than to what is committed.
    AdvanceForgotten => "rewind",
    /// Inputs are read before they are committed.
    UncommittedRead => "reading",
    /// Deleted records that another instance has processed are taken for lost ones, and the process ends.
    ProcessedTakenForLost => "reading",
    /// A group without committed offsets begins at the end.
    BeginsAtTheEnd => "reading",
    /// Instances share their transactional ids.
    SharedTransactionalId => "fencing",
    /// The thread is not told of tasks that were lost.
    LossUntold => "membership",
    /// Idle offsets are renewed in a transaction that has outputs sent ahead of their commit.
    RenewedInOpenTransaction => "ending",
    Engine:
    /// Records that were sent ahead are sent again with the commit.
    SentTwice => "sending",
    /// An abort keeps the effects in the overlay.
    OverlayKept => "abort",
    /// The committed offset is that of the last record, not of the next.
    OffsetTooLow => "offsets",
    /// The committed offset is one beyond the next record.
    OffsetTooHigh => "offsets",
    /// A commit has no commit record.
    NoCommitRecord => "changelog",
    /// Commits are not counted.
    CommitsUncounted => "changelog",
    /// The changes of some stores are not in the changelog.
    StoreNotLogged => "changelog",
    /// A store's position is ahead of its data.
    DataNotStored => "storing",
    /// A store has changes before their transaction is committed.
    StoredBeforeCommit => "storing",
    /// A commit that the store did not take is forgotten.
    StoreFailureIgnored => "storing",
    /// A restore replays nothing.
    NothingReplayed => "restore",
    /// A restore stops too early.
    ReplayTooShort => "restore",
    /// A damaged store is not put aside.
    DamageKept => "restore",
    /// Tasks that were given up go on.
    RevokedKept => "membership",
    /// After a restart the outputs of a task are numbered from 1 again.
    OutputsUncounted => "sending",
    /// What is sent goes to a partition that its key does not say.
    WrongPartition => "sending",
    Shop:
    /// Goods that are held for one order are held for another one too.
    HeldGoodsSold => "I1",
    /// Goods that are sold stay held.
    HoldKeptAfterSale => "I1",
    /// Goods that come back do not come back to the shelf.
    RestockForgotten => "I7",
    /// A sale that is asked for twice is made twice.
    SoldTwice => "I2",
    /// The events of a product have no numbers of their own.
    StockEventsUncounted => "I1",
    /// More goods are given up than were held.
    ReleasedTooMuch => "I1",
    /// More money is held or taken than there is.
    OverdraftAllowed => "I3",
    /// What is taken in the books is given to nobody.
    LedgerOneSided => "I3",
    /// A deposit or a withdrawal that is asked for twice is made twice.
    TransferMadeTwice => "I5",
    /// A wallet does not ask whether its holder may pay.
    HolderUnasked => "accounts",
    /// A refund that is asked for twice is paid twice.
    RefundedTwice => "I4",
    /// A settlement that is asked for twice is paid twice.
    SettledTwice => "I4",
    /// A question to the payment provider has another id when it is asked again.
    CardAskedAnew => "I2",
    /// What the payment provider does not give back to a card is not given back.
    DeclinedRefundLost => "I3",
    /// A payout has another id at the payment provider when it is asked for again.
    PayoutAskedAnew => "I2",
    /// What the payment provider does not pay out is gone.
    DeclinedPayoutLost => "I3",
    /// The events of an order skip numbers.
    EventNumberSkipped => "I8",
    /// An order that fails does not give back what it has.
    CompensationForgotten => "I7",
    /// A line that has not answered is not given back, and its late acceptance is ignored.
    LateAcceptanceIgnored => "I7",
    /// An order waits without a deadline.
    DeadlineForgotten => "I6",
    /// A seller reads the lines of other sellers too.
    ForeignLinesShown => "I9",
    /// The end of an order is not published.
    LastStepUnpublished => "I6",
    /// A buyer is told that a command is stored before it is.
    AcceptedUnstored => "I10",
    /// An order that is asked for again begins again.
    CreatedAgain => "I10",
    Sessions:
    /// A token that was exchanged before is answered for ever.
    ReuseForgiven => "sessions",
    /// A session whose token came twice goes on.
    ReuseUnpunished => "sessions",
    /// A lost answer to a refresh is not given again after the grace.
    LostRefreshUnforgiven => "sessions",
    /// A logout is forgotten by the session store.
    LogoutForgotten => "sessions",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps by which a commit becomes true, and those by which a thread comes back from one that did not.
    const STEPS: [&str; 12] = [
        "reading",
        "sending",
        "offsets",
        "ending",
        "outcome",
        "storing",
        "changelog",
        "abort",
        "rewind",
        "restore",
        "membership",
        "fencing",
    ];

    fn is_broken(what: &str) -> bool {
        Bug::ALL.iter().any(|bug| bug.breaks() == what)
    }

    #[test]
    fn each_invariant_has_a_bug_that_breaks_it() {
        for number in 1..=10 {
            assert!(is_broken(&format!("I{number}")), "I{number}");
        }
    }

    #[test]
    fn each_step_of_the_protocol_has_a_bug_that_breaks_it_and_no_bug_breaks_anything_else() {
        for step in STEPS {
            assert!(is_broken(step), "{step}");
        }
        for bug in Bug::ALL {
            let is_of_protocol = matches!(bug.part(), Part::Protocol | Part::Engine);
            assert_eq!(is_of_protocol, STEPS.contains(&bug.breaks()), "{bug:?}");
        }
    }
}
