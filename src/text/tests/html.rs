//! HTML as mail programs write it.

use std::time::{Duration, Instant};

use super::{CleanText, cleaned, message};
use crate::message::Channel;
use crate::text::html::to_text;

fn html(html: &str) -> CleanText {
    cleaned(&message(Channel::Email, None, Some(html)))
}

#[test]
fn converts() {
    for (html, text) in [
        ("<p>Hello <b>Jane</b>,</p><p>second&nbsp;line<br>third</p>", "Hello Jane,\n\nsecond line\nthird"),
        (
            "<html><head><title>T</title><style>p{color:red}</style></head><body>x<script>alert(1)</script>y</body></html>",
            "xy",
        ),
        ("see <a href=\"https://x.example/?a=1&b=2\">our page</a>.", "see our page."),
        ("<ul><li>one<li>two</ul>end", "- one\n- two\n\nend"),
        ("<table><tr><td>Order</td><td>4711</td></tr><tr><td>Size</td><td>XL</td></tr></table>", "Order 4711\nSize XL"),
        (
            "a &amp; b &lt;c&gt; &eacute; &#233; &#x1F600; &euro; &bogus; & &#0; AT&T",
            "a & b <c> é é 😀 € &bogus; & \u{fffd} AT&T",
        ),
        ("I <3 it, 2 < 3 and 5 > 4", "I <3 it, 2 < 3 and 5 > 4"),
        ("<p>a</p><!-- hidden <p>b</p> --><p>c</p>", "a\n\nc"),
        ("<!--[if mso]><p>x</p><![endif]--><p>c</p>", "c"),
        ("<div style=\"display: none; max-height:0\">Preview text</div><p>Real</p>", "Real"),
        ("<div style='display:none'>only</div>", "only"),
        ("<pre>a\n  b\n\nc</pre>", "a\nb\n\nc"),
        ("great <img src=x alt=\"😀\"><img src=logo alt=\"Company\">", "great 😀"),
        (
            "<p class=MsoNormal>one<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>two</p>",
            "one\n\ntwo",
        ),
        ("<a title=\"1 > 0\">x</a>", "x"),
        ("unclosed <b", "unclosed <b"),
        ("stock <missing since Monday, help", "stock <missing since Monday, help"),
        ("&nbsp;", ""),
        ("", ""),
    ] {
        assert_eq!(to_text(html).text, text, "{html}");
    }
}

#[test]
fn text_is_preferred_unless_blank() {
    let both = message(Channel::Email, Some("plain"), Some("<p>rich</p>"));
    assert_eq!((cleaned(&both).body.as_str(), cleaned(&both).from_html), ("plain", false));
    let blank = message(Channel::Email, Some(" \u{200b}\n"), Some("<p>rich</p>"));
    assert_eq!((cleaned(&blank).body.as_str(), cleaned(&blank).from_html), ("rich", true));
    let chat = message(Channel::Chat, None, Some("<blockquote>you</blockquote><p>me</p>"));
    assert_eq!(cleaned(&chat).body, "you\n\nme");
}

