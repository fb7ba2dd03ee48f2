"""Fits temperatures, cuts and thresholds on both dev sets and writes manifest.toml and parity.jsonl beside the model."""

import argparse
import json
from pathlib import Path

import manifest
import parity
from data import read
from decide import fit
from graph import session
from model import targets
from recipes import RECIPES
from windows import score_texts

VERSION = "0.3.0"
LANGUAGES = ("en",)  # see the figures by language in the model card


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--recipe", choices=RECIPES, required=True)
    options = arguments.parse_args()
    recipe = RECIPES[options.recipe]
    texts, out = options.build / recipe.sources, recipe.destination(options.build, options.recipe)

    rows = read(texts / "labelled-dev.jsonl") + read(texts / "written-dev.jsonl")
    model = session(str(out / "model.onnx"), threads=0)
    fitted = fit(score_texts(model, out / "tokenizer.json", [r["text"] for r in rows]), targets(rows))
    print(json.dumps(fitted, indent=1))
    manifest.write(out, recipe.ships or options.recipe, VERSION, fitted, LANGUAGES)
    parity.write(out)


if __name__ == "__main__":
    main()
