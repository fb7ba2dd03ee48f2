"""Writes a trained recipe as ONNX: the int8-stored file, and an fp32 twin to compare it with."""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch

from base import CONFIG
from data import read
from graph import build, session
from labels import HEADS
from model import Undertone
from recipes import RECIPES
from train import encode, padded


def score(model, ids: list[list[int]], size: int = 16) -> np.ndarray:
    """Logits [rows, 40] of an ONNX session, rows of like length together."""
    out = np.zeros((len(ids), sum(len(h.labels) for h in HEADS)), np.float32)
    order = np.argsort([len(i) for i in ids], kind="stable")
    for part in np.split(order, range(size, len(order), size)):
        tokens, mask = (t.numpy() for t in padded([ids[i] for i in part]))
        answer = model.run([h.name for h in HEADS], {"input_ids": tokens, "attention_mask": mask})
        out[part] = np.concatenate(answer, axis=1)
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--recipe", choices=RECIPES, required=True)
    options = arguments.parse_args()
    recipe, folder = RECIPES[options.recipe], options.build / options.recipe
    out = recipe.destination(options.build, options.recipe)
    out.mkdir(parents=True, exist_ok=True)

    model = Undertone.of(recipe).eval()
    model.load_state_dict(torch.load(folder / "model.pt")["model"])
    shape = dict(layers=len(recipe.layers), attention_heads=CONFIG.num_attention_heads,
                 epsilon=CONFIG.layer_norm_eps)
    onnx.save(build(model.arrays(), **shape, int8=False), folder / "model-fp32.onnx")
    onnx.save(build(model.arrays(), **shape, int8=True), out / "model.onnx")

    tokenizer = json.loads((options.build / "base/tokenizer.json").read_text())
    tokenizer |= {"truncation": None, "padding": None}
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    size = sum(f.stat().st_size for f in out.iterdir())
    assert size < 40_000_000, f"{out} holds {size} bytes"

    ids = encode(out / "tokenizer.json", [r["text"] for r in read(options.build / recipe.sources / "labelled-dev.jsonl")[:64]])
    with torch.no_grad():
        expected = torch.cat([model(*padded([i])) for i in ids]).numpy()
    fp32 = np.abs(score(session(str(folder / "model-fp32.onnx")), ids) - expected)
    int8 = np.abs(score(session(str(out / "model.onnx")), ids) - expected)
    print(f"difference from PyTorch: fp32 file at most {fp32.max():.1e}; "
          f"int8-stored file at most {int8.max():.2f}, mean {int8.mean():.3f}")
    assert fp32.max() < 1e-3


if __name__ == "__main__":
    main()
