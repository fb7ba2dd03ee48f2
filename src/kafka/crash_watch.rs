//! Finds the record that brings the process down. Pure. (architecture.md, decision 18)
//!
//! Attempts travel in the metadata of committed offsets, so they outlive the process without a disk.
//! Before the first record of an assignment is processed, its partition's offset is committed anew with
//! one attempt more; progress sets the count back. After two attempts without progress the worker goes
//! carefully: it takes one record alone, marked before and committed after, then two, four, eight, …
//! until it is past everything that can have been in work. A crash begins again with one. Only a record
//! that was alone can be marked a third time, and only such a record is condemned.

use serde::{Deserialize, Serialize};

/// Attempts without progress after which the worker goes carefully.
const CAREFUL_FROM: u32 = 2;
/// Attempts after which a record is dead-lettered unprocessed.
const CONDEMNED_FROM: u32 = 3;

/// What the metadata of a committed offset says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Attempts at the record at this offset.
    #[serde(rename = "a", default)]
    pub attempts: u32,
}

impl Marker {
    /// Reads metadata; anything unknown says nothing.
    pub fn parse(metadata: &str) -> Self {
        serde_json::from_str(metadata).unwrap_or_default()
    }

    /// As metadata; empty where there is nothing to say.
    pub fn metadata(self) -> String {
        if self == Self::default() { String::new() } else { serde_json::to_string(&self).unwrap_or_default() }
    }

    /// Whether the partition wants care.
    pub fn suspicious(self) -> bool {
        self.attempts >= CAREFUL_FROM
    }
}

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Process it.
    Go,
    /// Commit this marker at the record's offset first.
    Mark(Marker),
    /// It has brought the process down so often: dead-letter it.
    Condemn(u32),
}

/// How carefully the whole loop goes.
#[derive(Debug, Default)]
pub struct Care {
    /// Records that may be in work at once; `None` where there is nothing to fear.
    group: Option<usize>,
}

impl Care {
    /// Partitions came; `suspicious` if one of them has been tried twice without progress.
    pub fn assigned(&mut self, suspicious: bool) {
        if suspicious {
            self.group = Some(1);
        }
    }

    /// Records that may be in work at once, where care is taken.
    pub fn group(&self) -> Option<usize> {
        self.group
    }

    /// A whole group went through: the next may be twice as large. Beyond `all` (what can be in work at once) care ends.
    pub fn passed(&mut self, all: usize) {
        self.group = self.group.map(|group| group * 2).filter(|&group| group <= all);
    }

    /// Decides about a record. `found` is the marker at its position, if it is the first of its assignment.
    pub fn admit(&self, found: Option<Marker>) -> Admission {
        let attempts = match (found, self.group) {
            (Some(found), _) => found.attempts,
            // Everything in the dangerous zone has been tried twice.
            (None, Some(1)) => CAREFUL_FROM,
            (None, _) => return Admission::Go,
        };
        match self.group {
            _ if attempts >= CONDEMNED_FROM => Admission::Condemn(attempts),
            // Not alone: a third mark would blame it for another's crash.
            Some(group) if group > 1 && attempts >= CAREFUL_FROM => Admission::Go,
            _ => Admission::Mark(Marker { attempts: attempts + 1 }),
        }
    }

    /// The marker to commit with a position, given whether records behind it are in work.
    pub fn progress(&self, in_work: bool) -> Marker {
        Marker { attempts: if self.group.is_some() { CAREFUL_FROM } else { u32::from(in_work) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(attempts: u32) -> Marker {
        Marker { attempts }
    }

    #[test]
    fn metadata_goes_round_and_nonsense_says_nothing() {
        assert_eq!(Marker::parse(&marker(2).metadata()), marker(2));
        assert_eq!(marker(0).metadata(), "");
        assert_eq!(Marker::parse("somebody else's"), marker(0));
    }

    #[test]
    fn the_third_mark_of_a_record_that_was_alone_condemns_it() {
        let mut found = marker(0);
        for _ in 0..3 {
            let mut care = Care::default();
            care.assigned(found.suspicious());
            match care.admit(Some(found)) {
                Admission::Mark(next) => found = next,
                other => assert_eq!(other, Admission::Mark(marker(0)), "too early"),
            }
        }
        let mut care = Care::default();
        care.assigned(found.suspicious());
        assert_eq!(care.admit(Some(found)), Admission::Condemn(3));
    }

    #[test]
    fn groups_double_until_care_ends_and_nobody_in_a_group_is_blamed() {
        let mut care = Care::default();
        assert_eq!((care.group(), care.admit(None)), (None, Admission::Go));
        care.assigned(true);
        assert_eq!(care.admit(None), Admission::Mark(marker(3)), "alone");
        care.passed(5);
        assert_eq!(
            (care.group(), care.admit(None), care.admit(Some(marker(2)))),
            (Some(2), Admission::Go, Admission::Go)
        );
        assert_eq!(care.admit(Some(marker(0))), Admission::Mark(marker(1)), "a partition that was not tried before");
        assert_eq!(care.progress(false), marker(2), "still in the zone");
        care.passed(5);
        care.passed(5);
        assert_eq!((care.group(), care.progress(true), care.progress(false)), (None, marker(1), marker(0)));
    }
}
