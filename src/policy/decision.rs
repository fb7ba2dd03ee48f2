//! What the policy decides, with its reasons; the shapes are those of the published ticket
//! (contracts c).

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::levels::{Impact, Priority, Urgency};

/// The priority of one message and everything that follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriorityDecision {
    /// What is worked on first.
    pub priority: Priority,
    /// Urgency after the rules; the model's own is in the scores.
    pub urgency: Urgency,
    /// Expected urgency as the model gave it, 0 to 1, four decimals.
    pub urgency_score: f64,
    /// How much is at stake.
    pub impact: Impact,
    /// 0.25 low, 0.5 medium, 0.75 high, 0.05 more for each further cause of high impact, at most 1.
    pub impact_score: f64,
    /// 0 to 100, monotone with the priority: P1 90-100, P2 70-89, P3 40-69, P4 20-39, P5 0-19;
    /// the place inside the band is the expected urgency.
    pub score: u8,
    /// The cell of the matrix that was read.
    pub matrix: MatrixCell,
    /// Why, in the order of evaluation; never empty.
    pub reasons: Vec<Reason>,
    /// Who should handle it, and how.
    pub handling: Handling,
    /// Whether a person should check the scores.
    pub review: Review,
    /// How likely the customer is to leave.
    pub churn_risk: ChurnRisk,
    /// Class of the net promoter score, where one was given.
    pub nps_class: Option<NpsClass>,
    /// Deadlines.
    pub sla: Sla,
    /// What the customer has had to do so far, 0 (nothing) to 1.
    pub effort: f64,
    /// Whether the message's own priority was lower than what its conversation holds.
    pub held: bool,
}

/// A cell of the priority matrix, by rank; 1 is the highest of either scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixCell {
    /// Impact: 1 (high) to 3 (low).
    pub impact: u8,
    /// Urgency: 1 (critical) to 4 (low).
    pub urgency: u8,
}

/// One reason for the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The rule that fired.
    pub rule: RuleName,
    /// What it saw: a signal, topic, emotion or field.
    pub signal: String,
    /// The value it saw.
    pub value: Value,
    /// What changed, such as `urgency normal -> high`; several are joined by `, `; `none` if nothing.
    pub effect: String,
    /// The same as a plain sentence for an agent.
    pub text: String,
}

/// Names of the rules: a closed set, so it can label metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// Urgency moved by the sub-channel (R10).
    UrgencyOffset,
    /// A sensitive topic (R19).
    SensitiveTopic,
    /// Safety of people.
    Safety,
    /// Fraud that is going on.
    RunningFraud,
    /// The customer asked for a person.
    HumanRequest,
    /// Words of danger, outage or deadline.
    AlarmPhrase,
    /// Lawyer, court, regulator.
    LegalThreat,
    /// Threat to publish.
    PublicThreat,
    /// Threat to leave.
    ChurnThreat,
    /// A large audience.
    SocialReach,
    /// An important customer.
    CustomerTier,
    /// A vulnerable person is concerned.
    Vulnerable,
    /// Anger or a very negative message.
    Conflict,
    /// The model is not sure.
    LowConfidence,
    /// The model was not made for this language.
    UnsupportedLanguage,
    /// Nothing of the customer's own is at stake.
    NothingAtStake,
    /// Low urgency was not taken over.
    DowngradeHeld,
    /// Impact and urgency together.
    Matrix,
    /// Thanks, no reply needed.
    Thanks,
    /// Three negative contacts.
    ThreeStrikes,
    /// The same matter again.
    RepeatContact,
    /// Negative messages in a row in one conversation.
    ConsecutiveNegatives,
    /// The mood falls within the conversation.
    SentimentDrop,
    /// Good experience before.
    Forgiveness,
    /// Down only after calm.
    NeverFlap,
    /// An agent has set the priority.
    AgentOverride,
}

impl RuleName {
    /// All names, in the order of evaluation.
    pub const ALL: [Self; 26] = [
        Self::UrgencyOffset,
        Self::SensitiveTopic,
        Self::Safety,
        Self::RunningFraud,
        Self::HumanRequest,
        Self::AlarmPhrase,
        Self::LegalThreat,
        Self::PublicThreat,
        Self::ChurnThreat,
        Self::SocialReach,
        Self::CustomerTier,
        Self::Vulnerable,
        Self::Conflict,
        Self::ThreeStrikes,
        Self::RepeatContact,
        Self::ConsecutiveNegatives,
        Self::SentimentDrop,
        Self::Forgiveness,
        Self::LowConfidence,
        Self::UnsupportedLanguage,
        Self::NothingAtStake,
        Self::DowngradeHeld,
        Self::Matrix,
        Self::Thanks,
        Self::NeverFlap,
        Self::AgentOverride,
    ];

