//! [`CustomerMessage`]: one schema for all channels.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::addresses;
use super::inbound::Channel;
use super::note::Note;
use super::open_enum::open_enum;

open_enum! {
    /// Which way a message went, seen from the company.
    #[derive(Default)]
    pub enum Direction {
        /// From the customer to the company.
        #[default]
        Inbound = "inbound",
        /// From the company to the customer.
        Outbound = "outbound",
        /// Between agents.
        Internal = "internal",
    }
}

open_enum! {
    /// Who wrote a message; only customers are scored.
    #[derive(Default)]
    pub enum AuthorType {
        /// A customer, or somebody who may become one.
        #[default]
        Customer = "customer",
        /// A person who works for the company.
        Agent = "agent",
        /// An automatic conversation partner.
        Bot = "bot",
        /// Software: status changes, notifications.
        System = "system",
    }
}

open_enum! {
    /// What a social post is.
    pub enum SocialKind {
        /// A post that names the brand.
        Mention = "mention",
        /// A comment below a post.
        Comment = "comment",
        /// An answer to a post or a comment.
        Reply = "reply",
        /// A private message.
        Dm = "dm",
        /// A review.
        Review = "review",
        /// A post passed on with a text of one's own.
        Quote = "quote",
        /// A post passed on as it is.
        Repost = "repost",
    }
}

open_enum! {
    /// Who can read a social post.
    pub enum Visibility {
        /// Everybody.
        Public = "public",
        /// Only the parties.
        Private = "private",
    }
}

open_enum! {
    /// Kind of survey a comment belongs to.
    pub enum SurveyKind {
        /// Net promoter score, 0 to 10.
        Nps = "nps",
        /// Customer satisfaction.
        Csat = "csat",
        /// Customer effort score.
        Ces = "ces",
    }
}

/// The author of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Author {
    /// Kind of author; a customer unless said otherwise.
    #[serde(rename = "type", default)]
    pub kind: AuthorType,
    /// Identifier at the source (chat user, social account).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mail address, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Social handle as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Number of followers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
    /// Whether the platform has verified the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// What the source knows of the customer; the profile topic may know more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Identifier in the company's own records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Tier, such as `vip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Preferred language, BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Country code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Channel the customer likes best, as given (it may be one we do not read, such as `phone`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_channel: Option<String>,
    /// When the customer relation began, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Number of tickets that are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_tickets: Option<u64>,
}

impl Customer {
    /// Reports whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of an attachment; its content never travels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// File name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Media type, such as `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// A mail address with the name that stood beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Address, lower case, without angle brackets; empty for the null sender `<>`.
    pub address: String,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What only mail has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailFields {
    /// Sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Mailbox>,
    /// Recipients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Mailbox>,
    /// Recipients of a copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Mailbox>,
    /// Where answers should go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Mailbox>,
    /// `Message-ID` without angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `In-Reply-To` without angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// `References` without angle brackets, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Header fields by lower-case name, each with its values in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<String>>,
    /// Whether the ingester already found the mail to be automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_auto_submitted: Option<bool>,
    /// Size of the raw mail in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_size_bytes: Option<u64>,
}

/// What only chat has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatFields {
    /// Session the message belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Number of the message within the session, for order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_seq: Option<i64>,
    /// Page the customer wrote from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// Whether a bot has the conversation; the message is the customer's all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_handled: Option<bool>,
    /// Queue the customer waits in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Since when the customer waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_started_at: Option<Timestamp>,
}

/// How often a post was seen and answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    /// Number of likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// Number of answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<u64>,
    /// Number of times it was passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Number of times it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<u64>,
}

/// What only social posts have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SocialFields {
    /// Platform, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Identifier of the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_id: Option<String>,
    /// Post that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_post_id: Option<String>,
    /// Post that began the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_post_id: Option<String>,
    /// What the post is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SocialKind>,
    /// Who can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Counts of reactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement: Option<Engagement>,
    /// Stars of a review, usually 1 to 5; always finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// Address of the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The answer to a survey that a comment came with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Kind of survey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SurveyKind>,
    /// Score given; always finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Highest score possible; always finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_max: Option<f64>,
}

