//! A read_committed reader on a thread of its own, which notes when each outcome became visible.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rdkafka::consumer::BaseConsumer;

use super::pipeline::source;
use super::{RealKafka, Record};

/// One outcome, seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Input position.
    pub source: String,
    /// When it became visible, in milliseconds since the epoch.
    pub at: i64,
    /// When it was made, likewise.
    pub made: i64,
    /// Timestamp of the input record, likewise.
    pub produced: i64,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    distinct: HashSet<String>,
}

/// Ends when dropped.
pub struct Watch {
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Reads topics (which must exist) from their start.
    pub fn start(kafka: &RealKafka, topics: &[String]) -> Self {
        let (consumer, _) = kafka.reader(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
            std::thread::spawn(move || read(&consumer, &state, &stop))
        };
        Self { state, stop, thread: Some(thread) }
    }

    /// Inputs that have an outcome.
    pub fn distinct(&self) -> usize {
        self.state.lock().unwrap().distinct.len()
    }

    /// When the first outcome that was made after `moment` became visible.
    pub fn first_after(&self, moment: i64) -> Option<i64> {
        self.state.lock().unwrap().seen.iter().filter(|seen| seen.made > moment).map(|seen| seen.at).min()
    }

    /// All outcomes seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn read(consumer: &BaseConsumer, state: &Mutex<State>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        // Errors are passed over: brokers are being killed.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let record = Record::from_message(&message);
        let seen = Seen {
            source: source(&record),
            at: Timestamp::now().as_millisecond(),
            made: made(&record),
            produced: record.timestamp.unwrap_or_default(),
        };
        let mut state = state.lock().unwrap();
        state.distinct.insert(seen.source.clone());
        state.seen.push(seen);
    }
}

/// When the worker made this outcome.
fn made(record: &Record) -> i64 {
    let event = record.header("ce_time").and_then(|time| Some(time.parse::<Timestamp>().ok()?.as_millisecond()));
    let letter = || record.header("__triage.errors.timestamp")?.parse().ok();
    event.or_else(letter).expect("an outcome says when it was made")
}
