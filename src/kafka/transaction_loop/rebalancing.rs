//! What the loop does when partitions come and go: it pauses and resumes them, and has the state of those
//! that come read before their first record. (architecture.md, decision 13)

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use tracing::{info, warn};

use super::{Assigned, LoopError, TransactionLoop, listed};
use crate::kafka::broker::{Broker, Position, Rebalance, Restored};
use crate::kafka::crash_watch::Marker;
use crate::kafka::lanes::LaneChange;
use crate::kafka::processor::{Processor, TopicPartition};
use crate::kafka::tracker::PartitionTracker;

/// Longest stay with the records of a restore before the loop turns again.
const RESTORE_SLICE: Duration = Duration::from_millis(20);

/// State that is being read, of partitions that came together.
pub(super) struct Restore {
    events: Receiver<Restored>,
    /// The partitions with their numbers: one that went and came again belongs to a later restore.
    waiting: HashMap<TopicPartition, u32>,
    since: Instant,
    records: u64,
}

impl<B: Broker, P: Processor> TransactionLoop<B, P> {
    pub(super) fn rebalance(&mut self) -> Result<(), LoopError> {
        for event in self.broker.rebalances() {
            match event {
                Rebalance::Assigned(sources) => self.assigned(&sources)?,
                Rebalance::Revoked(sources) => self.revoked(&sources)?,
            }
        }
        Ok(())
    }

    fn assigned(&mut self, sources: &[TopicPartition]) -> Result<(), LoopError> {
        let stage = self.processor.stage();
        self.health.join();
        info!(stage, partitions = %listed(sources), "partitions assigned");
        self.metrics.rebalance(stage, "assigned");
        self.epoch += 1;
        let committed = self.committed(sources);
        let marker = |source| {
            let found: Option<&Position> = committed.get(source);
            // Where nothing here can bring the process down, a marker means nothing.
            found.filter(|_| self.processor.fragile()).map(|found| Marker::parse(&found.metadata)).unwrap_or_default()
        };
        let markers: Vec<Marker> = sources.iter().map(marker).collect();
        self.care.assigned(markers.iter().any(|marker| marker.suspicious()));
        let restoring = self.processor.changelog().is_some();
        let mut pause = Vec::new();
        let mut waiting = HashMap::new();
        for (source, marker) in sources.iter().zip(markers) {
            let lane = self.processor.lane(&source.topic);
            if restoring || self.draining || self.lanes[lane].paused() {
                pause.push(source.clone());
            }
            let id = self.next_partition_id;
            self.next_partition_id += 1;
            let start = if restoring { committed.get(source).map(|found| found.offset) } else { None };
            let tracker = PartitionTracker::new(self.epoch, start);
            let assigned = Assigned { tracker, found: Some(marker), lane, id, restoring, ticked: false };
            self.partitions.insert(source.clone(), assigned);
            waiting.insert(source.clone(), id);
        }
        self.lenient("pause", |broker| broker.pause(&pause))?;
        match self.processor.changelog() {
            Some(changelog) if !sources.is_empty() => {
                let events = match self.broker.restore(changelog, sources) {
                    Ok(events) => events,
                    Err(error) => return Err(self.fatal(format!("the state cannot be read: {error}"))),
                };
                self.restores.push(Restore { events, waiting, since: Instant::now(), records: 0 });
                self.health.restoring(true);
            }
            _ => {}
        }
        Ok(())
    }

    fn revoked(&mut self, sources: &[TopicPartition]) -> Result<(), LoopError> {
        let stage = self.processor.stage();
        info!(stage, partitions = %listed(sources), "partitions revoked");
        self.metrics.rebalance(stage, "revoked");
        for source in sources {
            if let Some(assigned) = self.partitions.remove(source) {
                let (messages, bytes) = assigned.tracker.in_flight();
                self.lanes[assigned.lane].remove(messages, bytes);
                self.metrics.forget_partition(stage, source);
            }
            self.retry.forget(source);
            for restore in &mut self.restores {
                restore.waiting.remove(source);
            }
        }
        if self.open.is_some() {
            // The transaction may hold outcomes of the partitions that went.
            self.abort("partitions were revoked")?;
            self.retry.calm();
        }
        for source in sources {
            self.processor.on_revoked(source);
        }
        Ok(())
    }

