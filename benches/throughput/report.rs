//! What was measured, as a table: ratios first, then figures, then where and when.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use undertone::message::Channel;
use undertone::model::Manifest;

use super::feed::Sample;
use super::naive::{NaiveRun, Variant};
use super::raw::{Item, RawRun};
use super::runs::{Latency, Throughput};
use super::stack::Seen;
use super::{Fallible, chart, median};

const PAGE: &str = "docs/performance.md";
const PICTURE: &str = "docs/images/performance.svg";
const BEGIN: &str = "<!-- figures: written by `make bench`, not by hand -->";
const END: &str = "<!-- end of figures -->";

/// Latency of all messages and by channel.
#[derive(Debug, Clone, Copy)]
pub struct Channels {
    pub all: Latency,
    pub each: [(Channel, Latency); 3],
}

impl Channels {
    /// Sorts outcomes by channel.
    pub fn of(seen: &[Seen]) -> Self {
        let each = Channel::ALL.map(|channel| (channel, Latency::of(seen, Some(channel))));
        Self { all: Latency::of(seen, None), each }
    }
}

/// Everything measured in one run of the benchmark.
pub struct Results {
    feed: String,
    model: String,
    pub raw: Vec<RawRun>,
    pub plain: Vec<(Variant, NaiveRun)>,
    pub worker: Vec<Throughput>,
    pub worker_short_commit: Option<Throughput>,
    pub python: Option<Throughput>,
    /// At the default commit interval, then at the short one.
    pub latency: Vec<Channels>,
    pub latency_rate: f64,
    /// Age of the emails, chats, emails still waiting after the last chat.
    pub flood: Vec<(SignedDuration, Latency, usize)>,
    pub flood_emails: usize,
}

impl Results {
    /// Nothing measured yet.
    pub fn new(source: &str, samples: &[Sample], items: &[Item], manifest: &Manifest) -> Self {
        let channels: Vec<String> = Channel::ALL
            .iter()
            .map(|channel| {
                let count = samples.iter().filter(|sample| sample.channel == *channel).count();
                format!("{count} {channel}")
            })
            .collect();
        let mut tokens: Vec<usize> = items.iter().map(Item::tokens).collect();
        tokens.sort_unstable();
        let mean = tokens.iter().sum::<usize>() as f64 / tokens.len().max(1) as f64;
        let at = |share: usize| tokens.get(tokens.len() * share / 100).copied().unwrap_or(0);
        let feed = format!(
            "{} {source}: {}; {mean:.0} tokens on average, half under {}, 95 % under {}",
            samples.len(),
            channels.join(", "),
            at(50),
            at(95),
        );
        let digest = manifest.digest();
        let digest = digest.get(..19).unwrap_or(&digest);
        Self {
            feed,
            model: format!("{} {} ({digest}…)", manifest.name, manifest.version),
            raw: Vec::new(),
            plain: Vec::new(),
            worker: Vec::new(),
            worker_short_commit: None,
            python: None,
            latency: Vec::new(),
            latency_rate: f64::NAN,
            flood: Vec::new(),
            flood_emails: 0,
        }
    }

    /// Speed of the engine alone.
    pub fn raw_per_s(&self) -> Option<f64> {
        (!self.raw.is_empty()).then(|| median(self.raw.iter().map(|run| run.messages_per_s)))
    }

    /// Speed of the whole worker.
    pub fn worker_per_s(&self) -> Option<f64> {
        self.of_worker(|run| run.messages_per_s)
    }

    /// Speed of plain batching, its better variant.
    pub fn plain_per_s(&self) -> Option<f64> {
        self.plain.iter().map(|(_, run)| run.messages_per_s).max_by(f64::total_cmp)
    }

    fn of_worker(&self, figure: impl Fn(&Throughput) -> f64) -> Option<f64> {
        (!self.worker.is_empty()).then(|| median(self.worker.iter().map(figure)))
    }

