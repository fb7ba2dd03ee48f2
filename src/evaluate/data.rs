//! Labelled lines: a message and what is right for each head.

use serde::Deserialize;

use crate::message::Channel;
use crate::model::Manifest;
use crate::policy::sentiment_side;

/// A labelled message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Identifier, not read.
    #[serde(default)]
    pub id: Option<String>,
    /// How it reached the company.
    #[serde(default = "chat")]
    pub channel: Channel,
    /// BCP 47 language, only to break the figures down.
    #[serde(default = "undetermined")]
    pub lang: String,
    /// Where it was found, not read.
    #[serde(default)]
    pub source: Option<String>,
    /// Subject of a mail.
    #[serde(default)]
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// Right sentiment; a head that is absent does not count for the line.
    #[serde(default)]
    pub sentiment: Option<String>,
    /// Right urgency.
    #[serde(default)]
    pub urgency: Option<String>,
    /// All right emotions.
    #[serde(default)]
    pub emotions: Option<Vec<String>>,
    /// Right topic.
    #[serde(default)]
    pub topic: Option<String>,
    /// All right signals.
    #[serde(default)]
    pub signals: Option<Vec<String>>,
}

const fn chat() -> Channel {
    Channel::Chat
}

fn undetermined() -> String {
    "und".to_owned()
}

impl Example {
    /// Reads a line and checks its labels against those of the model; an error names the field.
    ///
    /// The labels of a head that the model lacks cannot be checked, and do not count.
    pub fn read(line: &str, manifest: &Manifest) -> Result<Self, String> {
        let example: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let one = |label: &Option<String>| label.iter().cloned().collect::<Vec<_>>();
        let many = |labels: &Option<Vec<String>>| labels.clone().unwrap_or_default();
        for (name, labels) in [
            ("sentiment", one(&example.sentiment)),
            ("urgency", one(&example.urgency)),
            ("emotions", many(&example.emotions)),
            ("topic", one(&example.topic)),
            ("signals", many(&example.signals)),
        ] {
            let Some((head, _)) = manifest.head(name) else { continue };
            // A model with another scale of sentiment is compared by side.
            let known =
                |label: &String| head.labels.contains(label) || name == "sentiment" && sentiment_side(label).is_some();
            if let Some(label) = labels.iter().find(|label| !known(label)) {
                let all = head.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
                return Err(format!("`{name}` has the label `{label}`, the model knows {all}"));
            }
        }
        Ok(example)
    }

    /// The message as the worker reads it, as JSON.
    pub fn message(&self) -> String {
        let mut message = serde_json::json!({ "channel": self.channel.as_str(), "text": self.text });
        if let (Some(subject), Some(fields)) = (&self.subject, message.as_object_mut()) {
            fields.insert("subject".to_owned(), subject.clone().into());
        }
        message.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn manifest() -> Manifest {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model");
        Manifest::load(std::path::Path::new(folder)).unwrap()
    }

    #[test]
    fn heads_may_be_absent() {
        let example = Example::read(r#"{"text": "hello", "urgency": "low"}"#, &manifest()).unwrap();
        assert_eq!((example.channel, example.lang.as_str()), (Channel::Chat, "und"));
        assert_eq!((example.urgency.as_deref(), example.sentiment, example.signals), (Some("low"), None, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, says) in [
            (r#"{"text": "x", "urgency": "urgent"}"#, "`urgency` has the label `urgent`"),
            (r#"{"text": "x", "signals": ["safety", "danger"]}"#, "`signals` has the label `danger`"),
            (r#"{"text": "x", "sentiment": "bad"}"#, "`sentiment` has the label `bad`"),
            (r#"{"text": "x", "urgancy": "low"}"#, "unknown field `urgancy`"),
            (r#"{"urgency": "low"}"#, "missing field `text`"),
            (r#"{"text": "x", "channel": "fax"}"#, "fax"),
            (r#"{"text": "x""#, "EOF"),
        ] {
            let error = Example::read(line, &manifest()).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn labels_of_a_head_that_the_model_lacks_are_passed_over() {
        let mut manifest = manifest();
        manifest.heads.truncate(1);
        manifest.heads[0].labels = vec!["negative".into(), "neutral".into(), "positive".into()];
        Example::read(r#"{"text": "x", "sentiment": "very_negative", "topic": "anything"}"#, &manifest).unwrap();
    }
}
