//! The inbound contract as JSON Schema, one per channel: what a feeding platform should send.
//!
//! Decoding is more lenient than this where leniency loses nothing: a wrong timestamp is noted and
//! replaced, an unknown field is kept, a number serves as an id.

use serde_json::{Map, Value, json};

use super::inbound::Channel;

/// Name of a channel's schema.
pub const fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "message.email.v1",
        Channel::Chat => "message.chat.v1",
        Channel::Social => "message.social.v1",
    }
}

/// The schema of the messages of a channel.
pub fn schema(channel: Channel) -> Value {
    let (about, specific) = match channel {
        Channel::Email => ("A customer's email.", email()),
        Channel::Chat => ("A message in a chat.", chat()),
        Channel::Social => ("A social post, comment, review or direct message.", social()),
    };
    let mut properties = common();
    properties.extend(specific);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:undertone:schema:{}", name(channel)),
        "title": name(channel),
        "description": format!("{about} Unknown fields are kept and come back in the ticket's source.extra."),
        "type": "object",
        "required": ["id"],
        "anyOf": [{ "required": ["text"] }, { "required": ["html"] }, { "required": ["subject"] }],
        "properties": properties,
    })
}

fn text(about: &str) -> Value {
    json!({ "type": ["string", "null"], "description": about })
}

fn id(about: &str) -> Value {
    json!({ "type": ["string", "integer", "null"], "description": about })
}

fn time(about: &str) -> Value {
    json!({ "type": ["string", "null"], "format": "date-time", "description": about })
}

fn count(about: &str) -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": about })
}

fn flag(about: &str) -> Value {
    json!({ "type": ["boolean", "null"], "description": about })
}

fn texts(about: &str) -> Value {
    json!({ "type": ["array", "string", "null"], "items": { "type": "string" }, "description": about })
}

fn object(about: &str, properties: &Value) -> Value {
    json!({ "type": ["object", "null"], "description": about, "properties": properties })
}

/// The members of a literal object.
fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn common() -> Map<String, Value> {
    fields(json!({
        "id": id("Unique per message in its source; by it duplicates are recognised. Without it, the record's position serves."),
        "channel": text("email, chat or social; the topic decides where both speak."),
        "sub_channel": text("form, messaging, sms, review, survey, voice_transcript, …"),
        "conversation_id": id("Conversation; else derived from the mail thread, chat session or root post."),
        "sent_at": time("When the customer sent it, by the customer's clock."),
        "received_at": time("When the company received it; deadlines count from here, else from the record's timestamp."),
        "direction": text("inbound (default), outbound or internal; only inbound is scored."),
        "author": object("Who wrote it; only customers are scored.", &json!({
            "type": text("customer (default), agent, bot or system."),
            "id": id("Chat user or social account."),
            "name": text("Display name."),
            "email": text("Address."),
            "handle": text("Social handle."),
            "followers": count("Followers; an unknown number of a public post counts as 338."),
            "verified": flag("Verified by the platform."),
        })),
        "customer": object("What the source knows of the customer.", &json!({
            "id": id("Identifier in the company's records; joins the channels."),
            "tier": text("Tier, such as vip or enterprise."),
            "segment": text("Segment."),
            "language": text("Preferred language, BCP 47."),
            "country": text("Country code."),
            "timezone": text("IANA time zone."),
            "preferred_channel": text("Channel the customer likes best."),
            "since": text("Since when."),
            "open_tickets": count("Open tickets."),
        })),
        "subject": text("Subject line."),
        "text": text("Plain text; preferred where HTML is there too."),
        "html": text("HTML; converted."),
        "language": text("Hint, BCP 47; used where detection is unsure."),
        "attachments": { "type": ["array", "null"], "description": "Metadata only; content is not read.", "items": object("", &json!({
            "name": text("File name."),
            "media_type": text("Media type."),
            "size_bytes": count("Size."),
        })) },
        "tenant": id("Tenant; part of the ticket's id."),
        "brand": text("Brand."),
        "product": text("Product."),
        "tags": texts("Passed through."),
        "metadata": { "type": ["object", "null"], "description": "Passed through, up to 16 KiB." },
        "survey": object("The answer of a survey that the text came with.", &json!({
            "kind": text("nps, csat or ces."),
            "score": { "type": ["number", "null"], "description": "Score given." },
            "scale_max": { "type": ["number", "null"], "description": "Highest score possible." },
        })),
    }))
}

fn email() -> Map<String, Value> {
    let mailbox =
        json!({ "type": ["string", "object", "null"], "description": "`Name <address>` or {address, name}." });
    let mailboxes = json!({ "type": ["array", "string", "null"], "items": mailbox, "description": "Addresses." });
    fields(json!({
        "from": mailbox,
        "to": mailboxes,
        "cc": mailboxes,
        "reply_to": mailbox,
        "message_id": text("Message-ID."),
        "in_reply_to": text("In-Reply-To."),
        "references": texts("References, oldest first."),
        "headers": { "type": ["object", "null"], "description": "Header fields by name, value or list of values; by them automatic mail is recognised (RFC 3834).",
            "additionalProperties": { "type": ["string", "array", "null"], "items": { "type": "string" } } },
        "is_auto_submitted": flag("Whether the ingester already knows the mail to be automatic."),
        "raw_size_bytes": count("Size of the raw mail."),
    }))
}

fn chat() -> Map<String, Value> {
    fields(json!({
        "session_id": id("Session; makes the conversation."),
        "message_seq": { "type": ["integer", "null"], "description": "Number within the session." },
        "page_url": text("Page the customer wrote from."),
        "bot_handled": flag("Whether a bot has the conversation."),
        "queue": text("Queue the customer waits in."),
        "wait_started_at": time("Since when the customer waits."),
    }))
}

fn social() -> Map<String, Value> {
    fields(json!({
        "platform": text("x, facebook, instagram, mastodon, bluesky, reddit, youtube, tiktok, linkedin, review_site, …"),
        "post_id": id("The post."),
        "parent_post_id": id("The post that is answered."),
        "root_post_id": id("The post that began the thread; makes the conversation."),
        "kind": text("mention, comment, reply, dm, review, quote or repost."),
        "visibility": text("public or private."),
        "engagement": object("How often the post was seen and answered.", &json!({
            "likes": count("Likes."), "replies": count("Answers."), "shares": count("Passed on."), "views": count("Shown."),
        })),
        "rating": { "type": ["number", "null"], "description": "Stars of a review." },
        "url": text("Address of the post."),
    }))
}
