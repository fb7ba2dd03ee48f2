//! The words that drove a decision. Pure.
//!
//! Pooling and heads are linear, so each token's share of a logit is exact (architecture.md, decision 3).
//! It is a share of the logit, not a proof: the encoder reads every token in its context. A model
//! without per-token logits gives no evidence.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scores::{Decisive, round4};
use super::session::WindowLogits;
use super::{Manifest, ModelInput, Scores, Window};

/// A passage that drove a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What it speaks for: `urgency`, or the name of a signal.
    pub signal: String,
    /// Where the passage stands.
    pub field: EvidenceField,
    /// First character (Unicode scalar value) of the passage in `text.<field>`.
    pub start: usize,
    /// Character after the last one.
    pub end: usize,
    /// Share of all that spoke for the decision, 0 to 1.
    pub share: f64,
    /// The passage itself; absent where tickets carry no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The part of a message in which a passage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceField {
    /// The subject.
    Subject,
    /// The cleaned body.
    Body,
}

/// Passages named for one decision at most.
const MAX_PASSAGES: usize = 5;
/// Passages are named until they make up this share of what spoke for the decision.
const ENOUGH: f64 = 0.75;
/// English words without a meaning of their own, upon which an encoder puts much of what it read around them. They
/// are named only with the word that follows. Negations are not among them.
const FUNCTION_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "but", "by", "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "he",
    "her", "hers", "him", "his", "how", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "it", "it's",
    "its", "just", "me", "my", "of", "on", "or", "our", "out", "over", "she", "should", "since", "so", "some", "than",
    "that", "that's", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "up", "us",
    "was", "we", "we've", "were", "what", "when", "where", "which", "while", "who", "will", "with", "would", "you",
    "you're", "your", "yours",
];
/// Urgency labels above the first two are explained; `low` and `normal` need no evidence.
const FIRST_EXPLAINED_URGENCY: usize = 2;

/// Finds the passages behind a raised urgency, behind a sentiment that is not neutral, and behind each signal.
pub fn find(
    manifest: &Manifest,
    input: &ModelInput,
    windows: &[Window],
    logits: &[WindowLogits],
    scores: &Scores,
    decisive: &Decisive,
) -> Vec<Evidence> {
    let mut found = Vec::new();
    if let Some((head, start)) = manifest.head("urgency") {
        let level = head.labels.iter().position(|label| *label == scores.urgency.label).unwrap_or(0);
        if level >= FIRST_EXPLAINED_URGENCY {
            let count = head.labels.len();
            explain(
                &mut found,
                "urgency",
                input,
                &windows[decisive.urgency],
                &logits[decisive.urgency],
                manifest,
                |token| {
                    let others: f32 = (0..count).filter(|&k| k != level).map(|k| token[start + k]).sum();
                    token[start + level] - others / (count - 1) as f32
                },
            );
        }
    }
    if let Some((head, start)) = manifest.head("sentiment")
        && let Some(level) = head.labels.iter().position(|label| *label == scores.sentiment.label)
        && level != head.labels.len() / 2
        && head.labels.len() % 2 == 1
    {
        let middle = head.labels.len() / 2;
        let toward = |logits: &[f32]| {
            let side = |from: usize| logits[start + from..start + from + middle].iter().sum::<f32>() / middle as f32;
            if level < middle { side(0) - side(middle + 1) } else { side(middle + 1) - side(0) }
        };
        let strongest = (0..logits.len())
            .max_by(|&a, &b| toward(&logits[a].heads).total_cmp(&toward(&logits[b].heads)))
            .unwrap_or_default();
        explain(&mut found, "sentiment", input, &windows[strongest], &logits[strongest], manifest, toward);
    }
    if let Some((head, start)) = manifest.head("signals") {
        for signal in &scores.signals {
            if let Some(index) = head.labels.iter().position(|label| *label == signal.label) {
                let window = decisive.signals[index];
                explain(&mut found, &signal.label, input, &windows[window], &logits[window], manifest, |token| {
                    token[start + index]
                });
            }
        }
    }
    found
}

fn explain(
    found: &mut Vec<Evidence>,
    signal: &str,
    input: &ModelInput,
    window: &Window,
    logits: &WindowLogits,
    manifest: &Manifest,
    share: impl Fn(&[f32]) -> f32,
) {
    let Some(tokens) = &logits.tokens else { return };
    let shares: Vec<f64> = tokens.chunks_exact(manifest.label_count()).map(|token| f64::from(share(token))).collect();
    let mean = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
    let mut phrases = phrases(input, words(input, window, &shares, mean));
    phrases.retain(|(_, weight)| *weight > 0.0);
    let total: f64 = phrases.iter().map(|(_, weight)| weight).sum();
    phrases.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut sum = 0.0;
    phrases.truncate(MAX_PASSAGES);
    phrases.retain(|(_, weight)| {
        let wanted = sum < total * ENOUGH;
        sum += weight;
        wanted
    });
    phrases.sort_by_key(|(range, _)| range.start);
    let mut passages: Vec<(Range<usize>, f64)> = Vec::new();
    for (range, weight) in phrases {
        match passages.last_mut() {
            Some((last, sum)) if adjacent(input, last.end, range.start) => {
                last.end = range.end;
                *sum += weight;
            }
            _ => passages.push((range, weight)),
        }
    }
    found.extend(passages.into_iter().filter_map(|(range, weight)| {
        let (field, from) = if range.start < input.body_start {
            (EvidenceField::Subject, 0)
        } else {
            (EvidenceField::Body, input.body_start)
        };
        let start = input.text.get(from..range.start)?.chars().count();
        let text = input.text.get(range)?;
        Some(Evidence {
            signal: signal.to_owned(),
            field,
            start,
            end: start + text.chars().count(),
            share: round4(weight / total),
            text: Some(text.to_owned()),
        })
    }));
}

