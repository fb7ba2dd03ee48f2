//! Phrases that stand for a signal whatever the model says: whole words in order, in any case, with or without accents.
//!
//! One pass over the text finds the phrases of all languages: customers mix them, and short texts do not tell theirs.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, BuildError};
use serde::{Deserialize, Serialize};

/// Phrases as written in a policy: language, signal, phrases.
pub(super) type PhraseLists = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A phrase that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhraseHit {
    /// The signal it stands for.
    pub signal: String,
    /// The phrase as the policy has it.
    pub phrase: String,
}

/// All phrases of a policy, ready to be found.
#[derive(Debug, Clone)]
pub(super) struct Phrases {
    automaton: AhoCorasick,
    hits: Vec<PhraseHit>,
}

impl Phrases {
    pub(super) fn new(lists: &PhraseLists) -> Result<Self, BuildError> {
        let (mut patterns, mut hits) = (Vec::new(), Vec::new());
        for (signal, phrases) in lists.values().flatten() {
            for phrase in phrases {
                patterns.push(plain(phrase));
                hits.push(PhraseHit { signal: signal.clone(), phrase: phrase.clone() });
            }
        }
        Ok(Self { automaton: AhoCorasick::new(patterns)?, hits })
    }

    /// The first phrase of each signal in `text`, in the order of the text.
    pub(super) fn find(&self, text: &str) -> Vec<PhraseHit> {
        if self.hits.is_empty() {
            return Vec::new();
        }
        let text = plain(text);
        let mut signals = BTreeSet::new();
        self.automaton
            .find_overlapping_iter(&text)
            .map(|found| &self.hits[found.pattern().as_usize()])
            .filter(|hit| signals.insert(&hit.signal))
            .cloned()
            .collect()
    }
}

/// Whether a phrase has a letter or a digit: one without would be found everywhere.
pub(super) fn says_something(phrase: &str) -> bool {
    plain(phrase).trim().len() > 1
}

/// The words of a text, lower case, without accents, one space before, between and after them.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    for letter in text.chars().flat_map(char::to_lowercase) {
        match folded(letter) {
            Some(letters) => out.push_str(letters),
            // Accents that stand apart.
            None if ('\u{300}'..='\u{36f}').contains(&letter) => {}
            None if letter.is_alphanumeric() => out.push(letter),
            None if out.ends_with(' ') => {}
            None => out.push(' '),
        }
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// A letter of the languages we have phrases in, without its accent.
const fn folded(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => "o",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'ý' | 'ÿ' => "y",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn phrases(signal: &str, list: &[&str]) -> Phrases {
        let list = list.iter().map(|phrase| (*phrase).to_owned()).collect();
        let signals = BTreeMap::from([(signal.to_owned(), list)]);
        Phrases::new(&BTreeMap::from([("en".to_owned(), signals)])).unwrap()
    }

    #[test]
    fn whole_words_are_found_across_case_accents_and_punctuation() {
        let phrases = phrases("s", &["speak to a manager", "Über alle Maße", "l'été"]);
        for text in ["I want to SPEAK… to a\nManager!", "u\u{308}ber alle Masse", "c'est l’ete"] {
            assert_eq!(phrases.find(text).len(), 1, "{text}");
        }
        for text in ["speak to a managers", "bespeak to a manager", "to a manager speak", ""] {
            assert_eq!(phrases.find(text), [], "{text}");
        }
    }

    #[test]
    fn one_hit_a_signal_and_overlapping_phrases_of_others() {
        let lists = BTreeMap::from([(
            "en".to_owned(),
            BTreeMap::from([
                ("a".to_owned(), vec!["smell of gas".to_owned(), "gas leak".to_owned()]),
                ("b".to_owned(), vec!["of gas".to_owned()]),
            ]),
        )]);
        let found = Phrases::new(&lists).unwrap().find("A smell of gas, a gas leak!");
        assert_eq!(found.iter().map(|hit| hit.signal.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
