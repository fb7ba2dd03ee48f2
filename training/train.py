"""Fine-tunes the encoder and its five heads. Stopped, it goes on from its last checkpoint."""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from base import CONFIG
from data import read
from labels import HEADS, MAX_TOKENS, SEED
from model import Undertone, autocast, class_weights, loss, targets

SAVE_EVERY = 100  # steps


def encode(tokenizer_file: Path, texts: list[str]) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return [e.ids for e in tokenizer.encode_batch(texts)]


def padded(ids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """ids, mask: [batch, longest], padded with 0."""
    out = torch.zeros(len(ids), max(map(len, ids)), dtype=torch.long)
    mask = torch.zeros_like(out)
    for row, tokens in enumerate(ids):
        out[row, :len(tokens)] = torch.tensor(tokens)
        mask[row, :len(tokens)] = 1
    return out, mask


def batches(lengths: np.ndarray, size: int, epoch: int) -> list[np.ndarray]:
    """Shuffled, but of similar length within a batch: sorted within pools of 32 batches, batches shuffled again."""
    random = np.random.default_rng((SEED, epoch))
    order = random.permutation(len(lengths))
    out = []
    for pool in np.split(order, range(size * 32, len(order), size * 32)):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        out += np.split(pool, range(size, len(pool), size))
    random.shuffle(out)
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--sources", choices=("permissive", "all"), default="permissive")
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--rate", type=float, default=7e-5, help="peak learning rate of the encoder")
    arguments.add_argument("--heads-rate", type=float, default=1e-3, help="peak learning rate of the heads")
    options = arguments.parse_args()
    folder = options.build / options.sources
    if (folder / "model.pt").exists():
        return

    torch.manual_seed(SEED)
    rows = read(folder / "train.jsonl")
    ids = encode(options.build / "base/tokenizer.json", [r["text"] for r in rows])
    lengths = np.array([len(i) for i in ids])
    truth = targets(rows)
    weights = {h.name: class_weights(truth[h.name], len(h.labels)) for h in HEADS if h.kind != "multilabel"}
    truth = {name: torch.tensor(value) for name, value in truth.items()}

    model = Undertone(CONFIG)
    model.encoder.load_state_dict(torch.load(options.build / "base/encoder.pt"))
    decayed = [p for p in model.encoder.parameters() if p.ndim > 1]
    plain = [p for p in model.encoder.parameters() if p.ndim == 1]
    optimiser = torch.optim.AdamW([
        {"params": decayed, "lr": options.rate, "weight_decay": 0.01},
        {"params": plain, "lr": options.rate, "weight_decay": 0.0},
        {"params": model.heads.parameters(), "lr": options.heads_rate, "weight_decay": 0.01}], fused=True)
    steps = options.epochs * math.ceil(len(rows) / options.batch)
    warm = steps // 12
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm)))

    checkpoint, step, seconds = folder / "checkpoint.pt", 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        torch.set_rng_state(saved["random"])
        step, seconds = saved["step"], saved["seconds"]

    def save() -> None:
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(),
                 "random": torch.get_rng_state(), "step": step, "seconds": seconds + time.monotonic() - begun}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").rename(checkpoint)

    begun = time.monotonic()
    plan = [batch for epoch in range(options.epochs) for batch in batches(lengths, options.batch, epoch)]
    model.train()
    smooth = None
    bar = tqdm(plan[step:], initial=step, total=len(plan), desc="train", mininterval=2)
    for batch in bar:
        with autocast():
            logits = model(*padded([ids[i] for i in batch]))
        value = loss(logits, {name: t[batch] for name, t in truth.items()}, weights)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        smooth = value.item() if smooth is None else 0.98 * smooth + 0.02 * value.item()
        bar.set_postfix(loss=f"{smooth:.3f}")
        step += 1
        if step % SAVE_EVERY == 0:
            save()
    save()
    seconds += time.monotonic() - begun
    torch.save({"model": model.state_dict(), "seconds": seconds, "steps": step, "rows": len(rows)}, folder / "model.pt")
    checkpoint.unlink()
    print(f"trained {step} steps on {len(rows)} rows in {seconds:.0f} s")


if __name__ == "__main__":
    main()