    /// Returns the name as tickets and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UrgencyOffset => "urgency_offset",
            Self::SensitiveTopic => "sensitive_topic",
            Self::Safety => "safety",
            Self::RunningFraud => "running_fraud",
            Self::HumanRequest => "human_request",
            Self::AlarmPhrase => "alarm_phrase",
            Self::LegalThreat => "legal_threat",
            Self::PublicThreat => "public_threat",
            Self::ChurnThreat => "churn_threat",
            Self::SocialReach => "social_reach",
            Self::CustomerTier => "customer_tier",
            Self::Vulnerable => "vulnerable",
            Self::Conflict => "conflict",
            Self::LowConfidence => "low_confidence",
            Self::UnsupportedLanguage => "unsupported_language",
            Self::NothingAtStake => "nothing_at_stake",
            Self::DowngradeHeld => "downgrade_held",
            Self::Matrix => "matrix",
            Self::Thanks => "thanks",
            Self::ThreeStrikes => "three_strikes",
            Self::RepeatContact => "repeat_contact",
            Self::ConsecutiveNegatives => "consecutive_negatives",
            Self::SentimentDrop => "sentiment_drop",
            Self::Forgiveness => "forgiveness",
            Self::NeverFlap => "never_flap",
            Self::AgentOverride => "agent_override",
        }
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Who should handle the ticket, and how (R19, R20, R23 to R27).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Handling {
    /// Who.
    pub route_class: RouteClass,
    /// Whether a machine alone must not answer.
    pub human_required: bool,
    /// Queue for the topic, from the policy's table.
    pub queue_hint: Option<String>,
    /// Skills for skills-based routers, such as `de_escalation`.
    pub skills: Vec<String>,
    /// Advice for the agent, such as `acknowledge_first`.
    pub hints: Vec<String>,
    /// Whether a voice call should be offered (R13).
    pub suggest_callback: bool,
    /// Whether no answer is expected.
    pub no_reply_needed: bool,
}

/// Who should handle a ticket (R20); ordered from least to most senior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteClass {
    /// A simple question that an article or an automatic answer may settle.
    SelfServiceCandidate,
    /// Routine: a bot may try.
    BotOk,
    /// A person.
    Human,
    /// An experienced person.
    SeniorHuman,
}

/// Whether a person should check the scores (R22).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Whether there is a cause.
    pub needed: bool,
    /// Why.
    pub causes: Vec<ReviewCause>,
}

/// Why a person should check the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewCause {
    /// The urgency is uncertain, or its label unknown.
    LowConfidenceUrgency,
    /// The sentiment is uncertain, or its label unknown.
    LowConfidenceSentiment,
    /// The model was not made for the language.
    UnsupportedLanguage,
}

impl ReviewCause {
    /// Returns the name as tickets and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LowConfidenceUrgency => "low_confidence_urgency",
            Self::LowConfidenceSentiment => "low_confidence_sentiment",
            Self::UnsupportedLanguage => "unsupported_language",
        }
    }
}

/// How likely the customer is to leave (R32).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChurnRisk {
    /// No sign of it.
    #[default]
    Low,
    /// A very negative message, or a threat to leave.
    Medium,
    /// Both.
    High,
}

impl ChurnRisk {
    /// Returns the name as tickets and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Class of a net promoter score (R49).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NpsClass {
    /// 9 to 10.
    Promoter,
    /// 7 to 8.
    Passive,
    /// 0 to 6.
    Detractor,
}

/// Deadlines of the ticket (requirements 3a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sla {
    /// The profile of targets.
    pub profile: String,
    /// When the first response is due.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub first_response_due_at: Timestamp,
    /// When the risk of missing what is due is told on `triage.sla`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub breach_risk_at: Timestamp,
    /// When the next response is due; set once an agent has answered.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_response_due_at: Option<Timestamp>,
    /// When the matter must be settled; no targets by default.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub resolution_due_at: Option<Timestamp>,
    /// Which hours count.
    pub clock: Clock,
    /// The business calendar of the channel.
    pub calendar: String,
}

impl Sla {
    /// Returns what the customer waits for: the next response, where there was a first.
    pub fn due_at(&self) -> Timestamp {
        self.next_response_due_at.unwrap_or(self.first_response_due_at)
    }
}

/// Which hours count towards a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Clock {
    /// All of them.
    #[serde(rename = "24x7")]
    AlwaysOn,
    /// Those of the business calendar.
    #[serde(rename = "business")]
    Business,
}

impl Clock {
    /// Returns the name as tickets and the policy file spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlwaysOn => "24x7",
            Self::Business => "business",
        }
    }
}
