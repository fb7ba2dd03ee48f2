//! HTML to plain text, in one pass without recursion.
//!
//! Written by hand because it must know where quoted history and signatures begin and end, take linear
//! time and never panic (docs/decisions/0002-text-cleaning.md). Named entities come from `mail-parser`.

use std::ops::Range;

use mail_parser::decoders::html::add_html_token;

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

/// Converts a document. If everything in it is hidden, it is shown all the same.
pub(super) fn to_text(html: &str) -> HtmlText {
    let shown = Scanner::new(html, true).run();
    if shown.text.trim().is_empty() {
        return Scanner::new(html, false).run();
    }
    shown
}

struct Open {
    name: String,
    kind: Kind,
    start: usize,
}

/// How the end of a tag is looked for. Each search that fails ends that kind of search, so that hostile
/// documents are not scanned again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// A `>` outside quotes.
    Quoted,
    /// Any `>`: there is an odd quote somewhere.
    Plain,
    /// There is none.
    Missing,
}

struct Scanner<'a> {
    html: &'a str,
    hide: bool,
    out: HtmlText,
    stack: Vec<Open>,
    hidden: usize,
    pre: usize,
    space: bool,
    breaks: usize,
    ends: Ends,
}

impl<'a> Scanner<'a> {
    fn new(html: &'a str, hide: bool) -> Self {
        Self {
            html,
            hide,
            out: HtmlText::default(),
            stack: Vec::new(),
            hidden: 0,
            pre: 0,
            space: false,
            breaks: 0,
            ends: Ends::Quoted,
        }
    }

    fn run(mut self) -> HtmlText {
        let mut at = 0;
        while let Some(found) = self.html[at..].find('<') {
            let tag = at + found;
            self.text(at, tag);
            at = self.markup(tag);
        }
        self.text(at, self.html.len());
        while let Some(open) = self.stack.pop() {
            self.finish(&open);
        }
        self.out
    }

