//! The policy: from the scores of a message to its priority, deadline, handling and reasons.
//!
//! Pure: no clock, no I/O; the same policy and [`Facts`] always give the same [`PriorityDecision`].
//! All numbers are settings of `config/policy.toml`, which is also built in: a policy file is laid
//! over it and names only what differs.
//!
//! # How a priority comes about
//!
//! 1. *Urgency* is the model's class. Rules may raise it: safety and running fraud to critical, a
//!    request for a human with an open problem to high. Sentiment never does.
//! 2. *Impact* is medium unless a rule makes it high (tier, very wide audience, legal threat, a
//!    sensitive matter that went wrong) or nothing of the customer's own is at stake (low).
//! 3. The *matrix* of both gives the priority.
//! 4. *Raises* by one level (threat to publish, wide audience, high churn risk) act once in all and
//!    never beyond P2; *floors* (sensitive P2, safety P1, unsupported language P3) lift what is
//!    below them.
//! 5. *Thanks* that need no reply become P5, unless a rule fired.
//! 6. *History* acts in step 4: three negative contacts, the same matter for the third time, negative messages in
//!    a row and a falling mood are causes of a raise. In the end a conversation keeps what it holds: up at once,
//!    down only after calmer messages; an agent's priority wins over all.
//!
//! # Lowered only when sure
//!
//! Four things lower a priority, and each has to be sure:
//!
//! - *Low urgency* counts as normal below a confidence of 0.80 (`confidence.downgrade_from`), or
//!   when a rule fired. Surely positive thanks and praise are exempt from the 0.80, as a mistake
//!   costs little there.
//! - *Low impact* needs a topic with nothing at stake, no negative sentiment, no rule fired, and
//!   urgency and sentiment sure enough not to need a review (0.60, `confidence.review_below`;
//!   thanks and praise need only the sentiment).
//! - *Thanks* need a surely positive sentiment, no rule fired and at most normal urgency.
//! - A negative *offset of a sub-channel* needs 0.80, no rule fired and urgency below critical.
//!
//! An uncertain class is a cause for review and otherwise used as it is: what it raises is raised,
//! what it would lower is not. In a language the model was not made for nothing is lowered, the
//! priority is at least P3 and the ticket goes to review, but what the scores raise stays raised. An
//! unknown urgency label counts as normal with confidence 0, an unknown sentiment label as neither
//! positive nor negative with confidence 0; so both go to review.
//!
//! "A rule fired" means: sensitive topic, safety, running fraud, human request, legal, public or
//! churn threat, a negative post from 10,000 followers on, or a vulnerable person. Tier and conflict
//! do not count: the first speaks through the impact, the second through the handling.
//!
//! # Overlays
//!
//! `[tenants.<name>]` and `[brands.<name>]` of the file are laid over the rest for the messages of a tenant or brand,
//! the brand's over its tenant's; see [`Policy::of`].
//!
//! # Deadlines
//!
//! Due is the start of the clock plus the target of channel and priority. P1 counts all hours, the
//! others the open hours of the channel's calendar: a chat that arrives at night is due two minutes
//! after opening, unless its row says `clock = "24x7"`.

mod calendar;
mod case;
pub mod cases;
mod current;
mod decision;
mod facts;
mod levels;
mod load;
mod phrases;
mod rules;
mod settings;
mod targets;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use calendar::Calendar;
use case::{Case, Draft, probability, rounded};
use phrases::Phrases;
use settings::Settings;
use targets::{Row, Targets};

pub use current::CurrentPolicy;
pub use decision::{
    ChurnRisk, Clock, Handling, MatrixCell, NpsClass, PriorityDecision, Reason, Review, ReviewCause, RouteClass,
    RuleName, Sla,
};
pub use facts::{Facts, HistoryFacts, Labelled, Scored, SurveyFacts};
pub use levels::{Impact, Priority, Urgency, sentiment_side};
pub use load::{Finding, PolicyError};
pub use phrases::PhraseHit;
pub use settings::HistorySettings;

