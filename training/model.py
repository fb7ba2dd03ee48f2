"""The network: one BERT encoder, the mean over its tokens, five linear heads (stored as one matrix)."""

import contextlib

import numpy as np
import torch
from torch import nn
from transformers import BertConfig, BertModel

from base import CONFIG
from labels import HEADS, N_LOGITS, slices
from recipes import Recipe

AT = slices()


def autocast():
    """bfloat16 where the processor computes in it, else plain fp32."""
    if "avx512_bf16" in open("/proc/cpuinfo").read():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


class Undertone(nn.Module):
    def __init__(self, config: BertConfig):
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.heads = nn.Linear(config.hidden_size, N_LOGITS)

    @classmethod
    def of(cls, recipe: Recipe) -> "Undertone":
        return cls(BertConfig(**CONFIG.to_dict() | {"num_hidden_layers": len(recipe.layers)}))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """ids, mask: [batch, seq] -> logits [batch, 40], fp32."""
        hidden = self.encoder(ids, mask).last_hidden_state.float()
        weight = mask.unsqueeze(-1).float()
        pooled = (hidden * weight).sum(1) / weight.sum(1)
        with torch.autocast("cpu", enabled=False):
            return self.heads(pooled)

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights as graph.build wants them: transformers' names for the encoder, `heads.weight`, `heads.bias`."""
        encoder = {name: value.numpy() for name, value in self.encoder.state_dict().items()}
        return encoder | {f"heads.{name}": value.numpy() for name, value in self.heads.state_dict().items()}


def targets(rows: list[dict]) -> dict[str, np.ndarray]:
    """head -> class index [rows], or 0/1 [rows, labels] for a multilabel head."""
    out = {}
    for head in HEADS:
        if head.kind == "multilabel":
            out[head.name] = np.array([[label in r[head.name] for label in head.labels] for r in rows], np.float32)
        else:
            out[head.name] = np.array([head.labels.index(r[head.name]) for r in rows])
    return out


def class_weights(classes: np.ndarray, n: int) -> torch.Tensor:
    """Inverse square root of the frequency, at most 3 times the mean, so that rare classes are heard."""
    weight = 1 / np.sqrt(np.bincount(classes, minlength=n) + 1)
    weight = np.minimum(weight / weight.mean(), 3)
    return torch.tensor(weight / np.average(weight[classes]), dtype=torch.float32)


def layers_of(state: dict[str, torch.Tensor], layers: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """An encoder's state with only these of its layers, renumbered."""
    out = {name: value for name, value in state.items() if "layer." not in name}
    for new, old in enumerate(layers):
        prefix = f"layer.{old}."
        out |= {n.replace(prefix, f"layer.{new}."): v for n, v in state.items() if f".{prefix}" in f".{n}"}
    return out


def loss(logits: torch.Tensor, truth: dict[str, torch.Tensor], weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross entropy for every head. Ordinal heads add the ranked probability score, which costs two steps more than one."""
    total = logits.new_zeros(())
    for head in HEADS:
        part, want = logits[:, AT[head.name]], truth[head.name]
        if head.kind == "multilabel":
            each = nn.functional.binary_cross_entropy_with_logits(part, want, reduction="none")
            total = total + each.sum(1).mean() / 2
            continue
        total = total + nn.functional.cross_entropy(part, want, weight=weights[head.name])
        if head.kind == "ordinal":
            have = part.softmax(1).cumsum(1)
            due = nn.functional.one_hot(want, part.shape[1]).cumsum(1)
            total = total + (have - due).square().sum(1).mean()
    return total


def soft_loss(logits: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """The same with the teacher's odds in the place of labels, unweighted."""
    total = logits.new_zeros(())
    for head in HEADS:
        part, want = logits[:, AT[head.name]], teacher[:, AT[head.name]]
        if head.kind == "multilabel":
            each = nn.functional.binary_cross_entropy_with_logits(part, want.sigmoid(), reduction="none")
            total = total + each.sum(1).mean() / 2
            continue
        want = want.softmax(1)
        total = total + nn.functional.cross_entropy(part, want)
        if head.kind == "ordinal":
            total = total + (part.softmax(1).cumsum(1) - want.cumsum(1)).square().sum(1).mean()
    return total
