//! [`clean`]: the body a model reads, with the way back to the source.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::html::{self, HtmlText};
use super::language::{Language, LanguageDetector};
use super::lines::{self, Line, Part};
use super::{quotes, signature};
use crate::message::blank;
use crate::message::{Channel, CustomerMessage};

/// What to take away and what to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextOptions {
    /// Remove quoted history (email only).
    pub strip_quotes: bool,
    /// Remove signatures (email only).
    pub strip_signatures: bool,
    /// Detect the language; if not, it is the message's hint or `und`.
    pub detect_language: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { strip_quotes: true, strip_signatures: true, detect_language: true }
    }
}

/// A run of bytes of the body and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Byte offset in the body.
    pub body_start: usize,
    /// Byte offset in the plain text before stripping ([`source_text`]).
    pub source_start: usize,
    /// Length in bytes, the same on both sides.
    pub len: usize,
}

/// What the customer wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CleanText {
    /// Subject on one line, without control characters; none if blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text to be scored; lines end in `\n`.
    pub body: String,
    /// Whether quoted history was removed.
    pub quoted_removed: bool,
    /// Whether a signature was removed.
    pub signature_removed: bool,
    /// Whether the body was made from HTML.
    pub from_html: bool,
    /// Where the body's bytes came from: in order, not overlapping, equal bytes on both sides. Bytes
    /// that were made here (a line end in place of another) belong to no segment.
    pub segments: Vec<Segment>,
    /// Language of subject and body.
    pub language: Language,
}

impl CleanText {
    /// Maps a byte offset of the body to the plain text before stripping; none for a byte that was
    /// made here, or behind the end.
    pub fn source_offset(&self, body_offset: usize) -> Option<usize> {
        let after = self.segments.partition_point(|segment| segment.body_start <= body_offset);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let within = body_offset - segment.body_start;
        (within < segment.len).then(|| segment.source_start + within)
    }
}

/// Reports whether a text has nothing to read: only white space, control and zero-width characters.
pub fn is_blank(text: &str) -> bool {
    blank::is_blank(text)
}

/// Returns the plain text that [`Segment::source_start`] counts in: the message's text, or what its
/// HTML says where there is no text.
pub fn source_text(message: &CustomerMessage) -> Cow<'_, str> {
    match source(message) {
        Source::Text(text) => Cow::Borrowed(text),
        Source::Html(html) => Cow::Owned(html.text),
    }
}

enum Source<'a> {
    Text(&'a str),
    Html(HtmlText),
}

fn source(message: &CustomerMessage) -> Source<'_> {
    let text = message.text.as_deref().unwrap_or_default();
    match &message.html {
        Some(html) if is_blank(text) => Source::Html(html::to_text(html)),
        _ => Source::Text(text),
    }
}

/// Cleans a message's text: HTML to text, quoted history and signatures away (email only, and only
/// what is surely not the customer's own), control and zero-width characters away, runs of blank lines
/// collapsed; and finds its language.
///
/// Never empty where the source has something to read.
pub fn clean(message: &CustomerMessage, options: &TextOptions, detector: &LanguageDetector) -> CleanText {
    let source = source(message);
    let (text, markup, signatures, from_html) = match &source {
        Source::Text(text) => (*text, quotes::Markup::default(), &[][..], false),
        Source::Html(html) => {
            let markup = quotes::Markup { quotes: html.quotes.clone(), rest: html.rest };
            (html.text.as_str(), markup, &html.signatures[..], true)
        }
    };
    let mut lines = lines::split(text);
    let is_mail = message.channel == Channel::Email;
    let quoted_removed = is_mail && options.strip_quotes && quotes::mark(&mut lines, &markup);
    let signature_removed = is_mail && options.strip_signatures && signature::mark(&mut lines, signatures);

    let mut writer = Writer::default();
    write_body(text, &lines, &mut writer);
    let subject = message.subject.as_deref().and_then(clean_subject);
    let hint = message.language.as_deref().or(message.customer.language.as_deref());
    let language = if options.detect_language {
        let mut sample = subject.clone().unwrap_or_default();
        sample.push('\n');
        sample.push_str(&writer.body);
        detector.detect(&sample, hint)
    } else {
        Language::hinted(hint)
    };
    CleanText {
        subject,
        body: writer.body,
        quoted_removed,
        signature_removed,
        from_html,
        segments: writer.segments,
        language,
    }
}

