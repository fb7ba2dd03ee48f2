//! Text: from what a customer's software sent to what the customer wrote, and in which language.
//!
//! Pure functions; no I/O, no clock, no logging. Where it is doubtful whether something is quoted
//! history or a signature, it stays. [`clean`] keeps the way back: [`Segment`]s map the cleaned body to
//! the plain text before stripping.

mod clean;
mod html;
mod language;
mod lines;
mod quotes;
mod scripts;
mod signature;
mod words;

pub use clean::{CleanText, Segment, TextOptions, clean, is_blank, source_text};
pub use language::{Language, LanguageDetector, UNSURE_BELOW};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]
mod tests;
