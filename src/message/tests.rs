//! Decoding: tables, odd input, and properties.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-03-10T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn record(payload: &[u8], headers: &[(&str, &str)]) -> InboundMessage {
    InboundMessage {
        position: SourcePosition { topic: "support.email".to_owned(), partition: 3, offset: 91_827 },
        key: None,
        payload: Some(Bytes::copy_from_slice(payload)),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let value = Bytes::copy_from_slice(value.as_bytes());
                ((*name).to_owned(), Some(value))
            })
            .collect(),
        timestamp_ms: Some(1_773_143_000_000),
    }
}

fn decode_with(payload: &[u8], headers: &[(&str, &str)], channel: Option<Channel>) -> Result<Decoded, DecodeError> {
    let inbound = record(payload, headers);
    decode(&inbound, channel, &InboundLimits::default(), now())
}

fn message(channel: Channel, payload: &Value) -> CustomerMessage {
    match decode_with(payload.to_string().as_bytes(), &[], Some(channel)).unwrap() {
        Decoded::Message(message) => *message,
        Decoded::Tombstone => panic!("tombstone"),
    }
}

fn codes(message: &CustomerMessage) -> Vec<&'static str> {
    message.notes.iter().map(|note| note.code.as_str()).collect()
}

fn full_email() -> Value {
    json!({
        "id": "m-1", "channel": "email", "sent_at": "2026-03-10T11:00:00+01:00",
        "received_at": "2026-03-10T10:00:05Z",
        "author": {"type": "customer", "name": "Jane", "shoe_size": 38},
        "customer": {"id": "c-9", "tier": "vip", "open_tickets": 2},
        "subject": "=?UTF-8?Q?Wo_bleibt_die_R=C3=BCckerstattung=3F?=",
        "text": "Hello", "language": "de",
        "from": "Jane Doe <Jane@Example.ORG>",
        "to": ["support@shop.example", {"address": "b@shop.example", "name": "B"}],
        "message_id": "<abc@mail.example>", "in_reply_to": "<parent@mail.example>",
        "references": "<root@mail.example> <parent@mail.example>",
        "headers": {"Auto-Submitted": "no", "Received": ["a", "b"], "X-N": 3},
        "attachments": [{"name": "a.png", "media_type": "image/png", "size_bytes": 10}, "b.pdf"],
        "tags": ["x", "y"], "metadata": {"k": [1, 2]}, "tenant": "t", "brand": "b", "product": "p",
        "raw_size_bytes": 4321, "unheard_of": {"a": 1}, "nothing": null
    })
}

#[test]
fn reads_a_full_email() {
    let read = message(Channel::Email, &full_email());
    assert_eq!(read.id, "m-1");
    assert!(!read.id_from_source);
    assert_eq!(read.subject.as_deref(), Some("Wo bleibt die Rückerstattung?"));
    assert_eq!(read.conversation_id, "email:root@mail.example");
    assert_eq!(read.customer_key(), "c-9");
    assert_eq!(read.address_key().as_deref(), Some("email:jane@example.org"));
    assert_eq!(read.author.email.as_deref(), Some("jane@example.org"));
    let email = read.email.as_ref().unwrap();
    assert_eq!(email.from.as_ref().unwrap().name.as_deref(), Some("Jane Doe"));
    assert_eq!(email.to.len(), 2);
    assert_eq!(email.references.len(), 2);
    assert_eq!(email.headers["received"], ["a", "b"]);
    assert_eq!(email.headers["x-n"], ["3"]);
    assert_eq!(read.attachments[1].name.as_deref(), Some("b.pdf"));
    assert_eq!(read.sent_at.unwrap().to_string(), "2026-03-10T10:00:00Z");
    assert_eq!(read.extra["unheard_of"], json!({"a": 1}));
    assert_eq!(read.extra["author"], json!({"shoe_size": 38}));
    assert_eq!(read.extra.len(), 2);
    assert_eq!(codes(&read), ["conversation_derived"]);
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<CustomerMessage>(&json).unwrap(), read);
    assert!(!json.contains("null"));
}