/// A checked policy, with the overlays of its file.
#[derive(Debug, Clone)]
pub struct Policy {
    settings: Settings,
    targets: Targets,
    calendars: BTreeMap<String, Calendar>,
    phrases: Phrases,
    digest: String,
    /// Which overlays it is made with, such as `brands.northlight`; empty for the policy of everybody else.
    overlays: Vec<String>,
    /// Policies of tenants; only the policy of everybody else has some.
    tenants: BTreeMap<String, Self>,
    /// Policies of brands.
    brands: BTreeMap<String, Self>,
}

/// Overlays that a file may have, pairs of tenant and brand counted: each is a whole policy in memory.
const MOST_OVERLAYS: usize = 1000;

impl Policy {
    /// Reads a policy file, laid over the shipped one, and checks it together with its overlays.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let mut digest = "sha256:".to_owned();
        for byte in Sha256::digest(text.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        let [tenants, brands] = load::overlays(text)?;
        let count = (tenants.len() + 1) * (brands.len() + 1) - 1;
        if count > MOST_OVERLAYS {
            let message = format!("and `brands` make {count} overlays together; at most {MOST_OVERLAYS} are possible");
            let finding = Finding { field: "tenants".to_owned(), line: load::line_of(text, &["tenants"]), message };
            return Err(PolicyError::Invalid(vec![finding]));
        }
        let with_brands = |below: Option<&str>| -> Result<Self, PolicyError> {
            let below: Vec<[&str; 2]> = below.map(|tenant| ["tenants", tenant]).into_iter().collect();
            let mut policy = Self::layered(text, &below, &digest)?;
            for brand in &brands {
                let layers = [&[["brands", brand.as_str()]], below.as_slice()].concat();
                policy.brands.insert(brand.clone(), Self::layered(text, &layers, &digest)?);
            }
            Ok(policy)
        };
        let mut policy = with_brands(None)?;
        for tenant in &tenants {
            policy.tenants.insert(tenant.clone(), with_brands(Some(tenant))?);
        }
        Ok(policy)
    }

    fn layered(text: &str, layers: &[[&str; 2]], digest: &str) -> Result<Self, PolicyError> {
        let settings = load::settings(text, layers)?;
        let built = validate::build(&settings, text, layers).map_err(PolicyError::Invalid)?;
        Ok(Self {
            settings,
            targets: built.targets,
            calendars: built.calendars,
            phrases: built.phrases,
            digest: digest.to_owned(),
            overlays: layers.iter().map(|layer| layer.join(".")).collect(),
            tenants: BTreeMap::new(),
            brands: BTreeMap::new(),
        })
    }

    /// Returns the policy for messages of this tenant and brand: the one of its overlays, or this.
    pub fn of(&self, tenant: Option<&str>, brand: Option<&str>) -> &Self {
        let tenants = tenant.and_then(|tenant| self.tenants.get(tenant)).unwrap_or(self);
        brand.and_then(|brand| tenants.brands.get(brand)).unwrap_or(tenants)
    }

    /// Returns the overlays that this policy is made with, strongest first, such as `brands.northlight`.
    pub fn overlays(&self) -> &[String] {
        &self.overlays
    }

    /// Returns the shipped policy, `config/policy.toml` as it was when the program was built.
    pub fn default_policy() -> Result<Self, PolicyError> {
        Self::from_toml(load::SHIPPED)
    }

    /// Returns the name that tickets carry.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Returns the version that tickets carry.
    pub fn version(&self) -> &str {
        &self.settings.version
    }

    /// Returns `sha256:` and the digest of the file's text, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the name of the profile of targets in force.
    pub fn profile(&self) -> &str {
        &self.settings.sla.profile
    }

