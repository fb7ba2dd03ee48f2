//! Lines of a text, each with its place and what has been decided about it.

use std::ops::Range;

use crate::message::blank::is_invisible;

/// What a line is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The writer's own text.
    Own,
    /// Quoted history.
    Quoted,
    /// A signature.
    Signature,
}

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Bytes of the source without the line's end.
    pub(super) range: Range<usize>,
    /// The line as it is compared with patterns: visible, trimmed.
    pub(super) plain: String,
    pub(super) part: Part,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        self.plain.is_empty()
    }
}

/// Longest line, in bytes, that patterns look at.
const MAX_PLAIN: usize = 2000;

/// Splits a text at line ends of every kind.
pub(super) fn split(source: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut letters = source.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if !is_line_end(letter) {
            continue;
        }
        lines.push(line(source, start..at));
        start = at + letter.len_utf8();
        if letter == '\r' && letters.next_if(|(_, next)| *next == '\n').is_some() {
            start += 1;
        }
    }
    lines.push(line(source, start..source.len()));
    lines
}

pub(super) fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn line(source: &str, range: Range<usize>) -> Line {
    let text = &source[range.clone()];
    let text = &text[..text.floor_char_boundary(MAX_PLAIN)];
    let visible: String = text
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| *letter == ' ' || !is_invisible(*letter))
        .collect();
    Line { range, plain: visible.trim().to_owned(), part: Part::Own }
}

/// Reports whether anything of the writer's own is left to read.
pub(super) fn any_own(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.part == Part::Own && !line.is_blank())
}