/// A message in the one schema that the rest of the program knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerMessage {
    /// Unique per message in its source.
    pub id: String,
    /// Whether the payload had no id, so that `id` is `topic/partition@offset`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub id_from_source: bool,
    /// How the message reached us.
    pub channel: Channel,
    /// Finer kind of channel, lower case: `form`, `messaging`, `sms`, `review`, `survey`, `voice_transcript`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_channel: Option<String>,
    /// Conversation the message belongs to; derived where the payload names none.
    pub conversation_id: String,
    /// When the customer sent it, by the customer's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When the company received it: the field, else the record's timestamp, else the current time.
    pub received_at: Timestamp,
    /// Which way it went.
    #[serde(default)]
    pub direction: Direction,
    /// Who wrote it.
    #[serde(default)]
    pub author: Author,
    /// What is known of the customer.
    #[serde(default, skip_serializing_if = "Customer::is_empty")]
    pub customer: Customer,
    /// Subject line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// HTML text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Language hint, BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What was attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Tenant, for policy overlays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Brand, for policy overlays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Passed through.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What only mail has; present exactly if the channel is email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailFields>,
    /// What only chat has; present exactly if the channel is chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatFields>,
    /// What only social posts have; present exactly if the channel is social.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub social: Option<SocialFields>,
    /// Survey answer, on any channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<Survey>,
    /// Fields this version does not know, and known ones of a wrong type; limited in size.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Defined outcomes of odd input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `skip_serializing_if` passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl CustomerMessage {
    /// Returns the key under which all that concerns this customer meets, as far as the message alone
    /// tells: `customer.id`, else `email:address`, `chat:user` or `social:platform:account`, else the
    /// conversation (which is the source position where nothing else is known).
    ///
    /// `support.identity` may map the result to a canonical customer afterwards.
    pub fn customer_key(&self) -> String {
        if let Some(id) = &self.customer.id {
            return id.clone();
        }
        self.address_key().unwrap_or_else(|| self.conversation_id.clone())
    }

    /// Returns the customer's address, user or handle as a key (`email:…`, `chat:…`, `social:…`), if the
    /// message names one: what `support.identity` is asked for. Of a message that the company wrote,
    /// it is the recipient's address.
    pub fn address_key(&self) -> Option<String> {
        let author = &self.author;
        let by_customer = self.is_from_customer();
        let mail = |address: &str| {
            let address = address.trim().to_lowercase();
            (!address.is_empty()).then(|| format!("email:{address}"))
        };
        match self.channel {
            Channel::Email if by_customer => {
                // What a form or a shop sends from one address for everybody is nobody's key.
                let sender = self.email.as_ref().and_then(EmailFields::sender);
                let addresses = sender.map(|sender| sender.address.as_str()).into_iter().chain(author.email.as_deref());
                let mut own = addresses.filter(|address| !address.is_empty() && !is_no_reply(address));
                mail(own.next()?)
            }
            Channel::Email => mail(&self.email.as_ref()?.to.first()?.address),
            _ if !by_customer => None,
            Channel::Chat => {
                author.id.as_ref().map(|user| format!("chat:{user}")).or_else(|| mail(author.email.as_deref()?))
            }
            Channel::Social => {
                let social = self.social.as_ref();
                let platform = social.and_then(|social| social.platform.as_deref()).unwrap_or("unknown");
                let handle = author.handle.as_deref().map(plain_handle).filter(|handle| !handle.is_empty());
                handle.or_else(|| author.id.clone()).map(|account| format!("social:{platform}:{account}"))
            }
        }
    }

    /// Reports whether a customer wrote the message: not `outbound` or `internal`, and not by an
    /// agent, a bot or a system. Values we do not know count as the customer's.
    pub fn is_from_customer(&self) -> bool {
        !matches!(self.direction, Direction::Outbound | Direction::Internal)
            && !matches!(self.author.kind, AuthorType::Agent | AuthorType::Bot | AuthorType::System)
    }
}

impl EmailFields {
    /// Returns the first value of a header field; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.first().map(String::as_str)
    }

    /// Returns who an answer would go to: `from`, or `reply_to` where `from` is an address that nobody
    /// reads, as with contact forms.
    pub fn sender(&self) -> Option<&Mailbox> {
        let readable = |mailbox: &&Mailbox| !mailbox.address.is_empty() && !mailbox.is_no_reply();
        let from = self.from.as_ref();
        from.filter(readable).or_else(|| self.reply_to.as_ref().filter(readable)).or(from)
    }
}

impl Mailbox {
    /// Reports whether the local part says that nobody reads answers (`no-reply`, `donotreply`, …).
    pub fn is_no_reply(&self) -> bool {
        is_no_reply(&self.address)
    }
}

fn is_no_reply(address: &str) -> bool {
    let local = addresses::local_part(address);
    let letters: String = local.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let begins = ["noreply", "donotreply", "nichtantworten", "nepasrepondre", "noresponder"];
    begins.iter().any(|pattern| letters.starts_with(pattern)) || letters.ends_with("noreply")
}

/// Brings a handle to the form keys are made of: without `@`, lower case.
pub(super) fn plain_handle(handle: &str) -> String {
    handle.trim_start_matches('@').to_lowercase()
}
