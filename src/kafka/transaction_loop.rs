//! The consume → process → produce transaction loop; there is only this one.
//!
//! One turn: handle rebalances, poll, hand records to the processor, collect what it has finished,
//! release outcomes in offset order into the open transaction, commit when it is due. An output is
//! produced only when every earlier offset of its partition was released; the offset sent is the last
//! released + 1. What is not confirmed is not committed: it is aborted and read again.
//! Runs on the stage's Kafka thread, as does everything it calls.

mod rebalancing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{error, warn};

use rebalancing::Restore;

use super::broker::{Broker, BrokerError, CommitFailure, Position, ProduceError, Unusable};
use super::crash_watch::{Admission, Care, Marker};
use super::lanes::{Lane, LaneLimits};
use super::processor::{Emitted, Finished, Processor, TopicPartition, Work};
use super::retry::Retry;
use super::tracker::PartitionTracker;
use crate::message::InboundMessage;
use crate::operate::{Count, LoopHealth, Metrics, TransactionOutcome};

/// Why a loop ended before its time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoopError {
    /// The client was fenced or failed for good.
    #[error("stage `{stage}` stopped: {message}")]
    Fatal {
        /// The stage.
        stage: &'static str,
        /// Why.
        message: String,
        /// Whether new clients may do.
        renewable: bool,
    },
    /// A thread of the stage died.
    #[error("stage `{stage}` stopped: one of its threads has panicked")]
    Processor {
        /// The stage.
        stage: &'static str,
    },
    /// Not everything was finished within `operate.drain_timeout_ms`.
    #[error("stage `{stage}` was not drained in time: {left} records are left and will be read again")]
    DrainTimeout {
        /// The stage.
        stage: &'static str,
        /// Records in work.
        left: usize,
    },
}

/// Timing and limits of a loop.
#[derive(Debug, Clone, Copy)]
pub struct LoopSettings {
    /// From the first outcome to the commit.
    pub commit_interval: Duration,
    /// Outcomes after which a commit is due at once.
    pub commit_max_messages: usize,
    /// Time to finish after a stop.
    pub drain_timeout: Duration,
    /// Budget of each lane.
    pub lane: LaneLimits,
}

/// Records taken in one turn before outcomes are looked after.
const RECORDS_PER_TURN: usize = 64;
/// Wait for a record when nothing is in work.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// Wait for a record when outcomes may come any moment.
const BUSY_WAIT: Duration = Duration::from_millis(3);
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at what has become due.
const TICK_INTERVAL: Duration = Duration::from_millis(500);

/// The loop of one stage.
pub struct TransactionLoop<B, P> {
    broker: B,
    processor: P,
    settings: LoopSettings,
    metrics: Arc<Metrics>,
    health: Arc<LoopHealth>,
    partitions: BTreeMap<TopicPartition, Assigned>,
    lanes: Vec<Lane>,
    open: Option<Open>,
    epoch: u64,
    next_partition_id: u32,
    finished: Vec<Finished>,
    retry: Retry,
    care: Care,
    draining: bool,
    restores: Vec<Restore>,
    gauges_at: Instant,
    ticked_at: Instant,
}

struct Assigned {
    tracker: PartitionTracker,
    /// The marker at the position where reading begins; gone with the first record.
    found: Option<Marker>,
    lane: usize,
    id: u32,
    /// Whether its state is still being read; until then it stays paused.
    restoring: bool,
    /// Whether the open transaction holds what a timer of it has published.
    ticked: bool,
}

/// The open transaction.
struct Open {
    since: Instant,
    outcomes: Vec<(TopicPartition, i64)>,
    counts: Vec<Count>,
}

impl Open {
    fn begin() -> Self {
        Self { since: Instant::now(), outcomes: Vec::new(), counts: Vec::new() }
    }
}

impl<B: Broker, P: Processor> TransactionLoop<B, P> {
    /// Joins a broker and a processor.
    pub fn new(
        broker: B,
        processor: P,
        settings: LoopSettings,
        metrics: Arc<Metrics>,
        health: Arc<LoopHealth>,
    ) -> Self {
        let lanes = processor.lanes().iter().map(|_| Lane::new(settings.lane)).collect();
        Self {
            broker,
            processor,
            settings,
            metrics,
            health,
            partitions: BTreeMap::new(),
            lanes,
            open: None,
            epoch: 0,
            next_partition_id: 0,
            finished: Vec::new(),
            retry: Retry::default(),
            care: Care::default(),
            draining: false,
            restores: Vec::new(),
            gauges_at: Instant::now(),
            ticked_at: Instant::now(),
        }
    }

