//! Budgets of work in flight, one per lane (channel), so that one flood never stops another's fetching. Pure.

/// Limits of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLimits {
    /// Records in work at most.
    pub messages: usize,
    /// Bytes in work at most.
    pub bytes: usize,
}

/// What a lane should do after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneChange {
    /// The budget is used up: pause the lane's partitions.
    Pause,
    /// Below half of the budget again: resume them.
    Resume,
}

/// One lane's use of its budget.
#[derive(Debug)]
pub struct Lane {
    limits: LaneLimits,
    messages: usize,
    bytes: usize,
    paused: bool,
    told: bool,
}

impl Lane {
    /// An unused lane.
    pub fn new(limits: LaneLimits) -> Self {
        Self { limits, messages: 0, bytes: 0, paused: false, told: false }
    }

    /// Whether the lane's partitions are to be paused.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Records in work.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes in work.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a record; a full budget pauses the lane.
    pub fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
        self.paused |= self.messages >= self.limits.messages || self.bytes >= self.limits.bytes;
    }

    /// Removes records that were released or dropped; half of the budget free resumes the lane.
    pub fn remove(&mut self, messages: usize, bytes: usize) {
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.messages * 2 <= self.limits.messages && self.bytes * 2 <= self.limits.bytes {
            self.paused = false;
        }
    }

    /// What must be done since the last call, if anything.
    pub fn take_change(&mut self) -> Option<LaneChange> {
        if self.paused == self.told {
            return None;
        }
        self.told = self.paused;
        Some(if self.paused { LaneChange::Pause } else { LaneChange::Resume })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_pauses_when_full_and_resumes_at_half() {
        let mut lane = Lane::new(LaneLimits { messages: 4, bytes: 1000 });
        (0..3).for_each(|_| lane.add(1));
        assert_eq!(lane.take_change(), None);
        lane.add(1);
        assert_eq!(lane.take_change(), Some(LaneChange::Pause));
        assert_eq!(lane.take_change(), None, "told once");
        lane.remove(1, 1);
        assert_eq!(lane.take_change(), None, "3 of 4");
        lane.remove(1, 1);
        assert_eq!(lane.take_change(), Some(LaneChange::Resume));
    }

    #[test]
    fn bytes_count_as_well() {
        let mut lane = Lane::new(LaneLimits { messages: 100, bytes: 1000 });
        lane.add(999);
        assert!(!lane.paused());
        lane.add(1);
        assert!(lane.paused());
        lane.remove(1, 999);
        assert!(!lane.paused());
    }
}
