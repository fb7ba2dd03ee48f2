//! Undertone's benchmark: the whole worker on a real Kafka, against the bare model and against plain programs.
//!
//! `make bench`, or `cargo bench --bench throughput -- --only raw,worker --messages 2000`. A whole run on
//! real messages writes `docs/performance.md` and its picture; anything less only prints. The messages come
//! from `UNDERTONE_BENCH_DATA` (default `../shared/data`), else they are written ones or the demo feed.

mod chart;
mod feed;
mod naive;
mod options;
mod peer;
mod process;
mod raw;
mod report;
mod runs;
mod stack;
#[path = "../../tests/support/mod.rs"]
mod support;
mod sweep;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::SignedDuration;
use options::{Options, Section};
use raw::Item;
use report::{Channels, Results};
use runs::Latency;
use support::RealKafka;
use undertone::config::Config;
use undertone::message::Channel;
use undertone::model::Model;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Chats a second while emails wait.
const CHAT_RATE: f64 = 5.0;
/// A shorter commit interval, to show what it costs.
const SHORT_COMMIT: (&str, &str) = ("UNDERTONE_DELIVERY__COMMIT_INTERVAL_MS", "20");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == naive::CHILD_ARGUMENT => naive::child(rest),
        // `cargo test --all-targets` only wants to know that it builds.
        None => {
            eprintln!("throughput: nothing is measured without `--bench`, which `cargo bench` adds");
            Ok(())
        }
        _ => Options::parse(&arguments).and_then(|options| bench(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Fallible<()> {
    let config = Config::from_text("", "bench", [])?
        .with(|settings| settings.model.path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&settings.model.path))?;
    let model = Model::load(&config.model)?;
    // Some are filtered (no text, automatic answers); the rest is cut to the number asked for.
    let feed = feed::load(options.messages + options.messages / 10)?;
    let (mut samples, mut items) = raw::prepare(&config, &model, feed.samples)?;
    samples.truncate(options.messages);
    items.truncate(options.messages);
    if samples.len() < options.messages {
        return Err(format!("only {} messages are left after filtering", samples.len()).into());
    }
    let mut results = Results::new(&feed.source, &samples, &items, &model.manifest);
    if options.has(Section::Sweep) {
        return sweep::sweep(&config, &model, &samples, &items, options);
    }
    let kafka = if options.needs_kafka() { RealKafka::shared() } else { None };
    inference(&config, &model, &items, options, &mut results)?;
    if let Some(kafka) = kafka {
        for round in 0..options.rounds {
            if options.has(Section::Raw) {
                let run = raw::engine(&model, &items, config.inference_threads(), config.model.batch_tokens)?;
                eprintln!("raw inference: {:.1}/s", run.messages_per_s);
                results.raw.push(run);
            }
            if options.has(Section::Worker) {
                let idle = (round == 0).then_some(options.idle);
                let run = runs::throughput(kafka, &samples, &[], idle)?;
                eprintln!("worker: {run:?}");
                results.worker.push(run);
            }
        }
        through_kafka(kafka, &config, &model, &samples, options, &mut results)?;
    } else if options.has(Section::Raw) {
        results.raw.push(raw::engine(&model, &items, config.inference_threads(), config.model.batch_tokens)?);
    }
    results.publish(options.whole() && feed.real && kafka.is_some())
}

/// Batching against batching, without Kafka.
fn inference(config: &Config, model: &Model, items: &[Item], options: &Options, results: &mut Results) -> Fallible<()> {
    if !options.has(Section::Plain) {
        return Ok(());
    }
    let threads = config.inference_threads();
    for quant_qdq in [false, true] {
        let variant = naive::Variant { batch: 32, threads, quant_qdq };
        let run = raw::naive(config, model, items, &variant)?;
        eprintln!("plain batching: {variant:?} {run:?}");
        results.plain.push((variant, run));
    }
    Ok(())
}

/// What follows from the worker's own speed, and the peer.
fn through_kafka(
    kafka: &'static RealKafka,
    config: &Config,
    model: &Model,
    samples: &[feed::Sample],
    options: &Options,
    results: &mut Results,
) -> Fallible<()> {
    if options.has(Section::Worker) {
        let run = runs::throughput(kafka, samples, &[SHORT_COMMIT], None)?;
        eprintln!("worker, commit interval 20 ms: {run:?}");
        results.worker_short_commit = Some(run);
    }
    if options.has(Section::Python) {
        let run = peer::throughput(kafka, samples, &config.model.path, &model.manifest.files.onnx)?;
        eprintln!("python: {run:?}");
        results.python = Some(run);
    }
    if options.has(Section::Latency) {
        let Some(rate) = options.rate.or_else(|| results.worker_per_s().map(|rate| rate / 2.0)) else {
            return Err("`latency` needs `worker` or --rate".into());
        };
        for environment in [&[][..], &[SHORT_COMMIT]] {
            let seen = runs::latency(kafka, samples, rate, options.duration, environment)?;
            let channels = Channels::of(&seen);
            eprintln!("latency at {rate:.0}/s, {environment:?}: {channels:?}");
            results.latency.push(channels);
        }
        results.latency_rate = rate;
    }
    if options.has(Section::Flood) {
        let load = (CHAT_RATE, options.duration);
        for age in [SignedDuration::ZERO, SignedDuration::from_hours(24 * 10)] {
            let (seen, waiting) = runs::flood(kafka, samples, options.emails, age, load)?;
            let chat = Latency::of(&seen, Some(Channel::Chat));
            eprintln!("chat among {} emails, {age:#} old: {chat:?}, {waiting} still wait", options.emails);
            results.flood.push((age, chat, waiting));
        }
        results.flood_emails = options.emails;
    }
    Ok(())
}

/// The median of some figures; NaN of none.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// Long enough to be a load, short enough to wait for.
const DURATION: Duration = Duration::from_secs(30);
