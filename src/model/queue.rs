//! What is run next: a pure queue of windows, cut into batches at the last moment.
//!
//! Windows wait in buckets by padded length, each bucket in the order of deadlines. A batch is taken
//! from one bucket, so a window's padding follows from its own length alone (its score never depends
//! on batch mates). Earliest deadline first among what is not late; what is late shares at most
//! `late_share` of the tokens, oldest first, so that a backlog of late email never makes a chat late.
//! No clock and no thread: `now` is a parameter. (architecture.md, decisions 5, 6 and 17)

use std::collections::{BTreeMap, HashMap};

/// Padded lengths are multiples of this; bounds both the waste and the number of tensor shapes.
const LENGTH_STEP: usize = 8;

/// Windows of one batch at most, however short they are.
const MAX_ROWS: usize = 64;

/// Something that waits for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry<T> {
    /// Source partition: within it, first in is first out.
    pub partition: u32,
    /// Deadline in milliseconds since the epoch.
    pub due_ms: i64,
    /// Tokens of the window, special tokens included.
    pub tokens: usize,
    /// What is returned in the batch.
    pub item: T,
}

/// Windows that are run together, all padded to one length.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<T> {
    /// Length to which each window is padded.
    pub padded_tokens: usize,
    /// The windows, earliest deadline first.
    pub items: Vec<T>,
}

type Bucket<T> = BTreeMap<(i64, u64), QueueEntry<T>>;

/// The waiting windows.
#[derive(Debug)]
pub struct BatchQueue<T> {
    batch_tokens: usize,
    late_share: f64,
    buckets: BTreeMap<usize, Bucket<T>>,
    /// Latest deadline and number of waiting windows by partition.
    partitions: HashMap<u32, (i64, usize)>,
    sequence: u64,
    waiting: usize,
    /// Tokens that late windows may still take in exchange for those given to others.
    late_credit: f64,
}

/// The length to which a window of `tokens` is padded.
pub(super) fn padded(tokens: usize) -> usize {
    tokens.max(1).next_multiple_of(LENGTH_STEP)
}

impl<T> BatchQueue<T> {
    /// An empty queue that cuts batches of at most `batch_tokens` padded tokens (one window at least).
    pub fn new(batch_tokens: usize, late_share: f64) -> Self {
        Self {
            batch_tokens,
            late_share,
            buckets: BTreeMap::new(),
            partitions: HashMap::new(),
            sequence: 0,
            waiting: 0,
            late_credit: 0.0,
        }
    }

    /// Number of waiting windows.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Adds a window. Its deadline is never taken as earlier than that of a window of the same
    /// partition which waits already: results are released in order, so overtaking gains nothing.
    pub fn push(&mut self, mut entry: QueueEntry<T>) {
        let (latest, count) = self.partitions.entry(entry.partition).or_insert((i64::MIN, 0));
        if *count > 0 {
            entry.due_ms = entry.due_ms.max(*latest);
        }
        *latest = entry.due_ms;
        *count += 1;
        self.waiting += 1;
        self.sequence += 1;
        self.buckets.entry(padded(entry.tokens)).or_default().insert((entry.due_ms, self.sequence), entry);
    }

    /// Takes the batch that should run now, or nothing when nothing waits.
    pub fn cut(&mut self, now_ms: i64) -> Option<Batch<T>> {
        let late = self.first(|bucket| bucket.range(..(now_ms, 0)).next().map(|(key, _)| *key));
        let on_time = self.first(|bucket| bucket.range((now_ms, 0)..).next().map(|(key, _)| *key));
        let both = late.is_some() && on_time.is_some();
        if !both {
            self.late_credit = 0.0;
        }
        let late_now = match (late, on_time) {
            (Some((length, _)), Some(_)) => self.late_share >= 1.0 || self.late_credit >= length as f64,
            (late, _) => late.is_some(),
        };
        let (length, start) = if late_now { late? } else { on_time? };
        let budget = if late_now && both && self.late_share < 1.0 {
            self.batch_tokens.min(self.late_credit as usize)
        } else {
            self.batch_tokens
        };
        let rows = (budget / length).clamp(1, MAX_ROWS);
        let end = if late_now { (now_ms, 0) } else { (i64::MAX, u64::MAX) };
        let bucket = self.buckets.get_mut(&length)?;
        let keys: Vec<_> = bucket.range(start..end).take(rows).map(|(key, _)| *key).collect();
        let taken: Vec<_> = keys.iter().filter_map(|key| bucket.remove(key)).collect();
        if bucket.is_empty() {
            self.buckets.remove(&length);
        }
        if both && self.late_share < 1.0 {
            let tokens = (taken.len() * length) as f64;
            self.late_credit += if late_now { -tokens } else { tokens * self.late_share / (1.0 - self.late_share) };
        }
        self.waiting -= taken.len();
        let items = taken
            .into_iter()
            .map(|entry| {
                if let Some((_, count)) = self.partitions.get_mut(&entry.partition) {
                    *count -= 1;
                    if *count == 0 {
                        self.partitions.remove(&entry.partition);
                    }
                }
                entry.item
            })
            .collect();
        Some(Batch { padded_tokens: length, items })
    }

