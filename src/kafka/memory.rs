//! A broker in memory, for the loop's tests: faults can be injected, what is committed can be seen.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::broker::{Broker, BrokerError, CommitFailure, Position, ProduceError, Rebalance, Restored};
use super::processor::{OutputRecord, TopicPartition};
use crate::message::{InboundMessage, SourcePosition};

/// What outlives the loop.
#[derive(Default)]
pub struct Store {
    /// Committed outputs.
    pub committed: Vec<OutputRecord>,
    /// Committed offsets.
    pub offsets: BTreeMap<TopicPartition, i64>,
    /// Their metadata.
    pub metadata: BTreeMap<TopicPartition, String>,
    /// Pauses and resumes as they came.
    pub pauses: Vec<(bool, Vec<TopicPartition>)>,
    /// Commits and aborts.
    pub transactions: (usize, usize),
    /// Largest number of outputs in one committed transaction.
    pub largest: usize,
}

/// What is done to a commit.
pub type Fault = Box<dyn FnMut(usize, &[OutputRecord]) -> Option<CommitFailure> + Send>;

pub struct MemoryBroker {
    logs: BTreeMap<TopicPartition, Vec<InboundMessage>>,
    positions: BTreeMap<TopicPartition, i64>,
    paused: HashSet<TopicPartition>,
    events: VecDeque<(usize, Rebalance)>,
    polls: usize,
    commits: usize,
    open: Vec<OutputRecord>,
    fault: Fault,
    pub store: Arc<Mutex<Store>>,
}

pub fn record(topic: &str, partition: i32, offset: i64, value: &str) -> InboundMessage {
    InboundMessage {
        position: SourcePosition { topic: topic.into(), partition, offset },
        key: None,
        payload: Some(value.to_owned().into()),
        headers: Vec::new(),
        timestamp_ms: Some(0),
    }
}

impl MemoryBroker {
    /// Holds `count` records in each of the partitions, all assigned at the first poll.
    pub fn new(partitions: &[(&str, i32)], count: i64) -> Self {
        let logs: BTreeMap<_, Vec<_>> = partitions
            .iter()
            .map(|&(topic, partition)| {
                let log =
                    (0..count).map(|offset| record(topic, partition, offset, &format!("{topic}/{partition}@{offset}")));
                (TopicPartition::new(topic, partition), log.collect())
            })
            .collect();
        let all = logs.keys().cloned().collect();
        Self {
            logs,
            positions: BTreeMap::new(),
            paused: HashSet::new(),
            events: VecDeque::from([(0, Rebalance::Assigned(all))]),
            polls: 0,
            commits: 0,
            open: Vec::new(),
            fault: Box::new(|_, _| None),
            store: Arc::default(),
        }
    }

    pub fn with_fault(
        mut self,
        fault: impl FnMut(usize, &[OutputRecord]) -> Option<CommitFailure> + Send + 'static,
    ) -> Self {
        self.fault = Box::new(fault);
        self
    }

    /// Adds a rebalance that happens at the given poll.
    pub fn with_event(mut self, poll: usize, event: Rebalance) -> Self {
        self.events.push_back((poll, event));
        self
    }
}

impl Broker for MemoryBroker {
    fn poll(&mut self, timeout: Duration) -> Result<Option<InboundMessage>, BrokerError> {
        self.polls += 1;
        if self.events.front().is_some_and(|(poll, _)| *poll <= self.polls) {
            return Ok(None);
        }
        let next = self.positions.iter().find_map(|(partition, &position)| {
            let at = usize::try_from(position).ok()?;
            if self.paused.contains(partition) { None } else { self.logs.get(partition)?.get(at) }
        });
        let Some(message) = next.cloned() else {
            std::thread::sleep(timeout.min(Duration::from_millis(1)));
            return Ok(None);
        };
        let partition = TopicPartition::new(message.position.topic.as_str(), message.position.partition);
        self.positions.insert(partition, message.position.offset + 1);
        Ok(Some(message))
    }

    fn rebalances(&mut self) -> Vec<Rebalance> {
        let mut due = Vec::new();
        while self.events.front().is_some_and(|(poll, _)| *poll <= self.polls) {
            due.extend(self.events.pop_front().map(|(_, event)| event));
        }
        for event in &due {
            match event {
                Rebalance::Assigned(partitions) => {
                    for partition in partitions {
                        let committed = self.store.lock().unwrap().offsets.get(partition).copied().unwrap_or(0);
                        self.positions.insert(partition.clone(), committed);
                    }
                }
                Rebalance::Revoked(partitions) => partitions.iter().for_each(|partition| {
                    self.positions.remove(partition);
                }),
            }
        }
        due
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.paused.extend(partitions.iter().cloned());
        self.store.lock().unwrap().pauses.push((true, partitions.to_vec()));
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for partition in partitions {
            self.paused.remove(partition);
        }
        self.store.lock().unwrap().pauses.push((false, partitions.to_vec()));
        Ok(())
    }

    fn produce(&mut self, record: &OutputRecord) -> Result<(), ProduceError> {
        if record.payload.as_ref().is_some_and(|payload| payload.starts_with(b"too large")) {
            return Err(ProduceError::Refused("too large".into()));
        }
        self.open.push(record.clone());
        Ok(())
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Position>, BrokerError> {
        let store = self.store.lock().unwrap();
        let position = |partition: &TopicPartition| {
            let offset = *store.offsets.get(partition)?;
            let metadata = store.metadata.get(partition).cloned().unwrap_or_default();
            Some(Position { partition: partition.clone(), offset, metadata })
        };
        Ok(partitions.iter().filter_map(position).collect())
    }

    fn restore(&mut self, changelog: &str, partitions: &[TopicPartition]) -> Result<Receiver<Restored>, BrokerError> {
        let (events, listener) = crossbeam_channel::unbounded();
        for source in partitions {
            for record in &self.store.lock().unwrap().committed {
                if record.topic == changelog && record.partition == Some(source.partition) {
                    let key = record.key.clone().unwrap_or_default();
                    events
                        .send(Restored::Record { source: source.clone(), key, value: record.payload.clone() })
                        .unwrap();
                }
            }
            events.send(Restored::Complete(source.clone())).unwrap();
        }
        Ok(listener)
    }

    fn commit(&mut self, offsets: &[Position]) -> Result<(), CommitFailure> {
        self.commits += 1;
        if let Some(failure) = (self.fault)(self.commits, &self.open) {
            return Err(failure);
        }
        let mut store = self.store.lock().unwrap();
        store.largest = store.largest.max(self.open.len());
        store.committed.append(&mut self.open);
        for position in offsets {
            store.offsets.insert(position.partition.clone(), position.offset);
            store.metadata.insert(position.partition.clone(), position.metadata.clone());
        }
        store.transactions.0 += 1;
        Ok(())
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.open.clear();
        self.store.lock().unwrap().transactions.1 += 1;
        Ok(())
    }

    fn rewind(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.positions.extend(positions.iter().cloned());
        Ok(())
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.logs.get(partition).map(|log| i64::try_from(log.len()).unwrap())
    }

    fn close(self) {}
}
