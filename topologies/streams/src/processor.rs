//! What a user writes: a [`Processor`], which sees the world through a [`ProcessorContext`].

use std::any::Any;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use crate::builder::{SinkRef, StoreRef, TypedSink};
use crate::commit::TaskId;
use crate::error::ProcessError;
use crate::node::{Node, NodeScope};
use crate::overlay::Overlay;
use planted::Bug;

use crate::partition::partition_for_key;
use crate::record::{Headers, Record, StoreIndex};
use crate::serde::Encoded;
use crate::store::{KeyRange, prefix_end};
use crate::timers::{FiredTimer, PunctuationType, TimerKey, TimerRef};

/// A stateful step of a topology. One instance lives in each task; whatever it must remember across records belongs in a store,
/// because fields are lost on a restart and are not rolled back when a record is refused.
pub trait Processor<KIn, VIn, KOut = (), VOut = ()>: Send {
    /// Handles one record. On an error everything the record did is undone and the record becomes a dead letter.
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, KOut, VOut>,
        record: Record<KIn, VIn>,
    ) -> Result<(), ProcessError>;

    /// Handles a timer that this processor set and that came due.
    fn on_timer(
        &mut self,
        _context: &mut ProcessorContext<'_, '_, KOut, VOut>,
        _timer: &FiredTimer,
    ) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Handles a periodic call that the processor's declaration asked for.
    fn on_punctuate(
        &mut self,
        _context: &mut ProcessorContext<'_, '_, KOut, VOut>,
        _punctuation: Punctuation,
    ) -> Result<(), ProcessError> {
        Ok(())
    }
}

/// A periodic call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Punctuation {
    /// Position in the processor's declaration.
    pub index: usize,
    /// The clock it goes by.
    pub kind: PunctuationType,
    /// That clock's reading, in milliseconds since the epoch.
    pub at_ms: i64,
}

/// The largest encoded key and value together that a task sends, in bytes: just under the log's default record limit of 1 MiB,
/// so that an oversized output fails the record that made it and not the transaction.
pub const OUTPUT_RECORD_BYTES_MAX: usize = 1_000_000;

/// The world of a processor during one call. Whatever it does is part of the current record's effects.
pub struct ProcessorContext<'s, 'n, K, V> {
    pub(crate) scope: &'s mut NodeScope<'n>,
    output: PhantomData<fn(K, V)>,
}

impl<'s, 'n, KOut: Clone + 'static, VOut: Clone + 'static> ProcessorContext<'s, 'n, KOut, VOut> {
    pub(crate) fn new(scope: &'s mut NodeScope<'n>) -> Self {
        Self {
            scope,
            output: PhantomData,
        }
    }

    /// Hands a record to every child.
    pub fn forward(&mut self, record: Record<KOut, VOut>) -> Result<(), ProcessError> {
        let children = self.scope.child_count();
        let mut record = Some(record);
        for child in 0..children {
            let last = child + 1 == children;
            let mut given = if last { record.take() } else { record.clone() };
            self.scope.forward(child, &mut given)?;
        }
        Ok(())
    }
}

impl<KOut, VOut> ProcessorContext<'_, '_, KOut, VOut> {
    /// Sends a record to a declared sink. The key's bytes decide the partition; a null key goes to the task's own.
    pub fn send<K: 'static, V: 'static>(
        &mut self,
        sink: &SinkRef<K, V>,
        record: &Record<K, V>,
    ) -> Result<(), ProcessError> {
        send(self.scope, *sink, record)
    }

    /// Opens a declared store.
    pub fn store<K: Send + 'static, V: Clone + Send + 'static>(
        &mut self,
        store: &StoreRef<K, V>,
    ) -> Result<StoreContext<'_, K, V>, ProcessError> {
        Ok(StoreContext {
            overlay: self.scope.store(store.index)?,
        })
    }

    /// Sets a timer for `key` at a time in milliseconds since the epoch. The same key may have timers at several times.
    pub fn set_timer<K>(&mut self, timers: &TimerRef<K>, key: &K, at_ms: i64) -> Result<(), ProcessError> {
        let key = timer_key(timers, key, at_ms)?;
        self.timers(timers.store)?.put(&key, ())?;
        if let Some(set) = self.scope.state.timers_set.get_mut(usize::from(timers.store.0)) {
            *set = Some(set.map_or(at_ms, |earliest| earliest.min(at_ms)));
        }
        Ok(())
    }

    /// Takes back the timer of `key` at exactly that time; one that is not set is no error.
    pub fn cancel_timer<K>(&mut self, timers: &TimerRef<K>, key: &K, at_ms: i64) -> Result<(), ProcessError> {
        let key = timer_key(timers, key, at_ms)?;
        self.timers(timers.store)?.delete(&key)
    }

    /// The machine's clock at the start of this call, in milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.scope.state.now_ms
    }

    /// The largest event time that the task has seen, this record's included.
    #[must_use]
    pub fn stream_time_ms(&self) -> i64 {
        self.scope.state.stream_time_ms
    }

    /// The task.
    #[must_use]
    pub fn task_id(&self) -> TaskId {
        TaskId {
            subtopology: self.scope.state.subtopology,
            partition: self.scope.state.partition,
        }
    }

    /// The offset of the input record that is being processed; of the last one during timers and punctuations.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.scope.state.origin.offset
    }

    /// Headers of the input record that is being processed; of the last one during timers and punctuations.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.scope.state.origin.headers
    }

    fn timers(&mut self, store: StoreIndex) -> Result<&mut Overlay<TimerKey, ()>, ProcessError> {
        self.scope.store(store)
    }
}

