"""Fine-tunes one recipe's encoder and its five heads. Stopped, it goes on from its last checkpoint.

Trains in cycles, each with its own warm-up and decay, the next starting where the one before ended.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from base import BASES
from data import read
from labels import HEADS, MAX_TOKENS, SEED
from model import Undertone, autocast, class_weights, layers_of, loss, soft_loss, targets
from recipes import RECIPES

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


def cycle(options, number: int, start: dict | None, data: tuple) -> dict:
    """Trains one cycle from `start` (None: the base encoder and new heads); returns what it saved."""
    folder, recipe = options.build / options.recipe, RECIPES[options.recipe]
    done = folder / f"cycle{number}.pt"
    if done.exists():
        return torch.load(done)
    ids, lengths, truth, weights, teacher = data
    torch.manual_seed(SEED + number)
    model = Undertone.of(recipe)
    if start:
        model.load_state_dict(start)
    elif recipe.start in BASES:
        model.encoder.load_state_dict(layers_of(torch.load(options.build / f"base/{recipe.start}.pt"), recipe.layers))
    else:
        model.load_state_dict(layers_of(torch.load(options.build / recipe.start / "model.pt")["model"], recipe.layers))

    decayed = [p for p in model.encoder.parameters() if p.ndim > 1]
    plain = [p for p in model.encoder.parameters() if p.ndim == 1]
    optimiser = torch.optim.AdamW([
        {"params": decayed, "lr": options.rate, "weight_decay": 0.01},
        {"params": plain, "lr": options.rate, "weight_decay": 0.0},
        {"params": model.heads.parameters(), "lr": options.heads_rate, "weight_decay": 0.01}], fused=True)
    epochs = [10 * number + epoch for epoch in range(recipe.epochs[number])]
    labels = len(truth["urgency"])  # rows of the pool come after them
    order = np.concatenate([np.tile(np.arange(labels), recipe.repeat), np.arange(labels, len(lengths))])
    plan = [order[batch] for epoch in epochs for batch in batches(lengths[order], options.batch, epoch)]
    warm = max(1, len(plan) // 12)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (len(plan) - step) / (len(plan) - warm)))

    checkpoint, step, seconds = folder / "checkpoint.pt", 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        torch.set_rng_state(saved["random"])
        step, seconds = saved["step"], saved["seconds"]

    def save(path: Path, **more) -> dict:
        state = {"model": model.state_dict(), "step": step, "seconds": seconds + time.monotonic() - begun, **more}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
        return state

    begun, smooth = time.monotonic(), None
    model.train()
    bar = tqdm(plan[step:], initial=step, total=len(plan), desc=f"train, cycle {number}", mininterval=2)
    for batch in bar:
        with autocast():
            logits = model(*padded([ids[i] for i in batch]))
        value = logits.new_zeros(())
        labelled = batch < labels
        if labelled.any():
            value = value + loss(logits[labelled], {n: t[batch[labelled]] for n, t in truth.items()}, weights)
        if teacher is not None:
            value = value + soft_loss(logits, teacher[batch])
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        smooth = value.item() if smooth is None else 0.98 * smooth + 0.02 * value.item()
        bar.set_postfix(loss=f"{smooth:.3f}")
        step += 1
        if step % SAVE_EVERY == 0:
            save(checkpoint, optimiser=optimiser.state_dict(), schedule=schedule.state_dict(),
                 random=torch.get_rng_state())
    state = save(done)
    checkpoint.unlink(missing_ok=True)
    return state


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--recipe", choices=RECIPES, required=True)
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--rate", type=float, default=7e-5, help="peak learning rate of the encoder")
    arguments.add_argument("--heads-rate", type=float, default=1e-3, help="peak learning rate of the heads")
    options = arguments.parse_args()
    folder, recipe = options.build / options.recipe, RECIPES[options.recipe]
    if (folder / "model.pt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)

    texts = options.build / recipe.sources
    parts = ["train"] + ["ours"] * recipe.ours
    rows = [row for part in parts for row in read(texts / f"{part}.jsonl")]
    pool = read(texts / "pool.jsonl") if recipe.taught else []
    teacher = None
    if recipe.taught:
        teacher = torch.tensor(np.concatenate([np.load(texts / f"{part}.teacher.npy") for part in [*parts, "pool"]]))
    ids = encode(options.build / "base/tokenizer.json", [r["text"] for r in rows + pool])
    truth = targets(rows)
    weights = {h.name: class_weights(truth[h.name], len(h.labels)) for h in HEADS if h.kind != "multilabel"}
    tensors = {name: torch.tensor(value) for name, value in truth.items()}
    data = ids, np.array([len(i) for i in ids]), tensors, weights, teacher

    model, steps, seconds = None, 0, 0.0
    for number in range(len(recipe.epochs)):
        end = cycle(options, number, model, data)
        model, steps, seconds = end["model"], steps + end["step"], seconds + end["seconds"]
    torch.save({"model": model, "seconds": seconds, "steps": steps, "rows": len(rows), "pool": len(pool)}, folder / "model.pt")
    print(f"trained {steps} steps on {len(rows)} labelled rows and {len(pool)} others in {seconds:.0f} s")


if __name__ == "__main__":
    main()