    /// Handles what begins with `<` at `at`; returns where to go on.
    fn markup(&mut self, at: usize) -> usize {
        let rest = &self.html[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            return match comment.find("-->") {
                Some(end) => at + 4 + end + 3,
                None => self.skip_to_end(at + 4),
            };
        }
        let first = rest.bytes().next().unwrap_or(b' ');
        let is_tag = first.is_ascii_alphabetic()
            || matches!(first, b'!' | b'?')
            || (first == b'/' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic));
        let end = if is_tag { self.tag_end(at + 1) } else { None };
        let Some(end) = end else {
            self.push('<');
            return at + 1;
        };
        let inside = &self.html[at + 1..end];
        let after = end + 1;
        if matches!(first, b'!' | b'?') {
            return after;
        }
        if first == b'/' {
            self.close(&tag_name(&inside[1..]));
            return after;
        }
        let name = tag_name(inside);
        if matches!(name.as_str(), "script" | "style" | "title" | "template") {
            let closing = format!("</{name}");
            return match find_ignoring_case(&self.html[after..], &closing) {
                // The closing tag itself is read as markup.
                Some(found) => after + found,
                None => self.skip_to_end(after),
            };
        }
        self.open(name, inside);
        after
    }

    fn skip_to_end(&self, fallback: usize) -> usize {
        // An element or comment that never ends hides the rest from every reader, unless it is a mere
        // slip at the end of a cut document.
        self.html.len().max(fallback)
    }

    fn tag_end(&mut self, from: usize) -> Option<usize> {
        let bytes = self.html.as_bytes();
        if self.ends == Ends::Quoted {
            let mut quote = None;
            for (offset, byte) in bytes[from..].iter().enumerate() {
                match (quote, byte) {
                    (None, b'>') => return Some(from + offset),
                    (None, b'"' | b'\'') => quote = Some(*byte),
                    (Some(open), byte) if open == *byte => quote = None,
                    _ => {}
                }
            }
            self.ends = Ends::Plain;
        }
        if self.ends == Ends::Missing {
            return None;
        }
        let found = self.html[from..].find('>');
        if found.is_none() {
            self.ends = Ends::Missing;
        }
        found.map(|offset| from + offset)
    }

    fn open(&mut self, name: String, inside: &str) {
        match name.as_str() {
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
            "img" => self.image(inside),
            _ => {}
        }
        if name == "pre" {
            self.pre += 1;
        }
        if !matches!(name.as_str(), "div" | "blockquote" | "span" | "table" | "section" | "article" | "pre")
            || inside.ends_with('/')
        {
            return;
        }
        let kind = self.kind(&name, inside);
        if kind == Kind::Hidden {
            self.hidden += 1;
        }
        let start = self.out.text.len();
        self.stack.push(Open { name, kind, start });
    }

    fn kind(&mut self, name: &str, inside: &str) -> Kind {
        let lower = inside.to_ascii_lowercase();
        let style = attribute(&lower, "style").unwrap_or_default();
        let style: String = style.chars().filter(|letter| !letter.is_whitespace()).collect();
        if self.hide && (style.contains("display:none") || style.contains("mso-hide:all")) {
            return Kind::Hidden;
        }
        let id = attribute(&lower, "id").unwrap_or_default();
        let class = attribute(&lower, "class").unwrap_or_default();
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
    fn image(&mut self, inside: &str) {
        let Some(alt) = attribute(inside, "alt") else {
            return;
        };
        if alt.len() <= 32 && !alt.is_ascii() && !alt.chars().any(char::is_alphanumeric) {
            alt.chars().for_each(|letter| self.push(letter));
        }
    }

    fn text(&mut self, from: usize, to: usize) {
        if self.hidden > 0 {
            return;
        }
        let mut rest = &self.html[from..to];
        while let Some(found) = rest.find('&') {
            self.run_of_text(&rest[..found]);
            rest = &rest[found..];
            let end = rest.bytes().take(34).position(|byte| byte == b';');
            let Some(end) = end else {
                self.push('&');
                rest = &rest[1..];
                continue;
            };
            let mut decoded = String::new();
            add_html_token(&mut decoded, &rest.as_bytes()[..=end], false);
            if decoded.len() == end + 1 {
                // Not an entity.
                self.push('&');
                rest = &rest[1..];
            } else {
                decoded.chars().for_each(|letter| self.entity(letter));
                rest = &rest[end + 1..];
            }
        }
        self.run_of_text(rest);
    }

    fn run_of_text(&mut self, text: &str) {
        for letter in text.chars() {
            if self.pre > 0 && letter == '\n' {
                self.breaks += 1;
                self.space = false;
            } else if letter.is_whitespace() {
                self.space = true;
            } else {
                self.push(letter);
            }
        }
    }

    /// A hard space keeps its line, but shows nothing.
    fn entity(&mut self, letter: char) {
        if letter == '\u{a0}' || letter.is_whitespace() {
            self.space = true;
        } else if letter != '\0' {
            self.push(letter);
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

fn tag_name(inside: &str) -> String {
    inside
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-'))
        .take(16)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Returns an attribute's value from the inside of a tag.
fn attribute<'a>(inside: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(found) = inside[from..].find(name) {
        let start = from + found;
        let after = &inside[start + name.len()..];
        let before = inside[..start].chars().next_back();
        from = start + name.len();
        let Some(value) = after.trim_start().strip_prefix('=') else {
            continue;
        };
        if !before.is_some_and(|letter| letter.is_whitespace() || matches!(letter, '"' | '\'')) {
            continue;
        }
        let value = value.trim_start();
        return match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next(),
            _ => value.split(|letter: char| letter.is_whitespace() || letter == '>').next(),
        };
    }
    None
}

fn find_ignoring_case(text: &str, pattern: &str) -> Option<usize> {
    text.as_bytes().windows(pattern.len()).position(|window| window.eq_ignore_ascii_case(pattern.as_bytes()))
}