fn write_body(text: &str, lines: &[Line], writer: &mut Writer) {
    let mut gap = false;
    let mut previous: Option<&Line> = None;
    for line in lines {
        if line.part != Part::Own || line.is_blank() {
            gap = true;
            continue;
        }
        if let Some(previous) = previous {
            writer.line_end(text, previous.range.end);
            if gap {
                writer.line_end(text, line.range.start.saturating_sub(1));
            }
        }
        gap = false;
        previous = Some(line);
        writer.visible(text, line);
    }
}

#[derive(Default)]
struct Writer {
    body: String,
    segments: Vec<Segment>,
}

impl Writer {
    /// Writes a line end, mapped to a `\n` at or just behind `at` if there is one.
    fn line_end(&mut self, source: &str, at: usize) {
        let bytes = source.as_bytes();
        let place = match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\n'), _) => Some(at),
            (Some(b'\r'), Some(b'\n')) => Some(at + 1),
            _ => None,
        };
        let last = self.segments.last();
        let behind = last.map_or(0, |segment| segment.source_start + segment.len);
        match place.filter(|place| *place >= behind) {
            Some(place) => self.copy(source, place, 1),
            None => self.body.push('\n'),
        }
    }

    /// Writes a line without its margins and what is invisible.
    fn visible(&mut self, source: &str, line: &Line) {
        let text = &source[line.range.clone()];
        let from = text.find(|letter| !blank::is_invisible(letter));
        let to = text.rfind(|letter: char| !letter.is_whitespace() && !is_removed(letter));
        let (Some(from), Some(to)) = (from, to) else {
            return;
        };
        let mut previous = '\0';
        let mut letters = text[from..]
            .char_indices()
            .map(|(at, letter)| (from + at, letter))
            .take_while(|(at, _)| *at <= to)
            .peekable();
        while let Some((at, letter)) = letters.next() {
            let keep = if is_joiner(letter) {
                let next = letters.peek().map(|(_, next)| *next);
                joins(previous, letter, next)
            } else {
                !is_removed(letter)
            };
            if keep {
                self.copy(source, line.range.start + at, letter.len_utf8());
                previous = letter;
            }
        }
    }

    fn copy(&mut self, source: &str, at: usize, len: usize) {
        let body_start = self.body.len();
        self.body.push_str(&source[at..at + len]);
        match self.segments.last_mut() {
            Some(last) if last.source_start + last.len == at && last.body_start + last.len == body_start => {
                last.len += len;
            }
            _ => self.segments.push(Segment { body_start, source_start: at, len }),
        }
    }
}

/// Control and zero-width characters, other than tabs and those that may join.
fn is_removed(letter: char) -> bool {
    letter != '\t' && !letter.is_whitespace() && blank::is_invisible(letter) && !is_joiner(letter)
        || letter != '\t' && letter.is_control()
}

/// Zero-width joiners, variation selectors and tags: part of emoji and of some scripts.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}')
}

/// Reports whether a joiner stands where it means something: in an emoji or a script that joins.
fn joins(previous: char, joiner: char, next: Option<char>) -> bool {
    let joinable = |letter: char| letter >= '\u{600}' && !blank::is_invisible(letter) || is_joiner(letter);
    match joiner {
        '\u{200c}' | '\u{200d}' => joinable(previous) && next.is_some_and(joinable),
        '\u{fe0f}' => joinable(previous) || matches!(previous, '#' | '*' | '0'..='9' | '©' | '®'),
        _ => joinable(previous),
    }
}

fn clean_subject(subject: &str) -> Option<String> {
    let mut cleaned = String::with_capacity(subject.len());
    let mut letters = subject.chars().peekable();
    let mut previous = '\0';
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            if !cleaned.is_empty() && !cleaned.ends_with(' ') {
                cleaned.push(' ');
            }
            continue;
        }
        let keep =
            if is_joiner(letter) { joins(previous, letter, letters.peek().copied()) } else { !is_removed(letter) };
        if keep {
            cleaned.push(letter);
            previous = letter;
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    (!is_blank(&cleaned)).then_some(cleaned)
}
