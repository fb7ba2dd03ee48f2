//! The worker on a real Apache Kafka, with the shipped model: n in = n out under read_committed.
#![cfg(feature = "broker-tests")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use support::{NewRecord, RealKafka, Record, Worker, unique};

/// Where the worker of one test reads and writes.
struct Setup {
    kafka: &'static RealKafka,
    prefix: String,
    config: PathBuf,
    _folder: tempfile::TempDir,
}

const CHANNELS: [&str; 3] = ["email", "chat", "social"];

impl Setup {
    fn new(name: &str, more: &str) -> Option<Self> {
        let kafka = RealKafka::shared()?;
        let prefix = unique(name);
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("undertone.toml");
        let bootstrap = kafka.bootstrap();
        std::fs::write(
            &config,
            format!(
                "[app]\nname = \"{prefix}\"\n[kafka]\nbootstrap_servers = \"{bootstrap}\"\n\
                 [topics]\nscored = \"{prefix}.scored\"\ntickets = \"{prefix}.tickets\"\nfiltered = \"{prefix}.filtered\"\n\
                 review = \"{prefix}.review\"\ndlq = \"{prefix}.dlq\"\npartitions = 3\nscored_partitions = 4\n\
                 [topics.inputs]\n\"{prefix}.email\" = \"email\"\n\"{prefix}.chat\" = \"chat\"\n\"{prefix}.social\" = \"social\"\n\
                 [operate]\nlog_format = \"text\"\n{more}\n"
            ),
        )
        .unwrap();
        let created = undertone(&["topics", "create"], &config);
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        Some(Self { kafka, prefix, config, _folder: folder })
    }

    fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// All outcomes, once there are `count` of them (or a minute and a half has passed), and what came after.
    fn outcomes(&self, count: usize) -> Vec<Record> {
        let topics: Vec<String> = (1..=5)
            .map(|level| self.topic(&format!("tickets.p{level}")))
            .chain([self.topic("filtered"), self.topic("dlq")])
            .collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.kafka.read_committed(&names, Duration::from_secs(90), |records| records.len() >= count);
        self.kafka.read_to_end(&names)
    }
}