    /// Runs until `stop` is set and everything in work is committed, or until it must stop.
    pub fn run(mut self, stop: &AtomicBool) -> Result<(), LoopError> {
        let result = self.drive(stop);
        if result.is_err() && self.open.is_some() {
            // Best effort: the broker would abort it at the transaction's time-out.
            let _ = self.broker.abort();
        }
        let Self { broker, processor, .. } = self;
        // The processor ends its threads first; its late outcomes have nowhere to go and are read again.
        drop(processor);
        broker.close();
        result
    }

    fn drive(&mut self, stop: &AtomicBool) -> Result<(), LoopError> {
        let mut deadline = None;
        loop {
            if stop.load(Ordering::Relaxed) && deadline.is_none() {
                deadline = Some(Instant::now() + self.settings.drain_timeout);
                self.draining = true;
                let all: Vec<_> = self.partitions.keys().cloned().collect();
                self.lenient("pause", |broker| broker.pause(&all))?;
            }
            self.turn()?;
            if let Some(deadline) = deadline {
                let left = self.in_flight();
                if left == 0 && self.open.is_none() {
                    return Ok(());
                }
                if Instant::now() >= deadline {
                    return Err(LoopError::DrainTimeout { stage: self.processor.stage(), left });
                }
            }
        }
    }

    fn turn(&mut self) -> Result<(), LoopError> {
        self.health.turn(Timestamp::now().as_millisecond());
        if self.open.is_none() && self.in_flight() == 0 {
            self.processor.between_transactions();
        }
        let ready = self.partitions.values().any(|assigned| assigned.tracker.ready()) && self.retry.due();
        let busy = self.open.is_some() || self.in_flight() > 0 || !self.restores.is_empty();
        let mut wait = match (ready, busy) {
            (true, _) => Duration::ZERO,
            (false, true) => BUSY_WAIT,
            (false, false) => IDLE_WAIT,
        };
        for _ in 0..RECORDS_PER_TURN {
            if self.care.group().is_some_and(|group| self.uncommitted() >= group) {
                // Whatever crashes now is in this group.
                std::thread::sleep(Duration::from_millis(1));
                break;
            }
            let polled = self.broker.poll(wait);
            self.rebalance()?;
            match polled {
                Ok(Some(message)) => self.accept(message)?,
                Ok(None) => break,
                Err(BrokerError::Transient(message)) => {
                    warn!(stage = self.processor.stage(), error = %message, "poll failed, trying again");
                    break;
                }
                Err(BrokerError::Fatal(why)) => return Err(self.fatal(why)),
            }
            wait = Duration::ZERO;
        }
        self.take_restored()?;
        self.collect();
        if self.processor.failed() {
            return Err(LoopError::Processor { stage: self.processor.stage() });
        }
        self.release()?;
        self.tick()?;
        if self.commit_due() {
            self.commit()?;
        }
        self.apply_lanes()?;
        if self.gauges_at.elapsed() >= GAUGE_INTERVAL {
            self.gauges_at = Instant::now();
            self.set_gauges();
        }
        Ok(())
    }