fn timer_key<K>(timers: &TimerRef<K>, key: &K, at_ms: i64) -> Result<TimerKey, ProcessError> {
    let mut bytes = Vec::new();
    let encode = |cause| ProcessError::Encode {
        what: "a timer's key".to_owned(),
        cause,
    };
    timers.key.serialize(key, &mut bytes).map_err(encode)?;
    Ok(TimerKey { at_ms, key: bytes })
}

/// Encodes a record and appends it to the task's outputs.
pub(crate) fn send<K: 'static, V: 'static>(
    scope: &mut NodeScope<'_>,
    sink: SinkRef<K, V>,
    record: &Record<K, V>,
) -> Result<(), ProcessError> {
    let (partition, trace) = (scope.state.partition, scope.state.trace);
    let (declared, outputs) = scope.sink(sink.topic)?;
    let serdes: &TypedSink<K, V> = declared
        .serdes
        .downcast_ref()
        .ok_or_else(|| ProcessError::refused("a sink reference belongs to another topology"))?;
    let encode = |cause| ProcessError::Encode {
        what: format!("a record for topic {:?}", serdes.topic),
        cause,
    };
    let headers = match trace {
        None => record.headers.clone(),
        Some(step) => step.carried_by(record.headers.clone()),
    };
    let mut entry = outputs.append_record(sink.topic, record.timestamp_ms, headers);
    let key = serdes.key.serialize(&record.key, entry.bytes()).map_err(encode)?;
    entry.end_key(key == Encoded::Bytes);
    let value = serdes.value.serialize(&record.value, entry.bytes()).map_err(encode)?;
    entry.end_value(value == Encoded::Bytes);
    if entry.size() > OUTPUT_RECORD_BYTES_MAX {
        let cause = crate::serde::SerdeError::Malformed(format!("larger than {OUTPUT_RECORD_BYTES_MAX} bytes"));
        return Err(encode(cause));
    }
    entry.finish(|key| match key {
        Some(key) if planted::is(Bug::WrongPartition) => {
            partition_for_key(key, declared.partitions + 1) % declared.partitions
        }
        Some(key) => partition_for_key(key, declared.partitions),
        None => partition % declared.partitions.max(1),
    });
    Ok(())
}

/// A store during one call of a processor: this record's writes, over the task's uncommitted ones, over the committed store.
pub struct StoreContext<'c, K, V> {
    overlay: &'c mut Overlay<K, V>,
}

impl<K: Send + 'static, V: Clone + Send + 'static> StoreContext<'_, K, V> {
    /// The value of `key`.
    pub fn get(&mut self, key: &K) -> Result<Option<V>, ProcessError> {
        self.overlay.get(key)
    }

    /// Sets the value of `key`. A value whose serde answers null is refused; use [`delete`](Self::delete).
    pub fn put(&mut self, key: &K, value: V) -> Result<(), ProcessError> {
        self.overlay.put(key, value)
    }

    /// Removes `key`; a key that is not there is no error.
    pub fn delete(&mut self, key: &K) -> Result<(), ProcessError> {
        self.overlay.delete(key)
    }

    /// At most `limit` entries whose encoded keys are in `range`, in the byte order of the keys, or descending.
    pub fn range(&mut self, range: KeyRange<'_>, reverse: bool, limit: usize) -> Result<Vec<(K, V)>, ProcessError> {
        let mut entries = Vec::new();
        if limit == 0 {
            return Ok(entries);
        }
        self.overlay.range(range, reverse, &mut |key, value| {
            entries.push((key, value));
            if entries.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(entries)
    }

    /// At most `limit` entries whose encoded keys begin with `prefix`, in the byte order of the keys.
    pub fn prefix(&mut self, prefix: &[u8], limit: usize) -> Result<Vec<(K, V)>, ProcessError> {
        let end = prefix_end(prefix);
        self.range(
            KeyRange {
                from: prefix,
                to: end.as_deref(),
            },
            false,
            limit,
        )
    }
}

/// Puts a typed processor into the erased graph.
pub(crate) struct ProcessorNode<P, KIn, VIn, KOut, VOut> {
    pub(crate) processor: P,
    pub(crate) types: PhantomData<fn(KIn, VIn, KOut, VOut)>,
}

impl<P, KIn, VIn, KOut, VOut> Node for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: 'static,
    VIn: 'static,
    KOut: Clone + 'static,
    VOut: Clone + 'static,
{
    fn process(&mut self, scope: &mut NodeScope<'_>, record: &mut dyn Any) -> Result<(), ProcessError> {
        let record = take_record(record)?;
        self.processor.process(&mut ProcessorContext::new(scope), record)
    }

    fn on_timer(&mut self, scope: &mut NodeScope<'_>, timer: &FiredTimer) -> Result<(), ProcessError> {
        self.processor.on_timer(&mut ProcessorContext::new(scope), timer)
    }

    fn on_punctuate(&mut self, scope: &mut NodeScope<'_>, punctuation: Punctuation) -> Result<(), ProcessError> {
        self.processor
            .on_punctuate(&mut ProcessorContext::new(scope), punctuation)
    }
}

/// The record that was forwarded. The builder connects nodes of equal types only, so a mismatch is a defect of the engine.
pub(crate) fn take_record<K: 'static, V: 'static>(record: &mut dyn Any) -> Result<Record<K, V>, ProcessError> {
    record
        .downcast_mut::<Option<Record<K, V>>>()
        .and_then(Option::take)
        .ok_or_else(|| ProcessError::refused("the engine connected nodes of different types"))
}
