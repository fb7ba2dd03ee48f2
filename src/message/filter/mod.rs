//! Recognises what no customer wrote, or what has nothing to read.
//!
//! Mail is judged by its header fields first (RFC 3834, delivery reports, lists) and by its subject
//! last, and by the subject only together with other evidence. `X-Auto-Response-Suppress` alone never
//! decides: the normal mail of Outlook users carries it. When in doubt, a message stays.

mod phrases;

use serde::{Deserialize, Serialize};

use super::addresses;
use super::blank::{html_is_blank, is_blank};
use super::customer::{AuthorType, CustomerMessage, Direction, EmailFields, SocialKind};

/// Why a record ends as `filtered`: a closed set, used as a metrics label. [`filter`] gives some; the
/// others come from rooms that know more than one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterReason {
    /// An automatic answer (out of office, acknowledgement).
    AutoReply,
    /// A delivery report.
    Bounce,
    /// Mail of a mailing list, or bulk mail.
    List,
    /// Part of a loop between two machines.
    Loop,
    /// Marked as spam by the mail gateway.
    Spam,
    /// Seen before.
    Duplicate,
    /// Nothing to read.
    Empty,
    /// A record without a value.
    Tombstone,
    /// Not written by a customer.
    NotCustomer,
    /// Older than the policy cares for.
    TooOld,
}

impl FilterReason {
    /// All reasons, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::AutoReply,
        Self::Bounce,
        Self::List,
        Self::Loop,
        Self::Spam,
        Self::Duplicate,
        Self::Empty,
        Self::Tombstone,
        Self::NotCustomer,
        Self::TooOld,
    ];

    /// Returns the label: snake case, stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AutoReply => "auto_reply",
            Self::Bounce => "bounce",
            Self::List => "list",
            Self::Loop => "loop",
            Self::Spam => "spam",
            Self::Duplicate => "duplicate",
            Self::Empty => "empty",
            Self::Tombstone => "tombstone",
            Self::NotCustomer => "not_customer",
            Self::TooOld => "too_old",
        }
    }
}

/// What a filter decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Header or field, such as `auto-submitted` or `direction`.
    pub name: String,
    /// Its value, cut to 100 characters; never message text beyond the pattern that matched.
    pub value: String,
}

/// A decision not to make a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    /// Why.
    pub reason: FilterReason,
    /// What the decision rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// Longest evidence value, in characters.
const MAX_EVIDENCE_CHARS: usize = 100;

/// How much of a body is looked at, in characters.
const BEGINNING_CHARS: usize = 600;

impl Filtered {
    fn new(reason: FilterReason, name: &str, value: &str) -> Self {
        let value = value
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(MAX_EVIDENCE_CHARS)
            .collect();
        Self { reason, evidence: Some(Evidence { name: name.to_owned(), value }) }
    }
}

/// Decides whether a message is one that no customer wrote, or one without anything to read.
///
/// Gives `not_customer`, `bounce`, `auto_reply`, `list`, `spam` and `empty`; the other reasons need
/// more than one message. A repost is `not_customer`: its words are another's (a `quote` is kept). A
/// message with nothing but attachments, a rating or a survey score is `empty`, and the evidence names
/// them. Where a machine mails on behalf of customers (`sub_channel` `form`, `review`, `survey`), what
/// the mail says of its sender is not held against the customer.
pub fn filter(message: &CustomerMessage) -> Option<Filtered> {
    not_customer(message).or_else(|| mail(message)).or_else(|| empty(message))
}

fn not_customer(message: &CustomerMessage) -> Option<Filtered> {
    let reason = FilterReason::NotCustomer;
    if matches!(message.direction, Direction::Outbound | Direction::Internal) {
        return Some(Filtered::new(reason, "direction", message.direction.as_str()));
    }
    let author = &message.author.kind;
    if matches!(author, AuthorType::Agent | AuthorType::Bot | AuthorType::System) {
        return Some(Filtered::new(reason, "author.type", author.as_str()));
    }
    let kind = message.social.as_ref()?.kind.as_ref()?;
    (*kind == SocialKind::Repost).then(|| Filtered::new(reason, "kind", kind.as_str()))
}

