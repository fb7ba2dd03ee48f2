//! What a crash leaves between every two steps of commit, abort and rewind; the record that brings the
//! process down; and a run in which every transaction is aborted once.
#![cfg(all(feature = "broker-tests", feature = "crash-points"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use support::pipeline::{Pipeline, TINY_MODEL, lost_and_doubled, source};
use support::{NewRecord, RealKafka, Record, Worker};

/// A killed worker's partitions are free again so soon.
const BRISK: &str = "[delivery]\ntransaction_timeout_ms = 1000\nsession_timeout_ms = 2500\n";

const COMMIT: [&str; 4] = ["commit.begin", "commit.before_offsets", "commit.before_commit", "commit.after_commit"];
const ABORT: [&str; 4] = ["abort.before_abort", "abort.after_abort", "rewind.before_seek", "rewind.after_seek"];

#[test]
fn a_crash_between_any_two_steps_loses_and_doubles_nothing() {
    let Some(kafka) = RealKafka::shared() else { return };
    let pipeline = Pipeline::new(kafka, "points", &format!("{TINY_MODEL}{BRISK}"));
    let mut inputs = Vec::new();
    let points = COMMIT
        .iter()
        .map(|point| (*point, format!("{point}=3*off->return")))
        .chain(ABORT.iter().map(|point| (*point, format!("commit.force_abort=2*off->return;{point}=return"))));
    for (point, told) in points {
        inputs.extend(pipeline.feed(7));
        let mut worker = Worker::start(&pipeline.config, "w-0", &[("FAILPOINTS", &told)]);
        let status = worker.wait_exit(Duration::from_mins(1));
        assert!(status.is_some_and(|status| !status.success()), "{point} was not reached\n{}", worker.log());
        assert!(worker.log().contains(point), "{}", worker.log());
    }
    let mut worker = Worker::start(&pipeline.config, "w-0", &[]);
    let outcomes = pipeline.outcomes(inputs.len());
    let (lost, doubled) = lost_and_doubled(&inputs, &outcomes);
    println!(
        "fault=crash-points times={} in={} out={} lost={} doubled={}",
        COMMIT.len() + ABORT.len(),
        inputs.len(),
        outcomes.len(),
        lost.len(),
        doubled.len()
    );
    assert_eq!((lost, doubled), (vec![], vec![]), "{}", worker.log());
    assert!(worker.terminate().success());
}

#[test]
fn the_record_that_brings_the_process_down_is_found_and_dead_lettered() {
    let Some(kafka) = RealKafka::shared() else { return };
    let pipeline = Pipeline::new(kafka, "deadly", &format!("{TINY_MODEL}{BRISK}"));
    let mut inputs = pipeline.feed(20);
    let topic = pipeline.topic("chat");
    let deadly = NewRecord::new(r#"{"id":"deadly","session_id":"s","text":"this one is poison pill 4711"}"#).key("s");
    let sent = kafka.produce(&topic, &[deadly]);
    let culprit = format!("{topic}/{}@{}", sent[0].0, sent[0].1);
    inputs.push(culprit.clone());
    inputs.extend(pipeline.feed(20));
    let mut lives = 0;
    let outcomes = loop {
        lives += 1;
        assert!(lives <= 8, "the culprit is not found");
        let mut worker = Worker::start(&pipeline.config, "w-0", &[("UNDERTONE_CRASH_ON", "poison pill 4711")]);
        let mut found = None;
        while worker.exit_status().is_none() && found.is_none() {
            std::thread::sleep(Duration::from_millis(200));
            let outcomes = pipeline.read_to_end(&pipeline.outcome_topics());
            found = (outcomes.len() >= inputs.len()).then_some(outcomes);
        }
        if let Some(outcomes) = found {
            assert!(worker.terminate().success(), "{}", worker.log());
            break outcomes;
        }
    };
    let (lost, doubled) = lost_and_doubled(&inputs, &outcomes);
    println!(
        "fault=deadly-record times={} in={} out={} lost={} doubled={}",
        lives - 1,
        inputs.len(),
        outcomes.len(),
        lost.len(),
        doubled.len()
    );
    assert_eq!((lost, doubled), (vec![], vec![]));
    let crashed: Vec<String> = outcomes
        .iter()
        .filter(|record| record.header("__triage.errors.class").as_deref() == Some("crash"))
        .map(source)
        .collect();
    assert_eq!(crashed, [culprit], "and nobody else was blamed");
}

/// Outcomes by what they are of, without moments, measured durations and the names of the run.
fn comparable(pipeline: &Pipeline<'_>, outcomes: &[Record]) -> BTreeMap<String, (String, Value)> {
    let strip = |text: &str| text.replace(&pipeline.prefix, "run");
    outcomes
        .iter()
        .map(|record| {
            let mut value = if record.topic.ends_with(".dlq") {
                Value::String(record.header("__triage.errors.class").unwrap())
            } else {
                record.json()
            };
            for moment in ["triaged_at", "filtered_at", "received_at", "source"] {
                value.as_object_mut().map(|fields| fields.remove(moment));
            }
            if let Some(model) = value.get_mut("model") {
                model.as_object_mut().map(|fields| fields.remove("inference_ms"));
            }
            // Deadlines count from the record's timestamp, which differs between the two feeds.
            value.as_object_mut().map(|fields| fields.remove("sla"));
            (strip(&source(record)), (strip(&record.topic), value))
        })
        .collect()
}

#[test]
fn a_run_whose_transactions_are_all_aborted_once_ends_like_a_clean_one() {
    let Some(kafka) = RealKafka::shared() else { return };
    let run = |name: &str, environment: &[(&str, &str)]| {
        let more = format!("{TINY_MODEL}{BRISK}commit_max_messages = 1\n");
        let pipeline = Pipeline::new(kafka, name, &more);
        let inputs = pipeline.feed(7);
        let mut worker = Worker::start(&pipeline.config, "w-0", environment);
        let outcomes = pipeline.outcomes(inputs.len());
        let log = worker.log();
        let aborts = log.matches("transaction aborted").count();
        assert!(worker.terminate().success(), "{}", worker.log());
        assert_eq!(outcomes.len(), inputs.len(), "{name}: {log}");
        assert!(!log.contains("OUT_OF_ORDER"), "an abort leaves no gap in the sequence: {log}");
        (comparable(&pipeline, &outcomes), aborts)
    };
    let (clean, _) = run("clean", &[]);
    let (aborted, aborts) = run("aborted", &[("FAILPOINTS", "commit.force_abort=return")]);
    println!(
        "fault=abort-after-every-message times={aborts} in={} out={} lost=0 doubled=0",
        clean.len(),
        aborted.len()
    );
    assert!(aborts >= clean.len(), "{aborts} aborts");
    assert_eq!(aborted, clean);
}