    /// What is committed of partitions that came, for a stage that wants to know: where it can be brought down,
    /// or keeps state.
    fn committed(&mut self, sources: &[TopicPartition]) -> HashMap<TopicPartition, Position> {
        if !self.processor.fragile() && self.processor.changelog().is_none() {
            return HashMap::new();
        }
        match self.broker.committed(sources) {
            Ok(found) => found.into_iter().map(|position| (position.partition.clone(), position)).collect(),
            Err(error) => {
                warn!(stage = self.processor.stage(), error = %error, "earlier commits are not known");
                HashMap::new()
            }
        }
    }

    /// Hands what has been read of the state to the processor, and lets partitions go whose state is whole.
    pub(super) fn take_restored(&mut self) -> Result<(), LoopError> {
        if self.restores.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + RESTORE_SLICE;
        let mut whole = Vec::new();
        let mut failed = None;
        let partitions = &self.partitions;
        for restore in &mut self.restores {
            // The last record of a slice may be late; a partition that went is nobody's here.
            while !restore.waiting.is_empty() && Instant::now() < until && failed.is_none() {
                let current = |source: &TopicPartition, waiting: &HashMap<TopicPartition, u32>| {
                    waiting.get(source).is_some_and(|id| partitions.get(source).is_some_and(|now| now.id == *id))
                };
                match restore.events.try_recv() {
                    Ok(Restored::Record { source, key, value }) => {
                        if current(&source, &restore.waiting) {
                            restore.records += 1;
                            self.processor.on_restore(&source, &key, value.as_deref());
                        }
                    }
                    Ok(Restored::Complete(source)) => {
                        if current(&source, &restore.waiting) {
                            whole.push(source.clone());
                        }
                        restore.waiting.remove(&source);
                    }
                    Ok(Restored::Failed(message)) => failed = Some(message),
                    Err(TryRecvError::Disconnected) => failed = Some("its reader has ended early".to_owned()),
                    Err(TryRecvError::Empty) => break,
                }
            }
            if restore.waiting.is_empty() {
                let took = restore.since.elapsed();
                self.metrics.restored(self.processor.stage(), restore.records, took);
                info!(
                    stage = self.processor.stage(),
                    records = restore.records,
                    milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                    "state restored"
                );
            }
        }
        if let Some(message) = failed {
            return Err(self.fatal(format!("the state cannot be read: {message}")));
        }
        self.restores.retain(|restore| !restore.waiting.is_empty());
        self.health.restoring(!self.restores.is_empty());
        let mut resume = Vec::new();
        for source in whole {
            if let Some(assigned) = self.partitions.get_mut(&source) {
                assigned.restoring = false;
                if !self.draining && !self.lanes[assigned.lane].paused() {
                    resume.push(source);
                }
            }
        }
        self.lenient("resume", |broker| broker.resume(&resume))
    }

    /// Pauses and resumes the partitions of lanes whose state has changed.
    pub(super) fn apply_lanes(&mut self) -> Result<(), LoopError> {
        for lane in 0..self.lanes.len() {
            let Some(change) = self.lanes[lane].take_change() else { continue };
            let sources: Vec<TopicPartition> = self
                .partitions
                .iter()
                .filter(|(_, assigned)| assigned.lane == lane && !assigned.restoring)
                .map(|(source, _)| source.clone())
                .collect();
            match change {
                LaneChange::Pause => self.lenient("pause", |broker| broker.pause(&sources))?,
                LaneChange::Resume if self.draining => {}
                LaneChange::Resume => self.lenient("resume", |broker| broker.resume(&sources))?,
            }
        }
        Ok(())
    }
}