fn mail(message: &CustomerMessage) -> Option<Filtered> {
    let email = message.email.as_ref()?;
    let sub_channel = message.sub_channel.as_deref().unwrap_or_default();
    if matches!(sub_channel, "form" | "review" | "survey") {
        return None;
    }
    bounce(message, email)
        .or_else(|| auto_submitted(email))
        .or_else(|| precedence(email))
        .or_else(|| spam(email))
        .or_else(|| no_reply(message, email))
        .or_else(|| auto_reply_subject(message, email))
}

fn bounce(message: &CustomerMessage, email: &EmailFields) -> Option<Filtered> {
    let content_type = email.header("content-type").unwrap_or_default();
    let lower = content_type.trim().to_ascii_lowercase();
    if lower.starts_with("multipart/report") {
        // A read receipt is an answer by a machine, but nothing failed.
        let reason =
            if lower.contains("disposition-notification") { FilterReason::AutoReply } else { FilterReason::Bounce };
        return Some(Filtered::new(reason, "content-type", content_type));
    }
    if let Some(recipients) = email.headers.get("x-failed-recipients") {
        let count = recipients.len().to_string();
        return Some(Filtered::new(FilterReason::Bounce, "x-failed-recipients", &count));
    }
    let local = email.from.as_ref().map(|from| addresses::local_part(&from.address)).unwrap_or_default();
    let daemon = local.starts_with("mailer-daemon") || local.starts_with("mailerdaemon");
    if daemon {
        return Some(Filtered::new(FilterReason::Bounce, "from", local));
    }
    let subject = message.subject.as_deref().unwrap_or_default();
    let pattern = phrases::bounce_subject(subject);
    if local == "postmaster" && (pattern.is_some() || has_null_return_path(email)) {
        return Some(Filtered::new(FilterReason::Bounce, "from", local));
    }
    let pattern = pattern?;
    let sure = has_null_return_path(email)
        || email.from.as_ref().is_some_and(|from| from.address.is_empty())
        || phrases::bounce_body(&beginning(message));
    sure.then(|| Filtered::new(FilterReason::Bounce, "subject", pattern))
}

fn auto_submitted(email: &EmailFields) -> Option<Filtered> {
    let reason = FilterReason::AutoReply;
    if email.is_auto_submitted == Some(true) {
        return Some(Filtered::new(reason, "is_auto_submitted", "true"));
    }
    for value in email.headers.get("auto-submitted").into_iter().flatten() {
        let keyword = value.split([';', '(', ' ']).find(|part| !part.trim().is_empty()).unwrap_or_default();
        if !keyword.is_empty() && !keyword.trim().eq_ignore_ascii_case("no") {
            return Some(Filtered::new(reason, "auto-submitted", value));
        }
    }
    for name in
        ["x-autoreply", "x-auto-reply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply"]
    {
        if let Some(value) = email.header(name) {
            let denied = ["no", "false", "0"].iter().any(|word| value.trim().eq_ignore_ascii_case(word));
            if !denied {
                // The value may be an address.
                let value = if value.contains('@') { "present" } else { value };
                return Some(Filtered::new(reason, name, value));
            }
        }
    }
    has_null_return_path(email).then(|| Filtered::new(reason, "return-path", "<>"))
}

fn precedence(email: &EmailFields) -> Option<Filtered> {
    let value = email.header("precedence")?;
    // A support address that is a Google group marks every customer's mail as a list's.
    let from_own_group = email.headers.contains_key("x-google-group-id");
    let listed = email.headers.contains_key("list-id") || email.headers.contains_key("list-unsubscribe");
    let reason = match value.trim().to_ascii_lowercase().as_str() {
        "list" | "bulk" | "junk" if from_own_group => return None,
        "list" => FilterReason::List,
        "bulk" | "junk" if listed => FilterReason::List,
        "bulk" | "junk" | "auto_reply" | "auto-reply" => FilterReason::AutoReply,
        _ => return None,
    };
    Some(Filtered::new(reason, "precedence", value.trim()))
}

