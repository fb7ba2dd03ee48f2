"""Fits temperatures, cuts and thresholds on both dev sets and writes manifest.toml and parity.jsonl beside the model."""

import argparse
import json
from pathlib import Path

import numpy as np

import manifest
import parity
from data import read
from decide import fit
from export import destination, score
from graph import session
from model import targets
from train import encode

VERSION = "0.1.0"
LANGUAGES = ("en",)  # see the figures by language in the model card


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--sources", choices=("permissive", "all"), default="permissive")
    options = arguments.parse_args()
    folder, out = options.build / options.sources, destination(options.build, options.sources)

    rows = read(folder / "labelled-dev.jsonl") + read(folder / "written-dev.jsonl")
    logits = score(session(str(out / "model.onnx"), threads=0), encode(out / "tokenizer.json", [r["text"] for r in rows]))
    np.save(folder / "dev-logits.npy", logits)
    fitted = fit(logits, targets(rows))
    print(json.dumps(fitted, indent=1))
    manifest.write(out, "undertone-small", VERSION, fitted, LANGUAGES)
    parity.write(out)


if __name__ == "__main__":
    main()
