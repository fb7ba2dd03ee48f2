//! What a configuration must satisfy beyond its types, each finding with its line and the fix.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::{Finding, Settings};

/// librdkafka settings that the worker sets itself, because its guarantees rest on them.
pub(crate) const RESERVED: [&str; 12] = [
    "bootstrap.servers",
    "group.id",
    "group.instance.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "isolation.level",
    "partition.assignment.strategy",
    "transactional.id",
    "enable.idempotence",
    "transaction.timeout.ms",
    "session.timeout.ms",
    "max.poll.interval.ms",
];

/// Everything wrong with `settings`, read from `text` (empty when not from a file) called `name`.
pub(super) fn findings(settings: &Settings, text: &str, name: &str) -> Vec<Finding> {
    let mut check = Check { text, name, findings: Vec::new() };
    check.delivery(settings);
    check.limits(settings);
    check.topics(settings);
    check.options(settings);
    check.rest(settings);
    check.findings
}

struct Check<'a> {
    text: &'a str,
    name: &'a str,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, field: &[&str], message: impl Into<String>) {
        if !holds {
            let place = match line_of(self.text, field) {
                Some(line) => format!("{}:{line}", self.name),
                None => self.name.to_owned(),
            };
            self.findings.push(Finding { place, field: field.join("."), message: message.into() });
        }
    }

    fn delivery(&mut self, settings: &Settings) {
        let d = &settings.delivery;
        self.require(
            (1..=60_000).contains(&d.commit_interval_ms),
            &["delivery", "commit_interval_ms"],
            format!("is `{}`; it must be between 1 and 60000", d.commit_interval_ms),
        );
        self.require(d.commit_max_messages > 0, &["delivery", "commit_max_messages"], "is `0`; it must be at least 1");
        self.require(
            d.commit_interval_ms * 2 <= d.transaction_timeout_ms,
            &["delivery", "transaction_timeout_ms"],
            format!(
                "is `{}`; it must be at least twice `delivery.commit_interval_ms` (`{}`), or transactions time out before their commit",
                d.transaction_timeout_ms, d.commit_interval_ms
            ),
        );
        self.require(
            d.transaction_timeout_ms < d.session_timeout_ms,
            &["delivery", "session_timeout_ms"],
            format!(
                "is `{}`; it must be above `delivery.transaction_timeout_ms` (`{}`), or a lost worker blocks its successor",
                d.session_timeout_ms, d.transaction_timeout_ms
            ),
        );
        self.require(
            d.session_timeout_ms < d.max_poll_interval_ms,
            &["delivery", "max_poll_interval_ms"],
            format!(
                "is `{}`; it must be above `delivery.session_timeout_ms` (`{}`)",
                d.max_poll_interval_ms, d.session_timeout_ms
            ),
        );
    }

    fn limits(&mut self, settings: &Settings) {
        let l = &settings.limits;
        self.require(l.max_payload_bytes >= 1024, &["limits", "max_payload_bytes"], "must be at least 1024");
        self.require(
            l.max_payload_bytes <= 64 * 1024 * 1024,
            &["limits", "max_payload_bytes"],
            "must be at most 67108864 (64 MiB)",
        );
        self.require((4..=256).contains(&l.max_nesting), &["limits", "max_nesting"], "must be between 4 and 256");
        self.require(
            l.max_text_bytes > 0 && l.max_text_bytes <= l.max_payload_bytes,
            &["limits", "max_text_bytes"],
            format!(
                "is `{}`; it must be between 1 and `limits.max_payload_bytes` (`{}`)",
                l.max_text_bytes, l.max_payload_bytes
            ),
        );
        self.require(l.in_flight_messages > 0, &["limits", "in_flight_messages"], "is `0`; nothing would ever be read");
        self.require(
            l.in_flight_bytes >= l.max_payload_bytes,
            &["limits", "in_flight_bytes"],
            format!(
                "is `{}`; it must be at least `limits.max_payload_bytes` (`{}`), or the largest message never fits",
                l.in_flight_bytes, l.max_payload_bytes
            ),
        );
    }

    fn topics(&mut self, settings: &Settings) {
        let t = &settings.topics;
        self.require(!t.inputs.is_empty(), &["topics", "inputs"], "is empty; name at least one input topic");
        self.require(t.partitions > 0, &["topics", "partitions"], "must be at least 1");
        self.require(t.scored_partitions > 0, &["topics", "scored_partitions"], "must be at least 1");
        self.require(
            t.replication == -1 || t.replication > 0,
            &["topics", "replication"],
            "must be a positive number, or -1 for the broker's default",
        );
        let mut seen: BTreeMap<&str, &str> = t.inputs.keys().map(|topic| (topic.as_str(), "topics.inputs")).collect();
        for (field, topic) in [
            ("scored", &t.scored),
            ("tickets", &t.tickets),
            ("filtered", &t.filtered),
            ("review", &t.review),
            ("dlq", &t.dlq),
            ("sla", &t.sla),
            ("state", &t.state),
            ("updates", &t.updates),
            ("customers", &t.customers),
            ("identity", &t.identity),
        ] {
            if topic.is_empty() && matches!(field, "updates" | "customers" | "identity") {
                continue;
            }
            let legal = !topic.is_empty()
                && topic.len() <= 240
                && topic.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
            self.require(
                legal,
                &["topics", field],
                format!("`{topic}` is no legal topic name (letters, digits, `.`, `_`, `-`)"),
            );
            if let Some(other) = seen.insert(topic, field) {
                self.require(
                    false,
                    &["topics", field],
                    format!("is `{topic}`, which `{other}` uses too; give it a topic of its own"),
                );
            }
        }
    }

    fn options(&mut self, settings: &Settings) {
        let k = &settings.kafka;
        self.require(
            !k.bootstrap_servers.trim().is_empty(),
            &["kafka", "bootstrap_servers"],
            "is empty; give `host:port`, several separated by commas",
        );
        for (table, options) in [
            ("options", &k.options),
            ("consumer_options", &k.consumer_options),
            ("producer_options", &k.producer_options),
        ] {
            for option in options.keys().filter(|option| RESERVED.contains(&option.as_str())) {
                self.require(
                    false,
                    &["kafka", table, option],
                    "is set by the worker itself, its guarantees rest on it; remove it (timing is under `delivery`, addresses under `kafka`)",
                );
            }
        }
        for (option, path) in &k.secret_files {
            self.require(
                path.is_file(),
                &["kafka", "secret_files", option],
                format!("names `{}`, which is no readable file", path.display()),
            );
        }
    }

    fn rest(&mut self, settings: &Settings) {
        let name_ok = !settings.app.name.is_empty()
            && settings.app.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        self.require(name_ok, &["app", "name"], "must be letters, digits, `.`, `_` or `-`");
        let m = &settings.model;
        self.require(m.inference_threads <= 256, &["model", "inference_threads"], "must be at most 256");
        self.require(
            (1..=64).contains(&m.tokenizer_threads),
            &["model", "tokenizer_threads"],
            "must be between 1 and 64",
        );
        self.require(m.max_windows > 0, &["model", "max_windows"], "must be at least 1");
        self.require((0.0..=1.0).contains(&m.late_share), &["model", "late_share"], "must be between 0 and 1");
        self.require(
            settings.operate.listen.parse::<std::net::SocketAddr>().is_ok(),
            &["operate", "listen"],
            format!("`{}` is no address; write `ip:port`, such as `127.0.0.1:9464`", settings.operate.listen),
        );
        self.require(settings.operate.drain_timeout_ms > 0, &["operate", "drain_timeout_ms"], "must be at least 1");
        self.require(settings.policy.reload_seconds <= 3600, &["policy", "reload_seconds"], "must be at most 3600");
        if let Some(path) = &settings.policy.path {
            self.require(path.is_file(), &["policy", "path"], format!("names `{}`, which is no file", path.display()));
        }
    }
}

/// Line (from 1) of a dotted field in `text`, where it is written there.
fn line_of(text: &str, field: &[&str]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let (last, parents) = field.split_last()?;
    for parent in parents {
        match table.get(*parent)?.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return None,
        }
    }
    let (key, _) = table.iter().find(|(key, _)| key.get_ref() == last)?;
    Some(text.get(..key.span().start)?.matches('\n').count() + 1)
}
