//! Places where a build with the feature `crash-points` can be told to die, for tests of what a crash leaves.
//!
//! `FAILPOINTS="commit.before_offsets=3*off->return"` lets a point pass three times and then aborts the
//! process. Without the feature nothing of it is compiled.

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

/// Whether a commit is to be aborted here, if told so: every second one of the calling thread, so that each
/// transaction is aborted once and goes through the next time.
pub(super) fn forced_abort() -> bool {
    #[cfg(feature = "crash-points")]
    {
        use std::cell::Cell;
        thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
        fail::eval("commit.force_abort", |_| ()).is_some() && CALLS.replace(CALLS.get() + 1).is_multiple_of(2)
    }
    #[cfg(not(feature = "crash-points"))]
    false
}
