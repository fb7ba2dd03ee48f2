//! The reasons of a decision as aligned lines, for people.

use std::fmt::Write as _;

use owo_colors::Style;
use serde_json::Value;

use super::color::paint;
use crate::policy::Reason;

/// Widest a column gets; what is longer pushes the rest of its line.
const WIDEST: usize = 64;

/// One line a reason: its rule, what the rule saw, what that changed, and the sentence.
pub(super) fn reasons(reasons: &[Reason], indent: &str, color: bool) -> String {
    let cells: Vec<[String; 3]> = reasons
        .iter()
        .map(|reason| {
            let effect = if reason.effect == "none" { "-" } else { &reason.effect };
            [reason.rule.to_string(), seen(reason), effect.to_owned()]
        })
        .collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|cells| cells[column].chars().count());
        widths.filter(|&width| width <= WIDEST).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut out = String::new();
    for (reason, [rule, seen, effect]) in reasons.iter().zip(&cells) {
        let rule = paint(color, &format!("{rule:<0$}", widths[0]), Style::new().bold());
        let facts = paint(color, &format!("{seen:<0$}  {effect:<1$}", widths[1], widths[2]), Style::new().dimmed());
        let _ = writeln!(out, "{indent}{rule}  {facts}  {}", reason.text);
    }
    out
}

/// What the rule saw, with its value.
fn seen(reason: &Reason) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &reason.value {
        Value::Object(parts) => {
            parts.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        value => format!("{} {}", reason.signal, plain(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RuleName;

    #[test]
    fn columns_stand_under_each_other_and_one_that_is_too_long_does_not_widen_them() {
        let reason = |rule, signal: &str, value: Value, effect: &str| Reason {
            rule,
            signal: signal.into(),
            value,
            effect: effect.into(),
            text: "why".into(),
        };
        let all = [
            reason(RuleName::Safety, "safety", 0.9.into(), "none"),
            reason(RuleName::CustomerTier, "tier", "vip".into(), "impact medium -> high"),
            reason(RuleName::Matrix, "impact_and_urgency", serde_json::json!({ "impact": "high" }), &"x".repeat(70)),
        ];
        let long = "x".repeat(70);
        assert_eq!(
            reasons(&all, "  ", false),
            format!(
                "  safety         safety 0.9   -                      why\n  \
                   customer_tier  tier vip     impact medium -> high  why\n  \
                   matrix         impact high  {long}  why\n"
            )
        );
    }
}