    fn accept(&mut self, message: InboundMessage) -> Result<(), LoopError> {
        let source = TopicPartition::new(message.position.topic.as_str(), message.position.partition);
        // Of a partition that is gone again: its next owner reads it.
        let Some(assigned) = self.partitions.get_mut(&source) else { return Ok(()) };
        if assigned.restoring {
            // Fetched before the pause took effect: read again when its state is there.
            let at = (source.clone(), message.position.offset);
            return match self.broker.pause(&[source]).and_then(|()| self.broker.rewind(&[at])) {
                Ok(()) => Ok(()),
                Err(error) => Err(self.fatal(format!("cannot read again after the restore: {error}"))),
            };
        }
        let bytes =
            message.payload.as_ref().map_or(0, bytes::Bytes::len) + message.key.as_ref().map_or(0, bytes::Bytes::len);
        let offset = message.position.offset;
        if !assigned.tracker.accept(offset, message.timestamp_ms, bytes) {
            return Ok(());
        }
        let admission = if self.processor.fragile() { self.care.admit(assigned.found.take()) } else { Admission::Go };
        self.lanes[assigned.lane].add(bytes);
        let work =
            Work { message: Arc::new(message), epoch: assigned.tracker.epoch(), partition_id: assigned.id, source };
        match admission {
            Admission::Go => self.processor.on_record(work),
            Admission::Mark(marker) => {
                if self.mark(&work.source, offset, marker)? {
                    self.processor.on_record(work);
                }
            }
            Admission::Condemn(attempts) => {
                let message = format!("the process died {attempts} times while this record was in work");
                warn!(
                    stage = self.processor.stage(),
                    position = %work.message.position,
                    attempts,
                    "dead-lettering a record that crashes the worker"
                );
                let letter = self.processor.dead_letter(work, "crash", &message, attempts);
                self.finished.push(letter);
            }
        }
        Ok(())
    }

    /// Commits a marker at the record in hand, after what is open; `false` when that was aborted instead.
    fn mark(&mut self, source: &TopicPartition, offset: i64, marker: Marker) -> Result<bool, LoopError> {
        let epoch = self.epoch;
        self.commit()?;
        if self.epoch == epoch {
            let position = Position { partition: source.clone(), offset, metadata: marker.metadata() };
            if let Err(failure) = self.broker.commit(&[position]) {
                self.not_committed(failure)?;
            }
        }
        Ok(self.epoch == epoch)
    }

    /// Records in work or released, but not committed.
    fn uncommitted(&self) -> usize {
        self.in_flight() + self.open.as_ref().map_or(0, |open| open.outcomes.len())
    }

    fn collect(&mut self) {
        let mut finished = std::mem::take(&mut self.finished);
        self.processor.take_finished(&mut finished);
        for outcome in finished.drain(..) {
            if let Some(assigned) = self.partitions.get_mut(&outcome.work.source) {
                assigned.tracker.complete(outcome);
            }
        }
        self.finished = finished;
    }

