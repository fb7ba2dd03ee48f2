//! What is remembered of customers, under kills and rebalances: the same priorities as one worker that nobody
//! disturbed, message by message; and deadlines told once each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Run, beside_others, delivery, say, scaled};
use crate::support::pipeline::{CHANNELS, Pipeline, word};
use crate::support::{NewRecord, RealKafka, Record, Worker};

/// The shipped model that costs least: its labels differ, as the tiny one's do not.
const FAST_MODEL: &str = "[model]\npath = \"models/undertone-fast\"\ninference_threads = 1\n";

const TEXTS: [&str; 8] = [
    "Hello, where can I download my last invoice? Thanks",
    "This is the third time I ask and nobody answers. Your service is terrible, I am furious!",
    "My card is being used by somebody else right now, block it please!",
    "Great, it works again. You are wonderful, thank you so much!",
    "The app crashes whenever I open my order, still not fixed, very disappointing.",
    "I want to speak to a manager about the refund you promised two weeks ago.",
    "Does the plan also work abroad?",
    "You charged me twice and I cannot pay my rent. If this is not solved today I will cancel.",
];

/// A policy in a file that goes with the folder.
fn policy(folder: &tempfile::TempDir, target: &str) -> PathBuf {
    let row = format!(
        "{{ p1 = \"{target}\", p2 = \"{target}\", p3 = \"{target}\", p4 = \"{target}\", p5 = \"{target}\", clock = \"24x7\" }}"
    );
    let rows = ["chat", "messaging", "social", "email"].map(|channel| format!("{channel} = {row}\n")).concat();
    let path = folder.path().join("policy.toml");
    let tables = ["default", "strict", "relaxed"].map(|profile| format!("[sla.profiles.{profile}]\n{rows}"));
    std::fs::write(&path, tables.join("\n")).unwrap();
    path
}

/// Message `index` of one of 23 customers, who write on every channel and go on with conversations.
fn message(run: &mut Run<'_>, index: usize) -> (usize, NewRecord) {
    let customer = index % 23;
    let conversation = format!("v-{customer}-{}", run.rng.below(3));
    let text = TEXTS[usize::try_from(run.rng.below(TEXTS.len() as u64)).unwrap()];
    // Now and then a source repeats itself: 69 back is the same customer on the same channel.
    let id = if index % 80 == 79 { format!("m-{}", index - 69) } else { format!("m-{index}") };
    let value = json!({
        "id": id, "conversation_id": conversation, "customer": { "id": format!("k-{customer}") },
        "text": format!("{text} {}", word(index)),
    });
    (index % CHANNELS.len(), NewRecord::new(value.to_string()).key(conversation))
}

/// What an agent does now and then.
fn update(run: &mut Run<'_>, index: usize) -> NewRecord {
    let customer = index % 23;
    let mut value = json!({
        "routing_key": format!("k-{customer}"), "conversation_id": format!("v-{customer}-{}", run.rng.below(3)),
    });
    match run.rng.below(4) {
        0 => value["action"] = "answered".into(),
        1 => value["action"] = "closed".into(),
        2 => value["action"] = "reopened".into(),
        _ => {
            value["action"] = "priority_changed".into();
            value["priority"] = "P2".into();
        }
    }
    NewRecord::new(value.to_string()).key(format!("k-{customer}"))
}

/// What PRIORITISE made of each scored message, by the message's position, without what depends on the moment.
fn decided(records: &[Record]) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for record in records.iter().filter(|record| !record.topic.ends_with(".dlq")) {
        let mut value = record.json();
        if record.topic.ends_with(".filtered") && !["duplicate", "loop"].contains(&value["reason"].as_str().unwrap()) {
            continue;
        }
        for moment in ["triaged_at", "filtered_at"] {
            value.as_object_mut().unwrap().remove(moment);
        }
        found.insert(crate::support::pipeline::source(record), value);
    }
    found
}

