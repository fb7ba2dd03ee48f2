//! CloudEvents 1.0 around what is published, with routing and trace headers.
//!
//! Binary mode puts the attributes into `ce_` headers and leaves the value as it is; structured mode
//! wraps it; `none` adds only the content type. (CloudEvents Kafka protocol binding 1.0.2)

use bytes::Bytes;
use serde::Serialize;

use crate::config::{Envelope, Output};
use crate::message::InboundMessage;

/// Event type of a ticket, after the prefix.
pub const TICKET: &str = "ticket.triaged.v1";
/// Event type of a filtered message, after the prefix.
pub const FILTERED: &str = "ticket.filtered.v1";
/// Event type of a review request, after the prefix.
pub const REVIEW: &str = "ticket.review_requested.v1";

/// Event type of a deadline at risk, after the prefix.
pub const BREACH_RISK: &str = "sla.breach_risk.v1";
/// Event type of a missed deadline, after the prefix.
pub const BREACHED: &str = "sla.breached.v1";

/// W3C trace context, copied from the input record to every output.
const TRACE_HEADERS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Headers of a record.
pub type RecordHeaders = Vec<(String, Option<Bytes>)>;

/// Attributes of an event.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Deterministic id.
    pub id: String,
    /// One of the types above.
    pub kind: &'a str,
    /// Conversation or source position.
    pub subject: &'a str,
    /// When the decision was made.
    pub time: jiff::Timestamp,
    /// Application name; makes `source`.
    pub app: &'a str,
}

#[derive(Serialize)]
struct Structured<'a, T> {
    specversion: &'a str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: String,
    dataschema: String,
    datacontenttype: &'a str,
    data: &'a T,
}

/// Serialises `data` in the configured form; gives the value and its headers.
pub fn wrap<T: Serialize>(
    output: &Output,
    event: &Event<'_>,
    data: &T,
) -> Result<(Bytes, RecordHeaders), serde_json::Error> {
    let kind = format!("{}.{}", output.event_type_prefix, event.kind);
    let source = format!("/triage/{}", event.app);
    let dataschema = format!("{}{}", output.schema_base, event.kind);
    let time = event.time.to_string();
    let header = |name: &str, value: &str| (name.to_owned(), Some(Bytes::copy_from_slice(value.as_bytes())));
    let json = "application/json";
    Ok(match output.envelope {
        Envelope::None => (serde_json::to_vec(data)?.into(), vec![header("content-type", json)]),
        Envelope::Binary => (
            serde_json::to_vec(data)?.into(),
            vec![
                header("content-type", json),
                header("ce_specversion", "1.0"),
                header("ce_id", &event.id),
                header("ce_source", &source),
                header("ce_type", &kind),
                header("ce_subject", event.subject),
                header("ce_time", &time),
                header("ce_dataschema", &dataschema),
            ],
        ),
        Envelope::Structured => {
            let whole = Structured {
                specversion: "1.0",
                id: &event.id,
                source,
                kind,
                subject: event.subject,
                time,
                dataschema,
                datacontenttype: json,
                data,
            };
            (
                serde_json::to_vec(&whole)?.into(),
                vec![header("content-type", "application/cloudevents+json; charset=UTF-8")],
            )
        }
    })
}

/// Headers of a record on `triage.scored`; `kind` is that of its value.
pub fn owner_headers(kind: &'static str) -> RecordHeaders {
    vec![
        ("content-type".into(), Some(Bytes::from_static(b"application/json"))),
        ("triage-kind".into(), Some(Bytes::from_static(kind.as_bytes()))),
    ]
}

/// The trace headers of a record.
pub fn trace_headers(original: &InboundMessage) -> impl Iterator<Item = (String, Option<Bytes>)> + '_ {
    original
        .headers
        .iter()
        .filter(|(name, _)| TRACE_HEADERS.iter().any(|trace| name.eq_ignore_ascii_case(trace)))
        .cloned()
}
