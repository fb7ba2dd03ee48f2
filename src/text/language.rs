//! Which language a text is in.
//!
//! Three sources: the script (which alone decides for most non-Latin ones), the `whichlang` classifier
//! over character n-grams, and counts of frequent words. Confidence is the measured share of right
//! answers for that kind of evidence (docs/decisions/0003-language-detection.md); below
//! [`UNSURE_BELOW`] the answer is the message's own hint, else `und`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::scripts;
use super::words::WORDS;

/// Confidence below which the detector does not answer.
pub const UNSURE_BELOW: f32 = 0.6;
/// How much of a text is looked at, in characters.
const SAMPLE_CHARS: usize = 2000;

/// Languages of [`WORDS`] that the classifier knows.
const CLASSIFIED: [&str; 10] = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "tr", "vi"];

/// A language and how sure the detector is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// BCP 47 code, `und` when unsure.
    pub code: String,
    /// Confidence in [0, 1], rounded to 4 decimals; 0 where nothing in the text supports the code
    /// (`und`, or a mere hint).
    pub confidence: f32,
}

impl Language {
    fn new(code: &str, confidence: f32) -> Self {
        Self { code: code.to_owned(), confidence: (confidence * 10_000.0).round() / 10_000.0 }
    }

    /// Returns what a hint says, or `und`, with confidence 0.
    pub(super) fn hinted(hint: Option<&str>) -> Self {
        let code = hint.and_then(primary_tag);
        Self::new(code.as_deref().unwrap_or("und"), 0.0)
    }
}

/// Detects languages. Holds nothing; share or copy it as you like. The word table (some 50 KiB) is
/// built once per process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LanguageDetector;

/// What the text says for one language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    pub(super) code: &'static str,
    /// Letters looked at.
    pub(super) letters: usize,
    /// Words looked at.
    pub(super) words: usize,
    /// Frequent words of this language.
    pub(super) hits: usize,
    /// Frequent words of the best other language.
    pub(super) others: usize,
    /// Whether `whichlang` says the same of the whole text.
    pub(super) agrees: bool,
    /// In how many of two halves `whichlang` says the same.
    pub(super) halves: usize,
}

impl LanguageDetector {
    /// Creates a detector.
    pub const fn new() -> Self {
        Self
    }

    /// Detects the language of a text. Where the text does not tell, `hint` (BCP 47) does, with
    /// confidence 0.
    ///
    /// Links, addresses, handles, numbers and emoji count for nothing.
    pub fn detect(&self, text: &str, hint: Option<&str>) -> Language {
        let words = words_of(text);
        let sample = words.join(" ");
        let found = match scripts::of(&sample) {
            scripts::Script::None => None,
            scripts::Script::Other(code, confidence) => Some(Language::new(code, confidence)),
            scripts::Script::Latin => {
                let evidence = evidence(&words, &sample);
                Some(Language::new(evidence.code, confidence(&evidence)))
            }
        };
        found.filter(|language| language.confidence >= UNSURE_BELOW).unwrap_or_else(|| Language::hinted(hint))
    }
}

/// Returns the lower-case words of the beginning of a text, without what is no word.
pub(super) fn words_of(text: &str) -> Vec<String> {
    let end = text.char_indices().nth(SAMPLE_CHARS).map_or(text.len(), |(at, _)| at);
    text[..end]
        .split_whitespace()
        .filter(|word| {
            !word.contains("://")
                && !word.starts_with("www.")
                && !word.starts_with(['@', '#', '/'])
                && !word.contains('@')
                && !word.chars().any(|letter| letter.is_ascii_digit())
        })
        .flat_map(|word| {
            word.split(|letter: char| !(letter.is_alphabetic() || is_mark(letter) || matches!(letter, '\'' | '’')))
        })
        .map(|word| word.trim_matches(['\'', '’']).replace('’', "'").to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Vowel signs and the like, which are part of words in the scripts of India and South-East Asia.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{e7f}' | '\u{e80}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{64b}'..='\u{65f}' | '\u{591}'..='\u{5c7}' | '\u{200c}' | '\u{200d}')
}

static TABLE: LazyLock<HashMap<&'static str, Vec<usize>>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, Vec<usize>> = HashMap::new();
    for (index, (_, words)) in WORDS.iter().enumerate() {
        for word in words.split_whitespace() {
            table.entry(word).or_default().push(index);
        }
    }
    table
});

