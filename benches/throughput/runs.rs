//! The worker through Kafka: how fast, how soon, and what it needs.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use undertone::message::Channel;

use super::Fallible;
use super::feed::{Random, Sample};
use super::process::{Measured, cpu_seconds};
use super::stack::{Seen, Stack};
use super::support::RealKafka;

/// Nothing measured here should take longer.
const LIMIT: Duration = Duration::from_mins(15);
/// Outcomes this close to the first one are of the same transaction.
const SAME_COMMIT: Duration = Duration::from_millis(40);

/// A run over a topic that was full before the worker started.
#[derive(Debug, Clone, Copy)]
pub struct Throughput {
    /// From the first committed outcome to the last.
    pub messages_per_s: f64,
    /// From the start of the process to the last outcome, its start included.
    pub total_per_s: f64,
    pub start_up_s: f64,
    /// Processor seconds a message, of the measured process and of the broker.
    pub cpu_ms: f64,
    pub broker_cpu_ms: f64,
    /// Resident memory, peak and at the end.
    pub peak_mb: f64,
    pub rss_mb: f64,
    /// Share of one processor while idle, where it was measured.
    pub idle_cpu: Option<f64>,
}

/// Processor seconds of the broker; 0 for one that is not ours.
fn broker_cpu(kafka: &RealKafka) -> f64 {
    let elsewhere = std::env::var("UNDERTONE_TEST_BOOTSTRAP").is_ok_and(|address| !address.is_empty());
    if elsewhere { 0.0 } else { kafka.process_id(0).map_or(0.0, cpu_seconds) }
}

/// Processor seconds used, by the process and by the broker, when so many outcomes were out.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    process_s: f64,
    broker_s: f64,
    outcomes: usize,
}

impl Used {
    fn so_far(kafka: &RealKafka, process: &Measured, outcomes: usize) -> Self {
        Self { process_s: process.cpu_seconds(), broker_s: broker_cpu(kafka), outcomes }
    }
}

/// Fills the topics, starts the worker and measures until all is out.
pub fn throughput(
    kafka: &'static RealKafka,
    samples: &[Sample],
    environment: &[(&str, &str)],
    idle: Option<Duration>,
) -> Fallible<Throughput> {
    let stack = Stack::new(kafka, "bench")?;
    fill(&stack, samples)?;
    let reader = stack.reader()?;
    let mut worker = Measured::worker(&stack.config, environment)?;
    let start_up = worker.wait_ready()?;
    // From here on it works, long before its first commit is seen.
    let from = Used::so_far(kafka, &worker, 0);
    let mut result = drain(kafka, &mut worker, &reader, samples.len(), Some(from))?;
    result.start_up_s = start_up.as_secs_f64();
    if let Some(idle) = idle {
        std::thread::sleep(Duration::from_secs(3));
        let (before, started) = (worker.cpu_seconds(), Instant::now());
        std::thread::sleep(idle);
        result.idle_cpu = Some((worker.cpu_seconds() - before) / started.elapsed().as_secs_f64());
        result.rss_mb = worker.memory_mb().1;
    }
    worker.terminate()?;
    Ok(result)
}

/// Puts all samples on the input topics.
pub fn fill(stack: &Stack, samples: &[Sample]) -> Fallible<()> {
    let feeder = stack.feeder()?;
    for (index, sample) in samples.iter().enumerate() {
        feeder.send(sample, index, None)?;
    }
    feeder.flush()
}

/// Waits for `count` outcomes of a process that has work waiting, and measures it; processor time
/// counts since `from`, else since the first outcome.
pub fn drain(
    kafka: &RealKafka,
    process: &mut Measured,
    reader: &super::stack::Reader,
    count: usize,
    from: Option<Used>,
) -> Fallible<Throughput> {
    reader.wait(1, LIMIT, || process.check())?;
    let from = from.unwrap_or_else(|| Used::so_far(kafka, process, reader.count()));
    reader.wait(count, LIMIT, || process.check())?;
    let until = Used::so_far(kafka, process, count);
    let seen = reader.seen();
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Err("no outcomes".into()) };
    if seen.len() != count || seen.iter().any(|outcome| !outcome.ticket) {
        return Err(format!("{} outcomes of {count} messages, or not all are tickets", seen.len()).into());
    }
    let head = seen.iter().take_while(|outcome| outcome.at - first.at < SAME_COMMIT).count();
    let measured = (until.outcomes - from.outcomes) as f64;
    let (peak_mb, rss_mb) = process.memory_mb();
    Ok(Throughput {
        messages_per_s: (count - head) as f64 / (last.at - first.at).as_secs_f64(),
        total_per_s: count as f64 / (last.at - process.spawned()).as_secs_f64(),
        start_up_s: 0.0,
        cpu_ms: (until.process_s - from.process_s) * 1000.0 / measured,
        broker_cpu_ms: (until.broker_s - from.broker_s) * 1000.0 / measured,
        peak_mb,
        rss_mb,
        idle_cpu: None,
    })
}

