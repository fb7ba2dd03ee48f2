//! Errors that a real broker gives rarely, injected through librdkafka's mock cluster: the worker goes
//! on, and every input has its outcome. (Abort visibility is not the mock's: engineering.md, K12.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use undertone::commands::run::{StageChoice, Worker};
use undertone::config::Config;
use undertone::kafka::{OutputRecord, PlainProducer, PlainReader, planned_topics};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model");
const COUNT: usize = 60;

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    config: Config,
}

fn bench() -> Bench {
    let cluster = MockCluster::new(1).unwrap();
    let text = format!(
        "[app]\ninstance_id = \"mock\"\n[kafka]\nbootstrap_servers = \"{}\"\n[model]\npath = \"{TINY}\"\ninference_threads = 1\n\
         [operate]\nlisten = \"127.0.0.1:0\"\n[delivery]\ntransaction_timeout_ms = 5000\nsession_timeout_ms = 6000\n",
        cluster.bootstrap_servers()
    );
    let config = Config::from_text(&text, "mock.toml", []).unwrap();
    for plan in planned_topics(&config) {
        cluster.create_topic(&plan.name, 2, 1).unwrap();
    }
    Bench { cluster, config }
}

/// Feeds, lets `disturb` act while the worker runs, waits for all outcomes; gives the worker's result.
fn survive(bench: &Bench, disturb: impl FnOnce(&MockCluster<'static, DefaultProducerContext>)) -> Result<(), String> {
    let config = &bench.config;
    let producer = PlainProducer::connect(config).unwrap();
    let mut expected = BTreeSet::new();
    for index in 0..COUNT {
        let id = format!("m-{index}");
        let payload = format!(
            "{{\"id\":\"{id}\",\"text\":\"hello, message {index} of many\",\"session_id\":\"s-{}\"}}",
            index % 5
        );
        expected.insert(id);
        let record = OutputRecord {
            topic: "support.chat".into(),
            partition: None,
            key: Some(format!("s-{}", index % 5).into()),
            payload: Some(payload.into()),
            headers: Vec::new(),
            timestamp_ms: None,
        };
        producer.send(&record).unwrap();
    }
    producer.flush().unwrap();
    let worker = Worker::load(config.clone(), StageChoice::All).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| worker.run(&stop, |_| {}).map_err(|error| error.to_string()));
        disturb(&bench.cluster);
        let topics: Vec<String> = (1..=5).map(|level| format!("triage.tickets.p{level}")).collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let reader = PlainReader::connect(config, &names).unwrap();
        let mut seen: HashSet<String> = HashSet::new();
        let deadline = Instant::now() + Duration::from_mins(1);
        while seen.len() < COUNT && Instant::now() < deadline && !running.is_finished() {
            if let Ok(Some(record)) = reader.poll(Duration::from_millis(100)) {
                let ticket: serde_json::Value = serde_json::from_slice(&record.payload.unwrap()).unwrap();
                seen.insert(ticket["message_id"].as_str().unwrap().to_owned());
            }
        }
        stop.store(true, Ordering::Relaxed);
        let result = running.join().unwrap();
        if result.is_ok() {
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
        }
        result
    })
}

#[test]
fn offsets_refused_for_a_while() {
    let bench = bench();
    let result = survive(&bench, |cluster| {
        cluster.request_errors(
            RDKafkaApiKey::TxnOffsetCommit,
            &[
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            ],
        );
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn a_commit_that_must_be_aborted_is_done_again() {
    let bench = bench();
    let result = survive(&bench, |cluster| {
        cluster.request_errors(
            RDKafkaApiKey::TxnOffsetCommit,
            &[
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            ],
        );
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn a_coordinator_that_moves_while_committing() {
    let bench = bench();
    let result = survive(&bench, |cluster| {
        cluster.request_errors(
            RDKafkaApiKey::EndTxn,
            &[
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
            ],
        );
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn a_producer_that_was_fenced_stops_and_says_which_id() {
    let bench = bench();
    let result = survive(&bench, |cluster| {
        cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH; 8]);
    });
    let message = result.unwrap_err();
    assert!(message.contains("undertone-score.mock") || message.contains("undertone-prioritise.mock"), "{message}");
}

#[test]
fn a_broker_that_is_away_for_a_while() {
    let bench = bench();
    let result = survive(&bench, |cluster| {
        std::thread::sleep(Duration::from_millis(500));
        cluster.broker_down(1).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        cluster.broker_up(1).unwrap();
    });
    assert_eq!(result, Ok(()));
}
