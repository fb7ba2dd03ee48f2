//! The policy in force, which may be exchanged while the worker runs.

use std::sync::{Arc, PoisonError, RwLock};

use super::Policy;

/// The policy in force; clones share it.
#[derive(Debug, Clone)]
pub struct CurrentPolicy(Arc<RwLock<Arc<Policy>>>);

impl CurrentPolicy {
    /// The policy as it is now; who decides several things together keeps it meanwhile.
    pub fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub fn exchange(&self, policy: Arc<Policy>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

impl From<Arc<Policy>> for CurrentPolicy {
    fn from(policy: Arc<Policy>) -> Self {
        Self(Arc::new(RwLock::new(policy)))
    }
}
