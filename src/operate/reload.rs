//! Watches the policy file and exchanges the policy when its content has changed to something valid.
//!
//! It looks at the content, again and again: a Kubernetes ConfigMap is exchanged by a symbolic link, which neither
//! tells modification times nor file events of the path one knows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{error, info};

use super::Metrics;
use crate::policy::{CurrentPolicy, Policy};

/// How soon the watch hears that it is to end.
const NAP: Duration = Duration::from_millis(100);

/// What a look at the file has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The content is the one seen last.
    Same,
    /// Another policy is in force now.
    Exchanged,
    /// The content is wrong; the policy stays.
    Refused,
}

/// A watch on a policy file.
pub struct PolicyWatch {
    path: PathBuf,
    /// Input channels, which must have targets.
    channels: Vec<&'static str>,
    current: CurrentPolicy,
    metrics: Arc<Metrics>,
    /// Content seen last, right or wrong; `None` where the file could not be read.
    seen: Option<String>,
}

impl PolicyWatch {
    /// Watches `path`, whose content made the policy that is in force.
    pub fn new(path: PathBuf, channels: Vec<&'static str>, current: CurrentPolicy, metrics: Arc<Metrics>) -> Self {
        let seen = std::fs::read_to_string(&path).ok();
        Self { path, channels, current, metrics, seen }
    }

    /// Looks every `interval` until `stop`.
    pub fn run(mut self, interval: Duration, stop: &AtomicBool) {
        let mut looked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if looked.elapsed() >= interval {
                looked = Instant::now();
                self.look();
            }
            std::thread::sleep(NAP);
        }
    }

    /// Looks once. What is wrong is told once, not at every look.
    pub fn look(&mut self) -> Look {
        let (text, unreadable) = match std::fs::read_to_string(&self.path) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(error)),
        };
        if text == self.seen {
            return Look::Same;
        }
        self.seen.clone_from(&text);
        let place = self.path.display();
        let read = match (&text, unreadable) {
            (Some(text), _) => Policy::from_toml(text)
                .and_then(|policy| policy.check_channels(&self.channels).map(|()| policy))
                .map_err(|error| error.to_string()),
            (None, Some(error)) => Err(error.to_string()),
            (None, None) => Err("it cannot be read".to_owned()),
        };
        match read {
            Ok(policy) if policy.digest() == self.current.get().digest() => Look::Same,
            Ok(policy) => {
                info!(file = %place, version = policy.version(), digest = policy.digest(), "policy exchanged");
                self.metrics.policy(policy.version(), policy.digest());
                self.metrics.reloaded(Some(Timestamp::now()));
                self.current.exchange(Arc::new(policy));
                Look::Exchanged
            }
            Err(reason) => {
                let version = self.current.get().version().to_owned();
                error!(file = %place, %reason, stays = version, "the changed policy is refused, the one in force stays");
                self.metrics.reloaded(None);
                Look::Refused
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn watch(path: &std::path::Path) -> (PolicyWatch, CurrentPolicy, Arc<Metrics>) {
        let policy = Policy::from_toml(&std::fs::read_to_string(path).unwrap()).unwrap();
        let current = CurrentPolicy::from(Arc::new(policy));
        let metrics = Arc::new(Metrics::new().unwrap());
        let watch = PolicyWatch::new(path.to_owned(), vec!["email", "chat"], current.clone(), Arc::clone(&metrics));
        (watch, current, metrics)
    }

    #[test]
    fn a_valid_change_is_taken_and_a_wrong_one_is_told_once_and_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, "version = \"1\"").unwrap();
        let (mut watch, current, metrics) = watch(&path);
        assert_eq!(watch.look(), Look::Same);
        std::fs::write(&path, "version = \"2\"").unwrap();
        assert_eq!(watch.look(), Look::Exchanged);
        assert_eq!(current.get().version(), "2");
        for wrong in ["version = 3", "[confidence]\nreview_below = 7.0", "not toml"] {
            std::fs::write(&path, wrong).unwrap();
            assert_eq!((watch.look(), watch.look()), (Look::Refused, Look::Same), "{wrong}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watch.look(), Look::Refused);
        assert_eq!(current.get().version(), "2");
        std::fs::write(&path, "version = \"2\"").unwrap();
        assert_eq!(watch.look(), Look::Same, "as it is in force");
        let text = metrics.render().unwrap();
        assert!(text.contains("undertone_config_reloads_total{result=\"ok\"} 1"), "{text}");
        assert!(text.contains("undertone_config_reloads_total{result=\"refused\"} 4"), "{text}");
    }

    #[test]
    #[cfg(unix)]
    fn a_config_map_that_is_exchanged_by_its_link_is_seen() {
        // Kubernetes: policy.toml -> ..data/policy.toml, ..data -> a folder for each version, renamed into place.
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, name) in [("1", "one"), ("2", "two")] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("policy.toml"), format!("version = \"{version}\"")).unwrap();
        }
        std::os::unix::fs::symlink("one", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/policy.toml", at("policy.toml")).unwrap();
        let (mut watch, current, _) = watch(&at("policy.toml"));
        std::os::unix::fs::symlink("two", at("..tmp")).unwrap();
        std::fs::rename(at("..tmp"), at("..data")).unwrap();
        assert_eq!(watch.look(), Look::Exchanged);
        assert_eq!(current.get().version(), "2");
    }
}
