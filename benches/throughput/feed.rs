//! The feed: real customer messages with their channels mixed, from a folder that is never committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use undertone::config::Config;
use undertone::message::Channel;

use super::Fallible;

/// Folder with `labelled/`, `unlabelled/` and `written/`.
const DATA_VARIABLE: &str = "UNDERTONE_BENCH_DATA";
const DEFAULT_DATA: &str = "../shared/data";

/// How much of the feed is of each channel.
const SHARES: [(Channel, f64); 3] = [(Channel::Chat, 0.3), (Channel::Email, 0.2), (Channel::Social, 0.5)];

/// A text and where it was written.
#[derive(Debug, Clone)]
pub struct Sample {
    pub channel: Channel,
    subject: Option<String>,
    text: String,
}

/// Samples in the order of arrival.
#[derive(Debug)]
pub struct Feed {
    pub samples: Vec<Sample>,
    /// Where they come from, for the report.
    pub source: String,
    /// Whether customers wrote them; results on others are not published.
    pub real: bool,
}

#[derive(Deserialize)]
struct Row {
    channel: Channel,
    #[serde(default)]
    subject: Option<String>,
    text: String,
}

/// Loads `count` samples, seeded: the same ones each time.
pub fn load(count: usize) -> Fallible<Feed> {
    let data = std::env::var_os(DATA_VARIABLE)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_DATA), PathBuf::from);
    let mut real = files(&data.join("labelled"));
    real.extend(files(&data.join("unlabelled")));
    let written = files(&data.join("written"));
    let (rows, source, is_real) = if !real.is_empty() {
        (rows(&real)?, "real customer messages (labelled and unlabelled pools)", true)
    } else if !written.is_empty() {
        (rows(&written)?, "messages written for this project", false)
    } else {
        (demo()?, "the demo feed, repeated", false)
    };
    let mut random = Random(0x5EED);
    let mut pools: BTreeMap<Channel, Vec<Sample>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !row.text.trim().is_empty()) {
        let Row { channel, subject, text } = row;
        pools.entry(channel).or_default().push(Sample { channel, subject, text });
    }
    let mut samples = Vec::with_capacity(count);
    for (channel, share) in SHARES {
        let Some(pool) = pools.get_mut(&channel) else { return Err(format!("the feed holds no {channel}").into()) };
        random.shuffle(pool);
        let wanted = (share * count as f64).round() as usize;
        samples.extend(pool.iter().cycle().take(wanted).cloned());
    }
    random.shuffle(&mut samples);
    Ok(Feed { samples, source: source.to_owned(), real: is_real })
}

/// JSON lines files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains(".jsonl"))
        .collect();
    found.sort();
    found
}

fn rows(files: &[PathBuf]) -> Fallible<Vec<Row>> {
    let mut rows = Vec::new();
    for path in files {
        let text = if path.extension().is_some_and(|extension| extension == "gz") {
            let output = Command::new("gzip").arg("-dc").arg(path).output()?;
            if !output.status.success() {
                return Err(format!("cannot unpack `{}`", path.display()).into());
            }
            String::from_utf8(output.stdout)?
        } else {
            fs::read_to_string(path)?
        };
        for line in text.lines() {
            rows.push(serde_json::from_str(line).map_err(|error| format!("`{}`: {error}", path.display()))?);
        }
    }
    Ok(rows)
}

fn demo() -> Fallible<Vec<Row>> {
    let config = Config::from_text("", "bench", [])?;
    let records = undertone::commands::feed::records(&config, Timestamp::now())?;
    let row = |topic: &str, payload: &[u8]| {
        let value: Value = serde_json::from_slice(payload).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Row { channel: *config.topics.inputs.get(topic)?, subject: text("subject"), text: text("text")? })
    };
    Ok(records
        .iter()
        .filter(|sample| sample.expect.as_ref().is_some_and(|expect| expect.outcome == "ticket"))
        .filter_map(|sample| row(&sample.record.topic, sample.record.payload.as_deref()?))
        .collect())
}

impl Sample {
    /// Key and value of the record that brings this sample as the `index`-th message.
    ///
    /// Without `received_at` the record's own timestamp counts.
    pub fn record(&self, index: usize, received_at: Option<Timestamp>) -> (String, Vec<u8>) {
        let channel = self.channel.as_str();
        // Two messages a customer, so that conversations and customers repeat.
        let customer = index / 2;
        let conversation = format!("{channel}-{customer}");
        let mut value = json!({
            "id": format!("{channel}-message-{index}"),
            "conversation_id": conversation,
            "text": self.text,
            "customer": { "id": format!("c-{customer}"), "tier": "standard" },
        });
        let more = match self.channel {
            Channel::Email => json!({
                "from": format!("Customer {customer} <c{customer}@example.net>"),
                "to": ["help@company.example.org"],
                "subject": self.subject,
                "message_id": format!("<{index}@example.net>"),
            }),
            Channel::Chat => json!({ "session_id": conversation, "message_seq": index % 2 + 1 }),
            Channel::Social => json!({
                "platform": "example",
                "post_id": format!("p-{index}"),
                "kind": "mention",
                "visibility": "public",
            }),
        };
        if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
            value.extend(more.into_iter().filter(|(_, field)| !field.is_null()));
            if let Some(at) = received_at {
                value.insert("received_at".to_owned(), Value::from(at.to_string()));
            }
        }
        (conversation, value.to_string().into_bytes())
    }
}

/// SplitMix64: small, seeded, good enough to shuffle and to space arrivals.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in (0, 1].
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, (self.next() % (index as u64 + 1)) as usize);
        }
    }
}
