//! The inbound contract: a JSON object becomes a [`CustomerMessage`].

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::addresses;
use super::cloudevents::{Attributes, Event};
use super::customer::{
    Attachment, Author, AuthorType, ChatFields, Customer, CustomerMessage, Direction, EmailFields, Engagement, Mailbox,
    SocialFields, Survey, plain_handle,
};
use super::decode::InboundLimits;
use super::error::{DecodeError, Place};
use super::inbound::{Channel, InboundMessage};
use super::note::NoteCode;
use super::reader::{Fields, Notes, scalar, short_id};
use super::thread;

/// Longest subject, in bytes.
const MAX_SUBJECT_BYTES: usize = 4096;

/// What decoding needs beside the object.
pub(super) struct Context<'a> {
    pub(super) inbound: &'a InboundMessage,
    pub(super) topic_channel: Option<Channel>,
    pub(super) limits: &'a InboundLimits,
    pub(super) now: Timestamp,
}

/// Builds the message.
pub(super) fn build(event: Event, context: &Context<'_>) -> Result<CustomerMessage, DecodeError> {
    let limits = context.limits;
    let mut notes = Notes::default();
    if event.surrogates_replaced {
        notes.add(NoteCode::SurrogateReplaced);
    }
    let attributes = event.attributes;
    let mut fields = Fields::new(event.fields, event.path);
    let mut leftovers = Map::new();

    let channel = channel(&mut fields, &mut leftovers, context.topic_channel, &mut notes)?;
    let payload_id = fields.id("id", &mut notes)?.or_else(|| attributes.id.clone());
    let id_from_source = payload_id.is_none();
    let id = payload_id.unwrap_or_else(|| {
        notes.add(NoteCode::IdFromSource);
        context.inbound.position.to_string()
    });
    let id = short_id(id).0;
    let direction = fields.keyword("direction")?;
    let author = author(&mut fields, &mut leftovers, &mut notes)?;
    let customer = customer(&mut fields, &mut leftovers, &mut notes)?;
    let text = fields.text("text")?.map(|text| cut(text, limits.max_text_bytes, &mut notes));
    let html = fields.text("html")?.map(|html| cut(html, limits.max_text_bytes, &mut notes));
    let mut subject = fields.text("subject")?;

    let mut author = author;
    let (mut email, mut chat, mut social) = (None, None, None);
    match channel {
        Channel::Email => {
            let read = email_fields(&mut fields, &mut notes)?;
            if subject.is_none() {
                subject = read.header("subject").map(str::to_owned);
            }
            if let Some(sender) = read.sender() {
                author.email.get_or_insert_with(|| sender.address.clone());
                if author.name.is_none() {
                    author.name.clone_from(&sender.name);
                }
            }
            author.email = author.email.filter(|address| !address.is_empty());
            email = Some(read);
        }
        Channel::Chat => chat = Some(chat_fields(&mut fields, &mut notes)?),
        Channel::Social => {
            social = Some(social_fields(&mut fields, &mut leftovers, &mut notes)?);
        }
    }
    let subject = subject.map(addresses::decode_words).map(|subject| cut(subject, MAX_SUBJECT_BYTES, &mut notes));

    let conversation_id = fields.id("conversation_id", &mut notes)?.unwrap_or_else(|| {
        notes.add(NoteCode::ConversationDerived);
        let handle = author.handle.as_deref().map(plain_handle).filter(|handle| !handle.is_empty());
        let account = handle.as_deref().or(author.id.as_deref());
        let derived = match (&email, &chat, &social) {
            (Some(email), _, _) => thread::email(email)
                .or_else(|| event_subject(&attributes))
                .or_else(|| thread::email_start(email, subject.as_deref())),
            (_, Some(chat), _) => thread::chat(chat).or_else(|| event_subject(&attributes)),
            (_, _, Some(social)) => thread::social(social, account).or_else(|| event_subject(&attributes)),
            _ => None,
        };
        short_id(derived.unwrap_or_else(|| id.clone())).0
    });

    let received_at = received_at(&mut fields, context, &mut notes);
    let sent_at = sent_at(&mut fields, &attributes, received_at, context, &mut notes);
    let survey = survey(&mut fields, &mut leftovers, &mut notes);
    let language = fields.string("language", &mut notes);
    let attachments = attachments(&mut fields, &mut notes);
    let metadata = fields.object_or_note("metadata", &mut notes).map(Fields::into_rest);
    let metadata =
        bounded(metadata.unwrap_or_default(), limits.max_extra_bytes, NoteCode::MetadataTruncated, &mut notes);
    let sub_channel = fields.string("sub_channel", &mut notes).map(|text| text.to_lowercase());
    let tenant = fields.id("tenant", &mut notes)?;
    let brand = fields.string("brand", &mut notes);
    let product = fields.string("product", &mut notes);
    let tags = fields.strings("tags", &mut notes);

    let mut extra = fields.into_rest();
    extra.retain(|_, value| !value.is_null());
    extra.extend(leftovers);
    let extra = bounded(extra, limits.max_extra_bytes, NoteCode::ExtraTruncated, &mut notes);
    Ok(CustomerMessage {
        id,
        id_from_source,
        channel,
        sub_channel,
        conversation_id,
        sent_at,
        received_at,
        direction: direction.map_or_else(Direction::default, |text| Direction::from(text.as_str())),
        author,
        customer,
        subject,
        text,
        html,
        language,
        attachments,
        tenant,
        brand,
        product,
        tags,
        metadata,
        email,
        chat,
        social,
        survey,
        extra,
        notes: notes.0,
    })
}