#[test]
fn reads_chat_and_social() {
    let chat = message(
        Channel::Chat,
        &json!({"id": 17, "text": "hi", "session_id": "s1", "message_seq": 4, "bot_handled": true,
                "wait_started_at": "2026-03-10T11:59:00Z", "author": {"id": "u7"}, "from": "x"}),
    );
    assert_eq!(chat.id, "17");
    assert_eq!(chat.conversation_id, "chat:s1");
    assert_eq!(chat.customer_key(), "chat:u7");
    assert_eq!(chat.extra["from"], "x");
    let social = message(
        Channel::Social,
        &json!({"id": "p2", "text": "hi", "platform": "X", "post_id": "2", "root_post_id": "1",
                "kind": "shout", "visibility": "public", "rating": "4.5",
                "author": {"handle": "@Jane", "followers": 1.2e4, "verified": "true"},
                "engagement": {"likes": 3, "stars": 1}}),
    );
    assert_eq!(social.conversation_id, "social:x:1");
    assert_eq!(social.customer_key(), "social:x:jane");
    assert_eq!(social.author.followers, Some(12_000));
    let fields = social.social.as_ref().unwrap();
    assert_eq!(fields.kind, Some(SocialKind::Other("shout".to_owned())));
    assert_eq!(fields.rating, Some(4.5));
    assert_eq!(social.extra["engagement"], json!({"stars": 1}));
    let json = serde_json::to_string(&social).unwrap();
    assert_eq!(serde_json::from_str::<CustomerMessage>(&json).unwrap(), social);
}

#[test]
fn errors_name_class_and_place_and_never_the_text() {
    let deep = "[".repeat(40);
    let nested = r#"{"a":"#.repeat(33);
    let bom = "\u{feff}{\"text\": \"SECRET\", \"id\": {}}";
    let cases: &[(&[u8], Option<Channel>, &str, &str)] = &[
        (b"", Some(Channel::Chat), "blank", "payload is blank"),
        (b"\xff\xfeS", Some(Channel::Chat), "invalid_utf8", "byte 0"),
        (b"{\"text\": SECRET}", Some(Channel::Chat), "invalid_json", "line 1 column 10"),
        (b"{\"text\": \"SECRET", Some(Channel::Chat), "invalid_json", "line 1"),
        (b"{\"text\": 1e999}", Some(Channel::Chat), "invalid_json", "number out of range"),
        (deep.as_bytes(), Some(Channel::Chat), "too_deep", "byte 32"),
        (nested.as_bytes(), Some(Channel::Chat), "too_deep", "limit of 32"),
        (b"[\"SECRET\"]", Some(Channel::Chat), "schema", "field at `$`: expected an object, found an array"),
        (b"\"SECRET\"", Some(Channel::Chat), "schema", "`$`"),
        (b"{\"text\": [\"SECRET\"]}", Some(Channel::Chat), "schema", "`$.text`: expected a string, found an array"),
        (b"{\"author\": \"SECRET\"}", Some(Channel::Chat), "schema", "`$.author`"),
        (b"{\"author\": {\"type\": 3}}", Some(Channel::Chat), "schema", "`$.author.type`"),
        (b"{\"customer\": {\"id\": 1.5}}", Some(Channel::Chat), "schema", "`$.customer.id`"),
        (b"{\"text\": \"SECRET\"}", None, "unknown_channel", "absent"),
        (b"{\"text\": \"SECRET\", \"channel\": \"SECRET\"}", None, "unknown_channel", "an unknown value"),
        (bom.as_bytes(), Some(Channel::Chat), "schema", "`$.id`"),
    ];
    for (payload, channel, class, text) in cases {
        let error = decode_with(payload, &[], *channel).unwrap_err();
        assert_eq!(error.class(), *class, "{error}");
        assert!(DecodeError::CLASSES.contains(&error.class()));
        assert!(error.to_string().contains(text), "{error}");
        assert!(!error.to_string().contains("SECRET"), "{error}");
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    }
    let big = vec![b' '; 1024 * 1024 + 1];
    assert_eq!(decode_with(&big, &[], None).unwrap_err().class(), "too_large");
}

