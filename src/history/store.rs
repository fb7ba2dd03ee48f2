//! The customers of one partition: what is committed and, over it, what is not yet.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::customer::Customer;
use crate::policy::HistorySettings;

/// The customers of one partition.
///
/// Changes lie in an overlay until the offset they came with is committed; an abort drops them, so a replayed message
/// never meets its own trace. Timers look at what is committed only. (architecture.md, decisions 11 and 14)
#[derive(Debug, Default)]
pub struct Store {
    committed: HashMap<Box<str>, Box<Customer>>,
    /// Changes in the order of their offsets; `None` erases.
    overlay: VecDeque<Change>,
    /// Number of the newest change of each customer in the overlay.
    newest: HashMap<Box<str>, u64>,
    /// Number of the first change in the overlay.
    first: u64,
    timers: BTreeSet<(i64, Box<str>)>,
}

#[derive(Debug)]
struct Change {
    offset: i64,
    key: Box<str>,
    state: Option<Box<Customer>>,
}

impl Store {
    /// The customer as the next message will find it.
    pub fn get(&self, key: &str) -> Option<&Customer> {
        match self.newest.get(key) {
            Some(&number) => {
                let index = usize::try_from(number - self.first).ok()?;
                self.overlay.get(index)?.state.as_deref()
            }
            None => self.committed.get(key).map(AsRef::as_ref),
        }
    }

    /// Changes a customer with the record at `offset`; `None` erases.
    pub fn put(&mut self, offset: i64, key: &str, state: Option<Customer>) {
        let number = self.first + self.overlay.len() as u64;
        self.overlay.push_back(Change { offset, key: key.into(), state: state.map(Box::new) });
        self.newest.insert(key.into(), number);
    }

    /// Makes the changes of records below `position` hold.
    pub fn commit(&mut self, position: i64, settings: &HistorySettings) {
        while self.overlay.front().is_some_and(|change| change.offset < position) {
            let Some(Change { key, state, .. }) = self.overlay.pop_front() else { break };
            if self.newest.get(&key) == Some(&self.first) {
                self.newest.remove(&key);
            }
            self.first += 1;
            self.hold(key, state, settings);
        }
    }

    /// Drops every change that does not hold yet.
    pub fn abort(&mut self) {
        self.first += self.overlay.len() as u64;
        self.overlay.clear();
        self.newest.clear();
    }

    /// Drops the change of one record, whose outcome was replaced. Later ones stay as they are published.
    pub fn forget(&mut self, offset: i64) {
        for index in 0..self.overlay.len() {
            if self.overlay[index].offset != offset {
                continue;
            }
            let key = self.overlay[index].key.clone();
            let earlier = (0..index).rev().find(|&earlier| self.overlay[earlier].key == key);
            let state = match earlier {
                Some(earlier) => self.overlay[earlier].state.clone(),
                None => self.committed.get(&key).cloned(),
            };
            self.overlay[index].state = state;
        }
    }

    /// Takes a record of the changelog.
    pub fn restore(&mut self, key: &str, state: Option<Customer>, settings: &HistorySettings) {
        self.hold(key.into(), state.map(Box::new), settings);
    }

    fn hold(&mut self, key: Box<str>, state: Option<Box<Customer>>, settings: &HistorySettings) {
        if let Some(before) = self.committed.get(&key) {
            self.timers.remove(&(before.next_timer_ms(settings), key.clone()));
        }
        match state {
            Some(state) => {
                self.timers.insert((state.next_timer_ms(settings), key.clone()));
                self.committed.insert(key, state);
            }
            None => {
                self.committed.remove(&key);
            }
        }
    }

    /// Customers about whom something is to be done by `now_ms`, at most `most`, earliest first; those with changes
    /// that do not hold yet wait.
    pub fn due(&self, now_ms: i64, most: usize) -> Vec<Box<str>> {
        let due = self.timers.iter().take_while(|(at, _)| *at <= now_ms);
        due.filter(|(_, key)| !self.newest.contains_key(key)).take(most).map(|(_, key)| key.clone()).collect()
    }

    /// Number of customers that are committed.
    pub fn len(&self) -> usize {
        self.committed.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty()
    }

    /// Computes every timer anew: the settings have changed.
    pub fn reset_timers(&mut self, settings: &HistorySettings) {
        self.timers = self.committed.iter().map(|(key, state)| (state.next_timer_ms(settings), key.clone())).collect();
    }
}
