"""Reads the data, keeps what the licences allow, and holds out a part of what we wrote ourselves.

Text never leaves the build folder (which git ignores): none of it may be committed.
"""

import argparse
import gzip
import hashlib
import json
import random
from pathlib import Path

from labels import HEADS, SEED

PERMISSIVE = {"ibm", "cfpb", "hint3", "banking77", "multidogo", "written"}
HELD_OUT_PERCENT = 8
# Permissive text without our labels, for the teacher to label: file, rows at most, drawn by the seed.
POOL = (
    ("unlabelled/pool_ibm_twitter_care_apache2", 1_200), ("public/goemotions_multi", 30_000),
    ("public/brighter_emotion_multi", 3_000), ("public/banking77", 9_964), ("public/bitext_customer_support", 8_000),
    ("public/clinc150", 8_000), ("public/multidogo", 12_000), ("public/hint3", 1_361), ("public/cfpb_product", 1_500),
)
POOL_CHARACTERS = 1_500
OURS = Path(__file__).parent / "messages.jsonl"  # written for this, in the words and with the carelessness of real posts
TWEETS = 1_000  # of each public set and language


def text_of(row: dict) -> str:
    """What the model reads: the subject, where there is one, a line break, the text."""
    return f"{row['subject']}\n{row['text']}" if row.get("subject") else row["text"]


def held_out(row: dict) -> bool:
    """Drawn by the text, so that equal messages fall on the same side."""
    digest = hashlib.sha256(f"{SEED}:{row['text'].lower()}".encode()).hexdigest()
    return int(digest, 16) % 100 < HELD_OUT_PERCENT


def read(path: Path) -> list[dict]:
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def slim(row: dict) -> dict:
    kept = {key: row[key] for key in ("id", "channel", "lang")}
    return kept | {"source": row.get("source", "written"), "text": text_of(row)} | {h.name: row[h.name] for h in HEADS}


def pool(data: Path, known: set[str]) -> list[str]:
    """English texts of permissive sources, none of them twice or in `known` (lower case)."""
    draw, out = random.Random(SEED), []
    for name, most in POOL:
        with gzip.open(data / f"{name}.jsonl.gz", "rt") as lines:
            texts = [row["text"][:POOL_CHARACTERS] for row in map(json.loads, lines) if row.get("lang", "en") == "en"]
        draw.shuffle(texts)
        fresh = []
        for text in texts:
            if len(fresh) < most and text.lower() not in known:
                known.add(text.lower())
                fresh.append(text)
        out += fresh
    return out


def tweets(data: Path) -> list[dict]:
    """Public tweets labelled negative, neutral or positive, to measure with; nothing is trained on them."""
    draw, out = random.Random(SEED), []
    for name in ("semeval2017_4a_sentiment3", "xlmt_sentiment3"):
        with gzip.open(data / f"public/{name}.jsonl.gz", "rt") as lines:
            rows = [json.loads(line) for line in lines]
        for lang in sorted({r["lang"] for r in rows}):
            mine = [r for r in rows if r["lang"] == lang]
            out += [{"set": f"{name.split('_')[0]} {lang}", "text": r["text"], "label": r["label"]}
                    for r in draw.sample(mine, min(TWEETS, len(mine)))]
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=Path(__file__).parent.parent / "../shared/data")
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--sources", choices=("permissive", "all"), default="permissive")
    options = arguments.parse_args()

    rows = [slim(r) for r in read(options.data / "labelled/train.jsonl")]
    train = [r for r in rows if options.sources == "all" or r["source"] in PERMISSIVE]
    unseen = [r for r in rows if options.sources == "permissive" and r["source"] not in PERMISSIVE]
    written = [slim(r) for path in sorted((options.data / "written").glob("*.jsonl")) for r in read(path)]
    written_dev = [r for r in written if held_out(r)]
    train += [r for r in written if not held_out(r)]
    mine = [slim(r) | {"source": "ours"} for r in read(OURS)]
    # No dev text may be met in training, be it without labels.
    seen = {r["text"].lower() for r in train + mine + written_dev + read(options.data / "labelled/dev.jsonl")}
    unlabelled = [{"text": text} for text in pool(options.data, seen)] if options.sources == "permissive" else []
    sets = {"train": train, "labelled-dev": [slim(r) for r in read(options.data / "labelled/dev.jsonl")],
            "ours": [r for r in mine if not held_out(r)], "ours-dev": [r for r in mine if held_out(r)],
            "written-dev": written_dev, "unseen": unseen, "pool": unlabelled, "tweets": tweets(options.data)}  # unseen: real messages that the shipped model never met

    folder = options.build / options.sources
    folder.mkdir(parents=True, exist_ok=True)
    for name, members in sets.items():
        with open(folder / f"{name}.jsonl", "w") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in members)
        print(f"{name}: {len(members)} rows")


if __name__ == "__main__":
    main()
