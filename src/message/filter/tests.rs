//! Filters: what must go, and above all what must stay.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::message::{Channel, Decoded, InboundLimits, InboundMessage, SourcePosition, decode};

fn message(channel: Channel, payload: &Value) -> CustomerMessage {
    let inbound = InboundMessage {
        position: SourcePosition { topic: "t".to_owned(), partition: 0, offset: 0 },
        key: None,
        payload: Some(Bytes::from(payload.to_string())),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    let now = "2026-03-10T12:00:00Z".parse().unwrap();
    match decode(&inbound, Some(channel), &InboundLimits::default(), now).unwrap() {
        Decoded::Message(message) => *message,
        Decoded::Tombstone => panic!("tombstone"),
    }
}

/// Reason and evidence as `reason name=value`, or `kept`.
fn outcome(channel: Channel, payload: &Value) -> String {
    filter(&message(channel, payload)).map_or_else(
        || "kept".to_owned(),
        |filtered| {
            let evidence = filtered.evidence.unwrap();
            format!("{} {}={}", filtered.reason.as_str(), evidence.name, evidence.value)
        },
    )
}

fn mail(headers: &[(&str, &str)]) -> Value {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    json!({"from": "jane@example.org", "subject": "My order", "text": "Where is it?", "headers": headers})
}

#[test]
fn headers_decide() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "kept"),
        (&[("Auto-Submitted", "no")], "kept"),
        (&[("Auto-Submitted", " No ")], "kept"),
        (&[("Auto-Submitted", "")], "kept"),
        (&[("Auto-Submitted", "auto-replied")], "auto_reply auto-submitted=auto-replied"),
        (&[("AUTO-SUBMITTED", "auto-generated; owner=x")], "auto_reply auto-submitted=auto-generated; owner=x"),
        (&[("X-Autoreply", "yes")], "auto_reply x-autoreply=yes"),
        (&[("X-Autoreply", "no")], "kept"),
        (&[("X-Autorespond", "Re: jane@x.org")], "auto_reply x-autorespond=present"),
        (&[("X-Auto-Response-Suppress", "All")], "kept"),
        (&[("X-Auto-Response-Suppress", "DR, OOF, AutoReply"), ("X-MS-Has-Attach", "")], "kept"),
        (&[("Precedence", "bulk")], "auto_reply precedence=bulk"),
        (&[("Precedence", "Junk")], "auto_reply precedence=Junk"),
        (&[("Precedence", "auto_reply")], "auto_reply precedence=auto_reply"),
        (&[("Precedence", "list")], "list precedence=list"),
        (&[("Precedence", "bulk"), ("List-Unsubscribe", "<x>")], "list precedence=bulk"),
        (&[("Precedence", "first-class")], "kept"),
        (&[("List-Id", "<news.x.org>")], "kept"),
        (&[("List-Unsubscribe", "<mailto:x@y.z>")], "kept"),
        (&[("Precedence", "list"), ("List-Id", "<support.shop.x>"), ("X-Google-Group-Id", "1")], "kept"),
        (
            &[("Content-Type", "multipart/report; report-type=delivery-status; boundary=x")],
            "bounce content-type=multipart/report; report-type=delivery-status; boundary=x",
        ),
        (
            &[("Content-Type", "multipart/report; report-type=disposition-notification")],
            "auto_reply content-type=multipart/report; report-type=disposition-notification",
        ),
        (&[("Content-Type", "multipart/alternative; boundary=x")], "kept"),
        (&[("Return-Path", "<>")], "auto_reply return-path=<>"),
        (&[("Return-Path", "<jane@example.org>")], "kept"),
        (&[("X-Failed-Recipients", "a@b.c")], "bounce x-failed-recipients=1"),
        (&[("X-Spam-Flag", "YES")], "spam x-spam-flag=YES"),
        (&[("X-Spam-Flag", "NO"), ("X-Spam-Status", "No, score=0.1")], "kept"),
        (&[("X-Spam-Status", "Yes, score=12")], "spam x-spam-status=Yes"),
    ];
    for (headers, expected) in cases {
        assert_eq!(outcome(Channel::Email, &mail(headers)), *expected, "{headers:?}");
    }
}

