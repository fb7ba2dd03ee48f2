//! What probes see of a stage's loop.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What probes see of a loop.
#[derive(Debug, Default)]
pub struct LoopHealth {
    turned_ms: AtomicI64,
    joined: AtomicBool,
    restoring: AtomicBool,
}

impl LoopHealth {
    /// Milliseconds since the loop turned last.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        now_ms - self.turned_ms.load(Ordering::Relaxed)
    }

    /// Whether the group has been joined.
    pub fn joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    /// Notes that the group was joined.
    pub fn join(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    /// Whether state of partitions is still being read.
    pub fn is_restoring(&self) -> bool {
        self.restoring.load(Ordering::Relaxed)
    }

    /// Notes whether state of partitions is still being read.
    pub fn restoring(&self, restoring: bool) {
        self.restoring.store(restoring, Ordering::Relaxed);
    }

    /// Notes a turn; also called while the loop is being set up.
    pub fn turn(&self, now_ms: i64) {
        self.turned_ms.store(now_ms, Ordering::Relaxed);
    }
}
