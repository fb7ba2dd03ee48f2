"""Lets the teachers answer every text that a taught model reads, and keeps the mean of their logits."""

import argparse
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from data import read
from labels import N_LOGITS
from model import Undertone, autocast
from recipes import RECIPES, TEACHERS
from train import encode, padded

BATCH_TOKENS = 4096


def answers(model: Undertone, ids: list[list[int]]) -> np.ndarray:
    """Logits [texts, 40], texts of like length together."""
    out = np.zeros((len(ids), N_LOGITS), np.float32)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    bar = tqdm(total=len(ids), desc="teach", mininterval=2)
    while order:
        size = max(1, BATCH_TOKENS // len(ids[order[-1]]))
        part = order[-size:]
        del order[-size:]
        with torch.no_grad(), autocast():
            out[part] = model(*padded([ids[i] for i in part])).float().numpy()
        bar.update(len(part))
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    options = arguments.parse_args()
    folder, tokenizer = options.build / "permissive", options.build / "base/tokenizer.json"
    for part in ("train", "ours", "pool"):
        out = folder / f"{part}.teacher.npy"
        if out.exists():
            continue
        ids = encode(tokenizer, [r["text"] for r in read(folder / f"{part}.jsonl")])
        total = np.zeros((len(ids), N_LOGITS), np.float32)
        for name, weight in TEACHERS.items():
            model = Undertone.of(RECIPES[name]).eval()
            model.load_state_dict(torch.load(options.build / name / "model.pt")["model"])
            total += weight * answers(model, ids)
        np.save(out, total)


if __name__ == "__main__":
    main()
