"""Measures the shipped file beside a TF-IDF baseline and writes MODEL_CARD.md. Every figure in the card comes from here."""

import argparse
import json
import tomllib
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from tqdm import tqdm

import check
from data import PERMISSIVE, read
from decide import AT, FIGURES, calibration_error, cross_fitted, figures, fit, labels, softmax
from graph import session
from labels import HEADS, N_LOGITS
from model import targets
from recipes import RECIPES, TEACHERS
from train import encode
from windows import score_texts

SETS = ("labelled-dev", "written-dev", "unseen")
BASELINE = "TF-IDF"
ENSEMBLE = "teachers"
WHICH = {
    "small": "The default: judges best among the models that are fast enough for a small machine.",
    "fast": "For large streams on little hardware: several times as fast as `undertone-small`, and less often right.",
}


def layers(name: str) -> str:
    count = len(RECIPES[name].layers)
    return f"{count} layer{'s' * (count > 1)}"


def speed(path: Path, tokenizer: Path, texts: list[str]) -> float:
    """Messages a second on one thread, batches of 16 of like length; the first 256 tokens of each."""
    return check.speed(session(str(path)), encode(tokenizer, texts))


def baseline(train: list[dict], rows: list[dict], cache: Path) -> np.ndarray:
    """Log-odds of logistic regressions over words (1, 2) and characters (2 to 4), in the place of the model's logits."""
    if cache.exists():
        return np.load(cache)
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    parts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True, max_features=60_000)
    texts = [r["text"] for r in train]
    known = hstack([words.fit_transform(texts), parts.fit_transform(texts)]).tocsr()
    asked = hstack([f.transform([r["text"] for r in rows]) for f in (words, parts)]).tocsr()
    truth, out = targets(train), []
    for head in tqdm(HEADS, desc="baseline"):
        if head.kind == "multilabel":
            columns = [LogisticRegression(C=4, max_iter=300).fit(known, truth[head.name][:, i]).decision_function(asked)
                       for i in range(len(head.labels))]
            out.append(np.stack(columns, axis=1))
        else:
            out.append(LogisticRegression(C=4, max_iter=300).fit(known, truth[head.name]).predict_log_proba(asked))
    logits = np.concatenate(out, axis=1)
    assert logits.shape == (len(rows), N_LOGITS)
    np.save(cache, logits)
    return logits


def neural(path: Path, tokenizer: Path, texts: list[str], cache: Path) -> np.ndarray:
    """Logits of a model file; kept while the file is older than they are."""
    if not cache.exists() or cache.stat().st_mtime < path.stat().st_mtime:
        np.save(cache, score_texts(session(str(path), threads=0), tokenizer, texts))
    return np.load(cache)


def decided(logits: np.ndarray, truth: dict, dev: np.ndarray) -> dict[str, np.ndarray]:
    """Labels: dev rows cross-fitted, the rest by cuts fitted on the dev rows."""
    out = labels(logits, fit(logits[dev], {k: v[dev] for k, v in truth.items()}))
    for name, got in cross_fitted(logits[dev], {k: v[dev] for k, v in truth.items()}).items():
        out[name][dev] = got
    return out


