//! The loop over a broker in memory: order, aborts, rebalances, budgets, drain.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::kafka::OutputRecord;
use crate::kafka::Rebalance;
use crate::kafka::memory::{MemoryBroker, Store};

/// Echoes records to `out`, in an order that is not theirs.
struct Shuffling {
    held: Vec<Work>,
    hold: usize,
    stop_after: Option<(usize, Arc<AtomicBool>)>,
    taken: usize,
    failed: bool,
    /// A record that kills the process when it comes.
    deadly: Option<&'static str>,
}

impl Shuffling {
    fn new(hold: usize) -> Self {
        Self { held: Vec::new(), hold, stop_after: None, taken: 0, failed: false, deadly: None }
    }
}

fn echo(work: Work) -> Finished {
    let value = work.message.payload.clone();
    let output = OutputRecord {
        topic: "out".into(),
        partition: None,
        key: None,
        payload: value,
        headers: Vec::new(),
        timestamp_ms: None,
    };
    Finished { work, outputs: vec![output], counts: Vec::new() }
}

impl Processor for Shuffling {
    fn stage(&self) -> &'static str {
        "test"
    }
    fn lane(&self, topic: &str) -> usize {
        usize::from(topic == "b")
    }
    fn lanes(&self) -> Vec<&'static str> {
        vec!["a", "b"]
    }
    fn on_record(&mut self, work: Work) {
        let value = String::from_utf8_lossy(work.message.payload.as_deref().unwrap_or_default());
        self.failed |= self.deadly.is_some_and(|deadly| value == deadly);
        self.taken += 1;
        if let Some((count, stop)) = &self.stop_after
            && self.taken >= *count
        {
            stop.store(true, Ordering::Relaxed);
        }
        self.held.push(work);
    }
    fn take_finished(&mut self, finished: &mut Vec<Finished>) {
        while self.held.len() > self.hold {
            finished.push(echo(self.held.swap_remove(0)));
        }
        // What is held comes out in the end, last first.
        if let Some(work) = self.held.pop() {
            finished.push(echo(work));
        }
    }
    fn dead_letter(&mut self, work: Work, class: &'static str, _: &str, _: u32) -> Finished {
        let output = OutputRecord {
            topic: "dlq".into(),
            partition: None,
            key: None,
            payload: Some(format!("{class} {}", work.message.position).into()),
            headers: Vec::new(),
            timestamp_ms: None,
        };
        Finished { work, outputs: vec![output], counts: Vec::new() }
    }
    fn failed(&self) -> bool {
        self.failed
    }
}

fn settings(lane: usize) -> LoopSettings {
    LoopSettings {
        commit_interval: Duration::from_millis(2),
        commit_max_messages: 7,
        drain_timeout: Duration::from_secs(5),
        lane: LaneLimits { messages: lane, bytes: 1 << 20 },
    }
}

/// Runs until `expected` outputs are committed (or ten seconds), then stops and gives what was stored.
fn run(
    broker: MemoryBroker,
    processor: Shuffling,
    lane: usize,
    expected: usize,
) -> (Result<(), LoopError>, Arc<Mutex<Store>>) {
    let store = Arc::clone(&broker.store);
    let stop = match &processor.stop_after {
        Some((_, stop)) => Arc::clone(stop),
        None => Arc::default(),
    };
    let metrics = Arc::new(Metrics::new().unwrap());
    let looped = TransactionLoop::new(broker, processor, settings(lane), metrics, Arc::default());
    let result = std::thread::scope(|scope| {
        let thread = scope.spawn(|| looped.run(&stop));
        let deadline = Instant::now() + Duration::from_secs(10);
        while store.lock().unwrap().committed.len() < expected && Instant::now() < deadline && !thread.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap()
    });
    (result, store)
}

/// Committed values by partition, in order of commit.
fn by_partition(store: &Store) -> BTreeMap<String, Vec<i64>> {
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for output in store.committed.iter().filter(|output| output.topic == "out") {
        let value = String::from_utf8(output.payload.clone().unwrap().to_vec()).unwrap();
        let (partition, offset) = value.split_once('@').unwrap();
        found.entry(partition.into()).or_default().push(offset.parse().unwrap());
    }
    found
}

fn all_once(store: &Arc<Mutex<Store>>, partitions: usize, count: i64) {
    let found = by_partition(&store.lock().unwrap());
    assert_eq!(found.len(), partitions);
    for (partition, offsets) in found {
        assert_eq!(offsets, (0..count).collect::<Vec<_>>(), "{partition}");
    }
}

const ABC: [(&str, i32); 3] = [("a", 0), ("a", 1), ("b", 0)];

#[test]
fn every_record_is_committed_once_and_in_order() {
    let (result, store) = run(MemoryBroker::new(&ABC, 100), Shuffling::new(10), 1000, 300);
    assert_eq!(result, Ok(()));
    all_once(&store, 3, 100);
    assert!(store.lock().unwrap().offsets.values().all(|&offset| offset == 100));
}