fn channel(
    fields: &mut Fields,
    leftovers: &mut Map<String, Value>,
    topic_channel: Option<Channel>,
    notes: &mut Notes,
) -> Result<Channel, DecodeError> {
    let named = fields.keyword("channel")?;
    let known = named.as_deref().map(str::parse::<Channel>);
    match (topic_channel, known) {
        (Some(topic), None) => Ok(topic),
        (Some(topic), Some(known)) => {
            if known != Ok(topic) {
                notes.add(NoteCode::ChannelConflict);
                leftovers.insert("channel".to_owned(), Value::from(named.unwrap_or_default()));
            }
            Ok(topic)
        }
        (None, Some(Ok(known))) => Ok(known),
        (None, other) => Err(DecodeError::UnknownChannel {
            place: Place::Path(fields.path_of("channel")),
            found: if other.is_some() { "an unknown value" } else { "absent" },
        }),
    }
}

fn author(fields: &mut Fields, leftovers: &mut Map<String, Value>, notes: &mut Notes) -> Result<Author, DecodeError> {
    let Some(mut inner) = fields.object("author")? else {
        return Ok(Author::default());
    };
    let kind = inner.keyword("type")?;
    let author = Author {
        kind: kind.map_or_else(AuthorType::default, |text| AuthorType::from(text.as_str())),
        id: inner.id("id", notes)?,
        name: inner.string("name", notes),
        email: inner.lenient("email", notes, address),
        handle: inner.id("handle", notes)?,
        followers: inner.count("followers", notes),
        verified: inner.flag("verified", notes),
    };
    keep_rest("author", inner, leftovers);
    Ok(author)
}

/// Reads one address; what holds none would be a key that many share.
fn address(value: Value) -> Result<String, Value> {
    let found = value.as_str().and_then(|text| addresses::parse(text).into_iter().next());
    found.map(|mailbox| mailbox.address).filter(|address| !address.is_empty()).ok_or(value)
}

fn customer(
    fields: &mut Fields,
    leftovers: &mut Map<String, Value>,
    notes: &mut Notes,
) -> Result<Customer, DecodeError> {
    let Some(mut inner) = fields.object("customer")? else {
        return Ok(Customer::default());
    };
    let customer = Customer {
        id: inner.id("id", notes)?,
        tier: inner.string("tier", notes),
        segment: inner.string("segment", notes),
        language: inner.string("language", notes),
        country: inner.string("country", notes),
        timezone: inner.string("timezone", notes),
        preferred_channel: inner.string("preferred_channel", notes),
        since: inner.string("since", notes),
        open_tickets: inner.count("open_tickets", notes),
    };
    keep_rest("customer", inner, leftovers);
    Ok(customer)
}

fn email_fields(fields: &mut Fields, notes: &mut Notes) -> Result<EmailFields, DecodeError> {
    let headers = headers(fields, notes);
    let mut email = EmailFields {
        from: mailboxes(fields, "from", notes).into_iter().next(),
        to: mailboxes(fields, "to", notes),
        cc: mailboxes(fields, "cc", notes),
        reply_to: mailboxes(fields, "reply_to", notes).into_iter().next(),
        message_id: first_id(fields.id("message_id", notes)?),
        in_reply_to: first_id(fields.id("in_reply_to", notes)?),
        references: fields.strings("references", notes).iter().flat_map(|text| addresses::message_ids(text)).collect(),
        headers,
        is_auto_submitted: fields.flag("is_auto_submitted", notes),
        raw_size_bytes: fields.count("raw_size_bytes", notes),
    };
    email.fill_from_headers();
    Ok(email)
}

fn first_id(text: Option<String>) -> Option<String> {
    addresses::message_ids(&text?).next()
}

