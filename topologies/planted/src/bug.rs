//! The closed list of bugs.

macro_rules! bugs {
    ($($part:ident: $($(#[doc = $doc:literal])+ $name:ident,)+)+) => {
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
}

bugs! {
    Protocol:
    /// Offsets are committed in a transaction of their own, before the records.
    OffsetsApart,
    /// A producer of which a request was lost goes on.
    TroubledProducerKept,
    /// An abort ends nothing, and the next transaction goes on with what was sent.
    AbortUnsent,
    /// A transaction whose end went unanswered is taken for committed.
    UnansweredTakenForCommitted,
    /// A transaction whose end went unanswered is taken for aborted.
    UnansweredTakenForAborted,
    /// Any committed offset is taken for that of the transaction that is asked about.
    TokenIgnored,
    /// Inputs do not go back after an abort.
    NoRewind,
    /// Inputs go back further than to what is committed.
    AdvanceForgotten,
    /// Inputs are read before they are committed.
    UncommittedRead,
    /// A group without committed offsets begins at the end.
    BeginsAtTheEnd,
    /// Instances share their transactional ids.
    SharedTransactionalId,
    /// The thread is not told of tasks that were lost.
    LossUntold,
    /// Idle offsets are renewed in a transaction that has outputs sent ahead of their commit.
    RenewedInOpenTransaction,
    Engine:
    /// Records that were sent ahead are sent again with the commit.
    SentTwice,
    /// An abort keeps the effects in the overlay.
    OverlayKept,
    /// The committed offset is that of the last record, not of the next.
    OffsetTooLow,
    /// The committed offset is one beyond the next record.
    OffsetTooHigh,
    /// A commit has no commit record.
    NoCommitRecord,
    /// Commits are not counted.
    CommitsUncounted,
    /// The changes of some stores are not in the changelog.
    StoreNotLogged,
    /// A store's position is ahead of its data.
    DataNotStored,
    /// A commit that the store did not take is forgotten.
    StoreFailureIgnored,
    /// A restore replays nothing.
    NothingReplayed,
    /// A restore stops too early.
    ReplayTooShort,
    /// A damaged store is not put aside.
    DamageKept,
    /// Tasks that were given up go on.
    RevokedKept,
    /// What is sent goes to a partition that its key does not say.
    WrongPartition,
    Shop:
    /// Goods that are held for one order are held for another one too.
    HeldGoodsSold,
    /// Goods that are sold stay held.
    HoldKeptAfterSale,
    /// Goods that come back do not come back to the shelf.
    RestockForgotten,
    /// A sale that is asked for twice is made twice.
    SoldTwice,
    /// The events of a product have no numbers of their own.
    StockEventsUncounted,
    /// More goods are given up than were held.
    ReleasedTooMuch,
    /// More money is held or taken than there is.
    OverdraftAllowed,
    /// What is taken in the books is given to nobody.
    LedgerOneSided,
    /// A deposit or a withdrawal that is asked for twice is made twice.
    TransferMadeTwice,
    /// The events of an order skip numbers.
    EventNumberSkipped,
    /// An order that fails does not give back what it has.
    CompensationForgotten,
    /// The end of an order is not published.
    LastStepUnpublished,
    /// An order that is asked for again begins again.
    CreatedAgain,
}
