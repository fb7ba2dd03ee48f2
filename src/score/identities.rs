//! Which address, chat user or handle is which customer (`support.identity`), held whole by every worker.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use serde::Deserialize;

/// Most steps from a key to the customer; a ring of identities ends there.
const MOST_STEPS: usize = 4;

/// The table; shared by the stage's threads.
#[derive(Debug, Default)]
pub struct Identities(RwLock<HashMap<Box<str>, Box<str>>>);

/// Value of a record of `support.identity`; its key is the address, chat user, handle or earlier customer id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The customer.
    pub customer_id: String,
    /// Tenant, where there are several.
    #[serde(default)]
    pub tenant: Option<String>,
}

impl Identities {
    /// Takes a record; a tombstone, and what cannot be read, takes the key away.
    pub fn apply(&self, key: &[u8], value: Option<&[u8]>) {
        let Ok(key) = std::str::from_utf8(key) else { return };
        let identity = value.and_then(|value| serde_json::from_slice::<Identity>(value).ok());
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => table.insert(key.into(), identity.customer_id.into()),
            None => table.remove(key),
        };
    }

    /// The customer behind `key`, which is returned as it is where nothing is known.
    pub fn canonical(&self, key: String) -> String {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = key;
        for _ in 0..MOST_STEPS {
            match table.get(found.as_str()) {
                Some(next) if **next != *found => found = next.to_string(),
                _ => break,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_to_customers_and_rings_end() {
        let identities = Identities::default();
        let canonical = |key: &str| identities.canonical(key.to_owned());
        identities.apply(b"email:a@example.org", Some(br#"{"customer_id": "c-1"}"#));
        identities.apply(b"c-1", Some(br#"{"customer_id": "c-2"}"#));
        assert_eq!(canonical("email:a@example.org"), "c-2");
        assert_eq!(canonical("chat:u"), "chat:u");
        identities.apply(b"c-2", Some(br#"{"customer_id": "c-1"}"#));
        assert!(["c-1", "c-2"].contains(&canonical("c-1").as_str()));
        identities.apply(b"email:a@example.org", None);
        assert_eq!(canonical("email:a@example.org"), "email:a@example.org");
    }
}
