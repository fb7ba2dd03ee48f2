//! How the demo shows outcomes: a line each as they arrive, and a table at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use owo_colors::{OwoColorize, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::config::Config;
use crate::message::InboundMessage;
use crate::policy::Priority;
use crate::ticket::{FilteredEvent, Ticket};

/// What has been shown so far.
pub struct Board {
    color: bool,
    width: usize,
    tickets: BTreeMap<(u8, String), usize>,
    filtered: BTreeMap<String, usize>,
    dead_letters: BTreeMap<String, usize>,
}

impl Board {
    /// An empty board for a terminal of `width` columns.
    pub fn new(color: bool, width: usize) -> Self {
        Self { color, width, tickets: BTreeMap::new(), filtered: BTreeMap::new(), dead_letters: BTreeMap::new() }
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.color { text.style(style).to_string() } else { text.to_owned() }
    }

    /// What stands above the lines.
    pub fn heading(&self, address: Option<SocketAddr>, started: Duration) -> String {
        let metrics = address.map_or_else(String::new, |address| format!("; metrics: http://{address}/metrics"));
        let title = self.paint("undertone demo", Style::new().bold());
        format!(
            "{title}  real model and real worker on an embedded broker, ready in {:.1} s{metrics}\n\n{}\n",
            started.as_secs_f64(),
            self.paint(
                &format!(
                    "{:<4} {:<8} {:<7} {:<22} {:<17} mood  {}",
                    "", "urgency", "channel", "respond by", "topic", "message · why"
                ),
                Style::new().dimmed()
            )
        )
    }

    /// Source position and line of an outcome; `None` for a record that is none.
    pub fn outcome(&mut self, config: &Config, record: &InboundMessage) -> Option<(String, String)> {
        let topic = &record.position.topic;
        let payload = record.payload.as_deref().unwrap_or_default();
        if *topic == config.topics.dlq {
            return Some(self.dead_letter(record));
        }
        if *topic == config.topics.filtered {
            let event: FilteredEvent = serde_json::from_slice(payload).ok()?;
            *self.filtered.entry(event.reason.clone()).or_default() += 1;
            let source = format!("{}/{}@{}", event.source.topic, event.source.partition, event.source.offset);
            let evidence =
                event.evidence.map_or_else(String::new, |evidence| format!("{}: {}", evidence.name, evidence.value));
            let channel = event.channel.as_deref().unwrap_or("-");
            let head = format!(" {:<4}{:<8} {channel:<7} {:<22} ", "--", "filtered", event.reason);
            return Some((source, self.line(&head, &evidence, Style::new().dimmed())));
        }
        let ticket: Ticket = serde_json::from_slice(payload).ok()?;
        let source = format!("{}/{}@{}", ticket.source.topic, ticket.source.partition, ticket.source.offset);
        *self.tickets.entry((ticket.priority.rank, ticket.channel.clone())).or_default() += 1;
        Some((source, self.ticket(&ticket)))
    }

    fn dead_letter(&mut self, record: &InboundMessage) -> (String, String) {
        let header = |name: &str| {
            record
                .headers
                .iter()
                .rev()
                .find(|(key, _)| key.strip_prefix("__triage.errors.") == Some(name))
                .and_then(|(_, value)| value.as_deref())
                .map_or_else(String::new, |value| String::from_utf8_lossy(value).into_owned())
        };
        let source = format!("{}/{}@{}", header("topic"), header("partition"), header("offset"));
        let class = header("class");
        let head = format!(" {:<4}{:<16} {class:<22} ", "!!", "dead letter");
        let line = self.line(&head, &format!("{} ({source})", header("message")), Style::new().magenta());
        *self.dead_letters.entry(class).or_default() += 1;
        (source, line)
    }