    /// Decides on one message, by the policy of its tenant and brand.
    pub fn decide(&self, facts: &Facts) -> PriorityDecision {
        let policy = self.of(facts.tenant.as_deref(), facts.brand.as_deref());
        let case = Case::new(&policy.settings, facts);
        let mut draft = Draft::new(&case);
        for rule in rules::RULES {
            rule(&case, &mut draft);
        }
        policy.finish(&case, draft)
    }

    /// Returns when the first response is due: `from` plus the target, in the hours that count.
    ///
    /// `None` only where that lies beyond 20 years or the range of time. A channel without targets
    /// gets the shortest of all, around the clock.
    pub fn due_by(
        &self,
        channel: &str,
        sub_channel: Option<&str>,
        priority: Priority,
        from: Timestamp,
    ) -> Option<Timestamp> {
        self.due(self.targets.row(channel, sub_channel), priority, from)
    }

    /// Returns the first-response target, in the hours that count.
    pub fn target(&self, channel: &str, sub_channel: Option<&str>, priority: Priority) -> Duration {
        self.targets.row(channel, sub_channel).duration(priority)
    }

    /// Refuses a channel without targets of its own (R6).
    pub fn check_channels(&self, channels: &[&str]) -> Result<(), PolicyError> {
        let rows = self.targets.rows();
        match channels.iter().find(|&&channel| !rows.contains_key(channel)) {
            None => Ok(()),
            Some(channel) => Err(PolicyError::NoTarget {
                channel: (*channel).to_owned(),
                known: rows.keys().map(|row| format!("`{row}`")).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Returns the audience of a public post, assumed where unknown (R53); `None` for a private one.
    pub fn reach(&self, facts: &Facts) -> Option<u64> {
        let policy = self.of(facts.tenant.as_deref(), facts.brand.as_deref());
        facts.public_post.then(|| facts.reach.unwrap_or(policy.settings.social.assumed_reach))
    }

    fn due(&self, row: &Row, priority: Priority, from: Timestamp) -> Option<Timestamp> {
        self.after(row, priority, from, row.target(priority))
    }

    /// When `span` has passed since `from`, in the hours that count at `priority`.
    fn after(&self, row: &Row, priority: Priority, from: Timestamp, span: SignedDuration) -> Option<Timestamp> {
        match self.targets.clock(row, priority) {
            Clock::AlwaysOn => from.checked_add(span).ok(),
            Clock::Business => self.calendars.get(&row.calendar)?.add(from, span),
        }
    }

    /// Returns what is remembered of customers, and for how long.
    pub fn history(&self) -> &HistorySettings {
        &self.settings.history
    }

    /// Returns the levels by which a breach raises a conversation's priority, once.
    pub fn aged_levels(&self) -> u8 {
        self.settings.sla.aged_levels
    }

    /// Returns the deadlines of a conversation of `priority` that waits since `from`: the risk of a breach, and it.
    pub fn deadlines(
        &self,
        channel: &str,
        sub_channel: Option<&str>,
        priority: Priority,
        from: Timestamp,
    ) -> (Timestamp, Timestamp) {
        let facts = Facts {
            channel: channel.to_owned(),
            sub_channel: sub_channel.map(str::to_owned),
            received_at: from,
            ..Facts::default()
        };
        let sla = self.sla(&facts, priority);
        (sla.breach_risk_at, sla.first_response_due_at)
    }

    /// Returns the policy's phrases in a message, the first of each signal.
    pub fn find_phrases(&self, subject: Option<&str>, body: &str) -> Vec<PhraseHit> {
        match subject {
            Some(subject) => self.phrases.find(&format!("{subject}\n{body}")),
            None => self.phrases.find(body),
        }
    }

    /// Returns whether a topic of this probability counts.
    pub fn topic_counts(&self, probability: f64) -> bool {
        probability >= self.settings.confidence.topic_from
    }

    fn finish(&self, case: &Case<'_>, draft: Draft) -> PriorityDecision {
        let facts = case.facts;
        let priority = draft.priority;
        let urgency_score = rounded(probability(facts.urgency.score));
        let (lowest, highest) = priority.band();
        let place = (f64::from(highest - lowest) * urgency_score).round() as u8;
        let queues = &self.settings.handling.queues;
        let queue = case.topic.and_then(|topic| queues.get(&topic.label));
        PriorityDecision {
            priority,
            urgency: draft.urgency,
            urgency_score,
            impact: draft.impact,
            impact_score: impact_score(draft.impact, draft.impact_causes),
            score: lowest + place,
            matrix: MatrixCell { impact: draft.impact.rank(), urgency: draft.urgency.rank() },
            handling: Handling {
                route_class: self.route_class(case, &draft),
                human_required: draft.human_required,
                queue_hint: queue.cloned(),
                skills: draft.skills,
                hints: draft.hints,
                suggest_callback: self.settings.handling.callback_priorities.contains(&priority),
                no_reply_needed: draft.no_reply_needed,
            },
            review: Review { needed: !draft.review.is_empty(), causes: draft.review },
            churn_risk: draft.churn_risk,
            nps_class: self.nps_class(facts),
            sla: self.sla(facts, priority),
            effort: case.effort(),
            held: draft.held,
            reasons: draft.reasons.into_iter().map(Reason::from).collect(),
        }
    }

    /// Who should handle it (R20, R22, R23): never a machine where a rule fired, the model is unsure
    /// or the customer negative.
    fn route_class(&self, case: &Case<'_>, draft: &Draft) -> RouteClass {
        let settings = &self.settings.handling;
        let sure = |probability: f64| probability >= settings.self_service_from;
        if draft.senior_human {
            RouteClass::SeniorHuman
        } else if draft.human_required
            || draft.fired
            || !draft.review.is_empty()
            || case.negative
            || draft.priority < settings.bot_from
        {
            RouteClass::Human
        } else if draft.urgency == Urgency::Low
            && sure(case.urgency_confidence)
            && case.topic_in(&settings.self_service_topics).is_some_and(|topic| sure(probability(topic.score)))
        {
            RouteClass::SelfServiceCandidate
        } else {
            RouteClass::BotOk
        }
    }

    /// The class of a net promoter score of 0 to 10 (R49).
    fn nps_class(&self, facts: &Facts) -> Option<NpsClass> {
        let survey = facts.survey.as_ref()?;
        let limits = &self.settings.survey.nps;
        let full_scale = survey.scale_max.is_none_or(|max| (max - 10.0).abs() < f64::EPSILON);
        if survey.kind != "nps" || !full_scale || !(0.0..=10.0).contains(&survey.score) {
            return None;
        }
        Some(if survey.score >= limits.promoter_from {
            NpsClass::Promoter
        } else if survey.score >= limits.passive_from {
            NpsClass::Passive
        } else {
            NpsClass::Detractor
        })
    }

    fn sla(&self, facts: &Facts, priority: Priority) -> Sla {
        let row = self.targets.row(&facts.channel, facts.sub_channel.as_deref());
        let from = facts.received_at;
        let target = row.target(priority);
        // At the end of time all that is left is to be due at once.
        let at = |span: SignedDuration| {
            let due = self.after(row, priority, from, span);
            due.or_else(|| from.checked_add(span).ok()).unwrap_or(from)
        };
        let due = at(target);
        let history = &facts.history;
        Sla {
            profile: self.profile().to_owned(),
            first_response_due_at: history.first_response_due_at.unwrap_or(due),
            breach_risk_at: at(target.mul_f64(self.settings.sla.risk_at)),
            next_response_due_at: history.answered.then_some(due),
            resolution_due_at: None,
            clock: self.targets.clock(row, priority),
            calendar: row.calendar.clone(),
        }
    }
}

/// See [`PriorityDecision::impact_score`].
fn impact_score(impact: Impact, causes: u8) -> f64 {
    match impact {
        Impact::Low => 0.25,
        Impact::Medium => 0.5,
        Impact::High => rounded((0.75 + 0.05 * f64::from(causes.saturating_sub(1))).min(1.0)),
    }
}
