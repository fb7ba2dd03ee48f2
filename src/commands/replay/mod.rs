//! `undertone replay`: what another policy would have made of recorded traffic.
//!
//! Reads records of `triage.scored`, from a file or from Kafka, lets the current and the new policy decide on each,
//! both through the engine of PRIORITISE and with histories of their own, and tells what differs. Writes nothing to
//! Kafka and commits nothing. The same records and policies give the same report.

mod compare;
mod render;
mod report;
mod side;
mod source;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::{CommandError, load_policy};
use crate::config::Config;
use crate::policy::Policy;
use crate::prioritise::engine::Record;
use compare::compare;
use report::{PolicyName, Report};
use side::{Place, Side};
use source::Recorded;

/// Arguments of the replay.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The new policy; it is compared with the configured one.
    #[arg(long, value_name = "NEW.toml")]
    policy: PathBuf,
    /// Recorded values of the topic of scored messages, one JSON object a line; `-` is standard input.
    #[arg(long, value_name = "SCORED.jsonl", required_unless_present = "from_kafka", conflicts_with = "from_kafka")]
    file: Option<PathBuf>,
    /// Reads what is committed in the configured topic of scored messages, without a group; writes nothing.
    #[arg(long)]
    from_kafka: bool,
    /// Of what is in Kafka, only the newest N records [default: 100000].
    #[arg(long, value_name = "N", requires = "from_kafka")]
    limit: Option<usize>,
    /// Also lists every ticket that would change, with the reasons.
    #[arg(long)]
    diff: bool,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// Newest records read from Kafka, unless said otherwise: some 300 MB.
const LIMIT: usize = 100_000;

/// Replays and prints; whether every record could be read.
pub fn replay(
    config: &Config,
    options: &Options,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> Result<bool, CommandError> {
    let new = config.with(|settings| settings.policy.path = Some(options.policy.clone()))?;
    let (current, new) = (load_policy(config)?, load_policy(&new)?);
    let current_place =
        config.policy.path.as_ref().map_or("built-in policy".to_owned(), |path| path.display().to_string());
    let mut replay = Replay::new((current, current_place), (new, options.policy.display().to_string()), options.diff);
    let mut say = |line: &str| writeln!(errors, "{line}").map_err(CommandError::failed);
    let mut each = |recorded: Recorded| match replay.take(&recorded) {
        Ok(()) => Ok(()),
        Err(reason) => say(&format!("{}: {reason}", recorded.place)),
    };
    let source = match &options.file {
        Some(path) => source::file(path, &mut each)?,
        None => source::kafka(config, options.limit.unwrap_or(LIMIT), &mut each)?,
    };
    let report = replay.report(source);
    if options.json {
        let json = serde_json::to_string_pretty(&report).map_err(CommandError::failed)?;
        writeln!(out, "{json}").map_err(CommandError::failed)?;
    } else {
        write!(out, "{}", render::text(&report)).map_err(CommandError::failed)?;
    }
    Ok(report.unreadable == 0)
}

/// Both policies over the same records.
struct Replay {
    current: Side,
    new: Side,
    report: Report,
    /// Time of the last record that said one, in milliseconds: what says none happened then.
    clock_ms: i64,
}

impl Replay {
    fn new(current: (Arc<Policy>, String), new: (Arc<Policy>, String), diff: bool) -> Self {
        let name = |(policy, place): &(Arc<Policy>, String)| PolicyName::new(policy, place.clone());
        let report = Report::new(name(&current), name(&new), diff);
        Self { current: Side::new(current.0), new: Side::new(new.0), report, clock_ms: 0 }
    }

    /// Takes one record; the error says why it cannot be read.
    fn take(&mut self, recorded: &Recorded) -> Result<(), String> {
        let record = match Record::read(&recorded.value) {
            Ok(record) => record,
            Err(error) => {
                self.report.unreadable += 1;
                return Err(error.to_string());
            }
        };
        let said = record.at().map(jiff::Timestamp::as_millisecond);
        self.clock_ms = said.or(recorded.timestamp_ms).unwrap_or(self.clock_ms);
        self.report.record(record.kind());
        let place = Place { partition: recorded.partition, hops: recorded.hops, at_ms: self.clock_ms };
        let (current, new) = (self.current.take(record.clone(), place), self.new.take(record, place));
        if let Some(compared) = compare(&recorded.place, &current, &new) {
            self.report.count(&current, &new, compared);
        }
        Ok(())
    }

    fn report(mut self, source: String) -> Report {
        self.report.source = source;
        self.report.finish();
        self.report
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
