//! Arguments of the benchmark.

use std::time::Duration;

use super::{DURATION, Fallible};

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The engine alone.
    Raw,
    /// Plain batching against it.
    Plain,
    /// The whole worker through Kafka.
    Worker,
    /// The Python consumer.
    Python,
    /// Latency at half load.
    Latency,
    /// Chats while emails wait.
    Flood,
    /// Settings tried one by one; only when asked for.
    Sweep,
}

const SECTIONS: [(&str, Section); 7] = [
    ("raw", Section::Raw),
    ("plain", Section::Plain),
    ("worker", Section::Worker),
    ("python", Section::Python),
    ("latency", Section::Latency),
    ("flood", Section::Flood),
    ("sweep", Section::Sweep),
];

const USAGE: &str = "usage: [--only SECTION,…] [--messages N] [--rounds N] [--rate PER_SECOND] [--seconds N] \
                     [--emails N]; sections: raw plain worker python latency flood sweep";

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Options {
    only: Option<Vec<Section>>,
    /// Messages of the feed.
    pub messages: usize,
    /// Repetitions of raw inference and worker, in turn; the median is reported.
    pub rounds: usize,
    /// Load of the latency section; half of the worker's speed without it.
    pub rate: Option<f64>,
    /// Length of each loaded section.
    pub duration: Duration,
    /// Length of the idle measurement.
    pub idle: Duration,
    /// Emails that wait in the flood section.
    pub emails: usize,
}

impl Options {
    /// Reads the arguments; `--bench`, which cargo adds, means nothing.
    pub fn parse(arguments: &[String]) -> Fallible<Self> {
        let mut options = Self {
            only: None,
            messages: 5000,
            rounds: 3,
            rate: None,
            duration: DURATION,
            idle: Duration::from_secs(15),
            emails: 20_000,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--bench" {
                continue;
            }
            let Some(value) = arguments.next() else { return Err(USAGE.into()) };
            match argument.as_str() {
                "--only" => options.only = Some(sections(value)?),
                "--messages" => options.messages = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--rate" => options.rate = Some(value.parse()?),
                "--seconds" => options.duration = Duration::from_secs(value.parse()?),
                "--emails" => options.emails = value.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    /// Whether a section is measured.
    pub fn has(&self, section: Section) -> bool {
        self.only.as_ref().map_or(section != Section::Sweep, |only| only.contains(&section))
    }

    /// Whether a broker is needed.
    pub fn needs_kafka(&self) -> bool {
        [Section::Worker, Section::Python, Section::Latency, Section::Flood].iter().any(|&section| self.has(section))
    }

    /// Whether the results may be published: everything measured, with enough messages.
    pub fn whole(&self) -> bool {
        self.only.is_none()
            && self.messages >= 5000
            && self.emails >= 20_000
            && self.rate.is_none()
            && self.duration >= DURATION
    }
}

fn sections(names: &str) -> Fallible<Vec<Section>> {
    names
        .split(',')
        .map(|name| {
            let known = SECTIONS.iter().find(|(known, _)| *known == name);
            known.map(|(_, section)| *section).ok_or_else(|| format!("no section `{name}`; {USAGE}").into())
        })
        .collect()
}
