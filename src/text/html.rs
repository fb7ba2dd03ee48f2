//! HTML to plain text, in one pass over the tokens of `html5ever`.
//!
//! The library's tokenizer knows the syntax (tags, attributes, entities, scripts, comments, broken
//! mark-up) in linear time. No tree is built: mail needs none, and building one is quadratic for
//! hostile documents. What is ours is what mail means: line breaks, quoted history, signatures
//! (docs/decisions/0002-text-cleaning.md).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// Plain text of a document, and what its mark-up says of the parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HtmlText {
    pub(super) text: String,
    /// Byte ranges of `text` that lie in quoted history.
    pub(super) quotes: Vec<Range<usize>>,
    /// Byte ranges of `text` that lie in a signature.
    pub(super) signatures: Vec<Range<usize>>,
    /// Where the copy of an earlier message begins that goes on to the end.
    pub(super) rest: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Quote,
    Signature,
    Hidden,
}

/// Classes and ids that mail programs give to the copy of the message answered.
const QUOTE_NAMES: [&str; 10] = [
    "gmail_quote",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "moz-cite-prefix",
    "gmail_attr",
    "olk_src_body_section",
    "isreplycontent",
    "moz-forward-container",
];
/// Classes and ids after which all that follows is the message answered.
const REST_NAMES: [&str; 4] =
    ["divrplyfwdmsg", "appendonsend", "outlookmessageheader", "mail-editor-reference-message-container"];
/// Classes and ids of signatures.
const SIGNATURE_NAMES: [&str; 6] = [
    "gmail_signature",
    "moz-signature",
    "signature",
    "ms-outlook-mobile-signature",
    "protonmail_signature_block",
    "applemailsignature",
];
/// How far up a closing tag looks for its opening one; keeps the time linear.
const MAX_CLOSE_SEARCH: usize = 64;
/// What can stand before another attribute.
const SEPARATORS: [char; 7] = [' ', '\t', '\n', '\r', '\u{c}', '/', '='];
/// The tokenizer takes time in the square of a tag's attributes. It gets the document in pieces with so
/// many separators at most, and only so many pieces of one tag; further ones without their separators.
const MAX_SEPARATORS: usize = 512;
const MAX_PIECES: usize = 16;

/// Converts a document. If everything in it is hidden, it is shown all the same.
pub(super) fn to_text(html: &str) -> HtmlText {
    let shown = convert(html, true);
    if shown.text.trim().is_empty() { convert(html, false) } else { shown }
}

