//! Finds the record that brings the process down. Pure. (architecture.md, decision 18)
//!
//! Attempts travel in the metadata of committed offsets, so they outlive the process without a disk.
//! Before the first record of an assignment is processed, its partition's offset is committed anew with
//! one attempt more; progress sets the count back. After two attempts without progress the worker goes
//! carefully: one record at a time in the whole process, each marked before and committed after, until it
//! is past everything that can have been in work. A record that was marked three times is the culprit.

use serde::{Deserialize, Serialize};

/// Attempts without progress after which the worker goes carefully.
const CAREFUL_FROM: u32 = 2;
/// Attempts after which a record is dead-lettered unprocessed.
pub const CONDEMNED_FROM: u32 = 3;

/// What the metadata of a committed offset says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Attempts at the record at this offset.
    #[serde(rename = "a", default)]
    pub attempts: u32,
    /// Offset before which the worker goes carefully; 0 where it does not.
    #[serde(rename = "u", default)]
    pub careful_until: i64,
}

impl Marker {
    /// Reads metadata; anything unknown says nothing.
    pub fn parse(metadata: &str) -> Self {
        serde_json::from_str(metadata).unwrap_or_default()
    }

    /// As metadata; empty where there is nothing to say.
    pub fn metadata(&self) -> String {
        if *self == Self::default() { String::new() } else { serde_json::to_string(self).unwrap_or_default() }
    }
}

/// What to do with the next record of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Process it.
    Go,
    /// Commit this marker at the record's offset first.
    Mark(Marker),
    /// It has brought the process down so often: dead-letter it.
    Condemn(u32),
}

/// The attempts of one assigned partition.
#[derive(Debug, Default)]
pub struct CrashWatch {
    /// As committed when the partition was assigned; gone once the first record was admitted.
    found: Option<Marker>,
    careful_until: i64,
}

impl CrashWatch {
    /// Starts with what the committed offset says.
    pub fn new(found: Marker) -> Self {
        Self { found: Some(found), careful_until: found.careful_until }
    }

    /// Whether records up to `offset` want care.
    pub fn careful(&self, offset: i64) -> bool {
        offset < self.careful_until
    }

    /// Whether the partition, not read yet, will want care.
    pub fn suspicious(&self) -> bool {
        self.found.is_some_and(|found| found.attempts >= CAREFUL_FROM)
    }

    /// Decides about the record at `offset`; `zone` is the number of records that can be in work at once.
    pub fn admit(&mut self, offset: i64, zone: i64) -> Admission {
        let first = self.found.take();
        let attempts = match first {
            Some(found) => found.attempts,
            None if self.careful(offset) => CAREFUL_FROM,
            None => return Admission::Go,
        };
        if attempts >= CAREFUL_FROM && self.careful_until <= offset {
            self.careful_until = offset + zone;
        }
        if attempts >= CONDEMNED_FROM {
            return Admission::Condemn(attempts);
        }
        Admission::Mark(Marker { attempts: attempts + 1, careful_until: self.careful_until })
    }

    /// The marker to commit with the next position, given whether records are still in work.
    pub fn progress(&self, position: i64, in_work: bool) -> Marker {
        if self.careful(position) {
            Marker { attempts: CAREFUL_FROM, careful_until: self.careful_until }
        } else {
            Marker { attempts: u32::from(in_work), careful_until: 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_goes_round_and_nonsense_says_nothing() {
        let marker = Marker { attempts: 2, careful_until: 77 };
        assert_eq!(Marker::parse(&marker.metadata()), marker);
        assert_eq!(Marker::default().metadata(), "");
        assert_eq!(Marker::parse("somebody else's"), Marker::default());
    }

    #[test]
    fn the_third_marked_attempt_condemns_and_care_ends_behind_the_zone() {
        let mut metadata = Marker::default();
        let mut steps = Vec::new();
        for _ in 0..4 {
            let mut watch = CrashWatch::new(metadata);
            match watch.admit(10, 5) {
                Admission::Mark(marker) => metadata = marker,
                other => steps.push((other, watch.careful(14), watch.careful(15))),
            }
        }
        assert_eq!(steps, [(Admission::Condemn(3), true, false)]);
    }

    #[test]
    fn progress_sets_the_count_back_but_care_stays_in_its_zone() {
        let mut watch = CrashWatch::new(Marker { attempts: 1, careful_until: 0 });
        assert_eq!(watch.admit(3, 5), Admission::Mark(Marker { attempts: 2, careful_until: 0 }));
        assert_eq!(watch.admit(4, 5), Admission::Go);
        assert_eq!(watch.progress(4, true), Marker { attempts: 1, careful_until: 0 });
        assert_eq!(watch.progress(5, false), Marker::default());
        let mut careful = CrashWatch::new(Marker { attempts: 2, careful_until: 0 });
        assert!(careful.suspicious());
        assert_eq!(careful.admit(3, 5), Admission::Mark(Marker { attempts: 3, careful_until: 8 }));
        assert_eq!(careful.progress(4, false), Marker { attempts: 2, careful_until: 8 });
        assert_eq!(careful.admit(4, 5), Admission::Mark(Marker { attempts: 3, careful_until: 8 }));
        assert_eq!(careful.progress(8, false), Marker::default());
        assert_eq!(careful.admit(8, 5), Admission::Go);
    }
}
