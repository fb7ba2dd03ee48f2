//! Outputs that are missing, or that refuse what they are given.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Run, beside_others, delivery};
use crate::support::pipeline::{source, word};
use crate::support::{NewRecord, RealKafka};

/// Text in a language the model does not know, so that a review is asked for.
fn doubtful(index: usize) -> NewRecord {
    let conversation = format!("doubt-{}", index % 5);
    let text = format!(
        "Guten Tag, könnten Sie mir bitte sagen, wann das Paket {} ankommt? Ich warte schon seit einer Woche.",
        word(index)
    );
    NewRecord::new(json!({ "id": format!("d-{index}"), "conversation_id": conversation, "text": text }).to_string())
        .key(conversation)
}

#[test]
fn an_output_topic_is_missing_and_comes_later() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    // The tiny model makes tickets of priority P1 only.
    let missing = ["review", "tickets.p1"];
    let mut run = Run::with_topics_missing(kafka, "topic-missing", &delivery(3000, 6000), &missing);
    let email = run.pipeline.topic("email");
    let send = |from: usize| {
        kafka.produce(&email, &(from..from + 20).map(doubtful).collect::<Vec<_>>());
    };
    run.feed(30);
    send(0);
    let mut worker = run.worker("w-0");
    // Filtered messages and dead letters flow, tickets wait: longer than a transaction may last.
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    std::thread::sleep(Duration::from_secs(8));
    run.tend(&mut [("w-0", &mut worker)]);
    for name in missing {
        kafka.create_topics(&[(&run.pipeline.topic(name), 3)]);
    }
    // From here only outcomes of new topics tell: what was filtered flowed all the time.
    run.watch_again();
    run.fault();
    run.settle(&mut [("w-0", &mut worker)]);
    // Deleted while it works.
    let review = run.pipeline.topic("review");
    kafka.delete_topics(&[&review]);
    send(20);
    run.feed(30);
    std::thread::sleep(Duration::from_secs(6));
    run.tend(&mut [("w-0", &mut worker)]);
    kafka.create_topics(&[(&review, 3)]);
    run.fault();
    run.settle(&mut [("w-0", &mut worker)]);
    let restarts = run.restarts;
    let verdict = run.finish(&mut [("w-0", &mut worker)], "");
    assert_eq!(restarts, 0, "a worker should wait for its topic, not end");
    // The reviews of what came after the topic was made anew are all there, once.
    let reviews = kafka.read_to_end(&[&review]);
    let ids: HashSet<String> = reviews.iter().map(|review| review.header("ce_id").unwrap()).collect();
    assert_eq!(ids.len(), reviews.len(), "a review is doubled");
    let after = verdict.tickets.iter().filter(|ticket| {
        let value = ticket.json();
        let id = value["message_id"].as_str().unwrap().to_owned();
        id.strip_prefix("d-").is_some_and(|index| index.parse::<usize>().unwrap() >= 20)
    });
    assert_eq!(after.count(), 20);
    assert!(reviews.len() >= 20, "{} reviews", reviews.len());
}

#[test]
fn a_ticket_too_large_for_its_topic_becomes_a_dead_letter() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let mut run = Run::with_topics_missing(kafka, "too-large", &delivery(3000, 6000), &["tickets.p1"]);
    let tickets = run.pipeline.topic("tickets.p1");
    kafka.create_topics_with(&[(&tickets, 3)], &[("max.message.bytes", "20000")]);
    run.watch_again();
    let chat = run.pipeline.topic("chat");
    let large: Vec<_> = (0..4)
        .map(|index| {
            let conversation = format!("large-{}", index % 2);
            let text = "My invoice is wrong and nobody answers. ".repeat(700);
            let value = json!({ "id": format!("large-{index}"), "conversation_id": conversation, "text": text });
            NewRecord::new(value.to_string()).key(conversation)
        })
        .collect();
    run.feed(30);
    let mut worker = run.worker("w-0");
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    let mut culprits = HashSet::new();
    for pair in large.chunks(2) {
        run.fault();
        let placed = kafka.produce(&chat, pair);
        culprits.extend(placed.into_iter().map(|(partition, offset)| format!("{chat}/{partition}@{offset}")));
        run.rng.sleep(200, 1500);
    }
    let verdict = run.finish(&mut [("w-0", &mut worker)], "");
    let undeliverable: HashSet<String> = verdict
        .letters
        .iter()
        .filter(|letter| letter.header("__triage.errors.class").as_deref() == Some("undeliverable"))
        .map(source)
        .collect();
    assert_eq!(undeliverable, culprits);
}
