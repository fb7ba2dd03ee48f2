//! The outcomes of a policy's cases as lines for people. Pure.

use std::fmt::Write as _;

use owo_colors::Style;

use super::Report;
use crate::commands::color::paint;
use crate::commands::reasons::reasons;
use crate::policy::cases::Outcome;

/// One line a case; a case that fails is followed by what differs and by the reasons of the decision.
pub(super) fn lines(report: &Report, color: bool) -> String {
    let mut out = String::new();
    for outcome in &report.outcomes {
        if outcome.passed {
            let _ = writeln!(out, "{}    {}", paint(color, "ok", Style::new().green()), outcome.name);
        } else {
            failure(&mut out, outcome, &report.cases, color);
        }
    }
    let failed = format!("{} failed", report.failed);
    let failed = if report.failed > 0 { paint(color, &failed, Style::new().red().bold()) } else { failed };
    let all = report.outcomes.len();
    let _ = writeln!(out, "\n{all} cases of {} on {}: {} passed, {failed}", report.cases, report.policy, report.passed);
    out
}

fn failure(out: &mut String, outcome: &Outcome, cases: &str, color: bool) {
    let head = paint(color, "FAIL", Style::new().red().bold());
    let _ = writeln!(out, "{head}  {} ({cases}:{})", outcome.name, outcome.line);
    for difference in &outcome.differences {
        let field = difference.field;
        let expected = format!("- expected  {field}: {}", difference.expected);
        let got = format!("+ got       {field}: {}", difference.got);
        let _ = writeln!(out, "        {}", paint(color, &expected, Style::new().red()));
        let _ = writeln!(out, "        {}", paint(color, &got, Style::new().green()));
    }
    let _ = writeln!(out, "        because of");
    out.push_str(&reasons(&outcome.decision.reasons, "          ", color));
}