#[test]
fn priorities_are_those_of_a_worker_that_nobody_disturbed() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let folder = tempfile::tempdir().unwrap();
    // So long that no deadline comes meanwhile: it would come at another moment for the second worker.
    let more = format!("[policy]\npath = \"{}\"\n{}", policy(&folder, "700h").display(), delivery(2000, 3000));
    let more = more.replace("[delivery]", &format!("{FAST_MODEL}[delivery]"));
    let mut run = Run::with_model(kafka, "history", &more);
    let mut crew: BTreeMap<&str, Worker> = BTreeMap::from([("w-0", run.worker("w-0")), ("w-1", run.worker("w-1"))]);
    let mut sender = kafka.sender();
    let (mut sent, mut kills, mut changes) = (0, 0, 0);
    for _ in 0..scaled(10, 60) {
        for _ in 0..60 {
            let (channel, record) = message(&mut run, sent);
            sender.send(&run.pipeline.topic(CHANNELS[channel]), &record);
            sent += 1;
        }
        for index in sent..sent + 5 {
            let record = update(&mut run, index);
            sender.send(&run.pipeline.topic("updates"), &record);
        }
        run.rng.sleep(100, 1500);
        let names: Vec<&str> = crew.keys().copied().collect();
        match run.rng.below(3) {
            // One comes, or one goes.
            0 if names.len() < 3 => {
                crew.insert("w-2", run.worker("w-2"));
                changes += 1;
            }
            1 if names.contains(&"w-2") => {
                let mut worker = crew.remove("w-2").unwrap();
                assert!(worker.terminate().success(), "{}", worker.log());
                changes += 1;
            }
            _ => {
                let name = names[usize::try_from(run.rng.below(names.len() as u64)).unwrap()];
                crew.get_mut(name).unwrap().kill();
                crew.insert(name, run.worker(name));
                run.fault();
                kills += 1;
            }
        }
    }
    sender.finish(PATIENCE);
    let mut workers: Vec<(&str, &mut Worker)> = crew.iter_mut().map(|(name, worker)| (*name, worker)).collect();
    run.settle(&mut workers);
    let rebalances: usize = workers.iter().map(|(_, worker)| worker.log().matches("partitions assigned").count()).sum();

    // Another application over the same scored log, alone and undisturbed.
    let calm = Pipeline::new(kafka, "history-calm", &more);
    let text = std::fs::read_to_string(&calm.config).unwrap();
    std::fs::write(&calm.config, text.replace(&calm.topic("scored"), &run.pipeline.topic("scored"))).unwrap();
    let mut alone = Worker::start(&calm.config, "w-0", &[]);
    let disturbed = decided(&run.pipeline.read_to_end(&run.pipeline.outcome_topics()));
    let undisturbed = decided(&calm.outcomes(disturbed.len()));
    assert!(alone.terminate().success(), "{}", alone.log());
    run.finish(&mut workers, &format!(" kills={kills} joins_and_leaves={changes} assignments={rebalances}"));

    let different: Vec<_> =
        disturbed.iter().filter(|(source, value)| undisturbed.get(*source) != Some(value)).collect();
    say(&format!(
        "history: messages={} compared={} differences={} kills={kills} joins_and_leaves={changes}",
        sent,
        disturbed.len(),
        different.len()
    ));
    if let Some((source, value)) = different.first() {
        panic!("{source}:\n{value:#}\nundisturbed:\n{:#}", undisturbed.get(*source).unwrap_or(&Value::Null));
    }
    assert_eq!(disturbed.len(), undisturbed.len());
    let of = |rule: &str| {
        let fired =
            |value: &&Value| value["reasons"].as_array().is_some_and(|all| all.iter().any(|why| why["rule"] == rule));
        disturbed.values().filter(fired).count()
    };
    // The comparison says nothing about what never happened.
    for rule in ["three_strikes", "repeat_contact", "consecutive_negatives", "never_flap", "agent_override"] {
        assert!(of(rule) > 0, "{rule} never fired");
    }
    assert!(disturbed.values().any(|value| value["reason"] == "duplicate"));
}

#[test]
fn deadlines_are_told_once_each_whoever_dies() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let folder = tempfile::tempdir().unwrap();
    let target = Duration::from_secs(16);
    let policy = policy(&folder, "16s");
    let more = format!("[policy]\npath = \"{}\"\n{FAST_MODEL}{}", policy.display(), delivery(1500, 2500));
    let mut run = Run::with_model(kafka, "deadlines", &more);
    let mut worker = run.worker("w-0");
    worker.wait_ready();
    let conversations = 60;
    let mut sender = kafka.sender();
    let begun = Instant::now();
    for index in 0..conversations {
        let value = json!({
            "id": format!("m-{index}"), "conversation_id": format!("v-{index}"),
            "customer": { "id": format!("k-{}", index % 20) },
            "text": format!("My parcel has not come, where is it? {}", word(index)),
        });
        let record = NewRecord::new(value.to_string()).key(format!("v-{index}"));
        sender.send(&run.pipeline.topic(CHANNELS[index % 3]), &record);
    }
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    // Every third is answered in time.
    let answered = |index: usize| index.is_multiple_of(3);
    for index in (0..conversations).filter(|index| answered(*index)) {
        let value = json!({
            "routing_key": format!("k-{}", index % 20), "conversation_id": format!("v-{index}"), "action": "answered",
        });
        sender.send(&run.pipeline.topic("updates"), &NewRecord::new(value.to_string()));
    }
    let mut kills = 0;
    while begun.elapsed() < target + Duration::from_secs(8) {
        run.rng.sleep(400, 2500);
        worker.kill();
        worker = run.worker("w-0");
        run.fault();
        kills += 1;
        // Outcomes tell that it works again.
        let value =
            json!({ "id": format!("tick-{kills}"), "conversation_id": "tick", "text": "Thank you, all is well!" });
        sender.send(&run.pipeline.topic("chat"), &NewRecord::new(value.to_string()).key("tick"));
        let now = jiff::Timestamp::now().as_millisecond();
        run.wait_outcome_after(now - 1, &mut [("w-0", &mut worker)]);
    }
    sender.finish(PATIENCE);
    std::thread::sleep(Duration::from_secs(3));
    let events = run.pipeline.read_to_end(&[run.pipeline.topic("sla")]);
    run.finish(&mut [("w-0", &mut worker)], &format!(" deadlines={} kills={kills}", events.len()));
    let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in &events {
        let value = event.json();
        let of = |field: &str| value[field].as_str().unwrap().to_owned();
        if of("conversation_id") != "tick" {
            *told.entry((of("conversation_id"), of("event"))).or_default() += 1;
        }
    }
    let wanted: BTreeMap<(String, String), usize> = (0..conversations)
        .filter(|index| !answered(*index))
        .flat_map(|index| ["breach_risk", "breached"].map(|event| ((format!("v-{index}"), event.to_owned()), 1)))
        .collect();
    assert_eq!(told, wanted);
}
