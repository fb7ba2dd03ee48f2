"""Measures what the worker relies on: repeatability, padding, speed on one thread, memory. Writes checks.json."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from data import read
from export import score
from graph import session
from labels import HEADS
from recipes import RECIPES
from train import encode, padded

NAMES = [h.name for h in HEADS]


def run(model, tokens: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.concatenate(model.run(NAMES, {"input_ids": tokens, "attention_mask": mask}), axis=1)


def repeatability(model, ids: list[list[int]]) -> dict:
    """Largest differences of a row's logits: alone or among others, padded little or much, mean of token logits."""
    company = padding = pooling = 0.0
    for at in range(0, len(ids), 8):
        tokens, mask = (t.numpy() for t in padded(ids[at:at + 8]))
        together = run(model, tokens, mask)
        shares = model.run(["token_logits"], {"input_ids": tokens, "attention_mask": mask})[0]
        mean = (shares * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        pooling = max(pooling, np.abs(mean - together).max())
        for i in range(len(tokens)):
            company = max(company, np.abs(run(model, tokens[i:i + 1], mask[i:i + 1]) - together[i]).max())
            bare = np.array([ids[at + i]])
            padding = max(padding, np.abs(run(model, bare, np.ones_like(bare)) - together[i]).max())
    return {"alone_or_in_batch": float(company), "unpadded_or_padded": float(padding), "token_mean": float(pooling)}


def speed(model, ids: list[list[int]]) -> float:
    """Messages a second, best of three."""
    best = 0.0
    for _ in range(3):
        begun = time.perf_counter()
        score(model, ids)
        best = max(best, len(ids) / (time.perf_counter() - begun))
    return round(best, 1)


def memory(path: Path, sessions: int, ids: list[list[int]]) -> float:
    """Resident MiB that so many sessions add to a fresh process, after scoring some texts on each."""
    code = """if True:
        import json, sys
        from graph import session
        from export import score
        def resident():
            return int(next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1]) / 1024
        ids = json.load(sys.stdin); import onnxruntime
        before = resident()
        held = [session(sys.argv[1]) for _ in range(int(sys.argv[2]))]
        for one in held: score(one, ids)
        print(resident() - before)"""
    done = subprocess.run([sys.executable, "-c", code, str(path), str(sessions)], input=json.dumps(ids),
                          capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return round(float(done.stdout), 1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--recipe", choices=RECIPES, required=True)
    options = arguments.parse_args()
    recipe, folder = RECIPES[options.recipe], options.build / options.recipe
    out = recipe.destination(options.build, options.recipe)
    int8, fp32 = (out / "model.onnx").resolve(), (folder / "model-fp32.onnx").resolve()
    ids = encode(out / "tokenizer.json", [r["text"] for r in read(options.build / recipe.sources / "labelled-dev.jsonl")])

    checks = repeatability(session(str(int8)), ids[:200])
    assert checks["alone_or_in_batch"] < 1e-4 and checks["unpadded_or_padded"] < 1e-4 and checks["token_mean"] < 1e-4
    checks["tokens_per_message"] = round(float(np.mean([len(i) for i in ids[:200]])), 1)
    checks["resident_mib"] = {f"{name}, {n} session{'s' * (n > 1)}": memory(path, n, ids[:64])
                              for name, path in (("int8 storage", int8), ("fp32 storage", fp32)) for n in (1, 2)}
    checks["bytes"] = {f.name: f.stat().st_size for f in sorted(out.iterdir())}
    print(json.dumps(checks, indent=1))
    (folder / "checks.json").write_text(json.dumps(checks, indent=1))


if __name__ == "__main__":
    main()
