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
    folder, out = options.build / "permissive", options.build / "permissive/teacher.npy"
    if out.exists():
        return
    texts = [r["text"] for name in ("train", "pool") for r in read(folder / f"{name}.jsonl")]
    ids = encode(options.build / "base/tokenizer.json", texts)
    total = np.zeros((len(ids), N_LOGITS), np.float32)
    for name, weight in TEACHERS.items():
        kept = folder / f"teacher-{name}.npy"
        if not kept.exists():
            model = Undertone.of(RECIPES[name]).eval()
            model.load_state_dict(torch.load(options.build / name / "model.pt")["model"])
            np.save(kept, answers(model, ids))
        total += weight * np.load(kept)
    np.save(out, total)


if __name__ == "__main__":
    main()