/// Time from the record's timestamp to its ticket at a read_committed reader.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub messages: usize,
    pub p50_ms: i64,
    pub p99_ms: i64,
}

impl Latency {
    /// Of the outcomes of one channel, or of all.
    pub fn of(seen: &[Seen], channel: Option<Channel>) -> Self {
        let mut times: Vec<i64> = seen
            .iter()
            .filter(|outcome| channel.is_none() || outcome.channel() == channel)
            .map(|outcome| outcome.latency_ms)
            .collect();
        times.sort_unstable();
        // The smallest time that at least this share of the messages kept.
        let rank = |share: f64| {
            let index = (share * times.len() as f64).ceil() as usize;
            times.get(index.saturating_sub(1)).copied().unwrap_or(-1)
        };
        Self { messages: times.len(), p50_ms: rank(0.5), p99_ms: rank(0.99) }
    }
}

/// Sends `rate` messages a second for `duration`, at random moments, to a worker that is up;
/// gives the outcomes.
pub fn latency(
    kafka: &'static RealKafka,
    samples: &[Sample],
    rate: f64,
    duration: Duration,
    environment: &[(&str, &str)],
) -> Fallible<Vec<Seen>> {
    let stack = Stack::new(kafka, "bench")?;
    let reader = stack.reader()?;
    let mut worker = Measured::worker(&stack.config, environment)?;
    worker.wait_ready()?;
    let feeder = stack.feeder()?;
    // First messages connect and warm up everybody; they are not counted.
    let warm = 100.min(samples.len());
    for (index, sample) in samples[..warm].iter().enumerate() {
        feeder.send(sample, index, None)?;
    }
    reader.wait(warm, LIMIT, || worker.check())?;
    let mut random = Random(7);
    let mut due = 0.0;
    let mut sent = 0;
    let started = Instant::now();
    for (index, sample) in samples.iter().cycle().enumerate() {
        // Exponential gaps: as independent customers arrive.
        due -= random.unit().ln() / rate;
        if due > duration.as_secs_f64() {
            break;
        }
        std::thread::sleep((started + Duration::from_secs_f64(due)).saturating_duration_since(Instant::now()));
        feeder.send(sample, warm + index, None)?;
        sent += 1;
    }
    feeder.flush()?;
    reader.wait(warm + sent, LIMIT, || worker.check())?;
    worker.terminate()?;
    Ok(reader.seen().split_off(warm))
}

/// Sends chats to a worker that has `emails` waiting, `age` old; gives the chats' outcomes and the
/// number of emails still waiting after the last one.
pub fn flood(
    kafka: &'static RealKafka,
    samples: &[Sample],
    emails: usize,
    age: SignedDuration,
    (rate, duration): (f64, Duration),
) -> Fallible<(Vec<Seen>, usize)> {
    let stack = Stack::new(kafka, "bench")?;
    let reader = stack.reader()?;
    let feeder = stack.feeder()?;
    let received = Timestamp::now() - age;
    let of = |channel| samples.iter().filter(move |sample| sample.channel == channel);
    for (index, sample) in of(Channel::Email).cycle().take(emails).enumerate() {
        feeder.send(sample, index, Some(received))?;
    }
    feeder.flush()?;
    let mut worker = Measured::worker(&stack.config, &[])?;
    worker.wait_ready()?;
    // The backlog is being worked on before the first chat comes.
    reader.wait(100, LIMIT, || worker.check())?;
    let chats = (rate * duration.as_secs_f64()) as usize;
    let started = Instant::now();
    for (index, sample) in of(Channel::Chat).cycle().take(chats).enumerate() {
        std::thread::sleep(
            (started + Duration::from_secs_f64(index as f64 / rate)).saturating_duration_since(Instant::now()),
        );
        feeder.send(sample, emails + index, None)?;
        feeder.flush()?;
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        worker.check()?;
        let seen = reader.seen();
        let total = seen.len();
        let chat: Vec<Seen> = seen.into_iter().filter(|outcome| outcome.channel() == Some(Channel::Chat)).collect();
        if chat.len() >= chats {
            return Ok((chat, (emails + chats).saturating_sub(total)));
        }
        if Instant::now() > deadline {
            return Err(format!("{} of {chats} chats", chat.len()).into());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
