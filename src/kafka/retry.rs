//! What aborts have taught: when to try again, and which records a broker refuses for what they are.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::processor::TopicPartition;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// Back-off and suspects of one loop.
#[derive(Default)]
pub struct Retry {
    not_before: Option<Instant>,
    aborts: u32,
    /// Offsets up to which outcomes go one per transaction, so that a refused one is found.
    isolate: HashMap<TopicPartition, i64>,
    /// Records whose outcome was refused, with the reason: dead-lettered instead.
    condemned: HashMap<(TopicPartition, i64), String>,
}

impl Retry {
    /// Whether something may be produced already.
    pub fn due(&self) -> bool {
        self.not_before.is_none_or(|moment| Instant::now() >= moment)
    }

    /// Aborts since the last commit.
    pub fn aborts(&self) -> u32 {
        self.aborts
    }

    /// Notes an abort; gives the back-off, which doubles.
    pub fn aborted(&mut self) -> Duration {
        self.aborts += 1;
        let backoff = FIRST_BACKOFF.saturating_mul(1 << (self.aborts - 1).min(10)).min(LAST_BACKOFF);
        self.not_before = Some(Instant::now() + backoff);
        backoff
    }

    /// Forgets the back-off: after a commit, or an abort that was nobody's fault.
    pub fn calm(&mut self) {
        self.aborts = 0;
        self.not_before = None;
    }

    /// Whether outcomes go one per transaction.
    pub fn isolating(&self) -> bool {
        !self.isolate.is_empty()
    }

    /// From now on one outcome per transaction, until all of `outcomes` are through.
    pub fn isolate(&mut self, outcomes: &[(TopicPartition, i64)]) {
        for (source, offset) in outcomes {
            let until = self.isolate.entry(source.clone()).or_insert(*offset);
            *until = (*until).max(*offset);
        }
    }

    /// The broker refused this record's outcome.
    pub fn condemn(&mut self, at: (TopicPartition, i64), reason: String) {
        self.condemned.insert(at, reason);
    }

    /// Why this record's outcome was refused, if it was.
    pub fn condemned(&self, at: &(TopicPartition, i64)) -> Option<&str> {
        self.condemned.get(at).map(String::as_str)
    }

    /// Everything before `position` is committed.
    pub fn committed(&mut self, source: &TopicPartition, position: i64) {
        if self.isolate.get(source).is_some_and(|&until| position > until) {
            self.isolate.remove(source);
        }
        self.condemned.retain(|(at, offset), _| at != source || *offset >= position);
    }

    /// The partition is another's now.
    pub fn forget(&mut self, source: &TopicPartition) {
        self.isolate.remove(source);
        self.condemned.retain(|(at, _), _| at != source);
    }
}
