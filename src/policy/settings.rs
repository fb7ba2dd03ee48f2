//! The policy file as written: one struct per table, one documented field per setting.
//!
//! The values, their units and their sources stand in `config/policy.toml`, which is the default of
//! every field (see [`load`](super::load)); here stands what the fields mean to the code.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use super::calendar::OpenRange;
use super::decision::Clock;
use super::levels::{Impact, Priority, Urgency};
use super::phrases::PhraseLists;
use super::targets::Target;

/// All settings of a policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Name that tickets carry.
    pub name: String,
    /// Version that tickets carry.
    pub version: String,
    /// Priority by impact and urgency.
    pub matrix: Matrix,
    /// How sure the model must be.
    pub confidence: Confidence,
    /// Urgency beyond what the model says.
    pub urgency: UrgencySettings,
    /// How much is at stake.
    pub impact: ImpactSettings,
    /// The rules.
    pub rules: Rules,
    /// Audience of public posts.
    pub social: Social,
    /// Raises from the matrix's priority.
    pub uplift: Uplift,
    /// Languages the model was not made for.
    pub unsupported_language: UnsupportedLanguage,
    /// Who handles a ticket.
    pub handling: HandlingSettings,
    /// Classes of survey scores.
    pub survey: SurveySettings,
    /// Phrases by language and signal.
    pub phrases: PhraseLists,
    /// What is remembered of customers.
    pub history: HistorySettings,
    /// What a customer's effort is made of.
    pub effort: Effort,
    /// Deadlines.
    pub sla: SlaSettings,
    /// Business hours by name.
    pub calendars: BTreeMap<String, CalendarSettings>,
}

/// The priority matrix: one row per impact.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Matrix {
    pub high: MatrixRow,
    pub medium: MatrixRow,
    pub low: MatrixRow,
}

/// Priorities by urgency.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatrixRow {
    pub critical: Priority,
    pub high: Priority,
    pub normal: Priority,
    pub low: Priority,
}

impl Matrix {
    /// Returns the priority in the cell of `impact` and `urgency`.
    pub(super) const fn cell(&self, impact: Impact, urgency: Urgency) -> Priority {
        let row = match impact {
            Impact::High => &self.high,
            Impact::Medium => &self.medium,
            Impact::Low => &self.low,
        };
        match urgency {
            Urgency::Critical => row.critical,
            Urgency::High => row.high,
            Urgency::Normal => row.normal,
            Urgency::Low => row.low,
        }
    }
}

/// Thresholds on calibrated probabilities, 0 to 1.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confidence {
    /// Below: to review.
    pub review_below: f64,
    /// Groups of urgencies within which a mistake costs little.
    pub urgency_sides: Vec<Vec<String>>,
    /// Groups of sentiments within which a mistake costs little.
    pub sentiment_sides: Vec<Vec<String>>,
    /// From here on low urgency is taken over.
    pub downgrade_from: f64,
    /// From here on a topic counts.
    pub topic_from: f64,
    /// From here on an emotion counts.
    pub emotion_from: f64,
}

/// Urgency beyond what the model says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrgencySettings {
    /// Levels added by sub-channel, -1 to 1.
    pub sub_channel_offsets: BTreeMap<String, i8>,
}

/// What makes the impact high or low.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImpactSettings {
    /// Tiers with high impact.
    pub high_tiers: Vec<String>,
    /// Topics with low impact and without an open problem.
    pub nothing_at_stake_topics: Vec<String>,
    /// Signals that make even those an open problem.
    pub open_problem_signals: Vec<String>,
}

/// What each rule listens to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    pub sensitive: Sensitive,
    pub safety: Safety,
    pub running_fraud: RunningFraud,
    pub human_request: HumanRequest,
    pub alarm_phrase: AlarmPhrase,
    pub legal_threat: Signals,
    pub public_threat: Signals,
    pub churn_threat: Signals,
    pub vulnerable: Signals,
    pub conflict: Conflict,
    pub praise: Praise,
    pub thanks: Thanks,
    pub three_strikes: AgainAndAgain,
    pub repeat_contact: AgainAndAgain,
    pub consecutive_negatives: AtLeast,
    pub sentiment_drop: SentimentDrop,
    pub forgiveness: Forgiveness,
    pub never_flap: NeverFlap,
}