impl EmailFields {
    /// Takes from the header fields what the message does not name itself.
    fn fill_from_headers(&mut self) {
        let list =
            |email: &Self, name| -> Vec<Mailbox> { email.header(name).map(addresses::parse).unwrap_or_default() };
        let ids = |email: &Self, name| -> Vec<String> {
            let text = email.header(name).unwrap_or_default();
            addresses::message_ids(text).map(|id| short_id(id).0).collect()
        };
        if self.from.is_none() {
            self.from = list(self, "from").into_iter().next();
        }
        if self.reply_to.is_none() {
            self.reply_to = list(self, "reply-to").into_iter().next();
        }
        if self.to.is_empty() {
            self.to = list(self, "to");
        }
        if self.cc.is_empty() {
            self.cc = list(self, "cc");
        }
        if self.message_id.is_none() {
            self.message_id = ids(self, "message-id").into_iter().next();
        }
        if self.in_reply_to.is_none() {
            self.in_reply_to = ids(self, "in-reply-to").into_iter().next();
        }
        if self.references.is_empty() {
            self.references = ids(self, "references");
        }
    }
}

/// Reads an address, a list of addresses, or objects with `address` (or `email`) and `name`.
fn mailboxes(fields: &mut Fields, name: &str, notes: &mut Notes) -> Vec<Mailbox> {
    let path = fields.path_of(name);
    let values = fields.values(name, notes, |value| value.is_string() || value.is_object());
    let mut mailboxes = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let found = match value {
            Value::String(text) if text.trim().is_empty() => continue,
            Value::String(text) => addresses::parse(&text),
            Value::Object(mut object) => {
                let mut part = |name| match object.remove(name) {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                };
                let address = part("address").or_else(|| part("email"));
                let display = part("name").filter(|name| !name.trim().is_empty());
                let mut parsed = address.map(|text| addresses::parse(&text)).unwrap_or_default();
                if let (Some(first), Some(display)) = (parsed.first_mut(), display) {
                    first.name = Some(display.trim().to_owned());
                }
                parsed
            }
            _ => Vec::new(),
        };
        if found.is_empty() {
            notes.add_field(NoteCode::FieldIgnored, format!("{path}[{index}]"));
        }
        mailboxes.extend(found);
    }
    mailboxes
}

/// Reads header fields: an object of name to value or list, or a list of pairs, or of objects with
/// `name` and `value`.
fn headers(fields: &mut Fields, notes: &mut Notes) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, value: Value| {
        let values = match value {
            Value::Array(values) => values,
            single => vec![single],
        };
        let values = values.into_iter().filter_map(|value| match value {
            Value::Bool(flag) => Some(flag.to_string()),
            other => scalar(other).ok(),
        });
        let name = name.trim().to_ascii_lowercase();
        headers.entry(name).or_default().extend(values);
    };
    let read = fields.lenient("headers", notes, |value| match value {
        Value::Object(map) => Ok(map.into_iter().collect::<Vec<_>>()),
        Value::Array(pairs) => Ok(pairs.into_iter().filter_map(header_pair).collect()),
        other => Err(other),
    });
    for (name, value) in read.unwrap_or_default() {
        add(&name, value);
    }
    headers
}

fn header_pair(value: Value) -> Option<(String, Value)> {
    match value {
        Value::Array(pair) => {
            let mut parts = pair.into_iter();
            match (parts.next(), parts.next()) {
                (Some(Value::String(name)), Some(value)) => Some((name, value)),
                _ => None,
            }
        }
        Value::Object(mut object) => match (object.remove("name"), object.remove("value")) {
            (Some(Value::String(name)), Some(value)) => Some((name, value)),
            _ => None,
        },
        _ => None,
    }
}

fn chat_fields(fields: &mut Fields, notes: &mut Notes) -> Result<ChatFields, DecodeError> {
    Ok(ChatFields {
        session_id: fields.id("session_id", notes)?,
        message_seq: fields.integer("message_seq", notes),
        page_url: fields.string("page_url", notes),
        bot_handled: fields.flag("bot_handled", notes),
        queue: fields.string("queue", notes),
        wait_started_at: fields.timestamp("wait_started_at", notes),
    })
}

fn social_fields(
    fields: &mut Fields,
    leftovers: &mut Map<String, Value>,
    notes: &mut Notes,
) -> Result<SocialFields, DecodeError> {
    let engagement = fields.object_or_note("engagement", notes).map(|mut inner| {
        let engagement = Engagement {
            likes: inner.count("likes", notes),
            replies: inner.count("replies", notes),
            shares: inner.count("shares", notes),
            views: inner.count("views", notes),
        };
        keep_rest("engagement", inner, leftovers);
        engagement
    });
    Ok(SocialFields {
        platform: fields.string("platform", notes).map(|text| text.to_lowercase()),
        post_id: fields.id("post_id", notes)?,
        parent_post_id: fields.id("parent_post_id", notes)?,
        root_post_id: fields.id("root_post_id", notes)?,
        kind: fields.string("kind", notes).map(|text| text.as_str().into()),
        visibility: fields.string("visibility", notes).map(|text| text.as_str().into()),
        engagement,
        rating: fields.number("rating", notes),
        url: fields.string("url", notes),
    })
}

