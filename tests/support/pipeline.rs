//! Topics and configuration of one worker, input for it, and the count of what became of each record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use super::{NewRecord, RealKafka, Record, unique};

/// Input channels, and the last part of their topics' names.
pub const CHANNELS: [&str; 3] = ["email", "chat", "social"];

/// The model that costs next to nothing.
pub const TINY_MODEL: &str = "[model]\npath = \"tests/fixtures/tiny-model\"\ninference_threads = 1\n";

/// Where the worker of one test reads and writes.
pub struct Pipeline<'k> {
    pub kafka: &'k RealKafka,
    pub prefix: String,
    pub config: PathBuf,
    _folder: tempfile::TempDir,
}

impl<'k> Pipeline<'k> {
    /// Writes a configuration (`more`: further sections) and creates its topics.
    pub fn new(kafka: &'k RealKafka, name: &str, more: &str) -> Self {
        let pipeline = Self::without_topics(kafka, name, more);
        pipeline.create_topics();
        pipeline
    }

    /// Writes a configuration only.
    pub fn without_topics(kafka: &'k RealKafka, name: &str, more: &str) -> Self {
        let prefix = unique(name);
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("undertone.toml");
        let bootstrap = kafka.bootstrap();
        std::fs::write(
            &config,
            format!(
                "[app]\nname = \"{prefix}\"\n[kafka]\nbootstrap_servers = \"{bootstrap}\"\n\
                 [topics]\nscored = \"{prefix}.scored\"\ntickets = \"{prefix}.tickets\"\nfiltered = \"{prefix}.filtered\"\n\
                 review = \"{prefix}.review\"\ndlq = \"{prefix}.dlq\"\n\
                 sla = \"{prefix}.sla\"\nstate = \"{prefix}.state\"\nupdates = \"{prefix}.updates\"\n\
                 customers = \"{prefix}.customers\"\nidentity = \"{prefix}.identity\"\npartitions = 3\nscored_partitions = 4\n\
                 [topics.inputs]\n\"{prefix}.email\" = \"email\"\n\"{prefix}.chat\" = \"chat\"\n\"{prefix}.social\" = \"social\"\n\
                 [operate]\nlog_format = \"text\"\n{more}\n"
            ),
        )
        .unwrap();
        Self { kafka, prefix, config, _folder: folder }
    }

    /// Creates the topics that are missing.
    pub fn create_topics(&self) {
        let created = undertone(&["topics", "create"], &self.config);
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    }

    /// Full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// The input topics.
    pub fn input_topics(&self) -> Vec<String> {
        CHANNELS.iter().map(|channel| self.topic(channel)).collect()
    }

    /// The topics in which a record's one outcome is found.
    pub fn outcome_topics(&self) -> Vec<String> {
        (1..=5)
            .map(|level| self.topic(&format!("tickets.p{level}")))
            .chain([self.topic("filtered"), self.topic("dlq")])
            .collect()
    }

    /// All outcomes, once there are `count` of them (or a minute and a half has passed), and what came after.
    pub fn outcomes(&self, count: usize) -> Vec<Record> {
        let topics = self.outcome_topics();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.kafka.read_committed(&names, Duration::from_secs(90), |records| records.len() >= count);
        self.kafka.read_to_end(&names)
    }

    /// Committed records of topics, up to their ends.
    pub fn read_to_end(&self, topics: &[String]) -> Vec<Record> {
        self.kafka.read_to_end(&topics.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Produces `per_channel` messages to each input topic; gives their positions.
    pub fn feed(&self, per_channel: usize) -> Vec<String> {
        let feed_one = |channel: &&str| {
            let topic = self.topic(channel);
            let records: Vec<_> = (0..per_channel).map(|index| message(channel, index)).collect();
            let sent = self.kafka.produce(&topic, &records);
            sent.into_iter().map(move |(partition, offset)| format!("{topic}/{partition}@{offset}")).collect::<Vec<_>>()
        };
        CHANNELS.iter().flat_map(feed_one).collect()
    }
}

/// Runs the binary to its end.
pub fn undertone(arguments: &[&str], config: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_undertone"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

/// A word of its own for each number.
pub fn word(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// Message `index` of a channel; one in five is poison or not a customer's.
pub fn message(channel: &str, index: usize) -> NewRecord {
    let conversation = format!("{channel}-{}", index % 17);
    let id = format!("{channel}-{index}");
    let text = match index % 4 {
        0 => "Hello, could you tell me when my parcel arrives? Thank you.",
        1 => "My card is being used by somebody else right now, block it!",
        2 => "Great service, I am delighted.",
        _ => "The app crashes whenever I open my invoice, since yesterday, and I have written twice already.",
    };
    // Mails that are alike but for numbers would be taken for a loop between machines.
    let text = format!("{text} {}", word(index));
    let mut message =
        json!({ "id": id, "conversation_id": conversation, "text": text, "sent_at": "2026-11-28T10:00:00Z" });
    let record = match index % 21 {
        6 => return NewRecord::new("{\"id\": \"broken").key(conversation),
        13 => {
            return NewRecord::new([0xff, 0xfe, b'{', b'}']).key(conversation).header("traceparent", "00-ab-cd-01");
        }
        20 => {
            message["author"] = json!({ "type": "bot" });
            NewRecord::new(message.to_string())
        }
        17 => return NewRecord::tombstone(conversation),
        _ => NewRecord::new(message.to_string()),
    };
    record.key(conversation).header("traceparent", format!("00-{id}"))
}

/// Input position that an outcome (or a scored record) is of, as `topic/partition@offset`.
pub fn source(record: &Record) -> String {
    let of =
        |source: &Value| format!("{}/{}@{}", source["topic"].as_str().unwrap(), source["partition"], source["offset"]);
    if !record.topic.ends_with(".dlq") {
        return of(&record.json()["source"]);
    }
    let header = |name: &str| record.header(&format!("__triage.errors.{name}")).unwrap();
    if header("stage") == "prioritise" {
        // Its original is a scored record, which says itself where it came from.
        return of(&record.json()["source"]);
    }
    format!("{}/{}@{}", header("topic"), header("partition"), header("offset"))
}

/// Every input once among the outcomes: lost ones and doubled ones.
pub fn lost_and_doubled(inputs: &[String], outcomes: &[Record]) -> (Vec<String>, Vec<String>) {
    let mut counts: BTreeMap<String, usize> = inputs.iter().map(|input| (input.clone(), 0)).collect();
    for outcome in outcomes {
        *counts.entry(source(outcome)).or_default() += 1;
    }
    let pick = |wanted: fn(usize) -> bool| {
        counts.iter().filter(|&(_, &count)| wanted(count)).map(|(input, _)| input.clone()).collect()
    };
    (pick(|count| count == 0), pick(|count| count > 1))
}
