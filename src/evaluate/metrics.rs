//! Figures of classifiers. Pure; `None` where a figure is not defined, such as a recall without anything to find.

use serde::Serialize;

/// One row of a head with exactly one label: indices into its labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The right label.
    pub truth: usize,
    /// The label decided for.
    pub chosen: usize,
    /// Probability of the label decided for, 0 to 1.
    pub confidence: f64,
}

/// Rows by right label and, within, by label decided for.
pub type Confusion = Vec<Vec<usize>>;

/// Counts `rows` into a square of `labels` x `labels`; indices beyond it are left out.
pub fn confusion(rows: &[Choice], labels: usize) -> Confusion {
    let mut counts = vec![vec![0; labels]; labels];
    for row in rows {
        if let Some(cell) = counts.get_mut(row.truth).and_then(|line| line.get_mut(row.chosen)) {
            *cell += 1;
        }
    }
    counts
}

/// Share of `hits`; `None` of nothing.
pub fn share(hits: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| hits as f64 / all as f64)
}

/// Share of rows whose label is right.
pub fn accuracy(counts: &Confusion) -> Option<f64> {
    let right = counts.iter().enumerate().map(|(index, line)| line[index]).sum();
    share(right, counts.iter().flatten().sum())
}

/// Hits and misses of one label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Hits {
    /// Rightly named.
    pub hit: usize,
    /// Named, but not right.
    pub false_alarm: usize,
    /// Right, but not named.
    pub missed: usize,
}

impl Hits {
    /// Counts one decision.
    pub fn count(&mut self, truth: bool, chosen: bool) {
        match (truth, chosen) {
            (true, true) => self.hit += 1,
            (false, true) => self.false_alarm += 1,
            (true, false) => self.missed += 1,
            (false, false) => {}
        }
    }

    /// Share of what was named that is right.
    pub fn precision(&self) -> Option<f64> {
        share(self.hit, self.hit + self.false_alarm)
    }

    /// Share of what is right that was named.
    pub fn recall(&self) -> Option<f64> {
        share(self.hit, self.hit + self.missed)
    }

    /// Harmonic mean of both; `None` where the label is neither right nor named anywhere.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.hit, 2 * self.hit + self.false_alarm + self.missed)
    }

    /// All decisions of several labels together.
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().fold(Self::default(), |sum, one| Self {
            hit: sum.hit + one.hit,
            false_alarm: sum.false_alarm + one.false_alarm,
            missed: sum.missed + one.missed,
        })
    }
}

/// Hits and misses of a group of labels taken as one, such as "high or critical".
pub fn group_hits(counts: &Confusion, group: &[usize]) -> Hits {
    let mut hits = Hits::default();
    for (truth, line) in counts.iter().enumerate() {
        for (chosen, &rows) in line.iter().enumerate() {
            match (group.contains(&truth), group.contains(&chosen)) {
                (true, true) => hits.hit += rows,
                (false, true) => hits.false_alarm += rows,
                (true, false) => hits.missed += rows,
                (false, false) => {}
            }
        }
    }
    hits
}