fn survey(fields: &mut Fields, leftovers: &mut Map<String, Value>, notes: &mut Notes) -> Option<Survey> {
    let mut inner = fields.object_or_note("survey", notes)?;
    let survey = Survey {
        kind: inner.string("kind", notes).map(|text| text.as_str().into()),
        score: inner.number("score", notes),
        scale_max: inner.number("scale_max", notes),
    };
    keep_rest("survey", inner, leftovers);
    Some(survey)
}

/// Reads attachments; a bare string is a name.
fn attachments(fields: &mut Fields, notes: &mut Notes) -> Vec<Attachment> {
    let path = fields.path_of("attachments");
    let values = fields.values("attachments", notes, |_| false);
    let mut attachments = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        match value {
            Value::Object(map) => {
                let mut inner = Fields::new(map, path);
                attachments.push(Attachment {
                    name: inner.string("name", notes),
                    media_type: inner.string("media_type", notes),
                    size_bytes: inner.count("size_bytes", notes),
                });
            }
            Value::String(name) => attachments.push(Attachment { name: Some(name), ..Attachment::default() }),
            _ => notes.add_field(NoteCode::FieldIgnored, path),
        }
    }
    attachments
}

/// The field, else the record's timestamp, else now; what lies in the future is passed over.
fn received_at(fields: &mut Fields, context: &Context<'_>, notes: &mut Notes) -> Timestamp {
    let latest = latest(context.now, context.limits.future_tolerance);
    let field = fields.timestamp("received_at", notes);
    let record = context.inbound.timestamp_ms.filter(|ms| *ms > 0).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    for candidate in [field, record].into_iter().flatten() {
        if candidate <= latest {
            return candidate;
        }
        notes.add(NoteCode::ReceivedAtInFuture);
    }
    if field.is_none() && record.is_none() {
        notes.add(NoteCode::ReceivedAtMissing);
    }
    context.now
}

/// The field, else the event's time; one in the future is replaced by `received_at`.
fn sent_at(
    fields: &mut Fields,
    attributes: &Attributes,
    received_at: Timestamp,
    context: &Context<'_>,
    notes: &mut Notes,
) -> Option<Timestamp> {
    let event_time = || attributes.time.as_deref().and_then(|time| time.parse().ok());
    let Some(sent_at) = fields.timestamp("sent_at", notes).or_else(event_time) else {
        notes.add(NoteCode::SentAtMissing);
        return None;
    };
    if sent_at > latest(context.now, context.limits.future_tolerance) {
        notes.add(NoteCode::SentAtInFuture);
        return Some(received_at);
    }
    Some(sent_at)
}

fn latest(now: Timestamp, tolerance: SignedDuration) -> Timestamp {
    now.checked_add(tolerance).unwrap_or(Timestamp::MAX)
}

/// Takes the event's subject for a conversation where it looks like an identifier.
fn event_subject(attributes: &Attributes) -> Option<String> {
    let subject = attributes.subject.as_ref()?;
    let is_identifier =
        subject.len() <= 256 && !subject.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    is_identifier.then(|| subject.clone())
}

fn keep_rest(name: &str, inner: Fields, leftovers: &mut Map<String, Value>) {
    let mut rest = inner.into_rest();
    rest.retain(|_, value| !value.is_null());
    if !rest.is_empty() {
        leftovers.insert(name.to_owned(), Value::Object(rest));
    }
}

/// Cuts a text at a limit, on a character boundary.
fn cut(mut text: String, limit: usize, notes: &mut Notes) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        notes.add(NoteCode::TextTruncated);
    }
    text
}

/// Keeps the fields that fit into `limit` bytes of JSON, in their order.
fn bounded(map: Map<String, Value>, limit: usize, code: NoteCode, notes: &mut Notes) -> Map<String, Value> {
    let mut left = limit.saturating_sub(2);
    let mut kept = Map::new();
    for (name, value) in map {
        let field = Map::from_iter([(name, value)]);
        // `{"name":value}` is as long as `"name":value,` plus one.
        let bytes = serde_json::to_vec(&field).map_or(usize::MAX, |json| json.len() - 1);
        if bytes <= left {
            left -= bytes;
            kept.extend(field);
        } else {
            notes.add(code);
        }
    }
    kept
}
