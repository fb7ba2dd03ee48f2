//! `undertone score`: lines in, tickets out, without Kafka.
//!
//! A line is a message as JSON, or plain text. Tickets go to standard output, one a line and in the
//! order of the input; what was filtered or is bad is named with its line number on standard error.

use std::io::{BufRead, Write};

use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};
use jiff::Timestamp;

use std::sync::Arc;

use super::{CommandError, load_policy};
use crate::config::Config;
use crate::message::{Channel, CustomerMessage, InboundMessage, SourcePosition};
use crate::model::{Engine, EngineLimits, InferenceError, Job, Model, Scored};
use crate::operate::Metrics;
use crate::policy::Policy;
use crate::prioritise::decide;
use crate::score::{Prepared, Ready, Scoring};
use crate::text::CleanText;
use crate::ticket::{Ticket, Verdict};

/// Lines scored together at most.
const CHUNK: usize = 256;

/// What happened to the lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tickets printed.
    pub tickets: usize,
    /// Lines filtered.
    pub filtered: usize,
    /// Lines that could not be read or scored.
    pub bad: usize,
}

/// Scores single messages with all inference threads.
pub struct Scorer {
    scoring: Scoring,
    policy: Arc<Policy>,
    engine: Engine<Tag>,
    results: Receiver<Scored<Tag>>,
}

struct Tag {
    index: usize,
    inbound: InboundMessage,
    message: CustomerMessage,
    clean: CleanText,
}

/// The end of one line.
enum LineEnd {
    Ticket(Box<Ticket>),
    Filtered(&'static str),
    Bad(String),
}

impl Scorer {
    /// Loads policy and model and starts the threads.
    pub fn start(config: &Config) -> Result<Self, CommandError> {
        let policy = load_policy(config)?;
        let model = Model::load(&config.model)?;
        let metrics = Arc::new(Metrics::new().map_err(CommandError::failed)?);
        let scoring = Scoring::new(config, &model, Arc::clone(&policy), metrics);
        let (deliver, results) = bounded(CHUNK);
        let limits = EngineLimits {
            threads: config.inference_threads(),
            batch_tokens: config.model.batch_tokens,
            late_share: 1.0,
        };
        let deliver = move |scored| {
            // The receiver lives as long as the engine.
            let _ = deliver.send(scored);
        };
        let engine = Engine::start(&model, limits, deliver, |_| {})?;
        Ok(Self { scoring, policy, engine, results })
    }

    /// Scores lines of `source`; `first` is the number of the first one.
    fn chunk(&self, lines: &[String], first: usize, source: &str, channel: Option<Channel>) -> Vec<LineEnd> {
        let mut ends: Vec<Option<LineEnd>> = Vec::with_capacity(lines.len());
        let mut waiting = 0;
        for (index, line) in lines.iter().enumerate() {
            let inbound = inbound(line, first + index, source);
            let now = Timestamp::now();
            ends.push(match self.prepare(&inbound, channel, now) {
                Prepared::Ready(ready) => {
                    let Ready { message, clean, input, encoded, due_ms } = *ready;
                    let tag = Tag { index, inbound, message, clean };
                    self.engine.submit(Job { tag, input, encoded, partition: 0, due_ms });
                    waiting += 1;
                    None
                }
                Prepared::Filtered { reason, .. } => Some(LineEnd::Filtered(reason.as_str())),
                Prepared::Refused { class, message } => Some(LineEnd::Bad(format!("{class}: {message}"))),
            });
        }
        for _ in 0..waiting {
            let Ok(scored) = self.results.recv() else { break };
            let index = scored.tag.index;
            ends[index] = Some(match self.ticket(scored) {
                Ok(ticket) => LineEnd::Ticket(Box::new(ticket)),
                Err(error) => LineEnd::Bad(error.to_string()),
            });
        }
        ends.into_iter().map(|end| end.unwrap_or_else(|| LineEnd::Bad("an inference thread has died".into()))).collect()
    }