/// Joins tokens without a gap between them into words, with the sum of their shares above the mean.
fn words(input: &ModelInput, window: &Window, shares: &[f64], mean: f64) -> Vec<(Range<usize>, f64)> {
    let mut words: Vec<(Range<usize>, f64)> = Vec::new();
    for (&(start, end), share) in window.offsets.iter().zip(shares) {
        if end <= start {
            continue;
        }
        match words.last_mut() {
            Some((word, sum)) if word.end == start && start != input.body_start => {
                word.end = end;
                *sum += share - mean;
            }
            _ => words.push((start..end, share - mean)),
        }
    }
    words
}

/// Joins function words with the word that follows, or with the one before where the sentence ends with them.
fn phrases(input: &ModelInput, words: Vec<(Range<usize>, f64)>) -> Vec<(Range<usize>, f64)> {
    let mut phrases: Vec<(Range<usize>, f64)> = Vec::new();
    let mut open = false; // the last phrase is made of function words only, and goes on
    for (range, weight) in words {
        let word = input.text.get(range.clone()).unwrap_or_default();
        let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        let function = FUNCTION_WORDS.binary_search(&bare.as_str()).is_ok();
        let ends = ends_a_clause(word);
        match phrases.last_mut() {
            Some((last, sum)) if open && adjacent(input, last.end, range.start) => {
                last.end = range.end;
                *sum += weight;
            }
            _ => phrases.push((range, weight)),
        }
        open = function && !ends;
        // "… it now, please help me!": nothing follows the last two words.
        if function
            && ends
            && let [.., (before, _), (last, _)] = phrases.as_slice()
            && adjacent(input, before.end, last.start)
            && !input.text.get(before.clone()).is_some_and(ends_a_clause)
            && let Some((tail, tail_weight)) = phrases.pop()
            && let Some((before, sum)) = phrases.last_mut()
        {
            before.end = tail.end;
            *sum += tail_weight;
        }
    }
    phrases
}

fn ends_a_clause(word: &str) -> bool {
    word.ends_with(['.', ',', ';', ':', '!', '?'])
}

/// Whether only spaces separate two words of the same field.
fn adjacent(input: &ModelInput, end: usize, start: usize) -> bool {
    let same_field = (end <= input.body_start) == (start < input.body_start) || input.body_start == 0;
    same_field && input.text.get(end..start).is_some_and(|gap| gap.len() <= 1 && gap.trim().is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn setup(input: &ModelInput, loud: &str) -> Vec<Evidence> {
        let manifest =
            Manifest::load(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model")))
                .unwrap();
        let labels = manifest.label_count();
        let mut offsets = vec![(0, 0)];
        let mut from = 0;
        for word in input.text.split_whitespace() {
            let start = from + input.text[from..].find(word).unwrap();
            offsets.push((start, start + word.len()));
            from = start + word.len();
        }
        offsets.push((0, 0));
        let critical = manifest.head("urgency").unwrap().1 + 3;
        let tokens = offsets
            .iter()
            .flat_map(|&(start, end)| {
                let mut logits = vec![0.0; labels];
                if end > start && loud.split(' ').any(|word| word == &input.text[start..end]) {
                    logits[critical] = 9.0;
                }
                logits
            })
            .collect();
        let window = Window { ids: vec![0; offsets.len()], new_tokens: offsets.len() - 2, offsets };
        let mut heads = vec![0.0; labels];
        heads[critical] = 9.0;
        let windows = [window];
        let logits = [WindowLogits { heads, tokens: Some(tokens) }];
        let (scores, decisive) = super::super::scores::score(&manifest, &windows, &logits);
        let mut found = find(&manifest, input, &windows, &logits, &scores, &decisive);
        found.retain(|evidence| evidence.signal == "urgency");
        found
    }

    #[test]
    fn the_loud_words_are_found_joined_and_counted_in_characters() {
        let input = ModelInput::new(None, "für euch: smell like gas here");
        let found = setup(&input, "gas smell");
        let texts: Vec<_> = found.iter().map(|e| (e.text.as_deref().unwrap(), e.start, e.end)).collect();
        assert_eq!(texts, [("smell", 10, 15), ("gas", 21, 24)]);
        let found = setup(&input, "smell like gas");
        assert_eq!(found[0].text.as_deref(), Some("smell like gas"));
    }

    #[test]
    fn function_words_are_named_with_what_they_lead_to() {
        let input = ModelInput::new(None, "my card was stolen, block it, and call me.");
        let texts =
            |loud: &str| setup(&input, loud).into_iter().map(|evidence| evidence.text.unwrap()).collect::<Vec<_>>();
        assert_eq!(texts("was my"), ["my card was stolen,"]);
        assert_eq!(texts("it,"), ["block it,"]);
        assert_eq!(texts("and"), ["and call me."]);
    }

    #[test]
    fn function_words_are_sorted() {
        assert!(FUNCTION_WORDS.is_sorted());
    }

    #[test]
    fn subject_and_body_are_told_apart() {
        let input = ModelInput::new(Some("gas alarm"), "gas smell");
        let found = setup(&input, "alarm gas");
        let places: Vec<_> = found.iter().map(|e| (e.field, e.start, e.end)).collect();
        assert_eq!(places, [(EvidenceField::Subject, 0, 9), (EvidenceField::Body, 0, 3)]);
    }
}
