//! The settings that speed depends on, tried one by one; printed only.

use undertone::config::Config;
use undertone::model::Model;

use super::feed::Sample;
use super::options::Options;
use super::raw::{self, Item};
use super::support::RealKafka;
use super::{Fallible, median, runs};

const BATCH_TOKENS: [usize; 5] = [256, 512, 1024, 2048, 4096];

/// Batch sizes and threads, on the engine alone and on the whole worker.
pub fn sweep(config: &Config, model: &Model, samples: &[Sample], items: &[Item], options: &Options) -> Fallible<()> {
    for threads in 1..=config.inference_threads() {
        for batch_tokens in BATCH_TOKENS {
            let runs: Vec<raw::RawRun> = (0..options.rounds)
                .map(|_| raw::engine(model, items, threads, batch_tokens))
                .collect::<Fallible<_>>()?;
            let speed = median(runs.iter().map(|run| run.messages_per_s));
            let rows = median(runs.iter().map(|run| run.rows));
            eprintln!("raw: {threads} threads, {batch_tokens:4} tokens: {speed:7.1}/s, {rows:4.1} rows");
        }
    }
    let Some(kafka) = RealKafka::shared() else { return Ok(()) };
    let all = config.inference_threads().to_string();
    let worker = |inference: &str, tokenizers: &str, tokens: usize| -> Fallible<()> {
        let tokens = tokens.to_string();
        let environment = [
            ("UNDERTONE_MODEL__INFERENCE_THREADS", inference),
            ("UNDERTONE_MODEL__TOKENIZER_THREADS", tokenizers),
            ("UNDERTONE_MODEL__BATCH_TOKENS", tokens.as_str()),
        ];
        let runs: Vec<runs::Throughput> = (0..options.rounds)
            .map(|_| runs::throughput(kafka, samples, &environment, None))
            .collect::<Fallible<_>>()?;
        let speed = median(runs.iter().map(|run| run.messages_per_s));
        let cpu = median(runs.iter().map(|run| run.cpu_ms));
        let broker = median(runs.iter().map(|run| run.broker_cpu_ms));
        let peak = runs.iter().map(|run| run.peak_mb).fold(0.0, f64::max);
        eprintln!(
            "worker: {inference} inference, {tokenizers} tokenizer threads, {tokens:4} tokens: {speed:7.1}/s, \
             cpu {cpu:.2} ms + broker {broker:.2} ms a message, peak {peak:.0} MB"
        );
        Ok(())
    };
    for tokens in BATCH_TOKENS {
        worker(&all, "1", tokens)?;
    }
    worker(&all, "2", config.model.batch_tokens)?;
    worker("1", "1", config.model.batch_tokens)?;
    Ok(())
}
