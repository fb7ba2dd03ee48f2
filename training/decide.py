"""From logits to labels: temperatures, cuts and thresholds, how they are fitted, and how the outcome is measured."""

import itertools

import numpy as np
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score

from labels import HEADS, slices

AT = slices()
MISSED_CRITICAL, MISSED_HIGH, OTHER_ERROR = 10, 3, 1  # the cost of a wrong urgency
COST_TOLERANCE = 0.03
HIGH, CRITICAL = 2, 3


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def at_least(probabilities: np.ndarray) -> np.ndarray:
    """[rows, classes] -> P(class >= k) for k = 1…, [rows, classes - 1]."""
    return probabilities[:, ::-1].cumsum(1)[:, ::-1][:, 1:]


def cut(above: np.ndarray, cuts) -> np.ndarray:
    """The highest k with P(>= k) >= cuts[k - 1], else 0."""
    steps = np.arange(1, above.shape[1] + 1)
    return ((above >= np.asarray(cuts)) * steps).max(1)


def cost(truth: np.ndarray, got: np.ndarray) -> float:
    """Mean cost of urgency: missing what is pressing is dear, a needless alarm is not."""
    price = np.where(got != truth, OTHER_ERROR, 0)
    price = np.where((truth == HIGH) & (got < HIGH), MISSED_HIGH, price)
    return np.where((truth == CRITICAL) & (got < CRITICAL), MISSED_CRITICAL, price).mean()


def negative_log_likelihood(kind: str, logits: np.ndarray, truth: np.ndarray) -> float:
    if kind == "multilabel":
        return float(np.mean(np.logaddexp(0, np.where(truth > 0, -logits, logits))))
    return float(-np.log(softmax(logits)[np.arange(len(truth)), truth] + 1e-12).mean())


def fit(logits: np.ndarray, truth: dict[str, np.ndarray]) -> dict:
    """Temperature by likelihood; urgency's cuts by cost; thresholds by F1. Coarse grids and bounds keep them sane."""
    out = {}
    for head in HEADS:
        part, want = logits[:, AT[head.name]], truth[head.name]
        grid = np.geomspace(0.4, 4, 93)
        temperature = min(grid, key=lambda t: negative_log_likelihood(head.kind, part / t, want))
        out[head.name] = {"temperature": float(temperature)}
        if head.name == "urgency":
            above = at_least(softmax(part / temperature))
            options = np.array(list(itertools.product(np.arange(0.2, 0.601, 0.05), repeat=3)))
            costs = np.array([cost(want, cut(above, c)) for c in options])
            # Among cuts that cost about the least, those nearest to even odds: fewer alarms for nearly the same price.
            near = options[costs <= costs.min() * (1 + COST_TOLERANCE)]
            best = near[np.square(near - 0.5).sum(1).argmin()]
            out[head.name]["cuts"] = [round(float(c), 2) for c in best]
        elif head.kind == "ordinal":
            out[head.name]["cuts"] = [0.5] * (len(head.labels) - 1)
        elif head.kind == "multilabel":
            chance = sigmoid(part / temperature)
            out[head.name]["thresholds"] = [threshold(chance[:, i], want[:, i]) for i in range(want.shape[1])]
    return out


def threshold(chance: np.ndarray, truth: np.ndarray) -> float:
    """Where F1 is best in [0.2, 0.8]; F1 is smoothed over neighbours, as rare labels make it jump."""
    grid = np.arange(0.2, 0.801, 0.02)
    scores = np.array([f1_score(truth, chance >= g, zero_division=0) for g in grid])
    smooth = np.convolve(np.pad(scores, 3, "edge"), np.ones(7) / 7, "valid")
    return round(float(grid[smooth.argmax()]), 2)


def labels(logits: np.ndarray, fitted: dict) -> dict[str, np.ndarray]:
    """head -> class index [rows], or 0/1 [rows, labels]."""
    out = {}
    for head in HEADS:
        part, how = logits[:, AT[head.name]] / fitted[head.name]["temperature"], fitted[head.name]
        if head.kind == "multilabel":
            out[head.name] = (sigmoid(part) >= np.array(how["thresholds"])).astype(int)
        elif head.kind == "ordinal":
            out[head.name] = cut(at_least(softmax(part)), how["cuts"])
        else:
            out[head.name] = part.argmax(1)
    return out


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and hit rate over bins of equal width."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [(which == b).mean() * abs(confidence[which == b].mean() - right[which == b].mean())
            for b in range(bins) if (which == b).any()]
    return float(sum(gaps))


def cross_fitted(logits: np.ndarray, truth: dict[str, np.ndarray], folds: int = 5) -> dict[str, np.ndarray]:
    """Labels for rows whose cuts and thresholds were fitted on the other rows: an honest figure for a dev set."""
    fold = np.random.default_rng(0).permutation(len(logits)) % folds
    out = {name: np.zeros(want.shape, int) for name, want in truth.items()}
    for i in range(folds):
        inside = fold == i
        fitted = fit(logits[~inside], {name: want[~inside] for name, want in truth.items()})
        for name, got in labels(logits[inside], fitted).items():
            out[name][inside] = got
    return out


FIGURES = {
    "urgency QWK": lambda t, g: cohen_kappa_score(t["urgency"], g["urgency"], weights="quadratic"),
    "urgency macro-F1": lambda t, g: f1_score(t["urgency"], g["urgency"], average="macro", zero_division=0),
    "urgent (high or critical) F1": lambda t, g: f1_score(t["urgency"] >= HIGH, g["urgency"] >= HIGH),
    "critical recall": lambda t, g: recall_score(t["urgency"] == CRITICAL, g["urgency"] == CRITICAL, zero_division=0),
    "critical seen as urgent": lambda t, g: recall_score(
        t["urgency"] == CRITICAL, (t["urgency"] == CRITICAL) & (g["urgency"] >= HIGH), zero_division=0),
    "urgency mean cost": lambda t, g: cost(t["urgency"], g["urgency"]),
    "sentiment QWK": lambda t, g: cohen_kappa_score(t["sentiment"], g["sentiment"], weights="quadratic"),
    "sentiment 3-way accuracy": lambda t, g: float((np.sign(t["sentiment"] - 2) == np.sign(g["sentiment"] - 2)).mean()),
    "topic accuracy": lambda t, g: float((t["topic"] == g["topic"]).mean()),
    "signals micro-F1": lambda t, g: f1_score(t["signals"], g["signals"], average="micro", zero_division=0),
    "emotions micro-F1": lambda t, g: f1_score(t["emotions"], g["emotions"], average="micro", zero_division=0),
}


def figures(truth: dict[str, np.ndarray], got: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, float]:
    """`rows`: a mask or indices of the rows to count."""
    truth, got = ({name: value[rows] for name, value in of.items()} for of in (truth, got))
    return {name: float(figure(truth, got)) for name, figure in FIGURES.items()}
