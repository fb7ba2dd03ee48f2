//! Text to token windows: the whole message is covered, neighbours overlap, nothing is cut silently.

use std::path::Path;

use tokenizers::{Encoding, Tokenizer, TruncationDirection};

use super::{InferenceError, Manifest, ModelError};

/// What a model reads of a message: subject and body in one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInput {
    /// `subject + "\n" + body`, or the body alone; as in training.
    pub text: String,
    /// Byte at which the body starts in `text`.
    pub body_start: usize,
}

impl ModelInput {
    /// Joins subject and body as the model was trained.
    pub fn new(subject: Option<&str>, body: &str) -> Self {
        match subject.filter(|subject| !subject.trim().is_empty()) {
            Some(subject) => Self { text: format!("{subject}\n{body}"), body_start: subject.len() + 1 },
            None => Self { text: body.to_owned(), body_start: 0 },
        }
    }
}

/// One window of tokens, special tokens included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Token ids, without padding.
    pub ids: Vec<u32>,
    /// Byte ranges of the tokens in the text; empty ranges for special tokens.
    pub offsets: Vec<(usize, usize)>,
    /// Tokens that no earlier window holds, special tokens excluded: the window's weight.
    pub new_tokens: usize,
}

/// A message as windows, in text order; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedText {
    /// The windows.
    pub windows: Vec<Window>,
    /// Whether text beyond the last window was left out.
    pub truncated: bool,
}

impl EncodedText {
    /// Tokens of all windows together.
    pub fn token_count(&self) -> usize {
        self.windows.iter().map(|window| window.ids.len()).sum()
    }
}

/// A tokenizer set once to cut long texts into overlapping windows; shared between threads.
pub struct WindowTokenizer {
    tokenizer: Tokenizer,
    /// Tokens of a window without the special ones.
    window_tokens: usize,
    overlap: usize,
    max_windows: usize,
    /// Bytes that surely hold more than `max_windows` windows: longer texts are cut before tokenising,
    /// whose cost grows with the whole text (huggingface/tokenizers#1573).
    max_bytes: usize,
}

/// Bytes a token spans at most on average in text that people write; only bounds work.
const BYTES_PER_TOKEN: usize = 16;

impl WindowTokenizer {
    /// Loads the tokenizer that the manifest names; its own padding and truncation are taken off.
    pub fn load(folder: &Path, manifest: &Manifest, overlap: usize, max_windows: usize) -> Result<Self, ModelError> {
        let path = folder.join(&manifest.files.tokenizer);
        let failed = |message: String| ModelError::Tokenizer { path: path.clone(), message };
        // Our threads are the parallelism; rayon's pool beside them only competes.
        tokenizers::utils::parallelism::set_parallelism(false);
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|error| failed(error.to_string()))?;
        // Not the tokenizer's own truncation: it stops reading at the first window.
        tokenizer.with_truncation(None).map_err(|error| failed(error.to_string()))?;
        tokenizer.with_padding(None);
        let special = tokenizer.encode("", true).map_err(|error| failed(error.to_string()))?.get_ids().len();
        let max_tokens = manifest.inputs.max_tokens;
        let window_tokens = max_tokens.saturating_sub(special);
        if window_tokens <= overlap {
            return Err(failed(format!(
                "`inputs.max_tokens` (`{max_tokens}`) leaves no room for {special} special tokens and `model.window_overlap_tokens` (`{overlap}`)"
            )));
        }
        let max_bytes = max_windows.saturating_mul(max_tokens).saturating_mul(BYTES_PER_TOKEN);
        Ok(Self { tokenizer, window_tokens, overlap, max_windows, max_bytes })
    }

    /// Encodes a text; never fails on its length.
    pub fn encode(&self, text: &str) -> Result<EncodedText, InferenceError> {
        let failed = |error: tokenizers::Error| InferenceError::Tokenize(error.to_string());
        let cut = text.floor_char_boundary(self.max_bytes);
        let mut first = self.tokenizer.encode(&text[..cut], false).map_err(failed)?;
        first.truncate(self.window_tokens, self.overlap, TruncationDirection::Right);
        let rest = first.take_overflowing();
        let truncated = cut < text.len() || rest.len() + 1 > self.max_windows;
        let mut seen_until = 0;
        let windows = std::iter::once(first)
            .chain(rest)
            .take(self.max_windows)
            .map(|part| Ok(window(&self.tokenizer.post_process(part, None, true).map_err(failed)?, &mut seen_until)))
            .collect::<Result<_, _>>()?;
        Ok(EncodedText { windows, truncated })
    }
}

fn window(encoding: &Encoding, seen_until: &mut usize) -> Window {
    let offsets: Vec<(usize, usize)> = encoding
        .get_offsets()
        .iter()
        .zip(encoding.get_special_tokens_mask())
        .map(|(&offsets, &special)| if special == 1 { (0, 0) } else { offsets })
        .collect();
    let new_tokens = offsets.iter().filter(|(start, end)| end > start && *start >= *seen_until).count();
    *seen_until = offsets.iter().map(|&(_, end)| end).max().unwrap_or(0).max(*seen_until);
    Window { ids: encoding.get_ids().to_vec(), offsets, new_tokens }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn tokenizer(max_windows: usize) -> WindowTokenizer {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model"));
        let mut manifest = Manifest::load(folder).unwrap();
        manifest.inputs.max_tokens = 16;
        WindowTokenizer::load(folder, &manifest, 4, max_windows).unwrap()
    }

    #[test]
    fn a_short_text_is_one_window() {
        let encoded = tokenizer(8).encode("hello there").unwrap();
        assert_eq!(encoded.windows.len(), 1);
        assert!(!encoded.truncated);
    }

    #[test]
    fn an_empty_text_is_one_window_of_special_tokens() {
        let encoded = tokenizer(8).encode("").unwrap();
        assert_eq!((encoded.windows.len(), encoded.windows[0].new_tokens), (1, 0));
    }

    #[test]
    fn what_is_beyond_the_last_window_is_reported() {
        let encoded = tokenizer(2).encode(&"a b c d ".repeat(50)).unwrap();
        assert_eq!(encoded.windows.len(), 2);
        assert!(encoded.truncated);
    }

    #[test]
    fn no_room_beside_the_overlap_is_refused() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model"));
        let manifest = Manifest::load(folder).unwrap();
        assert!(WindowTokenizer::load(folder, &manifest, 254, 8).is_err());
    }

    proptest! {
        /// Windows cover every word, in order, and overlaps are counted once.
        #[test]
        fn windows_cover_the_text_and_count_each_token_once(words in prop::collection::vec("[a-z]{1,6}", 1..120)) {
            let text = words.join(" ");
            let encoded = tokenizer(1000).encode(&text).unwrap();
            prop_assert!(!encoded.truncated);
            let mut covered = vec![false; text.len()];
            for window in &encoded.windows {
                prop_assert!(window.ids.len() <= 16);
                for &(start, end) in &window.offsets {
                    covered[start..end].fill(true);
                }
            }
            for (index, byte) in text.bytes().enumerate() {
                prop_assert!(byte == b' ' || covered[index], "byte {index} is in no window");
            }
            let one = {
                let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model"));
                let mut manifest = Manifest::load(folder).unwrap();
                manifest.inputs.max_tokens = 8192;
                WindowTokenizer::load(folder, &manifest, 4, 8).unwrap().encode(&text).unwrap()
            };
            let counted: usize = encoded.windows.iter().map(|window| window.new_tokens).sum();
            prop_assert_eq!(counted, one.windows[0].new_tokens);
        }
    }
}