#[test]
fn aborted_transactions_are_read_again_and_nothing_is_doubled() {
    let broker = MemoryBroker::new(&ABC, 40)
        .with_fault(|commit, _| (commit % 3 == 1).then(|| CommitFailure::Abort("injected".into())));
    let (result, store) = run(broker, Shuffling::new(5), 1000, 120);
    assert_eq!(result, Ok(()));
    all_once(&store, 3, 40);
    assert!(store.lock().unwrap().transactions.1 > 0, "no abort was injected");
}

#[test]
fn a_record_whose_outcome_is_refused_becomes_a_dead_letter_and_holds_nobody_up() {
    let broker = MemoryBroker::new(&ABC, 20).with_fault(|_, open| {
        open.iter()
            .any(|output| output.topic == "out" && output.payload.as_deref() == Some(b"a/1@7"))
            .then(|| CommitFailure::Refused("too large for the topic".into()))
    });
    let (result, store) = run(broker, Shuffling::new(5), 1000, 60);
    assert_eq!(result, Ok(()));
    let store = store.lock().unwrap();
    let letters: Vec<_> = store.committed.iter().filter(|output| output.topic == "dlq").collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].payload.as_deref(), Some(&b"undeliverable a/1@7"[..]));
    let found = by_partition(&store);
    assert_eq!(found["a/1"], (0..20).filter(|offset| *offset != 7).collect::<Vec<_>>());
    assert_eq!(found["a/0"].len() + found["b/0"].len(), 40);
}

#[test]
fn a_fatal_error_ends_the_loop_with_the_reason() {
    let broker = MemoryBroker::new(&ABC, 20)
        .with_fault(|_, _| Some(CommitFailure::Fatal(Unusable { message: "fenced".into(), renewable: false })));
    let (result, store) = run(broker, Shuffling::new(0), 1000, 60);
    assert_eq!(result, Err(LoopError::Fatal { stage: "test", message: "fenced".into(), renewable: false }));
    assert!(store.lock().unwrap().committed.is_empty());
}

#[test]
fn a_dead_thread_ends_the_loop() {
    let processor = Shuffling { failed: true, ..Shuffling::new(0) };
    let (result, _) = run(MemoryBroker::new(&ABC, 5), processor, 1000, 15);
    assert_eq!(result, Err(LoopError::Processor { stage: "test" }));
}

#[test]
fn partitions_that_went_and_came_back_are_read_from_their_commit() {
    let gone = vec![TopicPartition::new("a", 1)];
    let broker = MemoryBroker::new(&ABC, 200)
        .with_event(70, Rebalance::Revoked(gone.clone()))
        .with_event(120, Rebalance::Assigned(gone));
    let (result, store) = run(broker, Shuffling::new(20), 1000, 600);
    assert_eq!(result, Ok(()));
    all_once(&store, 3, 200);
}

#[test]
fn a_full_lane_is_paused_alone_and_goes_on() {
    let (result, store) = run(MemoryBroker::new(&ABC, 300), Shuffling::new(50), 60, 900);
    assert_eq!(result, Ok(()));
    all_once(&store, 3, 300);
    let store = store.lock().unwrap();
    // The last pause is the drain's.
    let (_, lanes) = store.pauses.split_last().unwrap();
    assert!(lanes.iter().any(|(paused, _)| *paused), "nothing was paused");
    for (_, partitions) in lanes.iter().filter(|(_, partitions)| !partitions.is_empty()) {
        let topics: std::collections::BTreeSet<_> = partitions.iter().map(|partition| &*partition.topic).collect();
        assert_eq!(topics.len(), 1, "lanes are paused one by one: {topics:?}");
    }
}

#[test]
fn a_record_that_brings_the_process_down_is_found_and_nobody_else_is_blamed() {
    let store: Arc<Mutex<Store>> = Arc::default();
    let mut lives = 0;
    loop {
        lives += 1;
        assert!(lives < 20, "the culprit is not found");
        let mut broker = MemoryBroker::new(&ABC, 40);
        broker.store = Arc::clone(&store);
        let processor = Shuffling { deadly: Some("a/1@23"), ..Shuffling::new(6) };
        let (result, _) = run(broker, processor, 16, 120);
        if result.is_ok() {
            break;
        }
    }
    let store = store.lock().unwrap();
    let letters: Vec<_> = store.committed.iter().filter(|output| output.topic == "dlq").collect();
    assert_eq!(letters.len(), 1, "{lives} lives");
    assert_eq!(letters[0].payload.as_deref(), Some(&b"crash a/1@23"[..]));
    let found = by_partition(&store);
    assert_eq!(found["a/1"], (0..40).filter(|offset| *offset != 23).collect::<Vec<_>>());
    assert_eq!((found["a/0"].len(), found["b/0"].len()), (40, 40));
}

#[test]
fn a_stop_finishes_what_is_in_work_and_nothing_more() {
    let stop: Arc<AtomicBool> = Arc::default();
    let processor = Shuffling { stop_after: Some((30, stop)), ..Shuffling::new(10) };
    let (result, store) = run(MemoryBroker::new(&ABC, 1000), processor, 1000, usize::MAX);
    assert_eq!(result, Ok(()));
    let store = store.lock().unwrap();
    let committed = store.committed.len();
    assert!((30..30 + RECORDS_PER_TURN).contains(&committed), "{committed}");
    assert_eq!(store.offsets.values().sum::<i64>(), i64::try_from(committed).unwrap());
}
