//! Cleaning: mails of many programs, what must stay, and properties.

mod html;
mod language;
mod mails;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::message::{Author, Channel, Customer, CustomerMessage, Direction};

/// A message with a text and an HTML part.
fn message(channel: Channel, text: Option<&str>, html: Option<&str>) -> CustomerMessage {
    CustomerMessage {
        id: "m".to_owned(),
        id_from_source: false,
        channel,
        sub_channel: None,
        conversation_id: "c".to_owned(),
        sent_at: None,
        received_at: Timestamp::UNIX_EPOCH,
        direction: Direction::Inbound,
        author: Author::default(),
        customer: Customer::default(),
        subject: None,
        text: text.map(str::to_owned),
        html: html.map(str::to_owned),
        language: None,
        attachments: Vec::new(),
        tenant: None,
        brand: None,
        product: None,
        tags: Vec::new(),
        metadata: serde_json::Map::new(),
        email: None,
        chat: None,
        social: None,
        survey: None,
        extra: serde_json::Map::new(),
        notes: Vec::new(),
    }
}

fn cleaned(message: &CustomerMessage) -> CleanText {
    let cleaned = clean(message, &TextOptions::default(), &LanguageDetector::new());
    check(message, &cleaned);
    cleaned
}

fn mail(text: &str) -> CleanText {
    cleaned(&message(Channel::Email, Some(text), None))
}

/// What holds for every result.
fn check(message: &CustomerMessage, cleaned: &CleanText) {
    let source = source_text(message);
    let mut body_end = 0;
    let mut source_end = 0;
    for segment in &cleaned.segments {
        let body = cleaned.body.get(segment.body_start..segment.body_start + segment.len);
        let origin = source.get(segment.source_start..segment.source_start + segment.len);
        assert!(body.is_some(), "segment outside the body or inside a character");
        assert_eq!(body, origin);
        assert!(segment.len > 0 && segment.body_start >= body_end && segment.source_start >= source_end);
        // Only line ends are made here.
        assert!(cleaned.body[body_end..segment.body_start].bytes().all(|byte| byte == b'\n'));
        body_end = segment.body_start + segment.len;
        source_end = segment.source_start + segment.len;
    }
    assert_eq!(body_end, cleaned.body.len());
    assert_eq!(is_blank(&cleaned.body), is_blank(&source), "{source:?}");
    assert!(!cleaned.body.contains("\n\n\n") && !cleaned.body.contains('\r'));
    assert!((0.0..=1.0).contains(&cleaned.language.confidence));
    for (offset, _) in cleaned.body.char_indices() {
        if let Some(origin) = cleaned.source_offset(offset) {
            assert_eq!(cleaned.body.as_bytes()[offset], source.as_bytes()[origin]);
        }
    }
}

#[test]
fn patterns_compile() {
    for pattern in quotes::patterns().into_iter().chain(signature::patterns()) {
        assert!(pattern.is_some());
    }
}

