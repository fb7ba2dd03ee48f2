//! The order of one partition: outcomes may come in any order, they leave in the order of offsets. Pure.

use std::collections::VecDeque;

use super::processor::Finished;

/// Reorder buffer of one assigned partition.
///
/// Invariants: offsets grow; an outcome is released once, and only when every earlier accepted offset
/// was released; `position` is what may be committed: last released + 1.
#[derive(Debug)]
pub struct PartitionTracker {
    epoch: u64,
    slots: VecDeque<Slot>,
    last_accepted: Option<i64>,
    released: Option<i64>,
    committed: Option<i64>,
}

#[derive(Debug)]
struct Slot {
    offset: i64,
    timestamp_ms: Option<i64>,
    bytes: usize,
    finished: Option<Finished>,
}

impl PartitionTracker {
    /// A tracker for a partition assigned under `epoch`; `committed` is where the last owner stopped, if known.
    pub fn new(epoch: u64, committed: Option<i64>) -> Self {
        Self { epoch, slots: VecDeque::new(), last_accepted: None, released: None, committed }
    }

    /// The assignment whose work is accepted.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Notes that a record is in work; `false` when it was read already (it must then not be processed).
    pub fn accept(&mut self, offset: i64, timestamp_ms: Option<i64>, bytes: usize) -> bool {
        if self.last_accepted.is_some_and(|last| offset <= last) {
            return false;
        }
        // Before the first commit of this assignment, its first record is where a replay begins.
        self.committed.get_or_insert(offset);
        self.last_accepted = Some(offset);
        self.slots.push_back(Slot { offset, timestamp_ms, bytes, finished: None });
        true
    }

    /// Takes an outcome; `false` when it is stale or was given before.
    pub fn complete(&mut self, finished: Finished) -> bool {
        if finished.work.epoch != self.epoch {
            return false;
        }
        let offset = finished.work.message.position.offset;
        match self.slots.binary_search_by_key(&offset, |slot| slot.offset) {
            Ok(index) if self.slots[index].finished.is_none() => {
                self.slots[index].finished = Some(finished);
                true
            }
            _ => false,
        }
    }

    /// Releases the next outcome in order, if it is there, with the bytes it held.
    pub fn release(&mut self) -> Option<(Finished, usize)> {
        self.slots.front()?.finished.as_ref()?;
        let slot = self.slots.pop_front()?;
        self.released = Some(slot.offset);
        slot.finished.map(|finished| (finished, slot.bytes))
    }

    /// Whether the next outcome in order is there.
    pub fn ready(&self) -> bool {
        self.slots.front().is_some_and(|slot| slot.finished.is_some())
    }

    /// The offset to commit, if anything was released since the last commit.
    pub fn uncommitted(&self) -> Option<i64> {
        let position = self.released? + 1;
        (self.committed != Some(position)).then_some(position)
    }

    /// The offset after the last released, else where reading begins; `None` where that is not known yet.
    pub fn next(&self) -> Option<i64> {
        self.released.map(|released| released + 1).or(self.committed)
    }

    /// Where the next owner would begin: the last commit, or the first record of this assignment.
    pub fn position(&self) -> Option<i64> {
        self.committed
    }

    /// Notes that `uncommitted` was committed.
    pub fn commit(&mut self) {
        if let Some(position) = self.uncommitted() {
            self.committed = Some(position);
        }
    }

    /// After an abort: forgets all in work and says where reading must begin again, if anything was read since the
    /// assignment or the last rewind.
    pub fn rewind(&mut self, epoch: u64) -> Option<i64> {
        let read = self.last_accepted.is_some();
        *self = Self::new(epoch, self.committed);
        self.committed.filter(|_| read)
    }

    /// Records in work, with the bytes they hold.
    pub fn in_flight(&self) -> (usize, usize) {
        (self.slots.len(), self.slots.iter().map(|slot| slot.bytes).sum())
    }

    /// Timestamp of the oldest record that is not released.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.slots.front()?.timestamp_ms
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::kafka::{TopicPartition, Work};
    use crate::message::{InboundMessage, SourcePosition};