    /// Prints the table; with `keep` it also goes to the documentation, with its picture.
    pub fn publish(&self, keep: bool) -> Fallible<()> {
        let table = self.table()?;
        std::io::stdout().write_all(table.as_bytes())?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        if !keep {
            let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("performance.svg");
            std::fs::write(&picture, chart::draw(self)?)?;
            eprintln!("not a whole run on real messages: {PAGE} stays as it is; picture: {}", picture.display());
            return Ok(());
        }
        let page = std::fs::read_to_string(root.join(PAGE))?;
        let parts = page.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
        let Some((head, tail)) = parts else { return Err(format!("{PAGE} has lost its markers").into()) };
        std::fs::write(root.join(PAGE), format!("{head}{BEGIN}\n\n{table}\n{END}{tail}"))?;
        std::fs::write(root.join(PICTURE), chart::draw(self)?)?;
        eprintln!("{PAGE} and {PICTURE} are written");
        Ok(())
    }

    fn table(&self) -> Fallible<String> {
        let mut text = String::new();
        self.ratios(&mut text)?;
        self.speeds(&mut text)?;
        self.needs(&mut text)?;
        self.times(&mut text)?;
        self.place(&mut text)?;
        Ok(text)
    }

    fn ratios(&self, text: &mut String) -> Fallible<()> {
        writeln!(text, "| Ratio | measured | aim |\n|---|--:|--:|")?;
        let mut row = |what: &str, ours: Option<f64>, theirs: Option<f64>, aim: &str| -> Fallible<()> {
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                writeln!(text, "| {what} | **{:.2}** | {aim} |", ours / theirs)?;
            }
            Ok(())
        };
        let worker = self.worker_per_s();
        let cpu = (!self.raw.is_empty()).then(|| median(self.raw.iter().map(|run| run.cpu_ms)));
        row("whole worker through Kafka / raw inference alone", worker, self.raw_per_s(), "≥ 0.90")?;
        let of_worker = self.of_worker(|run| run.cpu_ms);
        row("the same by processor time, as if the broker were elsewhere", cpu, of_worker, "")?;
        row(
            "length-grouped batches on one-thread sessions / batches of 32 as they arrive on one session",
            self.raw_per_s(),
            self.plain_per_s(),
            "≥ 3",
        )?;
        row("whole worker / plain Python consumer", worker, self.python.map(|run| run.messages_per_s), "≥ 5")?;
        let short = self.worker_short_commit.map(|run| run.messages_per_s);
        row("worker with commits every 20 ms / every 100 ms (default)", short, worker, "")
    }

    fn speeds(&self, text: &mut String) -> Fallible<()> {
        writeln!(text, "\n| Speed | messages/s | processor time a message |\n|---|--:|--:|")?;
        if let Some(speed) = self.raw_per_s() {
            let rows = median(self.raw.iter().map(|run| run.rows));
            let cpu = median(self.raw.iter().map(|run| run.cpu_ms));
            writeln!(text, "| raw inference, {rows:.0} windows a batch | {speed:.0} | {cpu:.2} ms |")?;
        }
        for (variant, run) in &self.plain {
            let weights = if variant.quant_qdq { "computed as stored (int8 weights)" } else { "widened at load" };
            let threads = variant.threads;
            writeln!(
                text,
                "| batches of {} as they arrive, one session with {threads} threads, weights {weights}; \
                 {:.1} tokens computed for each of text | {:.0} | |",
                variant.batch, run.padding, run.messages_per_s
            )?;
        }
        let mut row = |name: &str, run: &Throughput| {
            writeln!(
                text,
                "| {name} | {:.0} | {:.2} ms, and the broker {:.2} ms |",
                run.messages_per_s, run.cpu_ms, run.broker_cpu_ms
            )
        };
        if let Some(run) = middle(&self.worker) {
            row("whole worker, default settings", run)?;
        }
        if let Some(run) = &self.worker_short_commit {
            row("whole worker, `commit_interval_ms = 20`", run)?;
        }
        if let Some(run) = &self.python {
            row("plain Python consumer", run)?;
        }
        if let Some(total) = self.of_worker(|run| run.total_per_s) {
            writeln!(text, "| whole worker, its start-up counted | {total:.0} | |")?;
        }
        Ok(())
    }

    fn needs(&self, text: &mut String) -> Fallible<()> {
        let Some(start) = self.of_worker(|run| run.start_up_s) else { return Ok(()) };
        let most = |figure: fn(&Throughput) -> f64| self.worker.iter().map(figure).fold(f64::NAN, f64::max);
        writeln!(text, "\n| What the worker needs | measured | aim |\n|---|--:|--:|")?;
        writeln!(text, "| start until `/readyz` says ok | {start:.2} s | < 2 s |")?;
        writeln!(text, "| memory (RSS), highest under full load | {:.0} MB | < 300 MB |", most(|run| run.peak_mb))?;
        writeln!(text, "| memory (RSS) afterwards | {:.0} MB | |", most(|run| run.rss_mb))?;
        if let Some(idle) = self.worker.iter().find_map(|run| run.idle_cpu) {
            writeln!(text, "| processor while idle | {:.2} % of one | < 1 % |", idle * 100.0)?;
        }
        Ok(())
    }

    fn times(&self, text: &mut String) -> Fallible<()> {
        if self.latency.is_empty() && self.flood.is_empty() {
            return Ok(());
        }
        writeln!(text, "\n| From record to committed ticket | messages | p50 | p99 | aim |\n|---|--:|--:|--:|--:|")?;
        let mut row = |what: &str, times: &Latency, aim: &str| {
            writeln!(text, "| {what} | {} | {} ms | {} ms | {aim} |", times.messages, times.p50_ms, times.p99_ms)
        };
        let intervals = [("", "p50 < 300 ms"), (", `commit_interval_ms = 20`", "")];
        for (channels, (interval, aim)) in self.latency.iter().zip(intervals) {
            row(&format!("half load ({:.0}/s){interval}", self.latency_rate), &channels.all, aim)?;
            for (channel, times) in &channels.each {
                row(&format!("· {channel}"), times, "")?;
            }
        }
        for (age, chat, waiting) in &self.flood {
            let kind = if age.is_zero() { "fresh" } else { "overdue" };
            let what = format!("chat while {} {kind} emails wait ({waiting} still do at the end)", self.flood_emails);
            row(&what, chat, "p99 < 2 s")?;
        }
        Ok(())
    }

    fn place(&self, text: &mut String) -> Fallible<()> {
        let now = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
        let cpu = proc_field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory = proc_field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split(' ').next().and_then(|kib| kib.parse::<f64>().ok()))
            .map_or_else(String::new, |kib| format!(", {:.0} GB of memory", kib * 1024.0 / 1e9));
        writeln!(text, "\nMeasured {now} on {cpu}, {cores} cores{memory}; broker, feed and reader share them.")?;
        writeln!(text, "Undertone {}, model {}.", env!("CARGO_PKG_VERSION"), self.model)?;
        let onnx = between(include_str!("../../scripts/onnxruntime.sh"), "\nversion=", "\n").unwrap_or("?");
        let kafka = between(include_str!("../../tests/support/kafka/pom.xml"), "<kafka.version>", "<").unwrap_or("?");
        writeln!(text, "ONNX Runtime {onnx}, Apache Kafka {kafka} (one broker).")?;
        writeln!(text, "Feed: {}.", self.feed)?;
        if self.worker.len() > 1 {
            let list = |figures: &mut dyn Iterator<Item = f64>| {
                figures.map(|figure| format!("{figure:.0}")).collect::<Vec<_>>().join(", ")
            };
            writeln!(
                text,
                "Medians of {} runs in turn: worker {}/s, raw inference {}/s.",
                self.worker.len(),
                list(&mut self.worker.iter().map(|run| run.messages_per_s)),
                list(&mut self.raw.iter().map(|run| run.messages_per_s)),
            )?;
        }
        Ok(())
    }
}

/// The run in the middle by speed.
fn middle(runs: &[Throughput]) -> Option<&Throughput> {
    let mut sorted: Vec<&Throughput> = runs.iter().collect();
    sorted.sort_by(|one, other| one.messages_per_s.total_cmp(&other.messages_per_s));
    sorted.get(sorted.len() / 2).copied()
}

/// Value of a `name : value` line.
fn proc_field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, value) = text.lines().find(|line| line.starts_with(name))?.split_once(':')?;
    Some(value.trim().to_owned())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}