#[test]
fn senders_decide() {
    for (from, more, expected) in [
        ("MAILER-DAEMON@mx.example.org", json!({}), "bounce from=mailer-daemon"),
        ("postmaster@example.org", json!({}), "kept"),
        ("postmaster@example.org", json!({"subject": "Undeliverable: your mail"}), "bounce from=postmaster"),
        ("postmaster@example.org", json!({"headers": {"return-path": "<>"}}), "bounce from=postmaster"),
        ("no-reply@shop.example", json!({}), "auto_reply from=no-reply"),
        ("noreply+abc@shop.example", json!({}), "auto_reply from=noreply+abc"),
        ("do_not_reply@shop.example", json!({}), "auto_reply from=do_not_reply"),
        // Contact forms: the customer stands in Reply-To, in the author, or the channel says so.
        ("noreply@forms.example", json!({"reply_to": "jane@example.org"}), "kept"),
        ("noreply@forms.example", json!({"author": {"email": "jane@example.org"}}), "kept"),
        (
            "noreply@forms.example",
            json!({"sub_channel": "form", "headers": {"auto-submitted": "auto-generated"}}),
            "kept",
        ),
        ("noreen@example.org", json!({}), "kept"),
    ] {
        let mut payload = mail(&[]);
        payload["from"] = from.into();
        for (name, value) in more.as_object().unwrap() {
            payload[name] = value.clone();
        }
        assert_eq!(outcome(Channel::Email, &payload), expected, "{from} {more}");
    }
    let mut payload = mail(&[]);
    payload["is_auto_submitted"] = true.into();
    assert_eq!(outcome(Channel::Email, &payload), "auto_reply is_auto_submitted=true");
}

#[test]
fn subjects_decide_only_with_other_evidence() {
    let gone = [
        (
            "Automatic reply: Your ticket 17",
            "I am out of the office until Monday with limited access to email.",
            "automatic reply",
        ),
        ("Automatic reply: Your ticket", "", "automatic reply"),
        (
            "Out of Office: Re: your order",
            "Thank you for your message. I'm currently on annual leave until 3 May.",
            "out of office",
        ),
        ("Out of office", "Hi, I will be away from 3 to 9 May.", "out of office"),
        ("Auto-Reply: support", "This is an automated response. We received your mail.", "auto-reply"),
        (
            "Abwesenheitsnotiz: Ihre Anfrage",
            "Guten Tag, ich bin bis zum 12.05. nicht im Büro und lese keine E-Mails.",
            "abwesenheitsnotiz",
        ),
        (
            "Automatische Antwort: Ihr Ticket",
            "Vielen Dank für Ihre Nachricht. Ich bin derzeit im Urlaub.",
            "automatische antwort",
        ),
        ("Réponse automatique : votre demande", "Bonjour, je suis absente jusqu'au 4 mai.", "réponse automatique"),
        ("Respuesta automática: su caso", "Hola, estoy fuera de la oficina hasta el lunes.", "respuesta automática"),
        ("Risposta automatica: richiesta", "Sono fuori ufficio fino al 3 maggio.", "risposta automatica"),
        ("Resposta automática: pedido", "Olá, estou ausente até dia 5.", "resposta automática"),
        ("Automatisch antwoord: uw vraag", "Ik ben tot maandag afwezig.", "automatisch antwoord"),
    ];
    for (subject, text, pattern) in gone {
        let payload = json!({"from": "jane@example.org", "subject": subject, "text": text});
        assert_eq!(outcome(Channel::Email, &payload), format!("auto_reply subject={pattern}"), "{subject}");
    }
    let exchange = json!({"from": "j@x.org", "subject": "Automatische Antwort: Ticket", "text": "Bin ab Montag wieder da.",
        "headers": {"X-Auto-Response-Suppress": "All"}});
    assert_eq!(outcome(Channel::Email, &exchange), "auto_reply subject=automatische antwort");
    let bounced = json!({"from": "sys@x.org", "subject": "Undeliverable: Your ticket",
        "text": "Delivery has failed.\n550 5.1.1 user unknown"});
    assert_eq!(outcome(Channel::Email, &bounced), "bounce subject=undeliverable");

    let kept = [
        ("Re: Automatic reply: your ticket", "This does not help me. Where is my refund?"),
        ("AW: Automatische Antwort: Ihr Ticket", "Das hilft mir nicht weiter."),
        ("Automatic reply", "Every time I write I get an automatic reply. Can a human please answer?"),
        ("Automatic replies are useless", "I am out of patience, not out of office."),
        ("Out of office hours support", "Nobody answers after six. I need help now."),
        ("Out of Office chair delivery", "The chair has not come."),
        ("Abwesenheitsnotiz", "Ich bekomme von euch immer nur eine Abwesenheitsnotiz, das ist frech."),
        ("Réponse automatique", "Je ne reçois que des réponses automatiques de votre part, c'est inadmissible."),
        ("Undeliverable: my parcel again", "Your driver says my address is undeliverable. It is not."),
        ("Delivery failure", "The parcel was not delivered, for the third time!"),
        ("Falha na entrega", "O meu pedido não chegou."),
        ("Afwezig", "Was er iemand afwezig bij jullie? Ik krijg geen antwoord."),
        ("OOO", "why do I get OOO from your whole team"),
    ];
    for (subject, text) in kept {
        let payload = json!({"from": "jane@example.org", "subject": subject, "text": text});
        assert_eq!(outcome(Channel::Email, &payload), "kept", "{subject}");
    }
    let denied = json!({"from": "j@x.org", "subject": "Out of office", "text": "", "is_auto_submitted": false});
    assert_eq!(outcome(Channel::Email, &denied), "kept");
}