fn convert(html: &str, hide: bool) -> HtmlText {
    let writer = Writer { hide, ..Writer::default() };
    let sink = Sink { writer: RefCell::new(writer), pieces: Cell::new(0) };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    // What never ends is no tag: the library would drop all that follows.
    let (whole, tail) = html.split_at(html.rfind('>').map_or(0, |at| at + 1));
    let html = if tail.contains('<') && !tail.contains("<!--") {
        Cow::Owned(format!("{whole}{}", tail.replace('<', "&lt;")))
    } else {
        Cow::Borrowed(html)
    };
    let mut separators = 0;
    for piece in html.split_inclusive(|letter| {
        separators += usize::from(SEPARATORS.contains(&letter));
        let ends = letter == '>' || separators == MAX_SEPARATORS;
        separators *= usize::from(!ends);
        ends
    }) {
        let pieces = tokenizer.sink.pieces.get() + 1;
        tokenizer.sink.pieces.set(pieces);
        input.push_back(if pieces > MAX_PIECES {
            StrTendril::from(piece.replace(SEPARATORS, ""))
        } else {
            StrTendril::from(piece)
        });
        // Without a tree builder nobody asks for a script to be run, so one call takes all.
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.writer.into_inner().finished()
}

struct Open {
    name: String,
    kind: Kind,
    start: usize,
}

/// Receives the tokens.
struct Sink {
    writer: RefCell<Writer>,
    /// Pieces since the last token: text becomes tokens at once, tags and comments at their end.
    pieces: Cell<usize>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if !matches!(token, Token::ParseError(_)) {
            self.pieces.set(0);
        }
        let mut writer = self.writer.borrow_mut();
        match token {
            Token::CharacterTokens(text) => writer.text(&text),
            Token::TagToken(tag) => {
                let name = &*tag.name;
                // What stands in these is no text of the message, and only their own end tag ends them.
                let raw = match name {
                    "script" => Some(RawKind::ScriptData),
                    "style" => Some(RawKind::Rawtext),
                    "title" => Some(RawKind::Rcdata),
                    _ => None,
                };
                match (tag.kind, raw) {
                    (TagKind::StartTag, Some(raw)) => {
                        writer.raw = true;
                        return TokenSinkResult::RawData(raw);
                    }
                    (TagKind::EndTag, Some(_)) => writer.raw = false,
                    (TagKind::StartTag, None) => writer.open(&tag),
                    (TagKind::EndTag, None) => writer.close(name),
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Writes the text down.
#[derive(Default)]
struct Writer {
    hide: bool,
    out: HtmlText,
    stack: Vec<Open>,
    /// Inside a script, style or title.
    raw: bool,
    hidden: usize,
    pre: usize,
    space: bool,
    breaks: usize,
}

impl Writer {
    fn finished(mut self) -> HtmlText {
        while let Some(open) = self.stack.pop() {
            self.finish(&open);
        }
        self.out
    }

    fn open(&mut self, tag: &Tag) {
        let name = &*tag.name;
        match name {
            "br" => {
                if self.hidden == 0 {
                    self.breaks += 1;
                    self.space = false;
                }
                return;
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "ul" | "ol" | "blockquote" => {
                self.block(2);
            }
            "div" | "tr" | "hr" | "section" | "article" | "header" | "footer" | "dt" | "dd" | "address" | "center"
            | "form" | "pre" | "body" => self.block(1),
            "li" => {
                self.block(1);
                if self.hidden == 0 {
                    self.push('-');
                    self.space = true;
                }
            }
            "td" | "th" => self.space = true,
            "img" => self.image(tag),
            _ => {}
        }
        if name == "pre" {
            self.pre += 1;
        }
        if !matches!(name, "div" | "blockquote" | "span" | "table" | "section" | "article" | "pre" | "template")
            || tag.self_closing
        {
            return;
        }
        let kind = self.kind(tag);
        if kind == Kind::Hidden {
            self.hidden += 1;
        }
        let start = self.out.text.len();
        self.stack.push(Open { name: name.to_owned(), kind, start });
    }

    fn kind(&mut self, tag: &Tag) -> Kind {
        let name = &*tag.name;
        let lower = |name: &str| attribute(tag, name).unwrap_or_default().to_ascii_lowercase();
        let style: String = lower("style").chars().filter(|letter| !letter.is_whitespace()).collect();
        if name == "template" || (self.hide && (style.contains("display:none") || style.contains("mso-hide:all"))) {
            return Kind::Hidden;
        }
        let (id, class) = (lower("id"), lower("class"));
        let names = || {
            class
                .split_ascii_whitespace()
                .chain(id.split_ascii_whitespace())
                .map(|name| name.strip_prefix("x_").unwrap_or(name))
        };
        if self.out.rest.is_none() && names().any(|name| REST_NAMES.contains(&name)) {
            self.out.rest = Some(self.out.text.len());
        }
        // Gmail's and Outlook's "indent" makes block quotes without a border: the writer's own text.
        let indented = style.contains("border:none") || style.contains("border-style:none");
        if names().any(|name| QUOTE_NAMES.contains(&name)) || (name == "blockquote" && !indented) {
            Kind::Quote
        } else if names().any(|name| SIGNATURE_NAMES.contains(&name)) {
            Kind::Signature
        } else {
            Kind::Plain
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "ul" | "ol" | "blockquote" => {
                self.block(2);
            }
            "div" | "tr" | "li" | "section" | "article" | "header" | "footer" | "dt" | "dd" | "address" | "center"
            | "form" | "pre" => self.block(1),
            _ => {}
        }
        let found = self.stack.iter().rev().take(MAX_CLOSE_SEARCH).position(|open| open.name == name);
        if let Some(depth) = found {
            let at = self.stack.len() - 1 - depth;
            for open in self.stack.split_off(at).into_iter().rev() {
                self.finish(&open);
            }
        }
    }

    fn finish(&mut self, open: &Open) {
        let range = open.start..self.out.text.len();
        match open.kind {
            Kind::Hidden => self.hidden = self.hidden.saturating_sub(1),
            Kind::Quote if !range.is_empty() => self.out.quotes.push(range),
            Kind::Signature if !range.is_empty() => self.out.signatures.push(range),
            _ => {}
        }
        if open.name == "pre" {
            self.pre = self.pre.saturating_sub(1);
        }
    }

    /// Pictures that stand for an emoji become that emoji; others are nothing.
    fn image(&mut self, tag: &Tag) {
        let Some(alt) = attribute(tag, "alt") else {
            return;
        };
        if alt.len() <= 32 && !alt.is_ascii() && !alt.chars().any(char::is_alphanumeric) {
            alt.chars().for_each(|letter| self.push(letter));
        }
    }

    /// A hard space keeps its line, but shows nothing.
    fn text(&mut self, text: &str) {
        if self.raw {
            return;
        }
        for letter in text.chars() {
            if self.pre > 0 && letter == '\n' {
                if self.hidden == 0 {
                    self.breaks += 1;
                    self.space = false;
                }
            } else if letter.is_whitespace() {
                self.space = true;
            } else if letter != '\0' {
                self.push(letter);
            }
        }
    }

    fn block(&mut self, breaks: usize) {
        if self.hidden == 0 {
            self.breaks = self.breaks.max(breaks);
            self.space = false;
        }
    }

    fn push(&mut self, letter: char) {
        if self.hidden > 0 {
            return;
        }
        let text = &mut self.out.text;
        if self.breaks > 0 {
            if !text.is_empty() {
                (0..self.breaks.min(2)).for_each(|_| text.push('\n'));
            }
        } else if self.space && !text.is_empty() {
            text.push(' ');
        }
        self.breaks = 0;
        self.space = false;
        text.push(letter);
    }
}

/// An attribute's value.
fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
}
