//! The worker on a real Apache Kafka, with the shipped model: n in = n out under read_committed.
#![cfg(feature = "broker-tests")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::pipeline::{CHANNELS, TINY_MODEL, lost_and_doubled, undertone};
use support::{NewRecord, Pipeline, RealKafka, Record, Worker};

fn setup(name: &str, more: &str) -> Option<Pipeline<'static>> {
    RealKafka::shared().map(|kafka| Pipeline::new(kafka, name, more))
}

#[test]
fn nothing_is_lost_or_doubled_across_a_kill() {
    let Some(setup) = setup("kill", "[delivery]\ntransaction_timeout_ms = 4000\nsession_timeout_ms = 6000") else {
        return;
    };
    let mut inputs = setup.feed(150);
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
    inputs.extend(setup.feed(50));
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
    let Some(setup) = setup("shape", "") else { return };
    let inputs = setup.feed(42);
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
    let Some(setup) = setup("alo", "[delivery]\nmode = \"at-least-once\"") else { return };
    let inputs = setup.feed(60);
    let mut worker = Worker::start(&setup.config, "w-0", &[]);
    worker.wait_ready();
    let (lost, _) = lost_and_doubled(&inputs, &setup.outcomes(inputs.len()));
    assert_eq!(lost, Vec::<String>::new(), "{}", worker.log());
    assert!(worker.terminate().success(), "{}", worker.log());
}

#[test]
fn two_workers_share_the_work() {
    let Some(setup) = setup("two", "") else { return };
    let mut first = Worker::start(&setup.config, "w-0", &[]);
    first.wait_ready();
    let mut inputs = setup.feed(80);
    let mut second = Worker::start(&setup.config, "w-1", &[]);
    second.wait_ready();
    inputs.extend(setup.feed(80));
    let (lost, doubled) = lost_and_doubled(&inputs, &setup.outcomes(inputs.len()));
    assert_eq!((lost, doubled), (vec![], vec![]), "{}\n{}", first.log(), second.log());
    // One leaves, the other goes on.
    assert!(first.terminate().success(), "{}", first.log());
    let more = setup.feed(20);
    inputs.extend(more);
    let (lost, doubled) = lost_and_doubled(&inputs, &setup.outcomes(inputs.len()));
    assert_eq!((lost, doubled), (vec![], vec![]), "{}", second.log());
    assert!(second.terminate().success(), "{}", second.log());
}