    /// Without `--channel` a message names its own; one that does not is a chat.
    fn prepare(&self, inbound: &InboundMessage, channel: Option<Channel>, now: Timestamp) -> Prepared {
        let prepared = self.scoring.prepare(inbound, channel, now);
        match prepared {
            Prepared::Refused { class, .. } if channel.is_none() && class == "unknown_channel" => {
                self.scoring.prepare(inbound, Some(Channel::Chat), now)
            }
            prepared => prepared,
        }
    }

    fn ticket(&self, scored: Scored<Tag>) -> Result<Ticket, InferenceError> {
        let Tag { inbound, message, clean, .. } = scored.tag;
        let (scores, evidence) = scored.result?;
        let inference_ms = crate::model::round4(scored.inference.as_secs_f64() * 1000.0);
        let verdict = Verdict { scores, evidence, chunks: scored.chunks, truncated: scored.truncated, inference_ms };
        let scored = self.scoring.scored(&inbound, message, clean, verdict);
        Ok(decide(scored, &self.policy, Timestamp::now()))
    }
}

fn inbound(line: &str, number: usize, source: &str) -> InboundMessage {
    let payload = if line.trim_start().starts_with('{') {
        line.to_owned()
    } else {
        serde_json::json!({ "text": line }).to_string()
    };
    InboundMessage {
        position: SourcePosition {
            topic: source.to_owned(),
            partition: 0,
            offset: i64::try_from(number).unwrap_or(i64::MAX),
        },
        key: None,
        payload: Some(Bytes::from(payload)),
        headers: Vec::new(),
        timestamp_ms: Some(Timestamp::now().as_millisecond()),
    }
}

/// Scores all lines of `input` (called `source` in the tickets).
pub fn score(
    config: &Config,
    input: impl BufRead + Send,
    source: &str,
    channel: Option<Channel>,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> Result<Summary, CommandError> {
    let scorer = Scorer::start(config)?;
    let mut summary = Summary::default();
    std::thread::scope(|scope| {
        let (send, lines) = bounded::<std::io::Result<Vec<u8>>>(CHUNK);
        scope.spawn(move || {
            for line in input.split(b'\n') {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut first = 1;
        // Blocks for one line only, so that typed lines are answered one by one.
        while let Ok(line) = lines.recv() {
            let mut chunk = vec![line];
            chunk.extend(lines.try_iter().take(CHUNK - 1));
            let texts: Vec<Result<String, String>> = chunk.into_iter().map(text_of).collect();
            let good: Vec<String> = texts.iter().map(|text| text.clone().unwrap_or_default()).collect();
            let ends = scorer.chunk(&good, first, source, channel);
            for (index, (end, text)) in ends.into_iter().zip(&texts).enumerate() {
                let number = first + index;
                let end = match text {
                    Err(error) => LineEnd::Bad(error.clone()),
                    Ok(text) if text.is_empty() => continue,
                    Ok(_) => end,
                };
                match end {
                    LineEnd::Ticket(ticket) => {
                        summary.tickets += 1;
                        serde_json::to_writer(&mut *out, &ticket).map_err(CommandError::failed)?;
                        out.write_all(b"\n").map_err(CommandError::failed)?;
                    }
                    LineEnd::Filtered(reason) => {
                        summary.filtered += 1;
                        writeln!(errors, "{source}:{number}: filtered ({reason})").map_err(CommandError::failed)?;
                    }
                    LineEnd::Bad(message) => {
                        summary.bad += 1;
                        writeln!(errors, "{source}:{number}: {message}").map_err(CommandError::failed)?;
                    }
                }
            }
            out.flush().map_err(CommandError::failed)?;
            first += texts.len();
        }
        Ok(summary)
    })
}

fn text_of(line: std::io::Result<Vec<u8>>) -> Result<String, String> {
    let mut line = line.map_err(|error| format!("cannot be read: {error}"))?;
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|error| format!("invalid_utf8: at byte {}", error.utf8_error().valid_up_to()))
}