fn undertone(arguments: &[&str], config: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_undertone"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

/// `count` messages of a channel, every seventh of them poison or not a customer's.
fn messages(channel: &str, count: usize) -> Vec<NewRecord> {
    (0..count)
        .map(|index| {
            let conversation = format!("{channel}-{}", index % 17);
            let id = format!("{channel}-{index}");
            let text = match index % 4 {
                0 => "Hello, could you tell me when my parcel arrives? Thank you.",
                1 => "My card is being used by somebody else right now, block it!",
                2 => "Great service, I am delighted.",
                _ => "The app crashes whenever I open my invoice, since yesterday, and I have written twice already.",
            };
            let mut message =
                json!({ "id": id, "conversation_id": conversation, "text": text, "sent_at": "2026-11-28T10:00:00Z" });
            let record = match index % 21 {
                6 => return NewRecord::new("{\"id\": \"broken").key(conversation),
                13 => {
                    return NewRecord::new([0xff, 0xfe, b'{', b'}'])
                        .key(conversation)
                        .header("traceparent", "00-ab-cd-01");
                }
                20 => {
                    message["author"] = json!({ "type": "bot" });
                    NewRecord::new(message.to_string())
                }
                17 => return NewRecord::tombstone(conversation),
                _ => NewRecord::new(message.to_string()),
            };
            record.key(conversation).header("traceparent", format!("00-{id}"))
        })
        .collect()
}

/// Source position of an outcome, as `topic/partition@offset`.
fn source(record: &Record) -> String {
    if record.topic.ends_with(".dlq") {
        let header = |name: &str| record.header(&format!("__triage.errors.{name}")).unwrap();
        return format!("{}/{}@{}", header("topic"), header("partition"), header("offset"));
    }
    let source = &record.json()["source"];
    format!("{}/{}@{}", source["topic"].as_str().unwrap(), source["partition"], source["offset"])
}

/// Every input once among the outcomes: lost ones and doubled ones.
fn lost_and_doubled(inputs: &[String], outcomes: &[Record]) -> (Vec<String>, Vec<String>) {
    let mut counts: BTreeMap<String, usize> = inputs.iter().map(|input| (input.clone(), 0)).collect();
    for outcome in outcomes {
        *counts.entry(source(outcome)).or_default() += 1;
    }
    let pick = |wanted: fn(usize) -> bool| {
        counts.iter().filter(|&(_, &count)| wanted(count)).map(|(input, _)| input.clone()).collect()
    };
    (pick(|count| count == 0), pick(|count| count > 1))
}

fn feed(setup: &Setup, per_channel: usize) -> Vec<String> {
    CHANNELS
        .iter()
        .flat_map(|channel| {
            let topic = setup.topic(channel);
            let sent = setup.kafka.produce(&topic, &messages(channel, per_channel));
            sent.into_iter().map(move |(partition, offset)| format!("{topic}/{partition}@{offset}")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn nothing_is_lost_or_doubled_across_a_kill() {
    let Some(setup) = Setup::new("kill", "[delivery]\ntransaction_timeout_ms = 4000\nsession_timeout_ms = 6000") else {
        return;
    };
    let mut inputs = feed(&setup, 150);
    let mut worker = Worker::start(&setup.config, "w-0", &[]);
    worker.wait_ready();
    // In the middle of the work: some outcomes are there, most are not.
    let early = setup.kafka.read_committed(
        &[&setup.topic("filtered"), &setup.topic("dlq"), &setup.topic("tickets.p3")],
        Duration::from_mins(1),
        |records| records.len() >= 10,
    );
    assert!(early.len() >= 10, "{}", worker.log());
    worker.kill();
    inputs.extend(feed(&setup, 50));
    let mut worker = Worker::start(&setup.config, "w-0", &[]);
    let outcomes = setup.outcomes(inputs.len());
    let (lost, doubled) = lost_and_doubled(&inputs, &outcomes);
    assert_eq!((&lost, &doubled), (&vec![], &vec![]), "log:\n{}", worker.log());
    println!(
        "end to end: {} in = {} out, lost {}, doubled {}",
        inputs.len(),
        outcomes.len(),
        lost.len(),
        doubled.len()
    );

    // Order within each conversation: the source offsets of its tickets grow within a topic partition.
    let mut last: BTreeMap<(String, i32, String), i64> = BTreeMap::new();
    for ticket in outcomes.iter().filter(|record| record.topic.contains(".tickets.")) {
        let value = ticket.json();
        let key = (ticket.topic.clone(), ticket.partition, value["conversation_id"].as_str().unwrap().to_owned());
        let offset = value["source"]["offset"].as_i64().unwrap();
        if let Some(before) = last.insert(key, offset) {
            assert!(before < offset, "a conversation was overtaken");
        }
    }

    // Metrics and probes of the running worker, then a clean stop.
    let (status, metrics) = worker.get("/metrics").unwrap();
    assert_eq!(status, 200);
    assert!(metrics.contains("undertone_dead_letters_total{class=\"invalid_utf8\",stage=\"score\"}"), "{metrics}");
    assert_eq!(worker.get("/livez").unwrap().0, 200);
    let status = worker.terminate();
    assert!(status.success(), "{status}\n{}", worker.log());
}

#[test]
fn dead_letters_keep_the_original_and_tickets_follow_their_schema() {
    let Some(setup) = Setup::new("shape", "") else { return };
    let inputs = feed(&setup, 42);
    let worker = Worker::start(&setup.config, "w-0", &[]);
    let outcomes = setup.outcomes(inputs.len());
    assert_eq!(outcomes.len(), inputs.len(), "{}", worker.log());

    let letters: Vec<&Record> = outcomes.iter().filter(|record| record.topic.ends_with(".dlq")).collect();
    assert_eq!(letters.len(), 4 * CHANNELS.len());
    for letter in &letters {
        let original = letter.value.as_deref().unwrap();
        match letter.header("__triage.errors.class").unwrap().as_str() {
            "invalid_json" => assert_eq!(original, b"{\"id\": \"broken"),
            "invalid_utf8" => {
                assert_eq!(original, [0xff, 0xfe, b'{', b'}']);
                assert_eq!(letter.header("traceparent").unwrap(), "00-ab-cd-01");
            }
            other => panic!("class {other}"),
        }
        assert!(letter.key.is_some() && letter.timestamp.is_some());
        assert_eq!(letter.header("__triage.errors.stage").unwrap(), "score");
    }

    let schemas: BTreeMap<&str, jsonschema::Validator> = undertone::ticket::schemas()
        .into_iter()
        .map(|(name, schema)| (name, jsonschema::validator_for(schema.as_value()).unwrap()))
        .collect();
    let mut tickets = 0;
    for outcome in outcomes.iter().filter(|record| !record.topic.ends_with(".dlq")) {
        let kind = outcome.header("ce_type").unwrap();
        let validator = &schemas[kind.strip_prefix("org.undertone.").unwrap()];
        let value = outcome.json();
        if let Err(error) = validator.validate(&value) {
            panic!("{kind}: {error}");
        }
        assert_eq!(outcome.header("ce_specversion").unwrap(), "1.0");
        if kind.ends_with("ticket.triaged.v1") {
            tickets += 1;
            assert_ticket(outcome, &value);
        }
    }
    assert_eq!(tickets, 34 * CHANNELS.len());
}

fn assert_ticket(record: &Record, ticket: &Value) {
    let level = ticket["priority"]["level"].as_str().unwrap();
    assert!(record.topic.ends_with(&level.to_lowercase()), "{level} on {}", record.topic);
    assert_eq!(record.header("triage-priority").unwrap(), level);
    assert_eq!(record.header("traceparent").unwrap(), format!("00-{}", ticket["message_id"].as_str().unwrap()));
    assert_eq!(record.key.as_deref(), ticket["conversation_id"].as_str().map(str::as_bytes));
    assert!(!ticket["reasons"].as_array().unwrap().is_empty());
    assert!(ticket["sla"]["first_response_due_at"].is_string());
    assert_eq!(ticket["model"]["name"], "undertone-small");
}

#[test]
fn at_least_once_loses_nothing_either() {
    let Some(setup) = Setup::new("alo", "[delivery]\nmode = \"at-least-once\"") else { return };
    let inputs = feed(&setup, 60);
    let mut worker = Worker::start(&setup.config, "w-0", &[]);
    worker.wait_ready();
    let (lost, _) = lost_and_doubled(&inputs, &setup.outcomes(inputs.len()));
    assert_eq!(lost, Vec::<String>::new(), "{}", worker.log());
    assert!(worker.terminate().success(), "{}", worker.log());
}

#[test]
fn two_workers_share_the_work() {
    let Some(setup) = Setup::new("two", "") else { return };
    let mut first = Worker::start(&setup.config, "w-0", &[]);
    first.wait_ready();
    let mut inputs = feed(&setup, 80);
    let mut second = Worker::start(&setup.config, "w-1", &[]);
    second.wait_ready();
    inputs.extend(feed(&setup, 80));
    let (lost, doubled) = lost_and_doubled(&inputs, &setup.outcomes(inputs.len()));
    assert_eq!((lost, doubled), (vec![], vec![]), "{}\n{}", first.log(), second.log());
    // One leaves, the other goes on.
    assert!(first.terminate().success(), "{}", first.log());
    let more = feed(&setup, 20);
    inputs.extend(more);
    let (lost, doubled) = lost_and_doubled(&inputs, &setup.outcomes(inputs.len()));
    assert_eq!((lost, doubled), (vec![], vec![]), "{}", second.log());
    assert!(second.terminate().success(), "{}", second.log());
}

#[test]
fn validate_asks_the_brokers() {
    let Some(setup) = Setup::new("validate", "") else { return };
    let good = undertone(&["validate"], &setup.config);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let text =
        std::fs::read_to_string(&setup.config).unwrap().replace(&format!("{}.review", setup.prefix), "no.such.review");
    std::fs::write(&setup.config, text).unwrap();
    let bad = undertone(&["validate"], &setup.config);
    assert_eq!(bad.status.code(), Some(78));
    let errors = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(errors.contains("no.such.review") && errors.contains("topics create"), "{errors}");
}