#[test]
fn characters() {
    for (text, body) in [
        ("a\r\nb\rc\u{2028}d", "a\nb\nc\nd"),
        ("\u{feff}a\u{200b}b\u{0}c\u{ad}d\u{202e}", "abcd"),
        ("  a  \n\n\n \t\n\n b\t\n", "a\n\nb"),
        (
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 👍🏽 1\u{fe0f}\u{20e3}",
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 👍🏽 1\u{fe0f}\u{20e3}",
        ),
        ("a\u{200d}b\u{fe0f}", "ab"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        (
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ),
        ("e\u{301}", "e\u{301}"),
        ("\u{200b}\n\u{200d}", ""),
        ("", ""),
    ] {
        assert_eq!(mail(text).body, body, "{text:?}");
    }
    let mut with_subject = message(Channel::Email, Some("x"), None);
    with_subject.subject = Some(" Re:\r\n\tmy \u{200b} order\u{0} ".to_owned());
    assert_eq!(cleaned(&with_subject).subject.as_deref(), Some("Re: my order"));
    with_subject.subject = Some("\u{200b} ".to_owned());
    assert_eq!(cleaned(&with_subject).subject, None);
}

#[test]
fn chat_and_social_keep_everything() {
    let text = "> you said\n> it works\nNo.\n\nOn 3 May 2026 at 10:00 Jane wrote:\n> x\n-- \nJane\nSent from my iPhone";
    for channel in [Channel::Chat, Channel::Social] {
        let result = cleaned(&message(channel, Some(text), None));
        assert_eq!(result.body.lines().count(), 9);
        assert!(!result.quoted_removed && !result.signature_removed);
    }
}

#[test]
fn options_switch_each_part() {
    let text = "Broken again.\n\nKind regards\nJane\n\nOn Mon, 4 May 2026 at 10:00, Shop <a@b.c> wrote:\n> Hello";
    let mail = message(Channel::Email, Some(text), None);
    let with = |strip_quotes, strip_signatures| {
        let options = TextOptions { strip_quotes, strip_signatures, detect_language: false };
        let result = clean(&mail, &options, &LanguageDetector::new());
        check(&mail, &result);
        (result.body.lines().count(), result.quoted_removed, result.signature_removed)
    };
    assert_eq!(with(true, true), (1, true, true));
    assert_eq!(with(true, false), (4, true, false));
    assert_eq!(with(false, false), (7, false, false));
}

fn text_with_markers() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => "[a-zA-Zäß?!. 0-9]{0,40}",
        1 => prop::sample::select(vec![
            "> quoted", ">", ">> twice", "On Mon, 4 May 2026 at 10:00, Jane <a@b.c> wrote:",
            "Am 04.05.2026 um 10:00 schrieb Jane:", "-----Original Message-----", "From: a@b.c",
            "Sent: Monday", "To: x@y.z", "Subject: hi", "-- ", "Kind regards", "Jane Doe", "Thanks,",
            "Sent from my iPhone", "---------- Forwarded message ---------", "see below", "\u{200b}",
            "😀\u{200d}x", "##- Please type your reply above this line -##",
        ]).prop_map(str::to_owned),
        1 => ".{0,20}",
    ];
    (prop::collection::vec(line, 0..14), prop::sample::select(vec!["\n", "\r\n", "\n\n", "\r"]))
        .prop_map(|(lines, end)| lines.join(end))
}

fn html_soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<p>",
            "</p>",
            "<div class=\"gmail_quote\">",
            "<div>",
            "</div>",
            "<blockquote type=cite>",
            "</blockquote>",
            "<br>",
            "<span style=\"display: none\">",
            "</span>",
            "<style>",
            "</style>",
            "<!--",
            "-->",
            "<table><tr><td>",
            "</table>",
            "&nbsp;",
            "&amp;",
            "&#x1F600;",
            "&#0;",
            "&bogus;",
            "&",
            "<",
            ">",
            "<3",
            "<a href=\"x>y\">",
            "\"",
            "<pre>",
            "</pre>",
            "<img alt=\"😀\">",
            "<div id=divRplyFwdMsg>",
            "<li>",
            "<script",
            "</",
            "<!",
            "<div class=gmail_signature>",
        ])
        .prop_map(str::to_owned),
        "[a-z \n]{0,12}",
        ".{0,6}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mail_is_cleaned(text in text_with_markers()) {
        mail(&text);
    }

    #[test]
    fn any_html_is_cleaned(html in html_soup()) {
        cleaned(&message(Channel::Email, None, Some(&html)));
        cleaned(&message(Channel::Chat, Some(" "), Some(&html)));
    }

    #[test]
    fn any_text_is_cleaned(text in ".{0,200}", hint in ".{0,8}") {
        let mut any = message(Channel::Social, Some(&text), None);
        any.subject = Some(text.clone());
        any.language = Some(hint);
        cleaned(&any);
    }

    #[test]
    fn without_markers_nothing_goes(words in prop::collection::vec("[b-z]{4,9}", 1..40), every in 1usize..9) {
        let text = words.chunks(every).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n");
        let result = mail(&text);
        prop_assert_eq!(result.body, text);
        prop_assert!(!result.quoted_removed && !result.signature_removed);
    }
}
