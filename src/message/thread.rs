//! Which conversation a message belongs to, where its source does not say.

use super::customer::{ChatFields, EmailFields, SocialFields, SocialKind};
use super::reader::sha256_hex;

/// Derives a mail's conversation: the first of `References`, else `In-Reply-To`.
pub(super) fn email(email: &EmailFields) -> Option<String> {
    let first = email.references.first().or(email.in_reply_to.as_ref())?;
    Some(format!("email:{first}"))
}

/// Derives the conversation of a mail that begins one: its own `Message-ID`, which the answers will
/// refer to; else a digest of sender and subject, so that neither shows in record keys.
pub(super) fn email_start(email: &EmailFields, subject: Option<&str>) -> Option<String> {
    if let Some(id) = &email.message_id {
        return Some(format!("email:{id}"));
    }
    let subject = normalise_subject(subject?);
    let sender = email.sender()?;
    if subject.is_empty() || sender.address.is_empty() || sender.is_no_reply() {
        return None;
    }
    let digest = sha256_hex(format!("{}\n{subject}", sender.address).as_bytes());
    Some(format!("email:subject:{}", &digest[..32]))
}

/// Derives a chat message's conversation.
pub(super) fn chat(chat: &ChatFields) -> Option<String> {
    chat.session_id.as_ref().map(|id| format!("chat:{id}"))
}

/// Derives a post's conversation: root post, else the post answered, else for private messages the
/// account (they have no root), else the post itself.
pub(super) fn social(social: &SocialFields, account: Option<&str>) -> Option<String> {
    let platform = social.platform.as_deref().unwrap_or("unknown");
    let root = social.root_post_id.as_ref().or(social.parent_post_id.as_ref());
    if let Some(root) = root {
        return Some(format!("social:{platform}:{root}"));
    }
    if let (Some(SocialKind::Dm), Some(account)) = (&social.kind, account) {
        return Some(format!("social:{platform}:dm:{account}"));
    }
    let post = social.post_id.as_ref()?;
    Some(format!("social:{platform}:{post}"))
}

/// Prefixes of answers and forwards, in the languages of common mail programs.
const REPLY_PREFIXES: [&str; 22] = [
    "re", "aw", "antw", "antwort", "sv", "vs", "ref", "rif", "r", "res", "odp", "ynt", "fw", "fwd", "wg", "tr", "rv",
    "enc", "i", "doorst", "vl", "vb",
];

/// Strips `Re:`, `AW:`, `Fwd:`, `RE[2]:` … from a subject, lowers its case and collapses its spaces.
pub(super) fn normalise_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    while let Some((prefix, after)) = rest.split_once(':') {
        let word = prefix.trim().to_lowercase();
        let word =
            word.trim_end_matches(|letter: char| matches!(letter, '[' | ']' | '(' | ')') || letter.is_ascii_digit());
        if !REPLY_PREFIXES.contains(&word) {
            break;
        }
        rest = after.trim_start();
    }
    let words: Vec<String> = rest.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}