#[test]
fn channel_of_the_topic_wins() {
    for (payload, topic, expected, noted) in [
        (r#"{"channel": "chat"}"#, Some(Channel::Email), Channel::Email, true),
        (r#"{"channel": "fax"}"#, Some(Channel::Email), Channel::Email, true),
        (r#"{"channel": "EMAIL"}"#, Some(Channel::Email), Channel::Email, false),
        (r#"{"channel": "Social"}"#, None, Channel::Social, false),
    ] {
        let Decoded::Message(read) = decode_with(payload.as_bytes(), &[], topic).unwrap() else {
            panic!("tombstone");
        };
        assert_eq!(read.channel, expected);
        assert_eq!(codes(&read).contains(&"channel_conflict"), noted);
        assert_eq!(read.extra.contains_key("channel"), noted);
    }
}

#[test]
fn cloud_events_by_the_rule() {
    let plain = json!({"text": "hi", "session_id": "s"});
    let event = json!({"id": "e1", "source": "/s", "specversion": "1.0", "type": "t",
        "time": "2026-03-10T11:00:00Z", "subject": "ticket-7", "data": plain});
    let base64 = json!({"id": "e1", "source": "/s", "specversion": "1.0", "type": "t",
        "data_base64": "eyJ0ZXh0IjogImhpIn0="});
    let twice = json!({"id": "e1", "source": "/s", "specversion": "1.0", "type": "t",
        "data": plain.to_string()});
    let structured = [("Content-Type", "Application/CloudEvents+json; charset=utf-8")];
    let binary = [
        ("ce_id", "e2"),
        ("ce_source", "/s"),
        ("ce_specversion", "1.0"),
        ("ce_type", "t"),
        ("ce_time", "2026-03-10T10:30:00Z"),
        ("ce_subject", "ticket 7"),
    ];
    let read = |payload: &Value, headers: &[(&str, &str)]| match decode_with(
        payload.to_string().as_bytes(),
        headers,
        Some(Channel::Chat),
    )
    .unwrap()
    {
        Decoded::Message(message) => *message,
        Decoded::Tombstone => panic!("tombstone"),
    };
    for payload in [&event, &base64, &twice] {
        let message = read(payload, &structured);
        assert_eq!((message.id.as_str(), message.text.as_deref()), ("e1", Some("hi")));
    }
    assert_eq!(read(&event, &[]).id, "e1", "content type forgotten");
    assert_eq!(read(&event, &structured).sent_at.unwrap().to_string(), "2026-03-10T11:00:00Z");
    let message = read(&plain, &binary);
    assert_eq!(message.id, "e2");
    assert_eq!(message.sent_at.unwrap().to_string(), "2026-03-10T10:30:00Z");
    // Without one mandatory header it is a plain record.
    let message = read(&plain, &binary[1..]);
    assert!(message.id_from_source);
    assert_eq!(message.id, "support.email/3@91827");
    // The event's subject is a conversation only if it looks like an identifier.
    let bare = json!({"text": "hi"});
    assert_eq!(read(&bare, &binary).conversation_id, "e2");
    let with_id = [binary[0], binary[1], binary[2], binary[3], ("ce_subject", "ticket-7")];
    assert_eq!(read(&bare, &with_id).conversation_id, "ticket-7");

    for (payload, headers, text) in [
        (json!({"id": "e", "source": "s", "specversion": "1.0", "data": {}}), &structured[..], "`$.type`"),
        (json!({"id": "e", "source": "s", "type": "t", "specversion": "0.3"}), &structured[..], "version 1"),
        (event.clone(), &[("content-type", "application/cloudevents-batch+json")][..], "batches"),
        (event.clone(), &[("content-type", "application/cloudevents+avro")][..], "JSON event format"),
        (
            json!({"id": "e", "source": "s", "type": "t", "specversion": "1.0", "data_base64": "§"}),
            &structured[..],
            "base64",
        ),
        (
            json!({"id": "e", "source": "s", "type": "t", "specversion": "1.0", "data": {}, "data_base64": ""}),
            &structured[..],
            "as well",
        ),
    ] {
        let error = decode_with(payload.to_string().as_bytes(), headers, Some(Channel::Chat)).unwrap_err();
        assert_eq!(error.class(), "cloudevent", "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let place = json!({"id": "e", "source": "s", "type": "t", "specversion": "1.0", "data": {"text": 1}});
    let error = decode_with(place.to_string().as_bytes(), &structured, Some(Channel::Chat)).unwrap_err();
    assert!(error.to_string().contains("`$.data.text`"), "{error}");
}

#[test]
fn tombstones() {
    let mut inbound = record(b"", &[]);
    inbound.payload = None;
    let limits = InboundLimits::default();
    assert_eq!(decode(&inbound, None, &limits, now()).unwrap(), Decoded::Tombstone);
    let event = json!({"id": "e", "source": "s", "type": "t", "specversion": "1.0"});
    let structured = [("content-type", "application/cloudevents+json")];
    let decoded = decode_with(event.to_string().as_bytes(), &structured, None).unwrap();
    assert_eq!(decoded, Decoded::Tombstone);
}

#[test]
fn times() {
    // sent_at, received_at, record timestamp -> sent_at, received_at, notes
    let record_time = "2026-03-10T11:43:20Z";
    #[expect(clippy::items_after_statements, reason = "beside its table")]
    type Case = (Value, Value, Option<i64>, Option<&'static str>, &'static str, &'static [&'static str]);
    let cases: &[Case] = &[
        (
            json!("2026-03-10T10:00:00Z"),
            Value::Null,
            Some(1_773_143_000_000),
            Some("2026-03-10T10:00:00Z"),
            record_time,
            &[],
        ),
        (Value::Null, Value::Null, None, None, NOW, &["received_at_missing", "sent_at_missing"]),
        (Value::Null, Value::Null, Some(-1), None, NOW, &["received_at_missing", "sent_at_missing"]),
        (
            json!("yesterday"),
            json!("2026-03-10T10:00:00Z"),
            None,
            None,
            "2026-03-10T10:00:00Z",
            &["timestamp_invalid", "sent_at_missing"],
        ),
        (
            json!(1_773_143_000),
            json!(false),
            Some(1_773_143_000_000),
            None,
            record_time,
            &["timestamp_invalid", "timestamp_invalid", "sent_at_missing"],
        ),
        (
            json!("2026-03-10T12:04:59Z"),
            json!("2026-03-10T12:04:00Z"),
            None,
            Some("2026-03-10T12:04:59Z"),
            "2026-03-10T12:04:00Z",
            &[],
        ),
        (
            json!("2026-03-10T12:05:01Z"),
            Value::Null,
            Some(1_773_143_000_000),
            Some(record_time),
            record_time,
            &["sent_at_in_future"],
        ),
        (
            json!("9000-12-31T00:00:00Z"),
            json!("2027-01-01T00:00:00Z"),
            Some(i64::MAX),
            Some(NOW),
            NOW,
            &["received_at_in_future", "sent_at_in_future"],
        ),
        (
            json!("2026-03-10T11:00:00Z"),
            json!("2027-01-01T00:00:00Z"),
            Some(1_773_143_000_000),
            Some("2026-03-10T11:00:00Z"),
            record_time,
            &["received_at_in_future"],
        ),
    ];
    for (sent, received, record_ms, sent_at, received_at, notes) in cases {
        let payload = json!({"id": "a", "conversation_id": "c", "text": "x", "sent_at": sent, "received_at": received});
        let mut inbound = record(payload.to_string().as_bytes(), &[]);
        inbound.timestamp_ms = *record_ms;
        let decoded = decode(&inbound, Some(Channel::Chat), &InboundLimits::default(), now());
        let Decoded::Message(read) = decoded.unwrap() else { panic!("tombstone") };
        assert_eq!(read.sent_at.map(|at| at.to_string()).as_deref(), *sent_at, "{payload}");
        assert_eq!(read.received_at.to_string(), *received_at, "{payload}");
        assert_eq!(codes(&read), *notes, "{payload}");
    }
}

#[test]
fn conversations() {
    let digest = "email:subject:";
    let cases = [
        (Channel::Email, json!({"in_reply_to": "<p@x>", "message_id": "<m@x>"}), "email:p@x"),
        (Channel::Email, json!({"message_id": "<m@x>"}), "email:m@x"),
        (Channel::Email, json!({"headers": {"References": "<r@x>\r\n <p@x>"}}), "email:r@x"),
        (Channel::Email, json!({"headers": [["Message-ID", "<h@x>"]]}), "email:h@x"),
        (Channel::Email, json!({"headers": [{"name": "Message-Id", "value": "<h@x>"}]}), "email:h@x"),
        (Channel::Email, json!({"id": "only"}), "only"),
        (Channel::Chat, json!({"id": "only"}), "only"),
        (Channel::Social, json!({"platform": "x", "post_id": 5, "parent_post_id": "4"}), "social:x:4"),
        (
            Channel::Social,
            json!({"platform": "x", "post_id": "5", "kind": "dm", "author": {"handle": "@a"}}),
            "social:x:dm:a",
        ),
        (Channel::Social, json!({"post_id": "5"}), "social:unknown:5"),
        (Channel::Chat, json!({"conversation_id": "  c ", "session_id": "s"}), "c"),
    ];
    for (channel, payload, expected) in cases {
        assert_eq!(message(channel, &payload).conversation_id, expected, "{payload}");
    }
    let by_subject =
        |subject: &str, from: &str| message(Channel::Email, &json!({"subject": subject, "from": from})).conversation_id;
    let first = by_subject("Where is my  parcel", "A <a@x.org>");
    assert!(first.starts_with(digest) && first.len() == digest.len() + 32);
    for subject in ["Re: where is my parcel", "AW: RE[2]: Fwd: Where is my parcel", "TR : Where is my parcel"] {
        assert_eq!(by_subject(subject, "a@x.org"), first, "{subject}");
    }
    assert_ne!(by_subject("Where is my parcel", "b@x.org"), first);
}

#[test]
fn keys_without_a_customer_id() {
    let cases = [
        (Channel::Email, json!({"from": "A@X.org"}), "email:a@x.org"),
        (Channel::Email, json!({"from": "No-Reply@forms.x", "reply_to": "Jane <J@x.org>"}), "email:j@x.org"),
        (Channel::Email, json!({"direction": "outbound", "from": "agent@shop.x", "to": "J@x.org"}), "email:j@x.org"),
        (Channel::Email, json!({"conversation_id": "c"}), "c"),
        (Channel::Email, json!({"conversation_id": "c", "from": "shop-noreply@forms.x"}), "c"),
        (Channel::Email, json!({"from": "noreply@forms.x", "author": {"email": "J@x.org"}}), "email:j@x.org"),
        (Channel::Chat, json!({"author": {"email": "A@x.org"}}), "email:a@x.org"),
        (Channel::Chat, json!({"author": {"email": "Jane <A@x.org>"}}), "email:a@x.org"),
        (Channel::Chat, json!({"conversation_id": "c", "author": {"email": "n/a"}}), "c"),
        (Channel::Chat, json!({"conversation_id": "c", "author": {"type": "agent", "id": "u"}}), "c"),
        (Channel::Social, json!({"platform": "Mastodon", "author": {"id": "99"}}), "social:mastodon:99"),
        (Channel::Chat, json!({}), "support.email/3@91827"),
    ];
    for (channel, payload, expected) in cases {
        assert_eq!(message(channel, &payload).customer_key(), expected, "{payload}");
    }
}

#[test]
fn odd_fields_are_kept_and_noted() {
    let read = message(
        Channel::Email,
        &json!({"id": " a ", "tags": ["x", 1, {}, null], "attachments": "none", "metadata": [1],
                "from": 5, "to": ["nobody", {"email": "Z@x.org"}], "language": {"code": "de"},
                "is_auto_submitted": "maybe", "survey": {"kind": "nps", "score": "9", "scale_max": "ten"}}),
    );
    assert_eq!(read.id, "a");
    assert_eq!(read.tags, ["x", "1"]);
    assert_eq!(read.survey.as_ref().unwrap().score, Some(9.0));
    assert_eq!(read.email.as_ref().unwrap().to[0].address, "z@x.org");
    for name in ["attachments", "metadata", "from", "language", "is_auto_submitted"] {
        assert!(read.extra.contains_key(name), "{name}");
    }
    assert_eq!(read.extra["survey"], json!({"scale_max": "ten"}));
    assert!(read.notes.iter().any(|note| note.field.as_deref() == Some("$.to[0]")));
}

#[test]
fn sizes_are_bounded() {
    let limits = InboundLimits { max_text_bytes: 10, max_extra_bytes: 40, ..InboundLimits::default() };
    let payload = json!({"id": "x".repeat(3000), "text": "ééééééé", "html": "<b>0123456789</b>",
        "big": "y".repeat(100), "small": 1, "metadata": {"m": "z".repeat(100), "n": 2}});
    let inbound = record(payload.to_string().as_bytes(), &[]);
    let decoded = decode(&inbound, Some(Channel::Chat), &limits, now()).unwrap();
    let Decoded::Message(read) = decoded else { panic!("tombstone") };
    assert_eq!(read.text.as_deref(), Some("ééééé"));
    assert_eq!(read.html.as_deref(), Some("<b>0123456"));
    assert_eq!(read.id.len(), 7 + 64);
    assert_eq!(serde_json::to_string(&read.extra).unwrap(), r#"{"small":1}"#);
    assert_eq!(serde_json::to_string(&read.metadata).unwrap(), r#"{"n":2}"#);
    for code in ["id_shortened", "text_truncated", "extra_truncated", "metadata_truncated"] {
        assert!(codes(&read).contains(&code), "{code}");
    }
}

#[test]
fn half_surrogates_and_duplicate_keys() {
    let payload = br#"{"id": "a", "text": "cut \ud83d", "text": "\ud83d\ude00 \\ud83d cut \ude00\ud83d"}"#;
    let Decoded::Message(read) = decode_with(payload, &[], Some(Channel::Chat)).unwrap() else {
        panic!("tombstone");
    };
    assert_eq!(read.text.as_deref(), Some("😀 \\ud83d cut \u{fffd}\u{fffd}"));
    assert!(codes(&read).contains(&"surrogate_replaced"));
}

#[test]
fn labels_are_closed_sets() {
    for channel in Channel::ALL {
        assert_eq!(channel.as_str().parse::<Channel>().unwrap(), channel);
        assert_eq!(serde_json::to_value(channel).unwrap(), channel.as_str());
    }
    assert!("fax".parse::<Channel>().is_err());
    for reason in filter::FilterReason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
    let code = NoteCode::SentAtInFuture;
    assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    assert_eq!(AuthorType::from("AGENT"), AuthorType::Agent);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "id",
        "channel",
        "text",
        "html",
        "subject",
        "author",
        "customer",
        "type",
        "email",
        "from",
        "to",
        "headers",
        "references",
        "message_id",
        "sent_at",
        "received_at",
        "data",
        "data_base64",
        "source",
        "specversion",
        "survey",
        "score",
        "engagement",
        "attachments",
        "tags",
        "metadata",
        "rating",
        "session_id",
        "post_id",
        "kind",
        "direction",
        "auto-submitted",
        "content-type",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Exact in both directions without serde_json's `float_roundtrip`.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["email", "outbound", "1.0", "2026-03-10T10:00:00Z", "<a@b>", "Re: x", "bot", "{}"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..12)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn check(payload: &[u8], headers: &[(&str, &str)]) {
    for channel in [None, Some(Channel::Email), Some(Channel::Chat), Some(Channel::Social)] {
        if let Ok(Decoded::Message(read)) = decode_with(payload, headers, channel) {
            let json = serde_json::to_string(&*read).unwrap();
            let back: CustomerMessage = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&back).unwrap(), json);
            assert!(!read.id.is_empty() && !read.conversation_id.is_empty());
            assert!(!read.customer_key().is_empty());
            assert!(read.received_at <= now() + SignedDuration::from_mins(5));
            let _ = filter::filter(&read);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_decode_or_err(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&payload, &[]);
        check(&payload, &[("content-type", "application/cloudevents")]);
    }

    #[test]
    fn any_json_decodes_or_errs(value in any_json()) {
        check(value.to_string().as_bytes(), &[]);
        check(value.to_string().as_bytes(), &[("content-type", "application/cloudevents")]);
    }

    #[test]
    fn any_broken_json_decodes_or_errs(value in any_json(), at in 0usize..300, byte in any::<u8>()) {
        let mut bytes = value.to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        check(&bytes, &[]);
    }
}
