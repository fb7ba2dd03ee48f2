"""Writes manifest.toml: what the worker must know of a model file."""

import hashlib
from pathlib import Path

from labels import HEADS, WINDOW_TOKENS


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def numbers(values) -> str:
    return "[" + ", ".join(f"{v:.4g}" for v in values) + "]"


def write(folder: Path, name: str, version: str, calibration: dict, languages=("en",), window=WINDOW_TOKENS) -> None:
    """`calibration`: head -> {"temperature": float, "cuts" or "thresholds": list}; hashes are of the files in `folder`."""
    lines = [
        "schema = 1",
        f'name = "{name}"',
        f'version = "{version}"',
        'licence = "Apache-2.0"',
        f"languages = [{', '.join(repr(code).replace(chr(39), chr(34)) for code in languages)}]",
        "",
        "[files]",
        'onnx = "model.onnx"',
        f'onnx_sha256 = "{sha256(folder / "model.onnx")}"',
        'tokenizer = "tokenizer.json"',
        f'tokenizer_sha256 = "{sha256(folder / "tokenizer.json")}"',
        "",
        "[inputs]",
        'input_ids = "input_ids"',
        'attention_mask = "attention_mask"',
        "pad_token_id = 0",
        f"max_tokens = {window}  # special tokens included",
        "",
        "[outputs]",
        'token_logits = "token_logits"',
    ]
    for head in HEADS:
        fit = calibration[head.name]
        lines += [
            "", "[[heads]]", f'name = "{head.name}"', f'output = "{head.name}"', f'kind = "{head.kind}"',
            "labels = [" + ", ".join(f'"{label}"' for label in head.labels) + "]",
            f"temperature = {fit['temperature']:.4f}",
        ]
        lines += [f"{key} = {numbers(fit[key])}" for key in ("cuts", "thresholds") if key in fit]
    (folder / "manifest.toml").write_text("\n".join(lines) + "\n")
