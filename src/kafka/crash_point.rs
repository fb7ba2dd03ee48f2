//! Places where a build with the feature `crash-points` can be told to die, for tests of what a crash leaves.
//!
//! `FAILPOINTS="commit.before_offsets=3*off->return"` lets a point pass three times and then aborts the
//! process. Without the feature nothing of it is compiled.

use super::broker::Position;
#[cfg(feature = "crash-points")]
use super::processor::TopicPartition;

/// Aborts the process here, if told so.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "crash-points")]
        if fail::eval($name, |_| ()).is_some() {
            tracing::error!(point = $name, "crash point");
            std::process::abort();
        }
    };
}

pub(crate) use crash_point;

/// Whether a commit of these positions is to be aborted here, if told so: the first time that the calling thread
/// asks for them, so that each transaction is aborted once and goes through the next time.
#[cfg_attr(not(feature = "crash-points"), expect(unused_variables, clippy::missing_const_for_fn))]
pub(super) fn forced_abort(positions: &[Position]) -> bool {
    #[cfg(feature = "crash-points")]
    {
        use std::cell::RefCell;
        use std::collections::HashSet;
        thread_local!(static ASKED: RefCell<HashSet<Vec<(TopicPartition, i64)>>> = RefCell::default());
        let key = positions.iter().map(|at| (at.partition.clone(), at.offset)).collect();
        fail::eval("commit.force_abort", |_| ()).is_some() && ASKED.with_borrow_mut(|asked| asked.insert(key))
    }
    #[cfg(not(feature = "crash-points"))]
    false
}
