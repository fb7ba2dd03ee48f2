//! Where recorded traffic comes from: a file, or the topic itself.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::commands::CommandError;
use crate::config::Config;
use crate::kafka::PlainReader;
use crate::message::InboundMessage;
use crate::prioritise::hops;

/// The first record must come within this: metadata and connections take their time.
const PATIENCE: Duration = Duration::from_secs(15);
/// All has been read when nothing new came for so long.
const QUIET: Duration = Duration::from_secs(5);

/// A record as it was recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Line of the file, or topic, partition and offset.
    pub place: String,
    /// Partition; 0 in a file.
    pub partition: i32,
    /// How often it had been sent on; 0 in a file.
    pub hops: usize,
    /// Time of the record, where its value does not say one.
    pub timestamp_ms: Option<i64>,
    /// Value.
    pub value: Vec<u8>,
}

/// What takes each record.
type Each<'a> = &'a mut dyn FnMut(Recorded) -> Result<(), CommandError>;

/// Reads a file line by line (`-` is standard input), blank ones are none; gives its name.
pub(super) fn file(path: &Path, each: Each<'_>) -> Result<String, CommandError> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| CommandError::Setting(format!("cannot read `{name}`: {error}"));
    let input: Box<dyn Read> =
        if name == "-" { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path).map_err(unreadable)?) };
    for (index, line) in BufReader::new(input).split(b'\n').enumerate() {
        let value = line.map_err(unreadable)?;
        if value.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let place = format!("{name}:{}", index + 1);
        each(Recorded { place, partition: 0, hops: 0, timestamp_ms: None, value })?;
    }
    Ok(name)
}

/// Reads the committed records that the topic of scored messages holds now, and hands on the newest `limit`.
///
/// They come in an order that depends on the records alone: by their times, and within a partition as they stand.
pub(super) fn kafka(config: &Config, limit: usize, each: Each<'_>) -> Result<String, CommandError> {
    let topic = config.topics.scored.as_str();
    let reader = PlainReader::connect(config, &[topic]).map_err(CommandError::failed)?;
    let mut partitions: BTreeMap<i32, VecDeque<InboundMessage>> = BTreeMap::new();
    let started = Timestamp::now().as_millisecond();
    let (mut heard, mut patience, mut trouble) = (Instant::now(), PATIENCE, None);
    while heard.elapsed() < patience {
        match reader.poll(Duration::from_millis(100)) {
            Ok(None) => {}
            // A topic in use never ends; what came after the start of the replay is not for it.
            Ok(Some(record)) if record.timestamp_ms.is_some_and(|at| at > started) => {}
            Ok(Some(record)) => {
                (heard, patience, trouble) = (Instant::now(), QUIET, None);
                let records = partitions.entry(record.position.partition).or_default();
                records.push_back(record);
                if records.len() > limit {
                    records.pop_front();
                }
            }
            Err(error) => trouble = Some(error),
        }
    }
    if let Some(error) = trouble {
        return Err(CommandError::Failed(format!("topic `{topic}`: {error}")));
    }
    let records = newest(partitions, limit);
    let name = format!("topic {topic} ({} records)", records.len());
    for record in records {
        each(Recorded {
            place: record.position.to_string(),
            partition: record.position.partition,
            hops: hops(&record),
            timestamp_ms: record.timestamp_ms,
            value: record.payload.map(Vec::from).unwrap_or_default(),
        })?;
    }
    Ok(name)
}

/// Merges partitions, each in its order, by time; the last `limit`.
fn newest(mut partitions: BTreeMap<i32, VecDeque<InboundMessage>>, limit: usize) -> Vec<InboundMessage> {
    let mut merged = Vec::with_capacity(partitions.values().map(VecDeque::len).sum());
    loop {
        let heads = partitions.iter().filter_map(|(&id, records)| Some((records.front()?.timestamp_ms, id)));
        let Some((_, earliest)) = heads.min() else { break };
        merged.extend(partitions.get_mut(&earliest).and_then(VecDeque::pop_front));
    }
    let over = merged.len().saturating_sub(limit);
    merged.drain(..over);
    merged
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::message::SourcePosition;

    #[test]
    fn partitions_are_merged_by_time_each_in_its_own_order() {
        let record = |partition, offset, at| InboundMessage {
            position: SourcePosition { topic: "scored".into(), partition, offset },
            key: None,
            payload: None,
            headers: Vec::new(),
            timestamp_ms: Some(at),
        };
        let partitions = || {
            BTreeMap::from([
                (0, VecDeque::from([record(0, 0, 10), record(0, 1, 40), record(0, 2, 20)])),
                (1, VecDeque::from([record(1, 0, 10), record(1, 1, 30)])),
            ])
        };
        let order = |limit| {
            let places = newest(partitions(), limit).into_iter();
            places.map(|record| (record.position.partition, record.position.offset)).collect::<Vec<_>>()
        };
        assert_eq!(order(9), [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2)]);
        assert_eq!(order(2), [(0, 1), (0, 2)]);
        assert_eq!(order(0), []);
    }
}
