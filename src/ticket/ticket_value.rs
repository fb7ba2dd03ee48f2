//! The ticket: a scored message, its priority and deadline, and the reasons for both.

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scored::{LanguageStamp, ModelStamp, ScoredMessage, SourceStamp, TextPart};
use super::{SCHEMA_VERSION, ids};
use crate::message::Visibility;
use crate::model::{Evidence, LabelScore, OrdinalScores};
use crate::policy::{
    ChurnRisk, Handling, HistoryFacts, Impact, MatrixCell, NpsClass, Policy, Priority, PriorityDecision, Reason,
    Review, Sla, Urgency,
};

/// Value of `ticket.triaged.v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// Version of this schema.
    pub schema_version: String,
    /// UUIDv5 of tenant and conversation: the same for all messages of a conversation.
    pub ticket_id: String,
    /// Conversation.
    pub conversation_id: String,
    /// Message that this ticket was made for.
    pub message_id: String,
    /// Grows with each message of the conversation, from 1: the highest holds.
    pub revision: u32,
    /// Canonical customer; ticket updates echo it.
    pub routing_key: String,
    /// `email`, `chat` or `social`.
    pub channel: String,
    /// Finer kind of channel.
    pub sub_channel: Option<String>,
    /// Tenant.
    pub tenant: Option<String>,
    /// Brand.
    pub brand: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// What the source knows of the customer.
    pub customer: TicketCustomer,
    /// When the customer sent it, by the customer's own clock.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub sent_at: Option<Timestamp>,
    /// When the company received it; deadlines count from here.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub received_at: Timestamp,
    /// When this was decided.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub triaged_at: Timestamp,
    /// Language and whether the model was measured on it.
    pub language: LanguageStamp,
    /// How the customer feels; `score` is in [-1, 1].
    pub sentiment: OrdinalScores,
    /// Emotions, strongest first.
    pub emotions: Vec<LabelScore>,
    /// How soon a person must look.
    pub urgency: UrgencyPart,
    /// How much is at stake.
    pub impact: ImpactPart,
    /// Topics, most likely first.
    pub topics: Vec<LabelScore>,
    /// Signals, strongest first.
    pub signals: Vec<LabelScore>,
    /// Risk that the customer leaves.
    pub churn_risk: ChurnRisk,
    /// What the customer has had to do so far.
    pub effort: EffortPart,
    /// What came before, so that nobody has to repeat himself.
    pub context: ContextPart,
    /// What only social posts have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub social: Option<SocialPart>,
    /// The answer of a survey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<SurveyPart>,
    /// The priority.
    pub priority: PriorityPart,
    /// Why it has this priority; never empty.
    pub reasons: Vec<Reason>,
    /// Passages that drove urgency and signals.
    pub evidence: Vec<Evidence>,
    /// Deadlines.
    pub sla: Sla,
    /// Hints for routing.
    pub handling: Handling,
    /// Whether a person should look at the scores.
    pub review: Review,
    /// The text that was scored.
    pub text: TextPart,
    /// Which model scored it.
    pub model: ModelStamp,
    /// Which policy decided.
    pub policy: PolicyStamp,
    /// Where it came from.
    pub source: SourceStamp,
    /// Odd input and what was done about it, such as `sent_at_in_future`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Passed through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Passed through.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// Customer attributes that routers use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketCustomer {
    /// Identifier in the company's records.
    pub id: Option<String>,
    /// Tier.
    pub tier: Option<String>,
    /// Segment.
    pub segment: Option<String>,
    /// Preferred language.
    pub language: Option<String>,
    /// Preferred channel.
    pub preferred_channel: Option<String>,
    /// Name, as the author gave it.
    pub name: Option<String>,
}

/// Urgency after the rules, beside what the model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UrgencyPart {
    /// Level that the priority was made of.
    pub level: Urgency,
    /// Label of the model, before rules.
    pub label: String,
    /// Expected value over the labels, 0 to 1.
    pub score: f64,
    /// Probability of the model's label.
    pub confidence: f64,
    /// Probability of each label.
    pub probabilities: IndexMap<String, f64>,
}

/// Impact.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImpactPart {
    /// Level.
    pub level: Impact,
    /// 0 to 1.
    pub score: f64,
}

/// Reach of a social post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SocialPart {
    /// Platform.
    pub platform: Option<String>,
    /// Who can read it.
    pub visibility: Option<String>,
    /// Audience; assumed where the post is public and no number is known.
    pub reach: Option<u64>,
    /// Address of the post.
    pub url: Option<String>,
}

/// Answer of a survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SurveyPart {
    /// `nps`, `csat`, `ces`.
    pub kind: Option<String>,
    /// Score given.
    pub score: Option<f64>,
    /// Exact class of a net promoter score.
    pub nps_class: Option<NpsClass>,
}

/// What a customer has had to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffortPart {
    /// 0 (nothing) to 1.
    pub score: f64,
    /// Contacts within the policy's `history.repeat_days` (7 by default), this one among them.
    pub contacts: u32,
    /// Changes of the channel between them.
    pub channel_switches: u32,
}

