//! Cases of a policy: what it is given, and what it must decide (`undertone policy test`).
//!
//! A file of cases is TOML, one `[[case]]` each: a `name`, the facts that differ from an ordinary mail (`given`), what
//! is expected (`expect`), and, where a case needs other settings, a `policy` that is laid over the one under test.
//! Pure: text in, [`Outcome`]s out.

mod expect;
mod given;
mod overlay;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Policy, PriorityDecision};
use expect::Expect;
use given::Given;
use overlay::Overlay;

/// The cases of the shipped policy, `config/policy.tests.toml` as it was when the program was built.
pub const SHIPPED: &str = include_str!("../../../config/policy.tests.toml");

/// A file of cases.
#[derive(Debug)]
pub struct Cases(Vec<Case>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "case")]
    cases: Vec<Case>,
}

/// One case as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Its name; also tells it from the others.
    name: Spanned<String>,
    #[serde(default)]
    given: Given,
    expect: Expect,
    /// Laid over the policy under test.
    #[serde(default)]
    policy: Option<Overlay>,
    /// Line of the name, from 1.
    #[serde(skip)]
    line: usize,
}

/// Why a file of cases cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// Not TOML, an unknown key or a value of a wrong type; the message shows line and column.
    #[error("{}", .0.to_string().trim_end())]
    Parse(#[from] toml::de::Error),
    /// Two cases of the same name.
    #[error("line {line}: `{name}` is the name of an earlier case too, in line {earlier}")]
    SameName {
        /// The name.
        name: String,
        /// Line of the later one.
        line: usize,
        /// Line of the earlier one.
        earlier: usize,
    },
    /// A case that asks for nothing.
    #[error("line {line}: case `{name}` expects nothing")]
    Empty {
        /// The name.
        name: String,
        /// Its line.
        line: usize,
    },
    /// The settings of a case make no policy, or none for its channel.
    #[error("line {line}: the policy of case `{name}`: {reason}")]
    Policy {
        /// The name.
        name: String,
        /// Its line.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A file without cases.
    #[error("has no `[[case]]`")]
    None,
}

/// What the policy made of one case.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Name of the case.
    pub name: String,
    /// Line of the name, from 1.
    pub line: usize,
    /// Whether everything is as expected.
    pub passed: bool,
    /// What is not.
    pub differences: Vec<Difference>,
    /// What the policy decided.
    pub decision: PriorityDecision,
}

/// One expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about, such as `priority` or `rules`.
    pub field: &'static str,
    /// What the case expects.
    pub expected: String,
    /// What the policy decided.
    pub got: String,
}

impl Cases {
    /// Reads a file of cases; refuses unknown keys, names that come twice and cases that expect nothing.
    pub fn from_toml(text: &str) -> Result<Self, CasesError> {
        let File { mut cases } = toml::from_str(text)?;
        if cases.is_empty() {
            return Err(CasesError::None);
        }
        let mut lines = BTreeMap::new();
        for case in &mut cases {
            let before = text.get(..case.name.span().start).unwrap_or_default();
            case.line = before.matches('\n').count() + 1;
            let (name, line) = (case.name.get_ref().clone(), case.line);
            if case.expect.is_empty() {
                return Err(CasesError::Empty { name, line });
            }
            if let Some(earlier) = lines.insert(name.clone(), line) {
                return Err(CasesError::SameName { name, line, earlier });
            }
        }
        Ok(Self(cases))
    }

    /// Decides on every case by the policy with this text, in the order of the file.
    ///
    /// `text` must be a policy that [`Policy::from_toml`] accepts, else every case is refused.
    pub fn run(&self, text: &str) -> Result<Vec<Outcome>, CasesError> {
        let unfit = |case: &Case, reason: String| CasesError::Policy {
            name: case.name.get_ref().clone(),
            line: case.line,
            reason,
        };
        let plain = Policy::from_toml(text).map_err(|error| error.to_string());
        self.0
            .iter()
            .map(|case| {
                let own = match &case.policy {
                    None => None,
                    Some(overlay) => Some(overlay.over(text).map_err(|reason| unfit(case, reason))?),
                };
                let policy = match (&own, &plain) {
                    (Some(own), _) => own,
                    (None, Ok(plain)) => plain,
                    (None, Err(reason)) => return Err(unfit(case, reason.clone())),
                };
                let mut facts = case.given.facts();
                let known = policy.check_channels(&[&facts.channel]);
                known.map_err(|error| unfit(case, error.to_string()))?;
                if let Some(text) = &case.given.text {
                    let policy = policy.of(facts.tenant.as_deref(), facts.brand.as_deref());
                    facts.add_phrases(&policy.find_phrases(None, text));
                }
                let decision = policy.decide(&facts);
                let differences = case.expect.differences(&decision);
                Ok(Outcome {
                    name: case.name.get_ref().clone(),
                    line: case.line,
                    passed: differences.is_empty(),
                    differences,
                    decision,
                })
            })
            .collect()
    }
}
