//! Replays of records that are made here; what the worker would have made of them is asked of its own stage.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::kafka::{Processor, TopicPartition, Work};
use crate::message::{InboundMessage, SourcePosition};
use crate::operate::Metrics;
use crate::prioritise::PrioritiseProcessor;

const SCORED: &str = include_str!("../../../tests/fixtures/scored.json");
/// 2026-11-27T10:15:00Z.
const START: i64 = 1_795_774_500_000;
const HOUR: i64 = 3_600_000;

/// Message `id` of customer `who` in `conversation`, `hours` after the start.
fn message(who: &str, id: &str, conversation: &str, sentiment: &str, urgency: &str, hours: i64) -> Value {
    let mut scored: Value = serde_json::from_str(SCORED).unwrap();
    let at = jiff::Timestamp::from_millisecond(START + hours * HOUR).unwrap().to_string();
    scored["routing_key"] = who.into();
    scored["message"]["id"] = id.into();
    scored["message"]["conversation_id"] = conversation.into();
    scored["message"]["received_at"] = at.clone().into();
    scored["message"]["customer"] = json!({});
    scored["source"]["timestamp"] = at.into();
    scored["scores"]["signals"] = json!([]);
    // Words of danger would raise every message alike.
    scored["text"]["body"] = "There is something about my boiler.".into();
    for (head, label) in [("sentiment", sentiment), ("urgency", urgency)] {
        scored["scores"][head] = json!({ "label": label, "score": 0.0, "confidence": 0.95, "probabilities": {} });
    }
    scored
}

fn about(who: &str, rest: Value) -> Value {
    let mut record = rest;
    record["schema_version"] = "1.0".into();
    record["routing_key"] = who.into();
    record
}

/// Every kind of record, over some days: a conversation that calms down, one that nobody answers, an agent who
/// decides, a duplicate, a customer who turns out to be another, and one who is erased.
fn traffic() -> Vec<Value> {
    let at = |hours: i64| jiff::Timestamp::from_millisecond(START + hours * HOUR).unwrap().to_string();
    vec![
        message("a", "a1", "ca", "negative", "critical", 0),
        message("a", "a2", "ca", "neutral", "normal", 1),
        message("a", "a2", "ca", "neutral", "normal", 1),
        about("a", json!({ "kind": "agent_reply", "conversation_id": "ca", "at": at(2) })),
        message("a", "a3", "ca", "neutral", "normal", 3),
        message("b", "b1", "cb1", "negative", "normal", 4),
        message("b", "b2", "cb2", "negative", "normal", 30),
        message("b", "b3", "cb3", "negative", "normal", 60),
        about("b", json!({ "kind": "profile", "profile": { "tier": "vip" } })),
        message("b", "b4", "cb3", "neutral", "normal", 61),
        message("c", "c1", "cc", "negative", "low", 62),
        message("c", "c2", "cc", "negative", "normal", 200),
        about(
            "c",
            json!({ "kind": "ticket_update", "conversation_id": "cc", "at": at(201),
            "update": { "action": "priority_changed", "priority": "P4" } }),
        ),
        message("c", "c3", "cc", "very_negative", "high", 202),
        about("b", json!({ "kind": "identity_merge", "into": "d" })),
        about("d", json!({ "kind": "history_transfer", "from": "b", "customer": {} })),
        message("d", "d1", "cd", "negative", "normal", 203),
        about("c", json!({ "kind": "erase" })),
        message("c", "c4", "cc", "negative", "normal", 204),
    ]
}

fn replayed(traffic: &[Value], new: &str, diff: bool) -> Report {
    let policy = |text: &str| (Arc::new(Policy::from_toml(text).unwrap()), "test".to_owned());
    let mut replay = Replay::new(policy(""), policy(new), diff);
    for (index, record) in traffic.iter().enumerate() {
        let value = record.to_string().into_bytes();
        let place = format!("line {}", index + 1);
        replay.take(&Recorded { place, partition: 0, hops: 0, timestamp_ms: None, value }).unwrap();
    }
    replay.report("test".into())
}

#[test]
fn the_same_policy_changes_nothing_and_two_runs_say_the_same() {
    let report = replayed(&traffic(), "name = \"default\"", true);
    assert_eq!((report.tickets.total, report.tickets.unchanged, report.tickets.changed), (12, 12, 0));
    assert_eq!(report.changes.as_deref(), Some(&[][..]));
    assert_eq!(report.records["scored"], 13);
    for pair in report.priorities.values() {
        assert_eq!(pair.current, pair.new);
    }
    let json = |report: &Report| serde_json::to_string(report).unwrap();
    let strict = "sla.profile = \"strict\"\nrules.three_strikes.from = 2";
    assert_eq!(json(&replayed(&traffic(), strict, true)), json(&replayed(&traffic(), strict, true)));
    assert_eq!(render::text(&replayed(&traffic(), strict, true)), render::text(&replayed(&traffic(), strict, true)));
}

