//! Totals of a replay; their JSON is what `--json` prints. Pure.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::Serialize;

use super::compare::Change;
use super::side::Taken;
use crate::policy::{Policy, Priority, RouteClass, RuleName};
use crate::ticket::Ticket;

/// What a replay found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Where the records came from.
    pub source: String,
    /// The policy that was in force.
    pub current: PolicyName,
    /// The one that would be.
    pub new: PolicyName,
    /// Records by kind.
    pub records: BTreeMap<&'static str, usize>,
    /// Records that could not be read; the worker makes dead letters of them.
    pub unreadable: usize,
    /// Messages that get a ticket under at least one of the policies, and what would become of them.
    pub tickets: Tickets,
    /// Tickets by priority, P1 first.
    pub priorities: IndexMap<Priority, Pair>,
    /// Tickets by priority before and after, where these differ: `P3 -> P2`.
    pub moves: BTreeMap<String, usize>,
    /// Tickets with a reason of each rule, in the order of evaluation; rules that never fired are left out.
    pub rules: IndexMap<RuleName, RulePair>,
    /// Tickets with some marks.
    pub marks: IndexMap<&'static str, Pair>,
    /// Every change; absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
}

/// Which policy.
#[derive(Debug, Serialize)]
pub(super) struct PolicyName {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `sha256:…` of the file.
    pub digest: String,
    /// The file, or `built-in policy`.
    pub place: String,
}

impl PolicyName {
    pub(super) fn new(policy: &Policy, place: String) -> Self {
        let (name, version, digest) = (policy.name(), policy.version(), policy.digest());
        Self { name: name.to_owned(), version: version.to_owned(), digest: digest.to_owned(), place }
    }
}

/// Numbers of tickets; one per message.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tickets {
    /// All.
    pub total: usize,
    /// Those that would be the same.
    pub unchanged: usize,
    /// Those that would differ in anything.
    pub changed: usize,
    /// Of them, with a more urgent priority.
    pub raised: usize,
    /// With a less urgent one.
    pub lowered: usize,
    /// Due earlier.
    pub due_sooner: usize,
    /// Due later.
    pub due_later: usize,
    /// A ticket under one policy and none under the other.
    pub other_outcome: usize,
}

/// Numbers under both policies.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Pair {
    /// Under the current one.
    pub current: usize,
    /// Under the new one.
    pub new: usize,
    /// Part of all tickets under the current one, 0 to 1, four decimals.
    pub current_share: f64,
    /// The same under the new one.
    pub new_share: f64,
}

/// Numbers of tickets with a rule.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct RulePair {
    /// Under the current policy.
    pub current: usize,
    /// Under the new one.
    pub new: usize,
    /// Tickets in which only the new one has it.
    pub gained: usize,
    /// Tickets in which only the current one has it.
    pub lost: usize,
}

/// What a policy made of a message, and where it is counted.
type Side<'a> = (&'a Taken, fn(&mut Pair) -> &mut usize);
/// A mark of tickets, with its name.
type Mark = (&'static str, fn(&Ticket) -> bool);

/// What is counted beside priorities and rules.
const MARKS: [Mark; 4] = [
    ("human_required", |ticket| ticket.handling.human_required),
    ("senior_human", |ticket| ticket.handling.route_class == RouteClass::SeniorHuman),
    ("review", |ticket| ticket.review.needed),
    ("no_reply_needed", |ticket| ticket.handling.no_reply_needed),
];

impl Report {
    pub(super) fn new(current: PolicyName, new: PolicyName, diff: bool) -> Self {
        Self {
            source: String::new(),
            current,
            new,
            records: BTreeMap::new(),
            unreadable: 0,
            tickets: Tickets::default(),
            priorities: Priority::ALL.into_iter().map(|priority| (priority, Pair::default())).collect(),
            moves: BTreeMap::new(),
            rules: RuleName::ALL.into_iter().map(|rule| (rule, RulePair::default())).collect(),
            marks: MARKS.into_iter().map(|(name, _)| (name, Pair::default())).collect(),
            changes: diff.then(Vec::new),
        }
    }

    /// Counts a record that was read.
    pub(super) fn record(&mut self, kind: &'static str) {
        *self.records.entry(kind).or_default() += 1;
    }

    /// Counts a message.
    pub(super) fn count(&mut self, current: &Taken, new: &Taken, change: Change) {
        let ticket = |taken: &Taken| matches!(taken, Taken::Ticket(_));
        if !ticket(current) && !ticket(new) && change.is_empty() {
            // Filtered under both.
            return;
        }
        self.tickets.total += 1;
        let sides: [Side<'_>; 2] = [(current, |pair| &mut pair.current), (new, |pair| &mut pair.new)];
        for (taken, side) in sides {
            let Taken::Ticket(ticket) = taken else { continue };
            if let Some(pair) = self.priorities.get_mut(&ticket.priority.level) {
                *side(pair) += 1;
            }
            for (name, holds) in MARKS {
                if let Some(pair) = self.marks.get_mut(name).filter(|_| holds(ticket)) {
                    *side(pair) += 1;
                }
            }
        }
        self.count_rules(current, new);
        if change.is_empty() {
            self.tickets.unchanged += 1;
            return;
        }
        self.tickets.changed += 1;
        if let (Taken::Ticket(current), Taken::Ticket(new)) = (current, new) {
            let (was, is) = (current.priority.level, new.priority.level);
            self.tickets.raised += usize::from(is < was);
            self.tickets.lowered += usize::from(is > was);
            if was != is {
                *self.moves.entry(format!("{was} -> {is}")).or_default() += 1;
            }
            let (was, is) = (current.sla.due_at(), new.sla.due_at());
            self.tickets.due_sooner += usize::from(is < was);
            self.tickets.due_later += usize::from(is > was);
        } else {
            self.tickets.other_outcome += 1;
        }
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    fn count_rules(&mut self, current: &Taken, new: &Taken) {
        let rules = |taken: &Taken| match taken {
            Taken::Ticket(ticket) => ticket.reasons.iter().map(|reason| reason.rule).collect(),
            _ => BTreeSet::new(),
        };
        let (current, new) = (rules(current), rules(new));
        for rule in current.union(&new) {
            let Some(pair) = self.rules.get_mut(rule) else { continue };
            let (was, is) = (current.contains(rule), new.contains(rule));
            pair.current += usize::from(was);
            pair.new += usize::from(is);
            pair.gained += usize::from(is && !was);
            pair.lost += usize::from(was && !is);
        }
    }

    /// Fills the shares and drops rules that never fired.
    pub(super) fn finish(&mut self) {
        self.rules.retain(|_, pair| pair.current + pair.new > 0);
        let all = |side: fn(&Pair) -> usize| self.priorities.values().map(side).sum::<usize>();
        let (current, new) = (all(|pair| pair.current), all(|pair| pair.new));
        for pair in self.priorities.values_mut().chain(self.marks.values_mut()) {
            (pair.current_share, pair.new_share) = (share(pair.current, current), share(pair.new, new));
        }
    }
}

/// A part of a whole, four decimals.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0 }
}
