//! One run under faults: a pipeline, a producer that keeps feeding it, a reader that notes when each
//! outcome became visible, and the verdict at the end, which is read anew from Kafka.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::io::Write;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::support::pipeline::{CHANNELS, TINY_MODEL, message, source};
use crate::support::{Pipeline, RealKafka, Record, Watch, Worker};

/// How long anything may take to go on after a fault, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Whether the long form was asked for.
pub fn long() -> bool {
    env::var("UNDERTONE_FAULTS").is_ok_and(|form| form == "long")
}

/// One of two numbers, by the form of the run.
pub fn scaled(short: usize, long_form: usize) -> usize {
    if long() { long_form } else { short }
}

/// Held by tests that may run beside each other.
pub fn beside_others() -> RwLockReadGuard<'static, ()> {
    turn().read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Held by tests that measure, and so need the machine for themselves.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    turn().write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn turn() -> &'static RwLock<()> {
    static TURN: OnceLock<RwLock<()>> = OnceLock::new();
    TURN.get_or_init(RwLock::default)
}

/// Prints a line that the test runner does not hold back.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Random choices that can be repeated (SplitMix64).
pub struct Rng(u64);

impl Rng {
    /// Seeded by `UNDERTONE_SEED`, else by the clock, and by the test's name.
    fn of(name: &str) -> Self {
        static SEED: OnceLock<u64> = OnceLock::new();
        let seed = *SEED.get_or_init(|| match env::var("UNDERTONE_SEED") {
            Ok(seed) => seed.parse().expect("UNDERTONE_SEED is a number"),
            Err(_) => Timestamp::now().as_millisecond().unsigned_abs() % 1_000_000,
        });
        say(&format!("fault={name} seed={seed}"));
        Self(name.bytes().fold(seed, |state, byte| state.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Sleeps for a random time of `from` up to `to` milliseconds.
    pub fn sleep(&mut self, from: u64, to: u64) {
        std::thread::sleep(Duration::from_millis(from + self.below(to - from)));
    }
}

/// Delivery settings of a worker that is found dead after `session` milliseconds.
pub fn delivery(transaction: u32, session: u32) -> String {
    format!(
        "[delivery]\ntransaction_timeout_ms = {transaction}\nsession_timeout_ms = {session}\n\
         [kafka.consumer_options]\n\"heartbeat.interval.ms\" = {}\n",
        session / 5
    )
}

/// A run under faults.
pub struct Run<'k> {
    pub pipeline: Pipeline<'k>,
    pub watch: Watch,
    pub rng: Rng,
    name: &'static str,
    feeder: Option<Feeder>,
    /// When each fault ended (kill, SIGCONT, restart), in milliseconds since the epoch.
    faults: Vec<i64>,
    /// Workers that ended by themselves and were started again, as an orchestrator would.
    pub restarts: usize,
    ordered: bool,
}

impl<'k> Run<'k> {
    /// Prepares topics and a reader of their outcomes.
    pub fn new(kafka: &'k RealKafka, name: &'static str, more: &str) -> Self {
        Self::with_model(kafka, name, &format!("{TINY_MODEL}{more}"))
    }

    /// As `new`, where `more` names the model.
    pub fn with_model(kafka: &'k RealKafka, name: &'static str, more: &str) -> Self {
        let rng = Rng::of(name);
        Self::on(Pipeline::new(kafka, name, more), rng, name, &[])
    }

    /// As `new`, on a pipeline whose topics `without` do not exist.
    pub fn with_topics_missing(kafka: &'k RealKafka, name: &'static str, more: &str, without: &[&str]) -> Self {
        let rng = Rng::of(name);
        let pipeline = Pipeline::without_topics(kafka, name, &format!("{TINY_MODEL}{more}"));
        let all: Vec<String> = pipeline
            .input_topics()
            .into_iter()
            .chain(pipeline.outcome_topics())
            .chain(
                ["scored", "review", "sla", "state", "updates", "customers", "identity"]
                    .map(|name| pipeline.topic(name)),
            )
            .filter(|topic| without.iter().all(|name| *topic != pipeline.topic(name)))
            .collect();
        kafka.create_topics(&all.iter().map(|topic| (topic.as_str(), 3)).collect::<Vec<_>>());
        Self::on(pipeline, rng, name, without)
    }

    /// A run on topics that are there.
    fn on(pipeline: Pipeline<'k>, rng: Rng, name: &'static str, without: &[&str]) -> Self {
        let topics: Vec<String> = pipeline
            .outcome_topics()
            .into_iter()
            .filter(|topic| without.iter().all(|name| *topic != pipeline.topic(name)))
            .collect();
        let watch = Watch::start(pipeline.kafka, &topics);
        Self { pipeline, watch, rng, name, feeder: None, faults: Vec::new(), restarts: 0, ordered: true }
    }

    /// Reads the outcomes anew, now that all their topics exist.
    pub fn watch_again(&mut self) {
        self.watch = Watch::start(self.pipeline.kafka, &self.pipeline.outcome_topics());
    }

    /// Starts feeding all channels, `per_second` records together.
    pub fn feed(&mut self, per_second: usize) {
        self.feeder = Some(Feeder::start(&self.pipeline, per_second));
    }

    /// Starts a worker.
    pub fn worker(&self, instance: &str) -> Worker {
        Worker::start(&self.pipeline.config, instance, &[])
    }

    /// Notes that a fault has just ended; gives the moment.
    pub fn fault(&mut self) -> i64 {
        let now = Timestamp::now().as_millisecond();
        self.faults.push(now);
        now
    }

    /// Waits until an outcome is visible that was made after `moment`; workers that ended by themselves are
    /// started again.
    pub fn wait_outcome_after(&mut self, moment: i64, workers: &mut [(&str, &mut Worker)]) {
        let deadline = Instant::now() + PATIENCE;
        while self.watch.first_after(moment).is_none() {
            self.tend(workers);
            assert!(Instant::now() < deadline, "{}: no outcome since the fault\n{}", self.name, logs(workers));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts workers again that ended by themselves.
    pub fn tend(&mut self, workers: &mut [(&str, &mut Worker)]) {
        for (instance, worker) in workers {
            if let Some(status) = worker.exit_status() {
                assert!(!status.success(), "{}: a worker left without being asked\n{}", self.name, worker.log());
                say(&format!("  {}: {instance} ended with {status}, restarting: {}", self.name, last_line(worker)));
                self.restarts += 1;
                **worker = self.worker(instance);
            }
        }
    }

    /// Stops feeding and waits until every record sent has an outcome.
    pub fn settle(&mut self, workers: &mut [(&str, &mut Worker)]) {
        if let Some(feeder) = self.feeder.take() {
            feeder.finish();
        }
        let inputs: usize = self.pipeline.read_to_end(&self.pipeline.input_topics()).len();
        let deadline = Instant::now() + PATIENCE;
        while self.watch.distinct() < inputs && Instant::now() < deadline {
            self.tend(workers);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Settles, lets the workers finish in order, reads everything anew, prints the line of the closing
    /// table; nothing may be lost, doubled or out of order.
    pub fn finish(mut self, workers: &mut [(&str, &mut Worker)], extra: &str) -> Verdict {
        self.settle(workers);
        let statuses: Vec<ExitStatus> = workers.iter_mut().map(|(_, worker)| worker.terminate()).collect();
        let verdict = Verdict::of(&self.pipeline);
        self.report(&verdict, extra);
        let none = |what: &str, found: &[String]| {
            let some = &found[..found.len().min(20)];
            assert!(found.is_empty(), "{what}: {} in all, such as {some:#?}\n{}", found.len(), logs(workers));
        };
        none("lost", &verdict.lost);
        none("outcomes of no input", &verdict.strange);
        if self.ordered {
            none("doubled", &verdict.doubled);
            none("out of order", &verdict.overtaken);
        }
        for ((instance, worker), status) in workers.iter().zip(statuses) {
            assert!(status.success(), "{instance} ended with {status}\n{}", worker.log());
        }
        verdict
    }

    /// Doubles, and the disorder they bring, are allowed.
    pub fn allow_doubles(&mut self) {
        self.ordered = false;
    }

    fn report(&self, verdict: &Verdict, extra: &str) {
        let mut recoveries: Vec<i64> =
            self.faults.iter().filter_map(|&fault| Some(self.watch.first_after(fault)? - fault)).collect();
        assert_eq!(recoveries.len(), self.faults.len(), "{}: no outcome after the last fault", self.name);
        say(&format!(
            "fault={} times={} in={} out={} lost={} doubled={} recovery_p50={} recovery_p99={} restarts={}{extra}",
            self.name,
            self.faults.len(),
            verdict.inputs,
            verdict.outcomes,
            verdict.lost.len(),
            verdict.doubled.len(),
            milliseconds(percentile(&mut recoveries, 50)),
            milliseconds(percentile(&mut recoveries, 99)),
            self.restarts,
        ));
    }
}

fn milliseconds(value: Option<i64>) -> String {
    value.map_or_else(|| "-".into(), |ms| format!("{ms}ms"))
}

/// Nearest-rank percentile.
pub fn percentile(values: &mut [i64], percent: usize) -> Option<i64> {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}

/// The last line it wrote: the error it ended with.
fn last_line(worker: &Worker) -> String {
    worker.log().lines().last().unwrap_or_default().to_owned()
}

/// The ends of the workers' logs.
pub fn logs(workers: &[(&str, &mut Worker)]) -> String {
    let tail = |text: String| {
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    };
    let each: Vec<_> =
        workers.iter().map(|(instance, worker)| format!("-- log of {instance}:\n{}", tail(worker.log()))).collect();
    each.join("\n")
}

/// What Kafka says at the end, when no worker runs.
pub struct Verdict {
    pub inputs: usize,
    pub outcomes: usize,
    /// Inputs without an outcome.
    pub lost: Vec<String>,
    /// Inputs with more than one outcome, or scored more than once.
    pub doubled: Vec<String>,
    /// Outcomes of records that were never sent.
    pub strange: Vec<String>,
    /// Records that stand behind a later one of their conversation.
    pub overtaken: Vec<String>,
    pub letters: Vec<Record>,
    pub tickets: Vec<Record>,
}

impl Verdict {
    pub fn of(pipeline: &Pipeline<'_>) -> Self {
        let inputs: HashSet<String> = pipeline
            .read_to_end(&pipeline.input_topics())
            .iter()
            .map(|record| format!("{}/{}@{}", record.topic, record.partition, record.offset))
            .collect();
        let scored = pipeline.read_to_end(&[pipeline.topic("scored")]);
        let scored: Vec<Record> =
            scored.into_iter().filter(|record| record.header("triage-kind").as_deref() == Some("scored")).collect();
        let outcomes = pipeline.read_to_end(&pipeline.outcome_topics());
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for record in &scored {
            counts.entry(source(record)).or_default().0 += 1;
        }
        for record in &outcomes {
            counts.entry(source(record)).or_default().1 += 1;
        }
        let (letters, tickets): (Vec<_>, Vec<_>) = outcomes
            .iter()
            .filter(|record| record.topic.ends_with(".dlq") || record.topic.contains(".tickets."))
            .cloned()
            .partition(|record| record.topic.ends_with(".dlq"));
        let mut overtaken = overtaken(&scored, |_| String::new());
        overtaken.extend(self::overtaken(&tickets, |ticket| {
            ticket.json()["conversation_id"].as_str().unwrap_or_default().to_owned()
        }));
        Self {
            inputs: inputs.len(),
            outcomes: outcomes.len(),
            lost: inputs
                .iter()
                .filter_map(|input| match counts.get(input) {
                    None => Some(format!("{input}: never scored")),
                    Some((scored, 0)) => Some(format!("{input}: {scored} scored, no outcome")),
                    Some(_) => None,
                })
                .collect(),
            doubled: counts
                .iter()
                .filter(|(_, (scored, outcomes))| *scored > 1 || *outcomes > 1)
                .map(|(input, (scored, outcomes))| format!("{input}: {scored} scored, {outcomes} outcomes"))
                .collect(),
            strange: counts.keys().filter(|input| !inputs.contains(*input)).cloned().collect(),
            overtaken,
            letters,
            tickets,
        }
    }
}

/// Records of one output partition whose source offset is not above that of the one before them, among
/// those of one input partition and one `group`.
fn overtaken(records: &[Record], group: impl Fn(&Record) -> String) -> Vec<String> {
    let mut last: BTreeMap<(String, i32, String, String), i64> = BTreeMap::new();
    let mut found = Vec::new();
    for record in records {
        let position = source(record);
        let (partition, offset) = position.rsplit_once('@').unwrap();
        let offset: i64 = offset.parse().unwrap();
        let key = (record.topic.clone(), record.partition, partition.to_owned(), group(record));
        if last.insert(key, offset).is_some_and(|before| before >= offset) {
            found.push(format!("{position} in {}/{}@{}", record.topic, record.partition, record.offset));
        }
    }
    found
}

/// Feeds a pipeline from a thread of its own until it is told to finish.
struct Feeder {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Feeder {
    fn start(pipeline: &Pipeline<'_>, per_second: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sender = pipeline.kafka.sender();
        let topics = pipeline.input_topics();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let started = Instant::now();
            let mut sent = 0;
            while !stopped.load(Ordering::Relaxed) {
                let due = (started.elapsed().as_secs_f64() * per_second as f64) as usize;
                while sent < due {
                    let channel = sent % CHANNELS.len();
                    sender.send(&topics[channel], &message(CHANNELS[channel], sent / CHANNELS.len()));
                    sent += 1;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            sender.finish(Duration::from_mins(2));
        });
        Self { stop, thread }
    }

    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the producer delivers all");
    }
}