    pub fn finished(offset: i64, epoch: u64) -> Finished {
        let message = InboundMessage {
            position: SourcePosition { topic: "t".into(), partition: 0, offset },
            key: None,
            payload: None,
            headers: Vec::new(),
            timestamp_ms: None,
        };
        let work = Work { message: Arc::new(message), source: TopicPartition::new("t", 0), epoch, partition_id: 0 };
        Finished { work, outputs: Vec::new(), counts: Vec::new() }
    }

    #[test]
    fn a_gap_holds_everything_behind_it() {
        let mut tracker = PartitionTracker::new(1, None);
        assert!([3, 5, 9].iter().all(|&offset| tracker.accept(offset, None, 1)));
        assert!(tracker.complete(finished(5, 1)) && tracker.complete(finished(9, 1)));
        assert!(tracker.release().is_none());
        assert_eq!(tracker.uncommitted(), None);
        assert!(tracker.complete(finished(3, 1)));
        let order: Vec<_> =
            std::iter::from_fn(|| tracker.release()).map(|(f, _)| f.work.message.position.offset).collect();
        assert_eq!(order, [3, 5, 9]);
        assert_eq!(tracker.uncommitted(), Some(10));
        tracker.commit();
        assert_eq!(tracker.uncommitted(), None);
    }

    #[test]
    fn stale_doubled_and_unknown_outcomes_are_refused() {
        let mut tracker = PartitionTracker::new(2, None);
        tracker.accept(0, None, 1);
        assert!(!tracker.complete(finished(0, 1)), "older assignment");
        assert!(!tracker.complete(finished(7, 2)), "never accepted");
        assert!(tracker.complete(finished(0, 2)));
        assert!(!tracker.complete(finished(0, 2)), "given before");
        assert!(!tracker.accept(0, None, 1), "read before");
    }

    #[test]
    fn a_rewind_goes_back_to_the_last_commit_or_the_first_record() {
        let mut tracker = PartitionTracker::new(1, None);
        assert_eq!(tracker.rewind(2), None);
        tracker.accept(4, None, 1);
        assert_eq!(tracker.rewind(3), Some(4));
        tracker.accept(4, None, 1);
        tracker.complete(finished(4, 3));
        tracker.release();
        tracker.commit();
        tracker.accept(5, None, 1);
        assert_eq!(tracker.rewind(4), Some(5));
        assert!(tracker.accept(5, None, 1), "read again after the rewind");
    }

    proptest! {
        /// Whatever the order of completion and wherever rewinds fall, every offset is committed once and in order.
        #[test]
        fn each_offset_is_committed_once_in_order(
            gaps in prop::collection::vec(1i64..4, 1..60),
            steps in prop::collection::vec((0usize..5, any::<prop::sample::Index>()), 1..400),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut tracker = PartitionTracker::new(0, None);
            let (mut next, mut epoch, mut open, mut committed) = (0usize, 0u64, Vec::new(), Vec::new());
            let mut in_work: Vec<i64> = Vec::new();
            for (step, pick) in steps {
                match step {
                    0 | 1 if next < offsets.len() => {
                        prop_assert!(tracker.accept(offsets[next], None, 1));
                        in_work.push(offsets[next]);
                        next += 1;
                    }
                    2 if !in_work.is_empty() => {
                        let offset = in_work.swap_remove(pick.index(in_work.len()));
                        prop_assert!(tracker.complete(finished(offset, epoch)));
                    }
                    3 => {
                        while let Some((released, _)) = tracker.release() {
                            open.push(released.work.message.position.offset);
                        }
                        tracker.commit();
                        committed.append(&mut open);
                    }
                    4 => {
                        epoch += 1;
                        open.clear();
                        in_work.clear();
                        if let Some(position) = tracker.rewind(epoch) {
                            next = offsets.partition_point(|&offset| offset < position);
                        }
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(&committed[..], &offsets[..committed.len()]);
        }
    }
}