#[test]
fn quotes_by_mark_up() {
    for (source, body) in [
        // Gmail, in a language whose attribution we do not know
        (
            "<div dir=\"ltr\">Not fixed.</div><br><div class=\"gmail_quote gmail_quote_container\"><div dir=\"ltr\" class=\"gmail_attr\">2026. máj. 4., H 10:02 Bolt írta:<br></div><blockquote class=\"gmail_quote\" style=\"margin:0\"><div>Hello</div></blockquote></div>",
            "Not fixed.",
        ),
        // Gmail, answer below the quote
        (
            "<div class=\"gmail_quote\"><div class=\"gmail_attr\">On Mon, 4 May 2026 at 10:02 Shop wrote:</div><blockquote>Is it fixed?</blockquote></div><div>No, it is not.</div>",
            "No, it is not.",
        ),
        // Outlook on the web
        (
            "<div>Wrong size.</div><div id=\"appendonsend\"></div><hr><div id=\"divRplyFwdMsg\"><b>Avsändare:</b> Shop<br><b>Ärende:</b> Order</div><div>Hello</div>",
            "Wrong size.",
        ),
        // Outlook on the desktop
        (
            "<p class=MsoNormal>Wrong size.</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal><b>From:</b> Shop &lt;a@b.c&gt;<br><b>Sent:</b> Monday<br><b>To:</b> Jane<br><b>Subject:</b> Order</p></div><p>Hello</p>",
            "Wrong size.",
        ),
        // Thunderbird, answers between
        (
            "<div class=\"moz-cite-prefix\">Am 04.05.2026 um 10:02 schrieb Shop:</div><blockquote type=\"cite\">Number?</blockquote><p>4711</p><blockquote type=\"cite\">Size?</blockquote><p>XL</p>",
            "4711\n\nXL",
        ),
        // Yahoo
        (
            "<div>Still waiting.</div><div id=\"yahoo_quoted_17\" class=\"yahoo_quoted\"><div>On Monday, Shop wrote:</div><div>Hello</div></div>",
            "Still waiting.",
        ),
        // Apple Mail
        (
            "<div>Still waiting.</div><div><br><blockquote type=\"cite\"><div>On 4 May 2026, at 10:02, Shop wrote:</div><div>Hello</div></blockquote></div>",
            "Still waiting.",
        ),
    ] {
        let result = html(source);
        assert_eq!(result.body, body, "{source}");
        assert!(result.quoted_removed && result.from_html);
    }
}

#[test]
fn own_text_in_block_quotes_stays() {
    for (source, body) in [
        (
            "<p>My points:</p><blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\">it is late</blockquote>",
            "My points:\n\nit is late",
        ),
        ("<blockquote>all of it</blockquote>", "all of it"),
        (
            "<div class=\"gmail_quote\"><div class=\"gmail_attr\">---------- Forwarded message ---------<br>From: Shop &lt;a@b.c&gt;<br>Subject: Invoice</div><div>Amount due</div></div>",
            "---------- Forwarded message ---------\nFrom: Shop <a@b.c>\nSubject: Invoice\nAmount due",
        ),
        (
            "<div>See this:</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">---------- Forwarded message ---------<br>From: Shop</div><div>Amount due</div></div>",
            "See this:\n---------- Forwarded message ---------\nFrom: Shop\nAmount due",
        ),
    ] {
        let result = html(source);
        assert_eq!(result.body, body, "{source}");
        assert!(!result.quoted_removed);
    }
}

#[test]
fn signatures_by_mark_up() {
    let gone = html(
        "<div>The app crashes.</div><br><div class=\"gmail_signature\"><div>Jane Doe</div><div>Example Ltd</div></div>",
    );
    assert_eq!((gone.body.as_str(), gone.signature_removed), ("The app crashes.", true));
    let kept = html("<div>The app crashes.</div><div class=\"gmail_signature\">Is anybody there?</div>");
    assert_eq!((kept.body.lines().count(), kept.signature_removed), (2, false));
}

#[test]
fn hostile_html_takes_linear_time() {
    let n = 40_000;
    for hostile in [
        "<div>".repeat(n),
        "<blockquote>".repeat(n) + "x",
        "</div>".repeat(n),
        "<div></span>".repeat(n),
        "<a \"".repeat(n),
        "<a '\"".repeat(n),
        "<".repeat(n),
        "<!--".repeat(n),
        "<script>".repeat(n),
        "<style".repeat(n),
        "&#".repeat(n),
        "&".repeat(n) + ";",
        "<div style=".repeat(n) + ">",
        "<div id=id=id=".repeat(n / 4),
        format!("<div {}>x", "style ".repeat(n)),
        "<table><tr><td>".repeat(n) + "x",
        format!("<div {}>x", (0..n).map(|i| format!("a{i:x}")).collect::<Vec<_>>().join(" ")),
        "> a\n".repeat(n),
        "On 1\n".repeat(n),
        "From: a@b\n".repeat(n),
        "On Mon 10:00 ".repeat(n),
    ] {
        let start = Instant::now();
        html(&hostile);
        cleaned(&message(Channel::Email, Some(&hostile), None));
        assert!(start.elapsed() < Duration::from_secs(5), "{}", &hostile[..20]);
    }
}