/// Weighs the evidence of a text in Latin letters.
pub(super) fn evidence(words: &[String], sample: &str) -> Evidence {
    let mut hits = [0usize; WORDS.len()];
    for word in words {
        // Elided letters count with their apostrophe only.
        if matches!(word.as_str(), "c" | "d" | "j" | "l" | "n" | "s") {
            continue;
        }
        // `l'ordine`, `qu'il`, `c'est`: both parts are words.
        let parts = word.split_once('\'').map(|(first, second)| [first, second]);
        let parts = parts.iter().flatten().copied();
        for part in std::iter::once(word.as_str()).chain(parts) {
            for index in TABLE.get(part).into_iter().flatten() {
                hits[*index] += 1;
            }
        }
    }
    let whole = whichlang_code(sample);
    let by_words = hits
        .iter()
        .enumerate()
        .max_by_key(|(index, count)| (**count, WORDS[*index].0 == whole))
        .map_or(0, |(index, _)| index);
    let code = decide(&hits, by_words, whole);
    let count_of = |wanted: &str| WORDS.iter().position(|(code, _)| *code == wanted).map_or(0, |index| hits[index]);
    let others = WORDS
        .iter()
        .zip(hits)
        .filter(|((other, _), _)| *other != code)
        .map(|(_, count)| count)
        .max()
        .unwrap_or_default();
    let middle = words.len() / 2;
    let halves = [&words[..middle], &words[middle..]]
        .iter()
        .filter(|half| !half.is_empty() && whichlang_code(&half.join(" ")) == code)
        .count();
    Evidence {
        code,
        letters: sample.chars().filter(|letter| letter.is_alphabetic()).count(),
        words: words.len(),
        hits: count_of(code),
        others,
        agrees: whole == code,
        halves,
    }
}

/// The classifier's answer stands unless frequent words speak clearly for another language: it knows
/// sixteen languages and must name one of them for every text.
fn decide(hits: &[usize; WORDS.len()], by_words: usize, whole: &'static str) -> &'static str {
    let for_whole = WORDS.iter().position(|(code, _)| *code == whole).map_or(0, |index| hits[index]);
    let clear = hits[by_words] >= 2 && hits[by_words] > 2 * for_whole
        || hits[by_words] == 1 && for_whole == 0 && hits.iter().filter(|count| **count > 0).count() == 1;
    if clear { WORDS[by_words].0 } else { whole }
}

/// Logistic regression over the evidence, fitted on real short messages.
fn confidence(evidence: &Evidence) -> f32 {
    let words = evidence.words.max(1) as f32;
    let logit = -3.479 + 0.281 * (evidence.letters as f32).ln_1p() + 3.18 * evidence.hits as f32 / words
        - 3.336 * evidence.others as f32 / words
        + 1.248 * (evidence.hits as f32).ln_1p()
        - 0.084 * (evidence.others as f32).ln_1p()
        + if evidence.agrees { 1.949 } else { 0.0 }
        + 1.2815 * evidence.halves as f32;
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    // The classifier cannot agree where it does not know the language; its silence is no objection.
    if !CLASSIFIED.contains(&evidence.code) {
        let clear = evidence.hits >= 3 && evidence.hits > evidence.others;
        return if clear { sigmoid(logit + 2.0).min(0.9) } else { 0.0 };
    }
    let confidence = sigmoid(logit);
    // A sentence without a single frequent word is in a language that we do not know, or in none.
    let foreign =
        evidence.hits == 0 && evidence.words >= 4 || evidence.words >= 8 && 10 * evidence.hits < evidence.words;
    if foreign { confidence.min(UNSURE_BELOW - 0.1) } else { confidence }
}

fn whichlang_code(text: &str) -> &'static str {
    use whichlang::Lang;
    match whichlang::detect_language(text) {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

/// Returns the primary subtag of a BCP 47 tag in lower case (`de-AT` gives `de`); none if it is not
/// one, or says `und`.
fn primary_tag(tag: &str) -> Option<String> {
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    let sound = (2..=3).contains(&primary.len())
        && primary.bytes().all(|letter| letter.is_ascii_lowercase())
        && !matches!(primary.as_str(), "und" | "mul" | "zxx" | "mis");
    sound.then_some(primary)
}
