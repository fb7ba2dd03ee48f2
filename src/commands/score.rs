//! `undertone score`: lines in, tickets out, without Kafka.
//!
//! A line is a message as JSON, or plain text. Tickets go to standard output, one a line and in the
//! order of the input; what was filtered or is bad is named with its line number on standard error.

use std::io::{BufRead, Write};

use crossbeam_channel::bounded;

use super::CommandError;
use super::scorer::{CHUNK, Dropped, End, Scorer, inbound};
use crate::config::Config;
use crate::message::Channel;
use crate::ticket::Ticket;

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

/// The end of one line.
enum LineEnd {
    Ticket(Box<Ticket>),
    Filtered(&'static str),
    Bad(String),
}

/// Scores lines of `source`; `first` is the number of the first one.
fn ends_of(
    scorer: &Scorer,
    lines: &[String],
    first: usize,
    source: &str,
    channel: Option<Channel>,
) -> impl Iterator<Item = LineEnd> {
    let messages = lines.iter().enumerate().map(|(index, line)| inbound(line, first + index, source)).collect();
    scorer.score(messages, channel, Dropped::Ends).into_iter().map(|end| match end {
        End::Scored(judged) => LineEnd::Ticket(Box::new(scorer.ticket(*judged))),
        End::Filtered(reason) => LineEnd::Filtered(reason.as_str()),
        End::Bad(message) => LineEnd::Bad(message),
    })
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
            let ends = ends_of(&scorer, &good, first, source, channel);
            for (index, (end, text)) in ends.zip(&texts).enumerate() {
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

/// A line as text, without its line end.
pub(super) fn text_of(line: std::io::Result<Vec<u8>>) -> Result<String, String> {
    let mut line = line.map_err(|error| format!("cannot be read: {error}"))?;
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|error| format!("invalid_utf8: at byte {}", error.utf8_error().valid_up_to()))
}