#[test]
fn other_channels_and_authors() {
    let cases = [
        (Channel::Chat, json!({"text": "x", "bot_handled": true}), "kept"),
        (Channel::Chat, json!({"text": "x", "author": {"type": "Bot"}}), "not_customer author.type=bot"),
        (Channel::Chat, json!({"text": "x", "author": {"type": "robot"}}), "kept"),
        (Channel::Email, json!({"text": "x", "author": {"type": "agent"}}), "not_customer author.type=agent"),
        (Channel::Email, json!({"text": "x", "author": {"type": "system"}}), "not_customer author.type=system"),
        (Channel::Email, json!({"text": "x", "direction": "outbound"}), "not_customer direction=outbound"),
        (Channel::Chat, json!({"text": "x", "direction": "internal"}), "not_customer direction=internal"),
        (Channel::Chat, json!({"text": "x", "direction": "sideways"}), "kept"),
        (Channel::Social, json!({"text": "RT @a: x", "kind": "repost"}), "not_customer kind=repost"),
        (Channel::Social, json!({"text": "this!", "kind": "quote"}), "kept"),
        (Channel::Social, json!({"text": "Automatic reply: hi"}), "kept"),
    ];
    for (channel, payload, expected) in cases {
        assert_eq!(outcome(channel, &payload), expected, "{payload}");
    }
}

#[test]
fn nothing_to_read() {
    let cases = [
        (Channel::Chat, json!({}), "empty text=absent"),
        (Channel::Chat, json!({"text": ""}), "empty text=blank"),
        (Channel::Chat, json!({"text": " \r\n\u{200b}\u{feff}\u{a0}"}), "empty text=blank"),
        (
            Channel::Email,
            json!({"html": "<html><head><style>p{}</style><title>x</title></head><p>&nbsp;</p><img src=x></html>"}),
            "empty text=blank",
        ),
        (Channel::Email, json!({"html": "<p>hi</p>"}), "kept"),
        (Channel::Email, json!({"html": "a &amp; b"}), "kept"),
        (Channel::Email, json!({"subject": "Call me", "text": ""}), "kept"),
        (Channel::Chat, json!({"text": "😡"}), "kept"),
        (Channel::Chat, json!({"text": "?"}), "kept"),
        (Channel::Chat, json!({"attachments": [{"name": "a.png"}]}), "empty attachments=1"),
        (Channel::Social, json!({"rating": 1, "text": " "}), "empty rating=1"),
        (Channel::Email, json!({"survey": {"kind": "nps", "score": 3}}), "empty survey.score=3"),
    ];
    for (channel, payload, expected) in cases {
        assert_eq!(outcome(channel, &payload), expected, "{payload}");
    }
}

#[test]
fn evidence_is_short_and_clean() {
    let long = format!("auto-replied\r\n{}", "x".repeat(500));
    let filtered = filter(&message(Channel::Email, &mail(&[("Auto-Submitted", &long)]))).unwrap();
    let value = filtered.evidence.unwrap().value;
    assert_eq!(value.chars().count(), 100);
    assert!(!value.contains(char::is_control));
}
