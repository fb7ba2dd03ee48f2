//! `undertone feed`: plays the sample feed (`demo/feed.jsonl`) into the input topics.
//!
//! The feed is built in. Times in it are relative to the moment of playing: a string `{{now-90s}}`
//! becomes an RFC 3339 time. Its topics are the default input topics; they are mapped to the
//! configured ones by channel.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::CommandError;
use crate::config::{Config, Settings};
use crate::kafka::{OutputRecord, PlainProducer};

const FEED: &str = include_str!("../../demo/feed.jsonl");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedLine {
    topic: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    raw: Option<String>,
    #[serde(default)]
    base64: Option<String>,
    #[serde(default)]
    tombstone: bool,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(default)]
    expect: Option<Expect>,
}

/// What a record of the feed should end as.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `ticket`, `filtered` or `dlq`.
    pub outcome: String,
    /// Reason of a filtered message.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A record of the feed, ready to be produced.
#[derive(Debug, Clone)]
pub struct FeedRecord {
    /// The record.
    pub record: OutputRecord,
    /// What it should end as.
    pub expect: Option<Expect>,
}

/// Reads the built-in feed as of `now`.
pub fn records(config: &Config, now: Timestamp) -> Result<Vec<FeedRecord>, CommandError> {
    let defaults = Settings::default().topics.inputs;
    FEED.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let fail = |message: String| CommandError::Failed(format!("demo/feed.jsonl:{}: {message}", index + 1));
            let line: FeedLine = serde_json::from_str(line).map_err(|error| fail(error.to_string()))?;
            let channel = defaults.get(&line.topic).ok_or_else(|| fail(format!("unknown topic `{}`", line.topic)))?;
            // Where the configuration reads no such channel, the record has nowhere to go.
            let topic =
                config.topics.inputs.iter().find(|(_, known)| *known == channel).map(|(topic, _)| topic.clone());
            let payload = if line.tombstone {
                None
            } else if let Some(mut value) = line.value {
                fill_times(&mut value, now);
                Some(serde_json::to_vec(&value).map_err(|error| fail(error.to_string()))?.into())
            } else if let Some(encoded) = line.base64 {
                Some(decode_base64(&encoded).ok_or_else(|| fail("not base64".into()))?.into())
            } else {
                Some(Bytes::from(line.raw.unwrap_or_default()))
            };
            let headers = line
                .headers
                .into_iter()
                .map(|(name, value)| {
                    let filled = time_of(&value, now).unwrap_or(value);
                    (name, Some(Bytes::from(filled)))
                })
                .collect();
            let key = line.key.map(Bytes::from);
            Ok(topic.map(|topic| FeedRecord {
                record: OutputRecord { topic, partition: None, key, payload, headers, timestamp_ms: None },
                expect: line.expect,
            }))
        })
        .filter_map(Result::transpose)
        .collect()
}

/// Replaces every `{{now…}}` string in `value`.
fn fill_times(value: &mut Value, now: Timestamp) {
    match value {
        Value::String(text) => {
            if let Some(time) = time_of(text, now) {
                *text = time;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_times(item, now)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill_times(field, now)),
        _ => {}
    }
}

/// `{{now}}`, `{{now-90s}}`, `{{now+2h}}` as RFC 3339.
fn time_of(text: &str, now: Timestamp) -> Option<String> {
    let offset = text.strip_prefix("{{now")?.strip_suffix("}}")?;
    let seconds = match offset.chars().last() {
        None => 0,
        Some(unit) => {
            let number: i64 = offset.strip_suffix(unit)?.parse().ok()?;
            number
                * match unit {
                    's' => 1,
                    'm' => 60,
                    'h' => 3600,
                    _ => return None,
                }
        }
    };
    Some(now.checked_add(SignedDuration::from_secs(seconds)).ok()?.to_string())
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    mail_parser::decoders::base64::base64_decode(text.as_bytes())
}

/// Produces the feed at `rate` records a second (as fast as possible without), `repeat` times; gives the number.
pub fn play(
    config: &Config,
    rate: Option<f64>,
    repeat: usize,
    mut each: impl FnMut(usize),
    go_on: impl Fn() -> bool,
) -> Result<usize, CommandError> {
    let producer = PlainProducer::connect(config).map_err(CommandError::failed)?;
    let started = Instant::now();
    let mut sent = 0;
    for _ in 0..repeat {
        for record in records(config, Timestamp::now())? {
            if !go_on() {
                break;
            }
            if let Some(rate) = rate {
                let due = started + Duration::from_secs_f64(f64::from(u32::try_from(sent).unwrap_or(u32::MAX)) / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            producer.send(&record.record).map_err(CommandError::failed)?;
            sent += 1;
            each(sent);
        }
    }
    producer.flush().map_err(CommandError::failed)?;
    Ok(sent)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_feed_is_whole_and_its_times_are_filled() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let config = Config::from_text("", "x", []).unwrap();
        let records = records(&config, now).unwrap();
        assert!(records.len() >= 200, "{}", records.len());
        for record in &records {
            let text = record
                .record
                .payload
                .as_ref()
                .map(|payload| String::from_utf8_lossy(payload).into_owned())
                .unwrap_or_default();
            assert!(!text.contains("{{now"), "{text}");
        }
        assert!(config.topics.inputs.keys().all(|topic| records.iter().any(|record| &record.record.topic == topic)));
    }

    #[test]
    fn times_are_relative() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(time_of("{{now-90s}}", now).unwrap(), "2027-01-15T07:58:30Z");
        assert_eq!(time_of("{{now+2h}}", now).unwrap(), "2027-01-15T10:00:00Z");
        assert_eq!(time_of("{{now}}", now).unwrap(), "2027-01-15T08:00:00Z");
        assert_eq!(time_of("now", now), None);
    }
}
