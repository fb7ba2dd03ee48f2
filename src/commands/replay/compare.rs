//! Two decisions on one message, side by side. Pure.

use serde::Serialize;

use super::side::Taken;
use crate::policy::{Reason, RuleName};
use crate::ticket::Ticket;

/// What would change about one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Change {
    /// Line of the file, or topic, partition and offset.
    pub place: String,
    /// `email`, `chat` or `social`.
    pub channel: String,
    /// Conversation.
    pub conversation_id: String,
    /// Message.
    pub message_id: String,
    /// What differs, from and to.
    pub fields: Vec<Field>,
    /// Reasons that only the new policy gives.
    pub gained: Vec<Why>,
    /// Reasons that only the current policy gives.
    pub lost: Vec<Why>,
    /// Rules that fire under both and change something else.
    pub altered: Vec<Altered>,
}

impl Change {
    /// Whether nothing would change.
    pub(super) const fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.gained.is_empty() && self.lost.is_empty() && self.altered.is_empty()
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    /// Name, as in the ticket.
    pub name: &'static str,
    /// By the current policy.
    pub current: String,
    /// By the new one.
    pub new: String,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Why {
    /// Rule.
    pub rule: RuleName,
    /// What it changes.
    pub effect: String,
    /// The sentence.
    pub text: String,
}

/// A rule whose effect differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Altered {
    /// Rule.
    pub rule: RuleName,
    /// Effect by the current policy.
    pub current: String,
    /// Effect by the new one.
    pub new: String,
}

/// Compares; `None` where there is no message to decide on under either policy.
pub(super) fn compare(place: &str, current: &Taken, new: &Taken) -> Option<Change> {
    let either = match (current, new) {
        (Taken::Ticket(ticket), _) | (_, Taken::Ticket(ticket)) => Some(ticket),
        (Taken::Passed, Taken::Passed) => return None,
        _ => None,
    };
    let mut change = Change { place: place.to_owned(), ..Change::default() };
    if let Some(ticket) = either {
        change.channel.clone_from(&ticket.channel);
        change.conversation_id.clone_from(&ticket.conversation_id);
        change.message_id.clone_from(&ticket.message_id);
    }
    change.field("outcome", outcome(current), outcome(new));
    if let (Taken::Ticket(current), Taken::Ticket(new)) = (current, new) {
        change.tickets(current, new);
    }
    Some(change)
}

fn outcome(taken: &Taken) -> String {
    match taken {
        Taken::Ticket(_) => "ticket".to_owned(),
        Taken::Filtered(reason) => format!("filtered ({})", reason.as_str()),
        Taken::Passed => "sent on".to_owned(),
    }
}

impl Change {
    fn field(&mut self, name: &'static str, current: String, new: String) {
        if current != new {
            self.fields.push(Field { name, current, new });
        }
    }

    fn tickets(&mut self, current: &Ticket, new: &Ticket) {
        let mut field = |name, of: fn(&Ticket) -> String| self.field(name, of(current), of(new));
        field("priority", |ticket| ticket.priority.level.to_string());
        field("urgency", |ticket| ticket.urgency.level.to_string());
        field("impact", |ticket| ticket.impact.level.to_string());
        field("due_at", |ticket| ticket.sla.due_at().to_string());
        // A profile or calendar of another name is a difference only where it moves the deadline.
        if current.sla.due_at() == new.sla.due_at() {
            field("breach_risk_at", |ticket| ticket.sla.breach_risk_at.to_string());
        } else {
            field("profile", |ticket| ticket.sla.profile.clone());
            field("clock", |ticket| ticket.sla.clock.as_str().to_owned());
            field("calendar", |ticket| ticket.sla.calendar.clone());
        }
        field("human_required", |ticket| ticket.handling.human_required.to_string());
        field("route_class", |ticket| spelled(ticket.handling.route_class));
        field("queue_hint", |ticket| ticket.handling.queue_hint.clone().unwrap_or_else(none));
        field("no_reply_needed", |ticket| ticket.handling.no_reply_needed.to_string());
        field("churn_risk", |ticket| ticket.churn_risk.as_str().to_owned());
        field("review", |ticket| listed(ticket.review.causes.iter().map(|cause| cause.as_str())));
        field("hints", |ticket| listed(ticket.handling.hints.iter().map(String::as_str)));
        field("effort", |ticket| ticket.effort.score.to_string());
        let only = |here: &[Reason], there: &[Reason]| {
            let missing = here.iter().filter(|reason| !there.iter().any(|other| same(reason, other)));
            missing.map(Why::of).collect()
        };
        self.gained = only(&new.reasons, &current.reasons);
        self.lost = only(&current.reasons, &new.reasons);
        let both = current.reasons.iter().filter_map(|was| Some((was, new.reasons.iter().find(|is| same(was, is))?)));
        self.altered = both
            .filter(|(was, is)| was.effect != is.effect)
            .map(|(was, is)| Altered { rule: was.rule, current: was.effect.clone(), new: is.effect.clone() })
            .collect();
    }
}

impl Why {
    fn of(reason: &Reason) -> Self {
        Self { rule: reason.rule, effect: reason.effect.clone(), text: reason.text.clone() }
    }
}

/// Whether two reasons are the same rule's, about the same thing.
fn same(one: &Reason, other: &Reason) -> bool {
    one.rule == other.rule && one.signal == other.signal
}

fn none() -> String {
    "none".to_owned()
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all = names.collect::<Vec<_>>().join(", ");
    if all.is_empty() { none() } else { all }
}

/// A name as tickets spell it.
fn spelled(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