    fn ticket(&self, ticket: &Ticket) -> String {
        let style = match ticket.priority.level {
            Priority::P1 => Style::new().white().on_red().bold(),
            Priority::P2 => Style::new().red().bold(),
            Priority::P3 => Style::new().yellow(),
            Priority::P4 => Style::new().blue(),
            Priority::P5 => Style::new().dimmed(),
        };
        let level = self.paint(&format!(" {} ", ticket.priority.level.as_str()), style);
        let mood = match ticket.sentiment.label.as_str() {
            "very_negative" => "--",
            "negative" => "- ",
            "positive" => "+ ",
            "very_positive" => "++",
            _ => "  ",
        };
        let topic = ticket.topics.first().map_or("", |topic| topic.label.as_str());
        let text = [ticket.text.subject.as_deref(), ticket.text.body.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · ");
        let why = ticket.reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ");
        let head = format!(
            "{:<8} {:<7} {:<22} {topic:<17} {mood}    ",
            ticket.urgency.level.as_str(),
            ticket.channel,
            due(ticket.sla.first_response_due_at, ticket.triaged_at),
        );
        let room = self.width.saturating_sub(5 + head.len());
        let indent = " ".repeat(5 + head.len());
        let why = self.paint(&shorten(&why, room), Style::new().dimmed());
        format!("{level} {head}{}\n{indent}{why}\n", shorten(&text, room))
    }

    fn line(&self, head: &str, rest: &str, style: Style) -> String {
        let rest = shorten(rest, self.width.saturating_sub(head.len()));
        format!("{}\n", self.paint(&format!("{head}{rest}"), style))
    }

    /// The table at the end: in = tickets + filtered + dead letters.
    pub fn summary(&self, sent: usize, address: Option<SocketAddr>, elapsed: Duration) -> String {
        let mut text = String::new();
        let channels = ["email", "chat", "social"];
        let _ = writeln!(text, "\n{:<10} {:>7} {:>7} {:>7} {:>7}", "", channels[0], channels[1], channels[2], "all");
        for priority in Priority::ALL {
            let counts =
                channels.map(|channel| self.tickets.get(&(priority.rank(), channel.to_owned())).copied().unwrap_or(0));
            let all: usize = counts.iter().sum();
            let _ =
                writeln!(text, "{:<10} {:>7} {:>7} {:>7} {all:>7}", priority.as_str(), counts[0], counts[1], counts[2]);
        }
        let listed = |counts: &BTreeMap<String, usize>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let (tickets, filtered, dead) = (
            self.tickets.values().sum::<usize>(),
            self.filtered.values().sum::<usize>(),
            self.dead_letters.values().sum::<usize>(),
        );
        let _ = writeln!(text, "\nfiltered      {}", listed(&self.filtered));
        let _ = writeln!(text, "dead letters  {}", listed(&self.dead_letters));
        let sum = tickets + filtered + dead;
        let verdict = if sum == sent { "=" } else { "≠" };
        let line = format!("in {sent} {verdict} tickets {tickets} + filtered {filtered} + dead letters {dead}");
        let style = if sum == sent { Style::new().green().bold() } else { Style::new().red().bold() };
        let _ = writeln!(text, "\n{}   in {:.1} s", self.paint(&line, style), elapsed.as_secs_f64());
        if let Some(address) = address {
            let _ = writeln!(text, "metrics: http://{address}/metrics");
        }
        text
    }
}

/// `14:55Z (in 29 min)`.
fn due(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let size = seconds.unsigned_abs();
    let amount = match size {
        0..=119 => format!("{size} s"),
        120..=7199 => format!("{} min", size / 60),
        7200..=172_799 => format!("{} h", size / 3600),
        _ => format!("{} d", size / 86_400),
    };
    let clock = at.strftime("%a %H:%MZ");
    if seconds < 0 { format!("{clock} (late {amount})") } else { format!("{clock} (in {amount})") }
}

/// One line of at most `room` characters as a reader counts them.
fn shorten(text: &str, room: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.graphemes(true).count() <= room {
        return flat;
    }
    let mut short: String = flat.graphemes(true).take(room.saturating_sub(1)).collect();
    short.push('…');
    short
}
