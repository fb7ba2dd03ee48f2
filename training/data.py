"""Reads the data, keeps what the licences allow, and holds out a part of what we wrote ourselves.

Text never leaves the build folder (which git ignores): none of it may be committed.
"""

import argparse
import hashlib
import json
from pathlib import Path

from labels import HEADS, SEED

PERMISSIVE = {"ibm", "cfpb", "hint3", "banking77", "multidogo", "written"}
HELD_OUT_PERCENT = 8


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
    sets = {"train": train, "labelled-dev": [slim(r) for r in read(options.data / "labelled/dev.jsonl")],
            "written-dev": written_dev, "unseen": unseen}  # unseen: real messages that the shipped model never met

    folder = options.build / options.sources
    folder.mkdir(parents=True, exist_ok=True)
    for name, members in sets.items():
        with open(folder / f"{name}.jsonl", "w") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in members)
        print(f"{name}: {len(members)} rows")


if __name__ == "__main__":
    main()
