//! CloudEvents in Kafka records: structured and binary mode, told apart by the binding's own rule.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::error::{DecodeError, Place};
use super::json::{self, Parsed};

/// How a record carries its message.
#[derive(Debug)]
pub(super) enum Mode {
    /// The value is the message.
    Plain,
    /// The value is the event; the message is its `data`.
    Structured,
    /// The value is the message; the event's attributes are headers.
    Binary(Attributes),
}

/// The attributes that can stand in for fields a message lacks.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) id: Option<String>,
    pub(super) time: Option<String>,
    pub(super) subject: Option<String>,
}

/// A message's object, with what the envelope adds.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) fields: Map<String, Value>,
    /// JSON path of `fields` within the payload.
    pub(super) path: &'static str,
    pub(super) attributes: Attributes,
    pub(super) surrogates_replaced: bool,
}

const MANDATORY: [(&str, &str); 4] =
    [("ce_id", "id"), ("ce_source", "source"), ("ce_specversion", "specversion"), ("ce_type", "type")];

/// Decides the mode by the headers alone.
pub(super) fn mode(headers: &[(String, Option<Bytes>)]) -> Result<Mode, DecodeError> {
    let place = || Place::Header("content-type");
    if let Some(content_type) = header(headers, "content-type") {
        let content_type = content_type.trim().to_ascii_lowercase();
        if let Some(rest) = content_type.strip_prefix("application/cloudevents") {
            let format = rest.split(';').next().unwrap_or_default().trim();
            return match format {
                "" | "+json" => Ok(Mode::Structured),
                _ if format.starts_with("-batch") => {
                    Err(DecodeError::CloudEvent { place: place(), reason: "batches are not part of the Kafka binding" })
                }
                _ => Err(DecodeError::CloudEvent { place: place(), reason: "only the JSON event format is supported" }),
            };
        }
    }
    let present = |name: &str| headers.iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && value.is_some());
    if !MANDATORY.iter().all(|(name, _)| present(name)) {
        return Ok(Mode::Plain);
    }
    let version = header(headers, "ce_specversion").unwrap_or_default();
    check_version(version, Place::Header("ce_specversion"))?;
    let attribute = |name| header(headers, name).and_then(non_blank);
    Ok(Mode::Binary(Attributes {
        id: attribute("ce_id"),
        time: attribute("ce_time"),
        subject: attribute("ce_subject"),
    }))
}

/// Takes the message out of its envelope; none if the event has no data.
pub(super) fn unwrap(mode: Mode, parsed: Parsed, max_nesting: usize) -> Result<Option<Event>, DecodeError> {
    let surrogates_replaced = parsed.surrogates_replaced;
    let fields = object(parsed.value, "$")?;
    let attributes = match mode {
        Mode::Structured => return structured(fields, surrogates_replaced, max_nesting),
        // Not the binding's rule, but nothing else has these fields: an event whose producer forgot
        // the content type must not end as an empty message.
        Mode::Plain if looks_structured(&fields) => {
            return structured(fields, surrogates_replaced, max_nesting);
        }
        Mode::Plain => Attributes::default(),
        Mode::Binary(attributes) => attributes,
    };
    Ok(Some(Event { fields, path: "$", attributes, surrogates_replaced }))
}

fn structured(
    mut event: Map<String, Value>,
    mut surrogates_replaced: bool,
    max_nesting: usize,
) -> Result<Option<Event>, DecodeError> {
    for (_, name) in MANDATORY {
        let text = event.get(name).and_then(Value::as_str).and_then(non_blank);
        let place = || Place::Path(format!("$.{name}"));
        let Some(text) = text else {
            return Err(DecodeError::CloudEvent { place: place(), reason: "a string that is not empty is required" });
        };
        if name == "specversion" {
            check_version(&text, place())?;
        }
    }
    let mut attribute = |name| match event.remove(name) {
        Some(Value::String(text)) => non_blank(&text),
        _ => None,
    };
    let attributes = Attributes { id: attribute("id"), time: attribute("time"), subject: attribute("subject") };
    let data = event.remove("data").filter(|data| !data.is_null());
    let base64 = event.remove("data_base64").filter(|data| !data.is_null());
    let (fields, path) = match (data, base64) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(DecodeError::CloudEvent {
                place: Place::Path("$.data_base64".to_owned()),
                reason: "`data` is there as well",
            });
        }
        // Some producers encode twice.
        (Some(Value::String(text)), None) if text.trim_start().starts_with('{') => {
            let parsed = json::parse(text.as_bytes(), max_nesting)?;
            surrogates_replaced |= parsed.surrogates_replaced;
            (object(parsed.value, "$.data")?, "$.data")
        }
        (Some(data), None) => (object(data, "$.data")?, "$.data"),
        (None, Some(data)) => {
            let parsed = data.as_str().and_then(|text| json::parse_base64(text, max_nesting)).ok_or_else(|| {
                DecodeError::CloudEvent {
                    place: Place::Path("$.data_base64".to_owned()),
                    reason: "not a base64 string",
                }
            })??;
            surrogates_replaced |= parsed.surrogates_replaced;
            (object(parsed.value, "$.data_base64")?, "$.data_base64")
        }
    };
    Ok(Some(Event { fields, path, attributes, surrogates_replaced }))
}

fn looks_structured(fields: &Map<String, Value>) -> bool {
    MANDATORY.iter().all(|(_, name)| fields.get(*name).is_some_and(Value::is_string))
        && (fields.contains_key("data") || fields.contains_key("data_base64"))
        && !fields.contains_key("text")
        && !fields.contains_key("html")
}

fn check_version(version: &str, place: Place) -> Result<(), DecodeError> {
    if version.starts_with("1.") {
        return Ok(());
    }
    Err(DecodeError::CloudEvent { place, reason: "only version 1 of the specification is supported" })
}

fn object(value: Value, path: &str) -> Result<Map<String, Value>, DecodeError> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(DecodeError::Schema {
            place: Place::Path(path.to_owned()),
            expected: "an object",
            found: json::type_name(&other),
        }),
    }
}

/// Returns the last header of that name that is UTF-8.
fn header<'a>(headers: &'a [(String, Option<Bytes>)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .rev()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .find_map(|(_, value)| std::str::from_utf8(value.as_ref()?).ok())
}

fn non_blank(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
