//! The stage without a broker: tickets, history, what is committed and what is not.

use std::sync::Arc;

use super::*;
use crate::kafka::TopicPartition;
use crate::message::{InboundMessage, SourcePosition};

/// A scored record as SCORE writes it; numbers fixed, so that the ticket below is golden.
/// Its customer.
const ROUTING: &str = "c-1";
const SCORED: &str = include_str!("../../tests/fixtures/scored.json");

fn work(payload: &str) -> Work {
    let message = InboundMessage {
        position: SourcePosition { topic: "triage.scored".into(), partition: 0, offset: 7 },
        key: Some("c-1".into()),
        payload: Some(payload.to_owned().into()),
        headers: vec![("traceparent".into(), Some("00-1".into())), ("other".into(), None)],
        timestamp_ms: Some(1_780_000_000_000),
    };
    Work { message: Arc::new(message), source: TopicPartition::new("triage.scored", 0), epoch: 1, partition_id: 0 }
}

fn processor(change: impl FnOnce(&mut crate::config::Settings)) -> PrioritiseProcessor {
    let config = Config::from_text("", "test", []).unwrap().with(change).unwrap();
    PrioritiseProcessor::new(&config, Arc::new(Policy::default_policy().unwrap()), Arc::new(Metrics::new().unwrap()))
}

#[test]
fn a_ticket_is_golden() {
    let scored: ScoredMessage = serde_json::from_str(SCORED).unwrap();
    let now = "2026-11-27T10:15:02Z".parse().unwrap();
    let ticket = ticket_of_stranger(scored, &Policy::default_policy().unwrap(), now);
    insta::assert_json_snapshot!(ticket, { ".policy.digest" => "[digest]" });
}

