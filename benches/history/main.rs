//! What history costs: decisions a second with and without it, memory for 100,000 customers, and the restore of a
//! million of them from a real Kafka.
//!
//! `cargo bench --bench history --features broker-tests`; without a Kafka the restore is measured from memory only.

#![allow(clippy::print_stdout, clippy::cast_possible_wrap)]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use undertone::history::{Arrival, ClockTags, Customer, Incoming, Store};
use undertone::message::Channel;
use undertone::policy::{Facts, HistoryFacts, Labelled, Policy, Scored};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Where the histories begin.
const START_MS: i64 = 1_780_000_000_000;
const TOPICS: [&str; 5] = ["billing", "delivery", "technical_fault", "refund_return", "order_booking"];
const MOODS: [&str; 4] = ["negative", "neutral", "very_negative", "positive"];

fn main() {
    if std::env::args().all(|argument| argument != "--bench") {
        eprintln!("history: nothing is measured without `--bench`, which `cargo bench` adds");
        return;
    }
    if let Err(error) = bench() {
        eprintln!("history: {error}");
        std::process::exit(1);
    }
}

fn bench() -> Fallible<()> {
    let policy = Policy::default_policy()?;
    let plain = per_second(200_000, |index| {
        black_box(policy.decide(&facts(index, HistoryFacts::default())));
    });
    println!("policy decisions, no history          {plain:>12.0} /s");
    let mut store = Store::default();
    let mut offset = 0;
    let with = per_second(200_000, |index| {
        // Ten thousand customers come again and again, a message a minute each.
        let key = format!("c-{}", index % 10_000);
        let mut customer = store.get(&key).cloned().unwrap_or_default();
        contact(&policy, &mut customer, index, START_MS + (index as i64 / 10_000) * 60_000);
        store.put(offset, &key, Some(customer));
        offset += 1;
        if offset % 100 == 0 {
            store.commit(offset, policy.history());
        }
    });
    println!("policy decisions, with history        {with:>12.0} /s");
    let encoded = per_second(50_000, |index| {
        if let Some(customer) = store.get(&format!("c-{}", index % 10_000)) {
            black_box(customer.to_json().map(|value| value.len()).unwrap_or_default());
        }
    });
    println!("states encoded for the changelog      {encoded:>12.0} /s");
    drop(store);

    let before = resident();
    let mut store = Store::default();
    let mut bytes = 0;
    for number in 0..100_000i64 {
        let customer = grown(&policy, usize::try_from(number)?, 10);
        bytes += customer.to_json()?.len();
        store.restore(&format!("customer-{number}"), Some(customer), policy.history());
    }
    println!("100,000 customers of 10 contacts      {:>12.0} MB", (resident() - before) as f64 / 1e6);
    println!("  a state in the changelog            {:>12} bytes", bytes / 100_000);
    drop(store);

    let value = grown(&policy, 7, 10).to_json()?;
    let mut store = Store::default();
    let started = Instant::now();
    for number in 0..1_000_000 {
        store.restore(&format!("customer-{number}"), Some(Customer::from_json(&value)?), policy.history());
    }
    println!("1,000,000 states restored from memory {:>12.1} s", started.elapsed().as_secs_f64());
    drop(store);
    restore_from_kafka(&value)
}

/// A worker that finds a million states when it starts.
fn restore_from_kafka(value: &[u8]) -> Fallible<()> {
    use support::pipeline::{Pipeline, TINY_MODEL};
    let Some(kafka) = support::RealKafka::shared() else { return Ok(()) };
    let pipeline = Pipeline::new(kafka, "restore", TINY_MODEL);
    let topic = pipeline.topic("state");
    let mut sender = kafka.sender();
    for number in 0..1_000_000 {
        let partition = number % 4;
        sender.send(&topic, &support::NewRecord::new(value).key(format!("customer-{number}")).partition(partition));
    }
    sender.finish(Duration::from_mins(5));
    let mut worker = support::Worker::start(&pipeline.config, "w-0", &[]);
    let started = Instant::now();
    let name = "undertone_state_restored_records_total{stage=\"prioritise\"} ";
    loop {
        let page = worker.get("/metrics").map(|(_, page)| page).unwrap_or_default();
        if page.lines().any(|line| line.strip_prefix(name).is_some_and(|count| count == "1000000")) {
            break;
        }
        if started.elapsed() > Duration::from_mins(3) {
            return Err(format!("not restored in three minutes\n{}", worker.log()).into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("1,000,000 states restored from Kafka  {:>12.1} s, start-up included", started.elapsed().as_secs_f64());
    worker.terminate();
    Ok(())
}

/// A customer with so many contacts, two conversations at a time.
fn grown(policy: &Policy, number: usize, contacts: usize) -> Customer {
    let mut customer = Customer::default();
    for index in 0..contacts {
        contact(policy, &mut customer, number + index, START_MS + index as i64 * 2 * DAY_MS);
        // Most matters are settled.
        if index + 2 < contacts {
            let id = conversation(number + index);
            if let Some(conversation) = customer.conversation(&id) {
                conversation.close();
            }
        }
    }
    customer.forget(START_MS + contacts as i64 * 2 * DAY_MS, policy.history());
    customer
}

fn conversation(index: usize) -> String {
    format!("chat:{index:08}")
}

/// One message with its decision.
fn contact(policy: &Policy, customer: &mut Customer, index: usize, at_ms: i64) {
    let (id, conversation) = (format!("m-{index}"), conversation(index));
    let incoming = Incoming {
        at_ms,
        received_ms: at_ms,
        id: &id,
        conversation: &conversation,
        channel: Channel::Chat,
        topic: Some(TOPICS[index % TOPICS.len()]),
        sentiment: MOODS[index % MOODS.len()],
        score: -0.4,
        fingerprint: None,
    };
    if let Arrival::Known(history) = customer.arrive(&incoming, policy.history()) {
        let decision = policy.decide(&facts(index, *history));
        customer.decided(&incoming, &decision, ClockTags::default());
    }
}

fn facts(index: usize, history: HistoryFacts) -> Facts {
    let scored = |label: &str| Scored { label: label.to_owned(), score: 0.4, confidence: 0.9, ..Scored::default() };
    Facts {
        channel: "chat".to_owned(),
        sentiment: scored(MOODS[index % MOODS.len()]),
        urgency: scored(["normal", "high", "low", "normal"][index % 4]),
        topic: Some(Labelled::new(TOPICS[index % TOPICS.len()], 0.8)),
        language_supported: true,
        received_at: Timestamp::from_millisecond(START_MS).unwrap_or_default(),
        history,
        ..Facts::default()
    }
}

fn per_second(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let started = Instant::now();
    for index in 0..count {
        call(index);
    }
    count as f64 / started.elapsed().as_secs_f64()
}

/// Resident memory of this process in bytes (Linux).
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: i64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
