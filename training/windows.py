"""Long texts as the worker scores them: in windows that overlap; the worst window decides urgency and signals."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from decide import AT, at_least, softmax
from export import score
from labels import WINDOW_TOKENS

OVERLAP = 16  # tokens, the worker's default


def windows(tokenizer_file: Path, texts: list[str]) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
    """ids of each window, the text it belongs to, and how many of its tokens no window before it had."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(WINDOW_TOKENS, stride=OVERLAP)
    tokenizer.no_padding()
    ids, owner, fresh = [], [], []
    for row, first in enumerate(tokenizer.encode_batch(texts)):
        for number, part in enumerate([first, *first.overflowing]):
            ids.append(part.ids)
            owner.append(row)
            fresh.append(max(1, len(part.ids) - 2 - (OVERLAP if number else 0)))
    return ids, np.array(owner), np.array(fresh)


def message_logits(logits: np.ndarray, owner: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Logits of windows [windows, 40] -> of texts [texts, 40]; src/model/scores.rs does the same."""
    out = np.zeros((owner.max() + 1, logits.shape[1]), np.float32)
    single = np.bincount(owner)[owner] == 1
    out[owner[single]] = logits[single]
    pressing = at_least(softmax(logits[:, AT["urgency"]])).sum(1)
    for row in np.unique(owner[~single]):
        mine = np.flatnonzero(owner == row)
        out[row] = np.average(logits[mine], axis=0, weights=fresh[mine])
        out[row, AT["urgency"]] = logits[mine[pressing[mine].argmax()], AT["urgency"]]
        out[row, AT["signals"]] = logits[mine][:, AT["signals"]].max(0)
    return out


def score_texts(model, tokenizer_file: Path, texts: list[str]) -> np.ndarray:
    """Logits [texts, 40] of an ONNX session."""
    ids, owner, fresh = windows(tokenizer_file, texts)
    return message_logits(score(model, ids), owner, fresh)
