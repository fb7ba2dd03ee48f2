"""Measures the shipped file beside a TF-IDF baseline and writes MODEL_CARD.md. Every figure in the card comes from here."""

import argparse
import json
import tomllib
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from data import PERMISSIVE, read
from decide import FIGURES, cross_fitted, figures, labels, fit
from export import destination, score
from graph import session
from labels import HEADS, N_LOGITS
from model import targets
from train import encode

SETS = ("labelled-dev", "written-dev", "unseen")


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


def neural(path: Path, ids: list[list[int]], cache: Path) -> np.ndarray:
    """Logits of a model file; kept while the file is older than they are."""
    if not cache.exists() or cache.stat().st_mtime < path.stat().st_mtime:
        np.save(cache, score(session(str(path), threads=0), ids))
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


def beside(model: dict[str, dict], base: dict[str, dict]) -> str:
    """One line a figure, "model / baseline" in each column."""
    lines = ["| figure | " + " | ".join(model) + " |", "|---|" + "---:|" * len(model)]
    for name in FIGURES:
        lines.append(f"| {name} | " + " | ".join(f"**{model[s][name]:.3f}** / {base[s][name]:.3f}" for s in model) + " |")
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    options = arguments.parse_args()
    folder, out = options.build / "permissive", destination(options.build, "permissive")
    rows, origin = [], []
    for name in SETS:
        members = read(folder / f"{name}.jsonl")
        rows, origin = rows + members, origin + [name] * len(members)
    origin = np.array(origin)
    source, language = (np.array([r[key] for r in rows]) for key in ("source", "lang"))
    dev, truth = origin != "unseen", targets(rows)
    views = {
        "dev, real": origin == "labelled-dev",
        "dev, real, permissive sources": (origin == "labelled-dev") & np.isin(source, list(PERMISSIVE)),
        "dev, written": origin == "written-dev",
        "other real": origin == "unseen",
    }
    ids = encode(out / "tokenizer.json", [r["text"] for r in rows])
    train = read(folder / "train.jsonl")

    logits = neural(out / "model.onnx", ids, folder / "logits-shipped.npy")
    got = decided(logits, truth, dev)
    base = decided(baseline(train, rows, folder / "logits-baseline.npy"), truth, dev)
    main_table = beside({v: figures(truth, got, m) for v, m in views.items()},
                        {v: figures(truth, base, m) for v, m in views.items()})
    heads = {h["name"]: h for h in tomllib.loads((out / "manifest.toml").read_text())["heads"]}
    fp32 = neural(folder / "model-fp32.onnx", [i for i, d in zip(ids, dev) if d], folder / "logits-fp32.npy")
    dev_truth, everything = {k: v[dev] for k, v in truth.items()}, np.ones(dev.sum(), bool)
    storage_table = table({"int8 storage": figures(dev_truth, labels(logits[dev], heads), everything),
                           "fp32 storage": figures(dev_truth, labels(fp32, heads), everything)})
    neutral = labels(logits, heads | {"urgency": heads["urgency"] | {"cuts": [0.5] * 3}})
    cuts_table = table({f"{view}: {how}": figures(truth, which, views[view])
                        for view in ("dev, real", "dev, written", "other real")
                        for how, which in (("by cost", got), ("0.5", neutral))},
                       [name for name in FIGURES if name.startswith(("urgen", "critical"))])
    codes = [c for c in sorted(set(language)) if (language == c).sum() >= 100]
    language_table = table({f"{c} ({(language == c).sum()})": figures(truth, got, language == c) for c in codes})

    compared = "Not measured for this version."
    other = options.build / "all/model/model.onnx"
    if other.exists():
        dev_ids = [i for i, d in zip(ids, dev) if d]
        theirs = cross_fitted(neural(other, dev_ids, options.build / "all/logits-dev.npy"), dev_truth)
        columns = {}
        for view in list(views)[:3]:
            mask = views[view][dev]
            columns[f"{view}: shipped"] = figures(dev_truth, {k: v[dev] for k, v in got.items()}, mask)
            columns[f"{view}: all sources"] = figures(dev_truth, theirs, mask)
        rows_all = torch.load(options.build / "all/model.pt")["rows"]
        compared = (f"Not shipped: the same recipe on all sources ({rows_all:,} messages), "
                    f"some of whose licences do not allow it.\n\n{table(columns)}")

    done = {k: v for k, v in torch.load(folder / "model.pt").items() if k != "model"}
    checks = json.loads((folder / "checks.json").read_text())
    speeds = "\n".join(f"| {name} | {value} |" for name, value in checks["messages_per_second"].items())
    memories = "\n".join(f"| {name} | {value:.0f} |" for name, value in checks["resident_mib"].items())
    card = (Path(__file__).parent / "card.md").read_text()
    for key, value in {
        "RESULTS": main_table, "CUTS": cuts_table, "STORAGE": storage_table, "LANGUAGES": language_table, "ALL_SOURCES": compared,
        "COUNTS": "; ".join(f"{view} {mask.sum():,}" for view, mask in views.items()),
        "CRITICAL": "; ".join(f"{v} {(truth['urgency'][m] == 3).sum():,}" for v, m in views.items()),
        "ROWS": f"{len(train):,}", "REAL": f"{sum(r['source'] != 'written' for r in train):,}",
        "WRITTEN": f"{sum(r['source'] == 'written' for r in train):,}",
        "STEPS": f"{done['steps']:,}", "MINUTES": f"{done['seconds'] / 60:.0f}",
        "SPEEDS": speeds, "MEMORIES": memories, "TOKENS": str(checks["tokens_per_message"]),
        "ALONE": f"{checks['alone_or_in_batch']:.0e}", "PADDED": f"{checks['unpadded_or_padded']:.0e}",
        "MEGABYTES": f"{checks['bytes']['model.onnx'] / 1e6:.1f}",
    }.items():
        card = card.replace("{{" + key + "}}", value)
    assert "{{" not in card
    (out / "MODEL_CARD.md").write_text(card)
    print(main_table, cuts_table, language_table, storage_table, compared, sep="\n\n")


if __name__ == "__main__":
    main()
