//! Cost of the steps around the model, one core each: decode and clean, tokenise, policy, queue.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::path::PathBuf;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use undertone::commands::feed;
use undertone::config::Config;
use undertone::message::{Channel, Decoded, InboundLimits, InboundMessage, SourcePosition, decode, filter};
use undertone::model::{BatchQueue, Model, QueueEntry};
use undertone::policy::Policy;
use undertone::prioritise::ticket_of_stranger;
use undertone::text::{LanguageDetector, TextOptions, clean};
use undertone::ticket::ScoredMessage;

fn inbound(payload: Bytes) -> InboundMessage {
    InboundMessage {
        position: SourcePosition { topic: "support.chat".into(), partition: 0, offset: 0 },
        key: None,
        payload: Some(payload),
        headers: Vec::new(),
        timestamp_ms: Some(0),
    }
}

fn rooms(criterion: &mut Criterion) {
    let config = Config::from_text("", "bench", []).unwrap();
    let now = Timestamp::now();
    let samples: Vec<InboundMessage> = feed::records(&config, now)
        .unwrap()
        .into_iter()
        .filter(|sample| sample.expect.as_ref().is_some_and(|expect| expect.outcome == "ticket"))
        .filter_map(|sample| sample.record.payload.map(inbound))
        .collect();
    let detector = LanguageDetector::new();
    let mut group = criterion.benchmark_group("message");
    group.throughput(Throughput::Elements(samples.len() as u64));
    group.bench_function("decode, filter, clean, language", |bencher| {
        bencher.iter(|| {
            for sample in &samples {
                if let Ok(Decoded::Message(message)) =
                    decode(sample, Some(Channel::Chat), &InboundLimits::default(), now)
                {
                    black_box(filter::filter(&message));
                    black_box(clean(&message, &TextOptions::default(), &detector));
                }
            }
        });
    });
    group.finish();

    let mut settings = config.model.clone();
    settings.path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/models/undertone-small"));
    let model = Model::load(&settings).unwrap();
    let text = "My card is being used by somebody else right now and I cannot reach you by phone, please block it.";
    criterion
        .bench_function("tokenise one message", |bencher| bencher.iter(|| model.tokenizer.encode(black_box(text))));

    let policy = Policy::default_policy().unwrap();
    let scored: ScoredMessage = serde_json::from_str(include_str!("../tests/fixtures/scored.json")).unwrap();
    criterion.bench_function("policy and ticket", |bencher| {
        bencher.iter(|| ticket_of_stranger(black_box(scored.clone()), &policy, now));
    });

    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(4096));
    group.bench_function("push and cut 4096 windows", |bencher| {
        bencher.iter(|| {
            let mut queue = BatchQueue::new(1024, 0.3);
            for item in 0..4096u32 {
                let tokens = 8 + (item as usize * 7919) % 200;
                queue.push(QueueEntry { partition: item % 12, due_ms: i64::from(item % 977) - 300, tokens, item });
            }
            while let Some(batch) = queue.cut(0) {
                black_box(batch.items);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, rooms);
criterion_main!(benches);