fn spam(email: &EmailFields) -> Option<Filtered> {
    let yes = |name: &str| {
        let value = email.header(name)?.trim_start();
        let word = value.get(..3)?;
        word.eq_ignore_ascii_case("yes").then(|| Filtered::new(FilterReason::Spam, name, word))
    };
    yes("x-spam-flag").or_else(|| yes("x-spam-status"))
}

fn no_reply(message: &CustomerMessage, email: &EmailFields) -> Option<Filtered> {
    let sender = email.sender()?;
    let named_author = message.author.email.as_ref().is_some_and(|address| *address != sender.address);
    (sender.is_no_reply() && !named_author).then(|| {
        let local = addresses::local_part(&sender.address);
        Filtered::new(FilterReason::AutoReply, "from", local)
    })
}

fn auto_reply_subject(message: &CustomerMessage, email: &EmailFields) -> Option<Filtered> {
    if email.is_auto_submitted == Some(false) {
        return None;
    }
    let pattern = phrases::auto_reply_subject(message.subject.as_deref()?)?;
    let beginning = beginning(message);
    let sure = email.headers.contains_key("x-auto-response-suppress")
        || is_blank(&beginning)
        || (phrases::auto_reply_body(&beginning) && !beginning.contains('?'));
    sure.then(|| Filtered::new(FilterReason::AutoReply, "subject", pattern))
}

fn empty(message: &CustomerMessage) -> Option<Filtered> {
    let subject = message.subject.as_deref().unwrap_or_default();
    let text = message.text.as_deref().unwrap_or_default();
    let html = message.html.as_deref().unwrap_or_default();
    if !(is_blank(subject) && is_blank(text) && html_is_blank(html)) {
        return None;
    }
    let reason = FilterReason::Empty;
    let rating = message.social.as_ref().and_then(|social| social.rating);
    let score = message.survey.as_ref().and_then(|survey| survey.score);
    let filtered = if !message.attachments.is_empty() {
        let count = message.attachments.len().to_string();
        Filtered::new(reason, "attachments", &count)
    } else if let Some(rating) = rating {
        Filtered::new(reason, "rating", &rating.to_string())
    } else if let Some(score) = score {
        Filtered::new(reason, "survey.score", &score.to_string())
    } else {
        let absent = message.subject.is_none() && message.text.is_none() && message.html.is_none();
        Filtered::new(reason, "text", if absent { "absent" } else { "blank" })
    };
    Some(filtered)
}

fn has_null_return_path(email: &EmailFields) -> bool {
    email.header("return-path").is_some_and(|value| value.split_whitespace().collect::<String>() == "<>")
}

/// The first characters of the plain text (of the HTML source, where there is no text).
fn beginning(message: &CustomerMessage) -> String {
    let text = message.text.as_deref().filter(|text| !is_blank(text));
    let Some(text) = text else {
        let html = message.html.as_deref().unwrap_or_default();
        return if html_is_blank(html) { String::new() } else { strip_tags(html, BEGINNING_CHARS) };
    };
    text.chars().take(BEGINNING_CHARS).collect()
}

/// A rough reading of HTML, good enough to look for phrases.
fn strip_tags(html: &str, limit: usize) -> String {
    let start = html.find("<body").or_else(|| html.find("<BODY")).unwrap_or(0);
    let mut in_tag = false;
    html[start..]
        .chars()
        .filter_map(|letter| match letter {
            '<' => {
                in_tag = true;
                Some(' ')
            }
            '>' => {
                in_tag = false;
                None
            }
            _ if in_tag => None,
            other => Some(other),
        })
        .take(limit)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]
mod tests;
