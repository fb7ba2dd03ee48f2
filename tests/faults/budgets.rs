//! Budgets per channel and deadlines first: a flood of email does not make a chat late. (decision 17)

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{PATIENCE, Run, alone, delivery, percentile, say};
use crate::support::{NewRecord, RealKafka};

const EMAILS: usize = 20_000;
const CHATS: usize = 100;

fn flood(run: &Run<'_>, received: Option<Timestamp>) {
    let topic = run.pipeline.topic("email");
    let records: Vec<_> = (0..EMAILS)
        .map(|index| {
            let conversation = format!("flood-{}", index % 997);
            let text = "My parcel has not come and I would like to know where it is now. ".repeat(1 + index % 8);
            let mut value = json!({ "id": format!("e-{index}"), "conversation_id": conversation, "text": text });
            if let Some(received) = received {
                value["received_at"] = json!(received.to_string());
            }
            NewRecord::new(value.to_string()).key(conversation)
        })
        .collect();
    run.pipeline.kafka.produce(&topic, &records);
}

fn chats_overtake(name: &'static str, received: Option<Timestamp>) {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = alone();
    let mut run = Run::new(kafka, name, &delivery(5000, 10_000));
    flood(&run, received);
    let mut worker = run.worker("w-0");
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    let chat = run.pipeline.topic("chat");
    let mut sender = kafka.sender();
    let started = Instant::now();
    let waiting = EMAILS - run.watch.distinct();
    for index in 0..CHATS {
        let conversation = format!("chat-{}", index % 10);
        let value = json!({ "id": format!("c-{index}"), "conversation_id": conversation, "text": "Is anybody there? I cannot log in." });
        sender.send(&chat, &NewRecord::new(value.to_string()).key(conversation));
        std::thread::sleep(Duration::from_millis(20));
    }
    sender.finish(PATIENCE);
    let mine = |source: &str| source.starts_with(&format!("{chat}/"));
    let mut latencies: Vec<i64>;
    loop {
        latencies =
            run.watch.seen().iter().filter(|seen| mine(&seen.source)).map(|seen| seen.at - seen.produced).collect();
        if latencies.len() >= CHATS {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{} of {CHATS} chats\n{}", latencies.len(), worker.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let last = run.watch.seen().iter().filter(|seen| mine(&seen.source)).map(|seen| seen.at).max().unwrap();
    let emails_then = run.watch.seen().iter().filter(|seen| !mine(&seen.source) && seen.at <= last).count();
    let rate = emails_then as f64 / started.elapsed().as_secs_f64();
    let (p50, p99) = (percentile(&mut latencies, 50).unwrap(), percentile(&mut latencies, 99).unwrap());
    let left = EMAILS - emails_then;
    say(&format!(
        "  {name}: {CHATS} chats beside {waiting} emails (about {rate:.0} emails/s): chat p50={p50}ms p99={p99}ms; \
         emails still waiting after the last chat: {left}"
    ));
    let verdict =
        run.finish(&mut [("w-0", &mut worker)], &format!(" chat_p50={p50}ms chat_p99={p99}ms emails_left={left}"));
    assert_eq!(verdict.inputs, EMAILS + CHATS);
    assert!(left * 2 > EMAILS, "only {left} emails waited when the last chat was done");
    assert!(p99 < 2000, "chat p99 {p99} ms");
}

#[test]
fn chats_overtake_twenty_thousand_emails() {
    chats_overtake("flood-fresh", None);
}

#[test]
fn chats_overtake_twenty_thousand_overdue_emails() {
    chats_overtake("flood-overdue", Some(Timestamp::now() - SignedDuration::from_hours(24 * 20)));
}