#[test]
fn validate_asks_the_brokers() {
    let Some(setup) = setup("validate", "") else { return };
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

#[test]
fn unequal_partitions_of_scored_and_state_are_refused() {
    let Some(kafka) = RealKafka::shared() else { return };
    let pipeline = Pipeline::without_topics(kafka, "unequal", TINY_MODEL);
    kafka.create_topics(&[(&pipeline.topic("state"), 3)]);
    pipeline.create_topics();
    let validated = undertone(&["validate"], &pipeline.config);
    assert_eq!(validated.status.code(), Some(78));
    let mut worker = Worker::start(&pipeline.config, "w-0", &[]);
    let status = worker.wait_exit(Duration::from_mins(1));
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{}", worker.log());
    assert!(worker.log().contains("must have the same number"), "{}", worker.log());
}

#[test]
fn one_person_on_two_channels_is_one_customer_and_can_be_erased() {
    let Some(kafka) = RealKafka::shared() else { return };
    let pipeline = Pipeline::new(kafka, "identity", TINY_MODEL);
    let chat =
        |id: &str| json!({ "id": id, "session_id": id, "author": { "id": "u-1" }, "text": "Where is my order?" });
    let mail = |id: &str| {
        let from = "Ann <Ann@Example.org>";
        json!({ "id": id, "message_id": format!("<{id}@example.org>"), "from": from, "text": "Where is my refund?" })
    };
    let send = |topic: &str, key: Option<&str>, value: &Value| {
        let record = NewRecord::new(value.to_string());
        kafka.produce(&pipeline.topic(topic), &[key.map_or_else(|| record.clone(), |key| record.clone().key(key))]);
    };
    let tickets = |count: usize| -> Vec<Value> {
        let mut tickets: Vec<Value> = pipeline.outcomes(count).iter().map(Record::json).collect();
        tickets.sort_by_key(|ticket| ticket["message_id"].as_str().unwrap_or_default().to_owned());
        tickets
    };
    let mut worker = Worker::start(&pipeline.config, "w-0", &[]);
    worker.wait_ready();
    send("chat", None, &chat("m-1"));
    send("email", None, &mail("m-2"));
    let strangers = tickets(2);
    assert_eq!(strangers[0]["routing_key"], "chat:u-1");
    assert_eq!(strangers[1]["routing_key"], "email:ann@example.org");
    // It turns out that both are customer 7, who is important.
    send("customers", Some("c-7"), &json!({ "tier": "vip", "name": "Ann" }));
    send("identity", Some("chat:u-1"), &json!({ "customer_id": "c-7" }));
    send("identity", Some("email:ann@example.org"), &json!({ "customer_id": "c-7" }));
    let show = || undertone(&["history", "show", "c-7"], &pipeline.config);
    let shown = |wanted: &str| {
        let deadline = std::time::Instant::now() + Duration::from_mins(1);
        loop {
            let said = String::from_utf8_lossy(&show().stdout).into_owned();
            if wanted.split(' ').all(|word| said.contains(word)) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{wanted}: {said}\n{}", worker.log());
        }
    };
    shown("vip m-1 m-2@example.org");
    send("chat", None, &chat("m-3"));
    let known = tickets(3);
    assert_eq!(known[2]["routing_key"], "c-7");
    assert_eq!(known[2]["customer"]["tier"], "vip");
    assert_eq!(known[2]["effort"]["contacts"], 3);
    assert_eq!(known[2]["effort"]["channel_switches"], 2);
    assert!(undertone(&["history", "erase", "c-7"], &pipeline.config).status.success());
    shown("nothing is remembered");
    send("chat", None, &chat("m-4"));
    assert_eq!(tickets(4)[3]["context"]["first_contact"], true);
    assert!(worker.terminate().success(), "{}", worker.log());
}

#[test]
fn a_changed_policy_takes_effect_while_it_runs_and_a_wrong_one_does_not() {
    let Some(kafka) = RealKafka::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("version = \"1\"");
    let more = format!("[policy]\npath = \"{}\"\nreload_seconds = 1\n{TINY_MODEL}", path.display());
    let pipeline = Pipeline::new(kafka, "reload", &more);
    let mut worker = Worker::start(&pipeline.config, "w-0", &[]);
    worker.wait_ready();
    let mut inputs = Vec::new();
    let mut sender = kafka.sender();
    let mut sent = 0;
    let mut feed = |seconds: u64| {
        let until = std::time::Instant::now() + Duration::from_secs(seconds);
        while std::time::Instant::now() < until {
            for channel in CHANNELS {
                sender.send(&pipeline.topic(channel), &support::pipeline::message(channel, sent));
            }
            sent += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    feed(3);
    write("version = \"2\"\n[sla]\nprofile = \"strict\"");
    feed(4);
    write("version = \"3\"\n[confidence]\nreview_below = 9.0");
    feed(3);
    sender.finish(Duration::from_mins(1));
    for record in pipeline.read_to_end(&pipeline.input_topics()) {
        inputs.push(format!("{}/{}@{}", record.topic, record.partition, record.offset));
    }
    let outcomes = pipeline.outcomes(inputs.len());
    let (lost, doubled) = lost_and_doubled(&inputs, &outcomes);
    assert_eq!((lost, doubled), (vec![], vec![]), "{}", worker.log());
    // A ticket's place in the scored log is not on it; its partition there follows from its customer.
    let mut last: BTreeMap<(String, i32, String), String> = BTreeMap::new();
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in outcomes.iter().filter(|record| record.topic.contains(".tickets.")) {
        let value = ticket.json();
        let of = |value: &Value| value.as_str().unwrap().to_owned();
        let version = of(&value["policy"]["version"]);
        let wanted = if version == "1" { "default" } else { "strict" };
        assert_eq!(value["sla"]["profile"], wanted, "a ticket of two policies");
        let key = (ticket.topic.clone(), ticket.partition, of(&value["routing_key"]));
        let before = last.insert(key, version.clone());
        assert!(before.is_none_or(|before| before <= version), "the old policy came back");
        *versions.entry(version).or_default() += 1;
    }
    assert_eq!(versions.keys().collect::<Vec<_>>(), ["1", "2"], "{}", worker.log());
    assert!(
        worker.log().contains("the changed policy is refused") && worker.log().contains("line 3"),
        "{}",
        worker.log()
    );
    let (_, metrics) = worker.get("/metrics").unwrap();
    for line in
        ["undertone_config_reloads_total{result=\"ok\"} 1", "undertone_config_reloads_total{result=\"refused\"} 1"]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(worker.terminate().success(), "{}", worker.log());
}