/// What came before a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContextPart {
    /// Whether nothing was known before this message.
    pub first_contact: bool,
    /// Customer messages in this conversation.
    pub thread_messages: u32,
    /// Contacts with a negative message within the policy's `history.window_days` (30 by default).
    pub negative_contacts: u32,
    /// Sentiment scores of the conversation's last messages, oldest first.
    pub sentiment_trail: Vec<f64>,
    /// `falling`, `rising` or `steady`, from the first to the last of the trail.
    pub trend: String,
    /// Whether the conversation had been closed before.
    pub reopened: bool,
    /// Other open conversations of the customer, latest first.
    pub related_conversations: Vec<String>,
}

/// A change of the mood below this is none; the scale is -1 to 1.
const STEADY_BELOW: f64 = 0.3;

impl ContextPart {
    fn new(history: HistoryFacts) -> Self {
        let trail = history.sentiment_trail;
        let change = trail.last().copied().unwrap_or(0.0) - trail.first().copied().unwrap_or(0.0);
        let trend = match change {
            change if change <= -STEADY_BELOW => "falling",
            change if change >= STEADY_BELOW => "rising",
            _ => "steady",
        };
        Self {
            first_contact: history.first_contact,
            thread_messages: history.thread_messages,
            negative_contacts: history.negative_contacts,
            sentiment_trail: trail,
            trend: trend.to_owned(),
            reopened: history.reopened,
            related_conversations: history.related_conversations,
        }
    }
}

/// Priority in several notations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriorityPart {
    /// `P1` … `P5`.
    pub level: Priority,
    /// 1 … 5.
    pub rank: u8,
    /// `urgent`, `high`, `normal`, `low`, for systems with four levels.
    pub label4: String,
    /// 0 to 100, higher is sooner; orders tickets within a level too.
    pub score: u8,
    /// The cell of the matrix.
    pub matrix: MatrixCell,
    /// The conversation's priority before this message.
    pub previous: Option<Priority>,
    /// Whether it differs from that; true for the first.
    pub changed: bool,
}

/// The policy behind a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyStamp {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `sha256:…` of the file.
    pub digest: String,
    /// Overlays of the file that it is made with, strongest first, such as `brands.northlight`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<String>,
}

impl Ticket {
    /// Joins a scored message with the decision of a policy and what was known before.
    pub fn new(
        scored: ScoredMessage,
        decision: PriorityDecision,
        history: HistoryFacts,
        reach: Option<u64>,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let ScoredMessage { routing_key, message, text, language, scores, evidence, model, source, .. } = scored;
        let social = message.social.map(|social| SocialPart {
            visibility: Some(social.visibility.as_ref().map_or("public", Visibility::as_str).to_owned()),
            platform: social.platform,
            reach,
            url: social.url,
        });
        let survey = message.survey.map(|survey| SurveyPart {
            kind: survey.kind.map(|kind| kind.as_str().to_owned()),
            score: survey.score,
            nps_class: decision.nps_class,
        });
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            ticket_id: ids::ticket_id(message.tenant.as_deref(), &message.conversation_id),
            conversation_id: message.conversation_id,
            message_id: message.id,
            revision: 1,
            routing_key,
            channel: message.channel.as_str().to_owned(),
            sub_channel: message.sub_channel,
            tenant: message.tenant,
            brand: message.brand,
            product: message.product,
            customer: TicketCustomer {
                id: message.customer.id,
                tier: message.customer.tier,
                segment: message.customer.segment,
                language: message.customer.language,
                preferred_channel: message.customer.preferred_channel,
                name: message.author.name,
            },
            sent_at: message.sent_at,
            received_at: message.received_at,
            triaged_at: now,
            language,
            sentiment: scores.sentiment,
            emotions: scores.emotions,
            urgency: UrgencyPart {
                level: decision.urgency,
                label: scores.urgency.label,
                score: scores.urgency.score,
                confidence: scores.urgency.confidence,
                probabilities: scores.urgency.probabilities,
            },
            impact: ImpactPart { level: decision.impact, score: decision.impact_score },
            topics: scores.topics,
            signals: scores.signals,
            churn_risk: decision.churn_risk,
            effort: EffortPart {
                score: decision.effort,
                contacts: history.contacts,
                channel_switches: history.channel_switches,
            },
            social,
            survey,
            priority: PriorityPart {
                level: decision.priority,
                rank: decision.priority.rank(),
                label4: decision.priority.label4().to_owned(),
                score: decision.score,
                matrix: decision.matrix,
                previous: history.previous,
                changed: history.previous != Some(decision.priority),
            },
            context: ContextPart::new(history),
            reasons: decision.reasons,
            evidence,
            sla: decision.sla,
            handling: decision.handling,
            review: decision.review,
            text,
            model,
            policy: PolicyStamp {
                name: policy.name().to_owned(),
                version: policy.version().to_owned(),
                digest: policy.digest().to_owned(),
                overlays: policy.overlays().to_vec(),
            },
            source,
            notes: message.notes.iter().map(ToString::to_string).collect(),
            tags: message.tags,
            metadata: message.metadata,
        }
    }
}