    /// The bucket whose chosen window has the earliest deadline, with that window's key.
    fn first(&self, choose: impl Fn(&Bucket<T>) -> Option<(i64, u64)>) -> Option<(usize, (i64, u64))> {
        self.buckets
            .iter()
            .filter_map(|(&length, bucket)| choose(bucket).map(|key| (length, key)))
            .min_by_key(|&(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]
    use proptest::prelude::*;

    use super::*;

    fn entry(partition: u32, due_ms: i64, tokens: usize, item: usize) -> QueueEntry<usize> {
        QueueEntry { partition, due_ms, tokens, item }
    }

    #[test]
    fn the_earliest_deadline_goes_first_across_partitions() {
        let mut queue = BatchQueue::new(8, 0.3);
        queue.push(entry(0, 9_000, 8, 0));
        queue.push(entry(1, 5_000, 8, 1));
        assert_eq!(queue.cut(0).unwrap().items, [1]);
        assert_eq!(queue.cut(0).unwrap().items, [0]);
        assert_eq!(queue.cut(0), None);
    }

    #[test]
    fn a_batch_has_one_padded_length_and_keeps_its_budget() {
        let mut queue = BatchQueue::new(32, 0.3);
        for item in 0..6 {
            queue.push(entry(item as u32, 100 + item as i64, if item % 2 == 0 { 9 } else { 17 }, item));
        }
        let batch = queue.cut(0).unwrap();
        assert_eq!((batch.padded_tokens, batch.items), (16, vec![0, 2]));
    }

    #[test]
    fn a_window_longer_than_the_budget_still_goes() {
        let mut queue = BatchQueue::new(16, 0.3);
        queue.push(entry(0, 1, 500, 7));
        assert_eq!(queue.cut(0).unwrap().items, [7]);
    }

    #[test]
    fn late_ones_get_their_share_and_no_more() {
        let mut queue = BatchQueue::new(80, 0.3);
        for item in 0..1000 {
            queue.push(entry(0, -1_000_000 + item as i64, 8, item));
            queue.push(entry(1, 1_000_000 + item as i64, 8, 10_000 + item));
        }
        let (mut late, mut on_time) = (0, 0);
        for _ in 0..100 {
            let items = queue.cut(0).unwrap().items;
            let late_items = items.iter().filter(|&&item| item < 10_000).count();
            late += late_items;
            on_time += items.len() - late_items;
        }
        let share = f64::from(u32::try_from(late).unwrap()) / f64::from(u32::try_from(late + on_time).unwrap());
        assert!((0.25..=0.30).contains(&share), "late share {share}");
    }

    #[test]
    fn late_ones_run_at_full_speed_when_nothing_else_waits() {
        let mut queue = BatchQueue::new(80, 0.3);
        (0..10).for_each(|item| queue.push(entry(0, -10, 8, item)));
        assert_eq!(queue.cut(0).unwrap().items.len(), 10);
    }

    proptest! {
        /// Nothing is lost or doubled, the budget holds, lengths do not mix, a partition stays in order
        /// within each length, and nothing starves.
        #[test]
        fn every_window_comes_out_once(
            entries in prop::collection::vec((0u32..4, -500i64..500, 1usize..300), 1..200),
            budget in 8usize..2000,
            share in 0.0f64..=1.0,
        ) {
            let mut queue = BatchQueue::new(budget, share);
            for (item, &(partition, due, tokens)) in entries.iter().enumerate() {
                queue.push(entry(partition, due, tokens, item));
            }
            let mut seen = Vec::new();
            while let Some(batch) = queue.cut(0) {
                prop_assert!(batch.items.len() == 1 || batch.items.len() * batch.padded_tokens <= budget);
                for &item in &batch.items {
                    prop_assert_eq!(padded(entries[item].2), batch.padded_tokens);
                }
                seen.extend(batch.items);
                prop_assert!(seen.len() <= entries.len());
            }
            prop_assert!(queue.is_empty());
            // Deadlines only grow within a partition, so each of the two classes keeps its order.
            let mut latest = HashMap::new();
            let late: Vec<bool> = entries
                .iter()
                .map(|&(partition, due, _)| {
                    let due = due.max(*latest.get(&partition).unwrap_or(&i64::MIN));
                    latest.insert(partition, due);
                    due < 0
                })
                .collect();
            for partition in 0..4u32 {
                for length in (8..=304).step_by(8) {
                    for class in [true, false] {
                        let order: Vec<_> = seen
                            .iter()
                            .filter(|&&i| entries[i].0 == partition && padded(entries[i].2) == length && late[i] == class)
                            .collect();
                        prop_assert!(order.is_sorted());
                    }
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..entries.len()).collect::<Vec<_>>());
        }
    }
}
