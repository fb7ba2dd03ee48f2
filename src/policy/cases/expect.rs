//! What a case expects of the decision; what it does not name may be anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Difference;
use crate::policy::{
    ChurnRisk, Clock, Impact, NpsClass, Priority, PriorityDecision, ReviewCause, RouteClass, RuleName, Urgency,
};

/// Efforts are compared as tickets carry them, with four decimals.
const EFFORT_TOLERANCE: f64 = 0.000_05;

/// Expectations.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expect {
    priority: Option<Priority>,
    urgency: Option<Urgency>,
    impact: Option<Impact>,
    /// Rules that must be among the reasons.
    rules: Vec<RuleName>,
    /// Rules that must not.
    no_rules: Vec<RuleName>,
    human_required: Option<bool>,
    route_class: Option<RouteClass>,
    churn_risk: Option<ChurnRisk>,
    /// Exactly these causes, in any order; none with `[]`.
    review: Option<Vec<ReviewCause>>,
    first_response_due_at: Option<Timestamp>,
    next_response_due_at: Option<Timestamp>,
    breach_risk_at: Option<Timestamp>,
    /// `24x7` or `business`.
    clock: Option<Clock>,
    calendar: Option<String>,
    /// 0 to 1, four decimals.
    effort: Option<f64>,
    /// Hints that must be there.
    hints: Vec<String>,
    /// Hints that must not.
    no_hints: Vec<String>,
    no_reply_needed: Option<bool>,
    suggest_callback: Option<bool>,
    queue_hint: Option<String>,
    nps_class: Option<NpsClass>,
}

impl Expect {
    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What of it the decision does not meet, in the order of the fields.
    pub(super) fn differences(&self, decision: &PriorityDecision) -> Vec<Difference> {
        let mut found = Found(Vec::new());
        let (handling, sla) = (&decision.handling, &decision.sla);
        found.value("priority", self.priority, &decision.priority);
        found.value("urgency", self.urgency, &decision.urgency);
        found.value("impact", self.impact, &decision.impact);
        let fired: Vec<RuleName> = decision.reasons.iter().map(|reason| reason.rule).collect();
        found.lists("rules", &self.rules, &self.no_rules, &fired);
        found.value("human_required", self.human_required, &handling.human_required);
        found.value("route_class", self.route_class, &handling.route_class);
        found.value("churn_risk", self.churn_risk, &decision.churn_risk);
        let sorted = |causes: &[ReviewCause]| {
            let mut causes = causes.to_vec();
            causes.sort();
            causes
        };
        found.value("review", self.review.as_deref().map(sorted), &sorted(&decision.review.causes));
        found.value("first_response_due_at", self.first_response_due_at, &sla.first_response_due_at);
        found.value("next_response_due_at", self.next_response_due_at.map(Some), &sla.next_response_due_at);
        found.value("breach_risk_at", self.breach_risk_at, &sla.breach_risk_at);
        found.value("clock", self.clock, &sla.clock);
        found.value("calendar", self.calendar.as_ref(), &&sla.calendar);
        let near = self.effort.filter(|effort| (effort - decision.effort).abs() >= EFFORT_TOLERANCE);
        found.value("effort", near, &decision.effort);
        found.lists("hints", &self.hints, &self.no_hints, &handling.hints);
        found.value("no_reply_needed", self.no_reply_needed, &handling.no_reply_needed);
        found.value("suggest_callback", self.suggest_callback, &handling.suggest_callback);
        found.value("queue_hint", self.queue_hint.as_ref().map(Some), &handling.queue_hint.as_ref());
        found.value("nps_class", self.nps_class.map(Some), &decision.nps_class);
        found.0
    }
}

/// Differences so far.
struct Found(Vec<Difference>);

impl Found {
    fn value<T: PartialEq + Serialize>(&mut self, field: &'static str, expected: Option<T>, got: &T) {
        if let Some(expected) = expected.filter(|expected| expected != got) {
            self.0.push(Difference { field, expected: plain(&expected), got: plain(got) });
        }
    }

    /// What must be in a list and is not, what must not be and is.
    fn lists<T: PartialEq + Serialize>(&mut self, field: &'static str, with: &[T], without: &[T], got: &[T]) {
        let missing: Vec<String> = with.iter().filter(|name| !got.contains(name)).map(plain).collect();
        let unwanted: Vec<String> = without.iter().filter(|name| got.contains(name)).map(plain).collect();
        if missing.is_empty() && unwanted.is_empty() {
            return;
        }
        let unwanted = unwanted.iter().map(|name| format!("no {name}"));
        let expected = missing.iter().cloned().chain(unwanted).collect::<Vec<_>>().join(", ");
        let all = got.iter().map(plain).collect::<Vec<_>>().join(", ");
        self.0.push(Difference { field, expected, got: if all.is_empty() { "none".to_owned() } else { all } });
    }
}

/// A value as the file of cases spells it, without quotes.
fn plain(value: impl Serialize) -> String {
    match serde_json::to_value(value).unwrap_or_default() {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => "none".to_owned(),
        serde_json::Value::Array(items) if items.is_empty() => "none".to_owned(),
        serde_json::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