    fn release(&mut self) -> Result<(), LoopError> {
        if !self.retry.due() {
            return Ok(());
        }
        let sources: Vec<TopicPartition> = self
            .partitions
            .iter()
            .filter(|(_, assigned)| assigned.tracker.ready())
            .map(|(source, _)| source.clone())
            .collect();
        for source in sources {
            loop {
                if self.open.as_ref().is_some_and(|open| open.outcomes.len() >= self.max_outcomes()) {
                    self.commit()?;
                    if !self.retry.due() {
                        return Ok(());
                    }
                }
                let Some(assigned) = self.partitions.get_mut(&source) else { break };
                let lane = assigned.lane;
                let Some((finished, bytes)) = assigned.tracker.release() else { break };
                self.lanes[lane].remove(1, bytes);
                let finished = self.replace_condemned(finished);
                if !self.publish(finished)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn max_outcomes(&self) -> usize {
        if self.retry.isolating() { 1 } else { self.settings.commit_max_messages }
    }

    fn replace_condemned(&mut self, finished: Finished) -> Finished {
        let at = (finished.work.source.clone(), finished.work.message.position.offset);
        match self.retry.condemned(&at) {
            Some(reason) => {
                let attempts = self.retry.aborts().max(1);
                self.processor.dead_letter(finished.work, "undeliverable", reason, attempts)
            }
            None => finished,
        }
    }

    /// Produces an outcome's records; `false` when the transaction was aborted instead.
    fn publish(&mut self, finished: Finished) -> Result<bool, LoopError> {
        let mut finished = finished;
        let mut index = 0;
        let mut replaced = false;
        while index < finished.outputs.len() {
            match self.broker.produce(&finished.outputs[index]) {
                Ok(()) => index += 1,
                // Refused before anything of this outcome was sent: it becomes a dead letter at once.
                Err(ProduceError::Refused(message)) if index == 0 && !replaced => {
                    replaced = true;
                    finished = self.processor.dead_letter(finished.work, "undeliverable", &message, 1);
                }
                Err(ProduceError::Refused(message)) => {
                    let at = (finished.work.source.clone(), finished.work.message.position.offset);
                    if replaced || self.retry.condemned(&at).is_some() {
                        let message = format!(
                            "the dead letter of `{}` is refused ({message}); raise `message.max.bytes` in `kafka.producer_options` and on the topic",
                            finished.work.message.position
                        );
                        return Err(self.fatal(Unusable { message, renewable: false }));
                    }
                    self.retry.condemn(at, message.clone());
                    self.abort(&message)?;
                    return Ok(false);
                }
                Err(ProduceError::Abort(message)) => {
                    self.abort(&message)?;
                    return Ok(false);
                }
                Err(ProduceError::RefusedEarlier(message)) => {
                    if let Some(open) = &self.open {
                        self.retry.isolate(&open.outcomes);
                    }
                    self.abort(&message)?;
                    return Ok(false);
                }
                Err(ProduceError::Fatal(message)) => return Err(self.fatal(message)),
            }
        }
        let open = self.open.get_or_insert_with(Open::begin);
        open.outcomes.push((finished.work.source.clone(), finished.work.message.position.offset));
        open.counts.append(&mut finished.counts);
        Ok(true)
    }

    /// Lets timers publish, in the partitions whose records are all released: what a timer changes comes after
    /// what they changed. It goes with the partition's position, sent again, so that a stale owner is refused.
    fn tick(&mut self) -> Result<(), LoopError> {
        let due = self.ticked_at.elapsed() >= TICK_INTERVAL && self.retry.due() && !self.retry.isolating();
        if !due || self.draining || self.processor.changelog().is_none() {
            return Ok(());
        }
        self.ticked_at = Instant::now();
        let now = Timestamp::now();
        let quiet: Vec<(TopicPartition, i64)> = self
            .partitions
            .iter()
            .filter(|(_, assigned)| !assigned.restoring && assigned.tracker.in_flight().0 == 0)
            .filter_map(|(source, assigned)| Some((source.clone(), assigned.tracker.next()?)))
            .collect();
        for (source, position) in quiet {
            let Some(Emitted { outputs, mut counts }) = self.processor.on_tick(&source, position, now) else {
                continue;
            };
            for output in &outputs {
                match self.broker.produce(output) {
                    Ok(()) => {}
                    Err(ProduceError::Fatal(why)) => return Err(self.fatal(why)),
                    Err(
                        ProduceError::Abort(message)
                        | ProduceError::Refused(message)
                        | ProduceError::RefusedEarlier(message),
                    ) => return self.abort(&message),
                }
            }
            self.open.get_or_insert_with(Open::begin).counts.append(&mut counts);
            if let Some(assigned) = self.partitions.get_mut(&source) {
                assigned.ticked = true;
            }
        }
        Ok(())
    }

    fn commit_due(&self) -> bool {
        // A drain and a careful group end as soon as all of it is released.
        let drained = (self.draining || self.care.group().is_some()) && self.in_flight() == 0;
        self.open.as_ref().is_some_and(|open| {
            drained
                || open.outcomes.len() >= self.max_outcomes()
                || open.since.elapsed() >= self.settings.commit_interval
        })
    }

    fn commit(&mut self) -> Result<(), LoopError> {
        let Some(open) = &self.open else { return Ok(()) };
        let offsets: Vec<Position> = self
            .partitions
            .iter()
            .filter_map(|(source, assigned)| {
                let ticked = if assigned.ticked { assigned.tracker.next() } else { None };
                let offset = assigned.tracker.uncommitted().or(ticked)?;
                let in_work = self.processor.fragile() && assigned.tracker.in_flight().0 > 0;
                let marker = self.care.progress(in_work);
                Some(Position { partition: source.clone(), offset, metadata: marker.metadata() })
            })
            .collect();
        let ticked = self.partitions.values().any(|assigned| assigned.ticked);
        let alone = (open.outcomes.len() == 1 && !ticked).then(|| open.outcomes[0].clone());
        let started = Instant::now();
        let result = self.broker.commit(&offsets);
        match result {
            Ok(()) => {
                self.metrics.transaction(self.processor.stage(), TransactionOutcome::Committed, started.elapsed());
                let counts = self.open.take().map_or_else(Vec::new, |open| open.counts);
                self.metrics.apply(&counts);
                for Position { partition: source, offset, .. } in offsets {
                    if let Some(assigned) = self.partitions.get_mut(&source) {
                        assigned.tracker.commit();
                        assigned.ticked = false;
                    }
                    self.processor.on_committed(&source, offset);
                    self.retry.committed(&source, offset);
                }
                self.retry.calm();
                if self.in_flight() == 0 {
                    self.care.passed(self.settings.lane.messages);
                }
                Ok(())
            }
            Err(failure) => {
                if let CommitFailure::Refused(message) = &failure {
                    match alone {
                        // The only outcome of its transaction was refused: it is the culprit.
                        Some(at) => self.retry.condemn(at, message.clone()),
                        None => self.retry.isolate(&open.outcomes),
                    }
                }
                self.not_committed(failure)
            }
        }
    }

    fn not_committed(&mut self, failure: CommitFailure) -> Result<(), LoopError> {
        match failure {
            CommitFailure::Abort(message) | CommitFailure::Refused(message) => self.abort(&message),
            CommitFailure::Fatal(why) => Err(self.fatal(why)),
        }
    }

    /// Aborts the open transaction and reads again all that was in work.
    fn abort(&mut self, reason: &str) -> Result<(), LoopError> {
        let started = Instant::now();
        if let Err(BrokerError::Fatal(message)) = self.broker.abort() {
            return Err(self.fatal(message));
        }
        self.metrics.transaction(self.processor.stage(), TransactionOutcome::Aborted, started.elapsed());
        self.open = None;
        self.epoch += 1;
        self.processor.on_aborted();
        let mut replayed = 0;
        let mut positions = Vec::new();
        for (source, assigned) in &mut self.partitions {
            let (messages, bytes) = assigned.tracker.in_flight();
            self.lanes[assigned.lane].remove(messages, bytes);
            replayed += messages;
            assigned.ticked = false;
            if let Some(offset) = assigned.tracker.rewind(self.epoch) {
                positions.push((source.clone(), offset));
            }
        }
        let backoff = self.retry.aborted();
        self.metrics.replayed(self.processor.stage(), replayed);
        warn!(
            stage = self.processor.stage(),
            reason,
            aborts = self.retry.aborts(),
            in_work = replayed,
            backoff_ms = u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX),
            "transaction aborted, reading again"
        );
        match self.broker.rewind(&positions) {
            Ok(()) => Ok(()),
            // Without the seek the position would be wrong and records lost: start afresh instead.
            Err(error) => Err(self.fatal(format!("cannot read again after an abort: {error}"))),
        }
    }

    /// Makes a call whose transient failure only costs time.
    fn lenient(&mut self, what: &str, call: impl FnOnce(&mut B) -> Result<(), BrokerError>) -> Result<(), LoopError> {
        match call(&mut self.broker) {
            Ok(()) => Ok(()),
            Err(BrokerError::Transient(message)) => {
                warn!(stage = self.processor.stage(), error = %message, "{what} failed");
                Ok(())
            }
            Err(BrokerError::Fatal(message)) => Err(self.fatal(message)),
        }
    }

    fn in_flight(&self) -> usize {
        self.lanes.iter().map(Lane::messages).sum()
    }

    fn set_gauges(&self) {
        let stage = self.processor.stage();
        let names = self.processor.lanes();
        for (lane, name) in self.lanes.iter().zip(names) {
            self.metrics.lane(stage, name, lane.messages(), lane.bytes());
        }
        let paused = self.partitions.values().filter(|assigned| self.lanes[assigned.lane].paused()).count();
        self.metrics.assignment(stage, self.partitions.len(), paused);
        let now = Timestamp::now().as_millisecond();
        for (source, assigned) in &self.partitions {
            let age = assigned.tracker.oldest_ms().map_or(0, |oldest| (now - oldest).max(0));
            self.metrics.lag_seconds(stage, source, age as f64 / 1000.0);
            if let (Some(end), Some(position)) = (self.broker.end_offset(source), assigned.tracker.position()) {
                self.metrics.lag_messages(stage, source, (end - position).max(0));
                self.metrics.committed_offset(stage, source, position);
            }
        }
    }

    fn fatal(&self, why: impl Into<Unusable>) -> LoopError {
        let Unusable { message, renewable } = why.into();
        error!(stage = self.processor.stage(), error = %message, renewable, "the clients are unusable");
        LoopError::Fatal { stage: self.processor.stage(), message, renewable }
    }
}

fn listed(sources: &[TopicPartition]) -> String {
    sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