/// Mean F1 of the labels, those left out that are neither right nor named anywhere.
pub fn macro_f1<'a>(labels: impl IntoIterator<Item = &'a Hits>) -> Option<f64> {
    let scores: Vec<f64> = labels.into_iter().filter_map(Hits::f1).collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// Cohen's kappa with quadratic weights: 1 is perfect, 0 what chance gives. `None` where all rows are in one cell.
pub fn quadratic_kappa(counts: &Confusion) -> Option<f64> {
    let all = counts.iter().flatten().sum::<usize>() as f64;
    let truths: Vec<f64> = counts.iter().map(|line| line.iter().sum::<usize>() as f64).collect();
    let chosen: Vec<f64> =
        (0..counts.len()).map(|column| counts.iter().map(|line| line[column]).sum::<usize>() as f64).collect();
    let (mut seen, mut by_chance) = (0.0, 0.0);
    for (row, line) in counts.iter().enumerate() {
        for (column, &rows) in line.iter().enumerate() {
            let weight = (row as f64 - column as f64).powi(2);
            seen += weight * rows as f64;
            by_chance += weight * truths[row] * chosen[column] / all;
        }
    }
    (by_chance > 0.0).then(|| 1.0 - seen / by_chance)
}

/// Bins of [`calibration_error`].
const BINS: usize = 10;

/// Expected calibration error over ten bins of equal width: how far, on average, probability and share of hits are apart.
///
/// Each item is a probability (0 to 1) and whether what it was given to is right.
pub fn calibration_error(items: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    let mut bins = [(0usize, 0.0, 0usize); BINS];
    let mut all = 0usize;
    for (probability, right) in items {
        let (rows, sum, hits) = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
        *rows += 1;
        *sum += probability;
        *hits += usize::from(right);
        all += 1;
    }
    (all > 0).then(|| bins.iter().map(|(_, sum, hits)| (sum - *hits as f64).abs()).sum::<f64>() / all as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn near(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} is not {expected}");
    }

    fn rows(pairs: &[(usize, usize)]) -> Vec<Choice> {
        pairs.iter().map(|&(truth, chosen)| Choice { truth, chosen, confidence: 1.0 }).collect()
    }

    /// Truth 0 0 1 1 2, chosen 0 1 1 1 0.
    fn example() -> Confusion {
        confusion(&rows(&[(0, 0), (0, 1), (1, 1), (1, 1), (2, 0)]), 3)
    }

    fn each(counts: &Confusion) -> Vec<Hits> {
        (0..counts.len()).map(|label| group_hits(counts, &[label])).collect()
    }

    #[test]
    fn five_rows_by_hand() {
        let counts = example();
        assert_eq!(counts, [[1, 1, 0], [0, 2, 0], [1, 0, 0]]);
        near(accuracy(&counts), 3.0 / 5.0);
        // F1: 2·1/(2+1+1) = 1/2, 2·2/(4+1+0) = 4/5, 0.
        near(macro_f1(&each(&counts)), (0.5 + 0.8) / 3.0);
        // Seen: 1 + 4 = 5. By chance, truths 2 2 1 and chosen 2 3 0: (2·3 + 2·2 + 4·2 + 3) / 5 = 21/5.
        near(quadratic_kappa(&counts), 1.0 - 5.0 / (21.0 / 5.0));
        let upper = group_hits(&counts, &[1, 2]);
        assert_eq!(upper, Hits { hit: 2, false_alarm: 1, missed: 1 });
        near(upper.f1(), 4.0 / 6.0);
    }

    #[test]
    fn perfect_and_opposite() {
        let perfect = confusion(&rows(&[(0, 0), (1, 1), (2, 2)]), 3);
        near(quadratic_kappa(&perfect), 1.0);
        near(macro_f1(&each(&perfect)), 1.0);
        near(quadratic_kappa(&confusion(&rows(&[(0, 1), (1, 0)]), 2)), -1.0);
    }

    #[test]
    fn one_class_alone_has_an_accuracy_but_no_kappa() {
        let counts = confusion(&rows(&[(1, 1), (1, 1)]), 4);
        near(accuracy(&counts), 1.0);
        assert_eq!(quadratic_kappa(&counts), None);
        near(macro_f1(&each(&counts)), 1.0);
        // One right class, two named: chance does as well.
        near(quadratic_kappa(&confusion(&rows(&[(1, 1), (1, 2)]), 4)), 0.0);
        assert_eq!(group_hits(&counts, &[3]).recall(), None);
    }

    #[test]
    fn nothing_has_no_figures() {
        let counts = confusion(&[], 3);
        assert_eq!(
            (accuracy(&counts), quadratic_kappa(&counts), macro_f1(&each(&counts)), calibration_error([])),
            (None, None, None, None)
        );
        assert_eq!((Hits::default().precision(), Hits::default().recall(), Hits::default().f1()), (None, None, None));
    }

    #[test]
    fn calibration_by_hand_and_at_the_edges() {
        // 0.65 and 0.61 share a bin: |1.26 - 1| = 0.26; 0.9 alone: 0.1.
        near(calibration_error([(0.65, true), (0.61, false), (0.9, true)]), (0.26 + 0.1) / 3.0);
        near(calibration_error([(1.0, true), (0.0, false)]), 0.0);
        near(calibration_error([(1.0, false)]), 1.0);
    }

    #[test]
    fn labels_together_are_summed() {
        let mut hits = [Hits::default(); 2];
        for (label, truth, chosen) in [(0, true, true), (0, false, true), (1, true, false), (1, false, false)] {
            hits[label].count(truth, chosen);
        }
        assert_eq!(Hits::sum(&hits), Hits { hit: 1, false_alarm: 1, missed: 1 });
        near(Hits::sum(&hits).f1(), 0.5);
        near(macro_f1(&hits), 1.0 / 3.0);
    }
}