#[test]
fn every_ticket_is_the_workers() {
    let config = Config::from_text("", "test", []).unwrap();
    let policy = Arc::new(Policy::default_policy().unwrap());
    let mut side = Side::new(Arc::clone(&policy));
    let mut worker = PrioritiseProcessor::new(&config, policy, Arc::new(Metrics::new().unwrap()));
    let source = TopicPartition::new("triage.scored", 0);
    let mut transfer = None;
    let (mut offset, mut at_ms, mut tickets) = (0, START, 0);
    for mut record in traffic() {
        // The worker's own transfer, where the recording holds an empty one.
        if record["kind"] == "history_transfer" {
            record = transfer.take().unwrap();
        }
        let value = record.to_string();
        let read = Record::read(value.as_bytes()).unwrap();
        at_ms = read.at().map_or(at_ms, jiff::Timestamp::as_millisecond);
        // Between two records the worker's clock ticks.
        if worker.on_tick(&source, offset, jiff::Timestamp::from_millisecond(at_ms).unwrap()).is_some() {
            worker.on_committed(&source, offset);
        }
        let message = InboundMessage {
            position: SourcePosition { topic: "triage.scored".into(), partition: 0, offset },
            key: None,
            payload: Some(Bytes::from(value)),
            headers: Vec::new(),
            timestamp_ms: Some(at_ms),
        };
        worker.on_record(Work { message: Arc::new(message), source: source.clone(), epoch: 1, partition_id: 0 });
        offset += 1;
        worker.on_committed(&source, offset);
        let mut finished = Vec::new();
        worker.take_finished(&mut finished);
        let mut made = None;
        for output in finished.iter().flat_map(|finished| &finished.outputs) {
            let value = || serde_json::from_slice::<Value>(output.payload.as_ref().unwrap()).unwrap();
            match output.topic.as_str() {
                "triage.scored" => transfer = Some(value()),
                "triage.dlq" => unreachable!("{output:?}"),
                topic if topic.starts_with("triage.tickets") => made = Some(value()),
                _ => {}
            }
        }
        let replayed = match side.take(read, Place { partition: 0, hops: 0, at_ms }) {
            side::Taken::Ticket(ticket) => Some(serde_json::to_value(ticket).unwrap()),
            _ => None,
        };
        let timeless = |ticket: Option<Value>| {
            ticket.map(|mut ticket| {
                ticket["triaged_at"] = Value::Null;
                ticket
            })
        };
        tickets += usize::from(made.is_some());
        assert_eq!(timeless(replayed), timeless(made), "record {offset}");
    }
    assert_eq!(tickets, 12);
}

#[test]
fn each_policy_has_a_history_of_its_own() {
    let report = replayed(&traffic(), "rules.three_strikes.from = 2", true);
    let changes = report.changes.unwrap();
    let find = |id: &str| changes.iter().find(|change| change.message_id == id);
    // The second negative contact of b is a strike now, the third is one under both.
    let second = find("b2").unwrap();
    assert_eq!(second.gained[0].rule.as_str(), "three_strikes");
    let priority = second.fields.iter().find(|field| field.name == "priority").unwrap();
    assert_eq!((priority.current.as_str(), priority.new.as_str()), ("P3", "P2"));
    assert!(second.fields.iter().any(|field| field.name == "due_at"));
    assert!(find("b1").is_none() && find("b3").is_none(), "{changes:#?}");
    let strikes = &report.rules[&crate::policy::RuleName::ThreeStrikes];
    assert_eq!((strikes.current, strikes.new, strikes.lost), (2, strikes.gained + 2, 0));
    assert_eq!(report.moves["P3 -> P2"], report.tickets.raised);
}

#[test]
fn a_customer_who_turns_out_to_be_another_brings_the_history_of_each_policy() {
    // Three negative contacts of b and one of d: four.
    let report = replayed(&traffic(), "rules.three_strikes.from = 4", true);
    let changes = report.changes.unwrap();
    assert!(changes.iter().all(|change| change.message_id != "d1"), "fires under both: {changes:#?}");
    let report = replayed(&traffic(), "rules.three_strikes.from = 5", true);
    let lost = report.changes.unwrap().into_iter().find(|change| change.message_id == "d1").unwrap();
    assert_eq!(lost.lost[0].rule.as_str(), "three_strikes");
}

#[test]
fn a_ticket_under_one_policy_only_is_another_outcome() {
    let again = message("a", "a1", "ca", "neutral", "normal", 30);
    let traffic = [message("a", "a1", "ca", "neutral", "normal", 0), again];
    let report = replayed(&traffic, "history.duplicate_hours = 24", true);
    assert_eq!((report.tickets.total, report.tickets.other_outcome, report.tickets.unchanged), (2, 1, 1));
    let field = &report.changes.unwrap()[0].fields[0];
    assert_eq!((field.current.as_str(), field.new.as_str()), ("filtered (duplicate)", "ticket"));
}

#[test]
fn what_cannot_be_read_is_counted_and_nothing_of_it_quoted() {
    let policy = || (Arc::new(Policy::default_policy().unwrap()), "test".to_owned());
    let mut replay = Replay::new(policy(), policy(), false);
    for value in [&b"{\"kind\": \"secret words\"}"[..], b"", b"not json"] {
        let recorded =
            Recorded { place: "x:1".into(), partition: 0, hops: 0, timestamp_ms: None, value: value.to_vec() };
        let error = replay.take(&recorded).unwrap_err();
        assert!(error.starts_with("not a record of this topic") && !error.contains("secret"), "{error}");
    }
    assert_eq!(replay.report("test".into()).unreadable, 3);
}