#[test]
fn a_ticket_goes_to_its_topic_once_with_routing_and_trace_headers() {
    let finished = processor(|_| {}).process(work(SCORED));
    let topics: Vec<_> = finished.outputs.iter().map(|output| output.topic.as_str()).collect();
    assert_eq!(topics, ["triage.tickets.p1", "triage.state"]);
    let names: Vec<_> = finished.outputs[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    for wanted in ["ce_id", "ce_type", "ce_dataschema", "triage-priority", "triage-human-required", "traceparent"] {
        assert!(names.contains(&wanted), "{wanted}: {names:?}");
    }
    assert!(!names.contains(&"other"));
}

#[test]
fn copies_and_structured_events_by_configuration() {
    let mut processor = processor(|settings| {
        settings.topics.tickets_copy = true;
        settings.output.envelope = crate::config::Envelope::Structured;
    });
    let finished = processor.process(work(SCORED));
    let topics: Vec<_> = finished.outputs.iter().map(|output| output.topic.as_str()).collect();
    assert_eq!(topics, ["triage.tickets", "triage.tickets.p1", "triage.state"]);
    let event: serde_json::Value = serde_json::from_slice(finished.outputs[1].payload.as_ref().unwrap()).unwrap();
    assert_eq!(event["type"], "org.undertone.ticket.triaged.v1");
    assert_eq!(event["data"]["priority"]["level"], "P1");
}

#[test]
fn doubt_is_published_beside_the_ticket() {
    let doubtful = SCORED.replace(
        "\"language\":{\"code\":\"en\",\"confidence\":0.99,\"supported\":true}",
        "\"language\":{\"code\":\"xx\",\"confidence\":0.1,\"supported\":false}",
    );
    assert_ne!(doubtful, SCORED);
    let finished = processor(|_| {}).process(work(&doubtful));
    let topics: Vec<_> = finished.outputs.iter().map(|output| output.topic.as_str()).collect();
    assert_eq!(topics, ["triage.tickets.p1", "triage.review", "triage.state"]);
}

#[test]
fn what_is_no_scored_message_becomes_a_dead_letter_without_its_text() {
    let finished = processor(|_| {}).process(work("{\"kind\": \"secret words\"}"));
    assert_eq!(finished.outputs[0].topic, "triage.dlq");
    let message = finished.outputs[0].headers.iter().find(|(name, _)| name == "__triage.errors.message").unwrap();
    assert!(!String::from_utf8_lossy(message.1.as_ref().unwrap()).contains("secret"));
}

/// A record at `offset`, of message `id` in `conversation`, read at `minute`.
fn record(offset: i64, change: impl FnOnce(&mut ScoredMessage)) -> Work {
    let mut scored: ScoredMessage = serde_json::from_str(SCORED).unwrap();
    change(&mut scored);
    let mut work = work(&serde_json::to_string(&scored).unwrap());
    let message = Arc::make_mut(&mut work.message);
    message.position.offset = offset;
    work
}

/// Negative message number `offset` of a customer, in a conversation of its own.
fn numbered(offset: i64) -> Work {
    record(offset, |scored| {
        let sentiment = &mut scored.scores.sentiment;
        (sentiment.label, sentiment.confidence) = ("negative".into(), 0.9);
        sentiment.probabilities.clear();
        scored.message.id = format!("m-{offset}");
        scored.message.conversation_id = format!("c-{offset}");
    })
}

fn value(output: &OutputRecord) -> serde_json::Value {
    serde_json::from_slice(output.payload.as_ref().unwrap()).unwrap()
}

fn ticket(finished: &Finished) -> serde_json::Value {
    value(finished.outputs.iter().find(|output| output.topic.starts_with("triage.tickets.")).unwrap())
}

fn source() -> TopicPartition {
    TopicPartition::new("triage.scored", 0)
}

#[test]
fn history_counts_and_the_third_negative_contact_says_so() {
    let mut processor = processor(|_| {});
    let tickets: Vec<_> = (0..3).map(|offset| ticket(&processor.process(numbered(offset)))).collect();
    assert_eq!(tickets[0]["context"]["first_contact"], true);
    assert_eq!(tickets[2]["context"]["negative_contacts"], 3);
    let said = tickets[2]["reasons"].as_array().unwrap().iter().any(|reason| {
        reason["rule"] == "three_strikes"
            && reason["text"].as_str().unwrap().starts_with("third negative contact in 1 day")
    });
    assert!(said, "{}", tickets[2]["reasons"]);
}

#[test]
fn the_same_message_again_is_filtered_as_a_duplicate() {
    let mut processor = processor(|_| {});
    processor.process(numbered(0));
    let again = processor.process(record(1, |scored| {
        scored.message.id = "m-0".into();
        scored.message.conversation_id = "c-0".into();
    }));
    assert_eq!(again.outputs[0].topic, "triage.filtered");
    assert_eq!(value(&again.outputs[0])["reason"], "duplicate");
}

#[test]
fn revisions_grow_and_previous_names_the_last_priority() {
    let mut processor = processor(|_| {});
    let made: Vec<_> = (0..3)
        .map(|offset| ticket(&processor.process(record(offset, |scored| scored.message.id = format!("m-{offset}")))))
        .collect();
    assert_eq!(made.iter().map(|ticket| ticket["revision"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(made[0]["priority"]["previous"], serde_json::Value::Null);
    assert_eq!(made[1]["priority"]["previous"], made[0]["priority"]["level"]);
    assert_eq!(made[1]["priority"]["changed"], false);
}

#[test]
fn an_abort_leaves_no_trace_and_a_commit_does() {
    let (mut aborting, mut clean) = (processor(|_| {}), processor(|_| {}));
    for offset in 0..20 {
        let make = || {
            record(offset, |scored| {
                scored.message.id = format!("m-{offset}");
                scored.message.conversation_id = format!("c-{}", offset % 3);
            })
        };
        // Each message is processed, forgotten and processed again.
        aborting.process(make());
        aborting.on_aborted();
        let (again, once) = (aborting.process(make()), clean.process(make()));
        let timeless = |finished: &Finished| {
            let mut ticket = ticket(finished);
            ticket["triaged_at"] = serde_json::Value::Null;
            (ticket, value(finished.outputs.last().unwrap()))
        };
        assert_eq!(timeless(&again), timeless(&once));
        aborting.on_committed(&source(), offset + 1);
        clean.on_committed(&source(), offset + 1);
    }
}

#[test]
fn a_restored_stage_goes_on_as_the_one_before() {
    let mut before = processor(|_| {});
    let mut changelog = Vec::new();
    for offset in 0..5 {
        changelog.push(before.process(numbered(offset)).outputs.pop().unwrap());
        before.on_committed(&source(), offset + 1);
    }
    let mut after = processor(|_| {});
    for record in &changelog {
        assert_eq!((record.topic.as_str(), record.partition), ("triage.state", Some(0)));
        after.on_restore(&source(), record.key.as_ref().unwrap(), record.payload.as_deref());
    }
    let mut timeless = [ticket(&before.process(numbered(5))), ticket(&after.process(numbered(5)))];
    for ticket in &mut timeless {
        ticket["triaged_at"] = serde_json::Value::Null;
    }
    assert_eq!(timeless[0], timeless[1]);
}

#[test]
fn deadlines_are_told_once_each_and_not_before_their_message_is_committed() {
    let mut processor = processor(|_| {});
    let due: Timestamp =
        ticket(&processor.process(numbered(0)))["sla"]["first_response_due_at"].as_str().unwrap().parse().unwrap();
    let after = due + jiff::SignedDuration::from_secs(1);
    assert!(processor.on_tick(&source(), 1, after).is_none(), "not committed");
    processor.on_committed(&source(), 1);
    let told = processor.on_tick(&source(), 1, after).unwrap();
    let events: Vec<_> = told.outputs.iter().filter(|output| output.topic == "triage.sla").map(value).collect();
    assert_eq!(
        events.iter().map(|event| event["event"].as_str().unwrap()).collect::<Vec<_>>(),
        ["breach_risk", "breached"]
    );
    assert!(processor.on_tick(&source(), 1, after).is_none(), "waits for the commit");
    processor.on_aborted();
    let again = processor.on_tick(&source(), 1, after).unwrap();
    assert_eq!(again.outputs.len(), told.outputs.len(), "an abort takes it back");
    processor.on_committed(&source(), 1);
    assert!(processor.on_tick(&source(), 1, after).is_none(), "told");
}

#[test]
fn an_answer_stops_the_clock_and_an_agents_priority_wins_until_the_end() {
    let mut processor = processor(|_| {});
    let about = |update: serde_json::Value| {
        let mut record = serde_json::json!({ "schema_version": "1.0", "routing_key": ROUTING, "at": "2026-11-27T10:20:00Z",
            "conversation_id": "c-0", "kind": "ticket_update" });
        record["update"] = update;
        record.to_string()
    };
    processor.process(numbered(0));
    processor.process(work(&about(serde_json::json!({ "action": "priority_changed", "priority": "P4" }))));
    let next = ticket(&processor.process(record(8, |scored| {
        scored.message.id = "m-8".into();
        scored.message.conversation_id = "c-0".into();
    })));
    assert_eq!(next["priority"]["level"], "P4");
    processor.process(work(&about(serde_json::json!({ "action": "answered" }))));
    processor.on_committed(&source(), 100);
    assert!(processor.on_tick(&source(), 100, "2026-12-27T10:20:00Z".parse().unwrap()).is_none(), "nobody waits");
    processor.process(work(&about(serde_json::json!({ "action": "closed" }))));
    let reopened = ticket(&processor.process(record(101, |scored| {
        scored.message.id = "m-101".into();
        scored.message.conversation_id = "c-0".into();
    })));
    assert_eq!(reopened["priority"]["level"], "P1");
    assert_eq!(reopened["context"]["reopened"], true);
    assert!(reopened["sla"]["next_response_due_at"].is_string());
}

#[test]
fn a_customer_who_moves_takes_the_history_along_and_late_messages_follow() {
    let mut processor = processor(|_| {});
    processor.process(numbered(0));
    let merge = |offset: i64, from: &str, into: &str| {
        let mut work = work(&serde_json::json!({ "schema_version": "1.0", "routing_key": from, "kind": "identity_merge", "into": into }).to_string());
        Arc::make_mut(&mut work.message).position.offset = offset;
        work
    };
    let moved = processor.process(merge(1, ROUTING, "customer-9"));
    assert_eq!(
        (moved.outputs[0].topic.as_str(), moved.outputs[0].key.as_deref()),
        ("triage.scored", Some(&b"customer-9"[..]))
    );
    let mut transfer = work(&String::from_utf8_lossy(moved.outputs[0].payload.as_ref().unwrap()));
    Arc::make_mut(&mut transfer.message).position.offset = 2;
    processor.process(transfer);
    let late = processor.process(numbered(3));
    assert_eq!(
        (late.outputs[0].topic.as_str(), late.outputs[0].key.as_deref()),
        ("triage.scored", Some(&b"customer-9"[..]))
    );
    let arrived = processor.process(record(4, |scored| {
        scored.routing_key = "customer-9".into();
        scored.message.id = "m-4".into();
        scored.message.conversation_id = "c-4".into();
        scored.scores.sentiment.label = "negative".into();
    }));
    assert_eq!(ticket(&arrived)["context"]["negative_contacts"], 2);
    // And back: the chase ends.
    let back = processor.process(merge(5, "customer-9", ROUTING));
    let mut transfer = work(&String::from_utf8_lossy(back.outputs[0].payload.as_ref().unwrap()));
    Arc::make_mut(&mut transfer.message).position.offset = 6;
    processor.process(transfer);
    assert_eq!(ticket(&processor.process(numbered(7)))["context"]["negative_contacts"], 3);
}

#[test]
fn an_erased_customer_is_a_stranger() {
    let mut processor = processor(|_| {});
    processor.process(numbered(0));
    let erase = serde_json::json!({ "schema_version": "1.0", "routing_key": ROUTING, "kind": "erase" });
    let erased = processor.process(work(&erase.to_string()));
    assert_eq!((erased.outputs[0].topic.as_str(), &erased.outputs[0].payload), ("triage.state", &None));
    assert_eq!(ticket(&processor.process(numbered(8)))["context"]["first_contact"], true);
}

#[test]
fn the_companys_records_fill_what_a_message_does_not_say() {
    let mut processor = processor(|_| {});
    let profile = serde_json::json!({ "schema_version": "1.0", "routing_key": ROUTING, "kind": "profile",
        "profile": { "segment": "press", "preferred_channel": "phone" } });
    processor.process(work(&profile.to_string()));
    let made = ticket(&processor.process(record(8, |scored| scored.message.customer.segment = None)));
    assert_eq!(made["customer"]["segment"], "press");
}
