//! The shipped model through the whole model room: the numbers its training wrote down, and a score
//! that depends on the message alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::sync::{LazyLock, mpsc};

use proptest::prelude::*;
use serde::Deserialize;
use undertone::config::Settings;
use undertone::model::{Engine, EngineLimits, Evidence, Job, Model, ModelInput, Scored, Scores, Window};

/// One line of `parity.jsonl`: a text, its token ids and the logits that ONNX Runtime gave in Python.
#[derive(Deserialize)]
struct Parity {
    text: String,
    ids: Vec<u32>,
    sentiment: Vec<f32>,
    urgency: Vec<f32>,
    emotions: Vec<f32>,
    topic: Vec<f32>,
    signals: Vec<f32>,
}

const SHIPPED: [&str; 2] = ["models/undertone-small", "models/undertone-fast"];

/// Other versions of ONNX Runtime and other processors may sum in another order.
const TOLERANCE: f32 = 2e-3;

fn load(path: &str) -> Model {
    let mut settings = Settings::default().model;
    settings.path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Model::load(&settings).unwrap()
}

fn padded(window: &Window) -> usize {
    window.ids.len().next_multiple_of(8)
}

fn parity_of(path: &str) {
    let model = load(path);
    let mut session = model.session().unwrap();
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).join("parity.jsonl")).unwrap();
    let mut worst = 0f32;
    for line in file.lines() {
        let parity: Parity = serde_json::from_str(line).unwrap();
        let encoded = model.tokenizer.encode(&parity.text).unwrap();
        assert_eq!(encoded.windows[0].ids, parity.ids, "{}", parity.text);
        let window = &encoded.windows[0];
        let logits = session.run(&[window], padded(window)).unwrap().remove(0);
        let expected = [parity.sentiment, parity.urgency, parity.emotions, parity.topic, parity.signals].concat();
        assert_eq!(logits.heads.len(), expected.len());
        for (found, expected) in logits.heads.iter().zip(&expected) {
            worst = worst.max((found - expected).abs());
        }
        // The heads are the mean of the tokens' shares: what evidence rests on.
        let tokens = logits.tokens.unwrap();
        for (index, head) in logits.heads.iter().enumerate() {
            let sum: f32 = tokens.chunks_exact(expected.len()).map(|token| token[index]).sum();
            assert!((sum / window.ids.len() as f32 - head).abs() < TOLERANCE, "label {index}");
        }
    }
    assert!(worst < TOLERANCE, "{path}: largest difference {worst}");
    println!("{path}: largest difference of a logit {worst:e}");
}

#[test]
fn the_shipped_models_say_here_what_they_said_where_they_were_made() {
    SHIPPED.into_iter().for_each(parity_of);
}

#[test]
fn the_small_fixture_too() {
    parity_of("tests/fixtures/tiny-model");
}

const TEXTS: [&str; 8] = [
    "There is a slight smell of gas in our hallway. No hurry, but could somebody have a look when convenient?",
    "Your new logo is the worst thing I have ever seen!!! HATE IT",
    "thanks, that worked",
    "Where is my parcel? It was promised for Monday.",
    "Somebody is using my card right now and I cannot reach you by phone",
    "ok",
    "Meine Rechnung stimmt nicht, ich habe schon zweimal geschrieben.",
    "The lamp is nice, the box was dented, and the invoice names a wrong address; please send a new one.",
];

fn score_all(model: &Model, texts: &[&str], threads: usize, batch_tokens: usize) -> Vec<(Scores, Vec<Evidence>)> {
    let (send, receive) = mpsc::channel::<Scored<usize>>();
    let send = std::sync::Mutex::new(send);
    let limits = EngineLimits { threads, batch_tokens, late_share: 0.3 };
    let engine =
        Engine::start(model, limits, move |scored| send.lock().unwrap().send(scored).unwrap(), |_| {}).unwrap();
    for (tag, text) in texts.iter().enumerate() {
        let encoded = model.tokenizer.encode(text).unwrap();
        engine.submit(Job { tag, input: ModelInput::new(None, text), encoded, partition: 0, due_ms: i64::MAX });
    }
    engine.close();
    let mut all: Vec<Scored<usize>> = receive.into_iter().collect();
    all.sort_by_key(|scored| scored.tag);
    assert_eq!(all.len(), texts.len());
    all.into_iter().map(|scored| scored.result.unwrap()).collect()
}

/// What a model says of each text alone.
struct Alone {
    model: Model,
    scored: Vec<(Scores, Vec<Evidence>)>,
}

impl Alone {
    fn of(model: Model) -> Self {
        let scored = TEXTS.iter().map(|text| score_all(&model, &[text], 1, 8).remove(0)).collect();
        Self { model, scored }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Nothing is left to rounding: the published numbers are the same to the last digit.
    #[test]
    fn a_score_does_not_depend_on_the_batch_the_thread_or_the_neighbours(
        crowd in proptest::collection::vec(0..TEXTS.len(), 1..40),
        threads in 1..=3_usize,
        batch_tokens in 8..4096_usize,
    ) {
        static ALONE: LazyLock<Vec<Alone>> = LazyLock::new(|| SHIPPED.iter().map(|path| Alone::of(load(path))).collect());
        let texts: Vec<&str> = crowd.iter().map(|&index| TEXTS[index]).collect();
        for Alone { model, scored } in ALONE.iter() {
            for (index, found) in crowd.iter().zip(score_all(model, &texts, threads, batch_tokens)) {
                prop_assert_eq!(&found, &scored[*index], "{}", TEXTS[*index]);
            }
        }
    }
}

#[test]
fn politeness_and_rage_do_not_decide_urgency() {
    let model = load("models/undertone-small");
    let scores: Vec<Scores> = score_all(&model, &TEXTS, 1, 1024).into_iter().map(|(scores, _)| scores).collect();
    let urgency = |index: usize| scores[index].urgency.score;
    assert!(urgency(0) > urgency(1), "a polite gas smell before a rage about a logo: {} {}", urgency(0), urgency(1));
    assert_eq!(scores[1].sentiment.label, "very_negative");
    assert!(urgency(4) > urgency(3), "running fraud before a late parcel");
    assert!(scores[2].sentiment.score > 0.0);
}

#[test]
fn the_worst_passage_of_a_long_message_is_not_lost() {
    let model = load("models/undertone-small");
    let calm =
        "The delivery went well, the driver was friendly and the chair looks good in the living room. ".repeat(60);
    let alarm = "While I write this the charger is burning and there is smoke in the room, my daughter is hurt. ";
    let with = format!("{calm}{alarm}{calm}");
    let found = score_all(&model, &[&calm, &with, alarm], 2, 1024);
    let (without, with, alone) = (&found[0].0, &found[1].0, &found[2].0);
    // Within its window the passage is diluted (mean pooling), across windows it is not: pressing it stays.
    assert_eq!(alone.urgency.label, "critical");
    assert!(["high", "critical"].contains(&with.urgency.label.as_str()), "{:?}", with.urgency);
    assert!(["low", "normal"].contains(&without.urgency.label.as_str()), "{:?}", without.urgency);
    assert!(found[1].1.iter().any(|evidence| evidence.signal == "urgency"), "{:?}", found[1].1);
}