/// A rule that counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtLeast {
    /// Fires from this count on.
    pub from: u32,
}

/// A rule that counts, and does not raise one conversation after the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgainAndAgain {
    /// Fires from this count on.
    pub from: u32,
    /// After it has raised one conversation of a customer it raises no other for so long; 0: no matter.
    pub cool_down_hours: u32,
}

/// A mood that falls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentimentDrop {
    /// Levels below the start of the conversation.
    pub levels: u32,
}

/// Good experience that is remembered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forgiveness {
    /// Good contacts, decayed, from which it acts.
    pub goodwill_from: f64,
}

/// Hysteresis.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NeverFlap {
    /// Calmer messages in a row after which the priority may fall.
    pub calmer_messages: u32,
}

/// A rule that only needs signals.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signals {
    pub signals: Vec<String>,
}

/// Sensitive matters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sensitive {
    pub signals: Vec<String>,
    pub topics: Vec<String>,
    /// Lowest priority of such a message.
    pub at_least: Priority,
    /// Signals that make the impact high together with negative sentiment.
    pub high_impact_signals: Vec<String>,
}

/// Safety of people.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Safety {
    pub signals: Vec<String>,
    /// Lowest urgency of such a message.
    pub urgency: Urgency,
    /// Lowest priority of such a message.
    pub at_least: Priority,
}

/// Fraud that is going on: topic, signal and the model's urgency together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunningFraud {
    pub topics: Vec<String>,
    pub signals: Vec<String>,
    /// The model's urgency from which the rule fires.
    pub from_urgency: Urgency,
    /// Lowest urgency of such a message.
    pub urgency: Urgency,
}

/// Words of danger, outage and deadline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmPhrase {
    /// Signals that the phrase lists give.
    pub signals: Vec<String>,
    /// Lowest urgency of such a message.
    pub urgency: Urgency,
}

/// A wish to speak to a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HumanRequest {
    pub signals: Vec<String>,
    /// Lowest urgency where a problem is open.
    pub urgency: Urgency,
}

/// Conflict and the emotions to acknowledge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conflict {
    pub emotions: Vec<String>,
    pub acknowledge_emotions: Vec<String>,
}

/// What makes a surely positive message praise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Praise {
    pub emotions: Vec<String>,
    pub topics: Vec<String>,
}

/// Thanks without a question.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thanks {
    pub signals: Vec<String>,
    /// The priority of such a message.
    pub priority: Priority,
}

/// Audience of a public post, in followers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Social {
    /// Assumed where unknown.
    pub assumed_reach: u64,
    /// From here on: a hint.
    pub notable_from: u64,
    /// From here on: a raise.
    pub wide_from: u64,
    /// From here on: high impact.
    pub very_wide_from: u64,
}

/// Raises by whole levels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Uplift {
    pub causes: Vec<UpliftCause>,
    pub levels: u8,
    /// The highest priority a raise can reach.
    pub not_above: Priority,
}

/// What can raise the priority by a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UpliftCause {
    /// A threat to publish.
    PublicThreat,
    /// A negative post with a wide audience.
    SocialReach,
    /// A high churn risk.
    ChurnRisk,
    /// Three negative contacts.
    ThreeStrikes,
    /// The same matter again.
    RepeatContact,
    /// Negative messages in a row.
    ConsecutiveNegatives,
    /// A falling mood with an open problem.
    SentimentDrop,
}

/// Languages the model was not made for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnsupportedLanguage {
    /// Lowest priority of such a message.
    pub at_least: Priority,
}

/// Who handles a ticket.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandlingSettings {
    /// Priorities for which a voice call is suggested.
    pub callback_priorities: Vec<Priority>,
    /// The most urgent priority a bot may try.
    pub bot_from: Priority,
    /// Topics of simple questions.
    pub self_service_topics: Vec<String>,
    /// How sure topic and urgency must be for that.
    pub self_service_from: f64,
    /// Queue by topic.
    pub queues: BTreeMap<String, String>,
}