def table(columns: dict[str, dict[str, float]], names=tuple(FIGURES)) -> str:
    lines = ["| figure | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(f"{c[name]:.3f}" for c in columns.values()) + " |" for name in names]
    return "\n".join(lines)


def calibration(logits: np.ndarray, truth: dict, fitted: dict) -> dict[str, float]:
    """Expected calibration error of the label decided for, by ordinal head."""
    got, out = labels(logits, fitted), {}
    for head in ("urgency", "sentiment"):
        chance = softmax(logits[:, AT[head]] / fitted[head]["temperature"])
        out[head] = calibration_error(chance[np.arange(len(chance)), got[head]], got[head] == truth[head])
    return out


def tweet_recall(logits: np.ndarray, rows: list[dict]) -> dict[str, float]:
    """Macro recall of three-way sentiment by set, as SemEval-2017 task 4A measures it."""
    chance = softmax(logits[:, AT["sentiment"]])
    sides = np.stack([chance[:, :2].sum(1), chance[:, 2], chance[:, 3:].sum(1)], axis=1).argmax(1)
    truth = np.array([("negative", "neutral", "positive").index(r["label"]) for r in rows])
    sets = np.array([r["set"] for r in rows])
    return {s: float(recall_score(truth[sets == s], sides[sets == s], average="macro")) for s in sorted(set(sets))}


def curve(points: dict[str, tuple[float, float]], path: Path) -> None:
    """Urgency QWK against messages a second, one point a model."""
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, (speed, quality) in points.items():
        axes.scatter(speed, quality)
        axes.annotate(name, (speed, quality), textcoords="offset points", xytext=(6, 4))
    axes.set(xscale="log", xlabel="messages a second, one thread", ylabel="urgency QWK, real dev set")
    axes.grid(alpha=0.3)
    axes.margins(0.25, 0.2)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    build = arguments.parse_args().build
    rows, origin = [], []
    for name in SETS:
        members = read(build / f"permissive/{name}.jsonl")
        rows, origin = rows + members, origin + [name] * len(members)
    origin, texts = np.array(origin), [r["text"] for r in rows]
    source, language = (np.array([r[key] for r in rows]) for key in ("source", "lang"))
    dev, truth = origin != "unseen", targets(rows)
    views = {
        "dev, real": origin == "labelled-dev",
        "dev, real, permissive sources": (origin == "labelled-dev") & np.isin(source, list(PERMISSIVE)),
        "dev, written": origin == "written-dev",
        "other real": origin == "unseen",
    }
    train, tokenizer = read(build / "permissive/train.jsonl"), build / "base/tokenizer.json"

    logits = {BASELINE: baseline(train, rows, build / "permissive/logits-baseline.npy")}
    speeds = {}
    few = [texts[i] for i in np.flatnonzero(origin == "labelled-dev")[:300]]
    for name, recipe in RECIPES.items():
        path = recipe.destination(build, name) / "model.onnx"
        if path.exists():
            logits[name] = neural(path, tokenizer, texts, build / name / "logits.npy")
            speeds[name] = speed(path, tokenizer, few)
    if all(name in logits for name in TEACHERS):
        logits[ENSEMBLE] = sum(weight * logits[name] for name, weight in TEACHERS.items())
    got = {name: decided(each, truth, dev) for name, each in logits.items()}
    tables = {}
    for view, mask in views.items():
        # What has read everything has read the "other real" messages too.
        unread = [name for name in got if name == BASELINE or name in RECIPES and RECIPES[name].sources == "permissive"]
        shown = unread if view == "other real" else list(got)
        tables[view] = table({name: figures(truth, got[name], mask) for name in shown})
    compared = "\n\n".join(f"**{view}** ({views[view].sum():,})\n\n{each}" for view, each in tables.items())
    tweets = read(build / "permissive/tweets.jsonl")
    public = table({name: tweet_recall(neural(RECIPES[name].destination(build, name) / "model.onnx", tokenizer,
                                              [r["text"] for r in tweets], build / name / "logits-tweets.npy"), tweets)
                    for name in speeds}, tuple(sorted({r["set"] for r in tweets})))
    twin = speed(build / "small/model-fp32.onnx", tokenizer, few)
    pace = "\n".join(f"| {name} | {layers(name)} | {value:.0f} | {value / twin:.2f} |" for name, value in speeds.items())

    points = {name: (speeds[name], figures(truth, got[name], views["dev, real"])["urgency QWK"]) for name in speeds}
    curve(points, RECIPES["small"].destination(build, "small") / "quality-and-speed.svg")
    done = {n: {k: v for k, v in torch.load(build / n / "model.pt").items() if k != "model"} for n in speeds}
    codes = [c for c in sorted(set(language)) if (language == c).sum() >= 100]
    dev_truth, everything = {k: v[dev] for k, v in truth.items()}, np.ones(dev.sum(), bool)

    for name, recipe in RECIPES.items():
        if not recipe.ships or name not in logits:
            continue
        out, mine = recipe.destination(build, name), logits[name]
        heads = {h["name"]: h for h in tomllib.loads((out / "manifest.toml").read_text())["heads"]}
        neutral = labels(mine, heads | {"urgency": heads["urgency"] | {"cuts": [0.5] * 3}})
        cuts = table({f"{view}: {how}": figures(truth, which, views[view])
                      for view in ("dev, real", "dev, written", "other real")
                      for how, which in (("by cost", got[name]), ("0.5", neutral))},
                     [figure for figure in FIGURES if figure.startswith(("urgen", "critical"))])
        by_language = table({f"{c} ({(language == c).sum()})": figures(truth, got[name], language == c) for c in codes})
        errors = {view: calibration(mine[mask], {k: v[mask] for k, v in truth.items()}, heads) for view, mask in views.items()}
        ece = "\n".join(f"| {view} | {e['urgency']:.3f} | {e['sentiment']:.3f} |" for view, e in errors.items())
        fp32 = neural(build / name / "model-fp32.onnx", tokenizer, [t for t, d in zip(texts, dev) if d], build / name / "logits-fp32.npy")
        storage = table({"int8 storage": figures(dev_truth, labels(mine[dev], heads), everything),
                         "fp32 storage": figures(dev_truth, labels(fp32, heads), everything)})
        checks = json.loads((build / name / "checks.json").read_text())
        card = (Path(__file__).parent / "card.md").read_text()
        for key, value in {
            "NAME": recipe.ships, "WHICH": WHICH[name], "LAYERS": layers(name),
            "COMPARED": compared, "PUBLIC": public, "PACE": pace, "CUTS": cuts, "STORAGE": storage, "LANGUAGES": by_language, "ECE": ece,
            "CRITICAL": "; ".join(f"{v} {(truth['urgency'][m] == 3).sum():,}" for v, m in views.items()),
            "ROWS": f"{done[name]['rows']:,}", "REAL": f"{sum(r['source'] != 'written' for r in train):,}",
            "WRITTEN": f"{done[name]['rows'] - sum(r['source'] != 'written' for r in train):,}",
            "POOL": f"{done[name].get('pool', 0):,}", "TEACHER_ROWS": f"{done['everything']['rows']:,}",
            "STEPS": f"{done[name]['steps']:,}", "MINUTES": f"{done[name]['seconds'] / 60:.0f}",
            "EPOCHS": " and ".join(map(str, recipe.epochs)),
            "OURS": ", among them those in the manner of real posts (`training/messages.jsonl`)" if recipe.ours else "",
            "REPEAT": f", every labelled message {recipe.repeat} times in each" if recipe.repeat > 1 else "",
            "MEMORIES": "\n".join(f"| {kind} | {value:.0f} |" for kind, value in checks["resident_mib"].items()),
            "TOKENS": str(checks["tokens_per_message"]),
            "ALONE": f"{checks['alone_or_in_batch']:.0e}", "PADDED": f"{checks['unpadded_or_padded']:.0e}",
            "MEGABYTES": f"{checks['bytes']['model.onnx'] / 1e6:.1f}",
        }.items():
            card = card.replace("{{" + key + "}}", value)
        left = card.find("{{")
        assert left < 0, card[left:left + 40]
        (out / "MODEL_CARD.md").write_text(card)
        print(name, cuts, by_language, ece, storage, sep="\n\n")
    print(compared, pace, sep="\n\n")


if __name__ == "__main__":
    main()