/// Classes of survey scores.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SurveySettings {
    pub nps: Nps,
}

/// Lower limits of the classes of a net promoter score of 0 to 10.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nps {
    pub promoter_from: f64,
    pub passive_from: f64,
}

/// Deadlines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlaSettings {
    /// The profile in force.
    pub profile: String,
    /// Priorities that count all hours.
    pub always_on: Vec<Priority>,
    /// Part of the time, 0 to 1, after which the risk of a breach is told.
    pub risk_at: f64,
    /// Levels by which a breach raises the priority, once.
    pub aged_levels: u8,
    /// Row of targets by sub-channel.
    pub sub_channels: BTreeMap<String, String>,
    /// Rows of targets by profile and channel.
    pub profiles: BTreeMap<String, BTreeMap<String, TargetRow>>,
}

/// First-response targets of one channel; what is missing comes from the profile `default`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetRow {
    pub p1: Option<Target>,
    pub p2: Option<Target>,
    pub p3: Option<Target>,
    pub p4: Option<Target>,
    pub p5: Option<Target>,
    /// Which hours count; business hours unless set.
    pub clock: Option<Clock>,
    /// Calendar; `default` unless set.
    pub calendar: Option<String>,
}

impl TargetRow {
    /// Returns the target of `priority`, where set.
    pub(super) const fn get(&self, priority: Priority) -> Option<Target> {
        match priority {
            Priority::P1 => self.p1,
            Priority::P2 => self.p2,
            Priority::P3 => self.p3,
            Priority::P4 => self.p4,
            Priority::P5 => self.p5,
        }
    }
}

/// One business calendar.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalendarSettings {
    /// IANA name.
    pub time_zone: String,
    /// Days on which all is closed.
    #[serde(default)]
    pub holidays: Vec<Date>,
    /// Open hours.
    pub hours: Hours,
}

/// Open hours by weekday; a day left out is closed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hours {
    pub monday: Vec<OpenRange>,
    pub tuesday: Vec<OpenRange>,
    pub wednesday: Vec<OpenRange>,
    pub thursday: Vec<OpenRange>,
    pub friday: Vec<OpenRange>,
    pub saturday: Vec<OpenRange>,
    pub sunday: Vec<OpenRange>,
}

impl Hours {
    /// Returns the days with their names, Monday first.
    pub(super) fn days(&self) -> [(&'static str, &[OpenRange]); 7] {
        [
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
            ("sunday", &self.sunday),
        ]
    }
}

/// What is remembered of customers, and for how long.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySettings {
    /// Older contacts no longer count.
    pub window_days: u32,
    /// Older contacts are no repeats.
    pub repeat_days: u32,
    /// A message after so long a silence is a contact of its own.
    pub gap_hours: u32,
    /// Good experience counts half after so long.
    pub half_life_days: f64,
    /// A conversation that is silent for so long becomes a plain contact; its priority starts afresh.
    pub conversation_idle_days: u32,
    /// A customer who is silent for so long is forgotten.
    pub expire_days: u32,
    /// Conversations kept of one customer; the longest silent becomes a plain contact.
    pub max_conversations: usize,
    /// Contacts kept of one customer, latest first.
    pub max_contacts: usize,
    /// Scores kept of one conversation.
    pub trail: usize,
    /// A message with an id seen within so long is a duplicate.
    pub duplicate_hours: u32,
    /// Ids kept of one customer.
    pub max_ids: usize,
    /// More mails than this, alike and within `loop_minutes`, are a loop between machines.
    pub loop_messages: u32,
    /// See there.
    pub loop_minutes: u32,
}

/// Weights of what a customer has had to do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effort {
    /// Each contact after the first.
    pub contact: f64,
    /// Each change of the channel.
    pub channel_switch: f64,
    /// A conversation that had been closed.
    pub reopened: f64,
    /// Each day of waiting.
    pub waiting_day: f64,
    /// Words such as "as I already told you".
    pub repetition: f64,
    /// Signals that stand for them.
    pub repetition_signals: Vec<String>,
    /// From here on it is a hint.
    pub high_from: f64,
}
