"""What is trained, in this order: which text it may read, where it starts, who teaches it, and whether it ships."""

from dataclasses import dataclass
from pathlib import Path

MODELS = Path(__file__).parent.parent / "models"


@dataclass(frozen=True)
class Recipe:
    sources: str  # whose labels: "permissive" or "all"; a pool of unlabelled text is permissive always
    start: str  # one of base.BASES, or the recipe whose end it starts from
    layers: tuple[int, ...]  # which of the start's encoder layers are kept
    epochs: tuple[int, ...]  # one cycle of warm-up and decay each
    ours: bool = False  # also reads messages.jsonl, which we wrote ourselves
    repeat: int = 1  # how often an epoch meets each labelled row; those of the pool it meets once
    taught: bool = False  # also learns the teacher's answers, on its own rows and on the pool
    ships: str | None = None  # folder in models/
    compared: bool = False  # only for the model card's table: run.sh --compare

    def destination(self, build: Path, name: str) -> Path:
        """Where its ONNX file goes. Only what has read nothing but permissive text may ship."""
        assert self.ships is None or self.sources == "permissive"
        return MODELS / self.ships if self.ships else build / name / "model"


ALL = tuple(range(12))
# Who teaches, and with which weight: the mean of their logits. Together they were better than either alone.
TEACHERS = {"everything": 0.7, "labels": 0.3}
RECIPES = {
    "labels": Recipe("permissive", "bge", ALL, (3, 2)),
    "everything": Recipe("all", "bge", ALL, (3,)),
    "small": Recipe("permissive", "labels", (0, 2, 4, 7, 9, 11), (2,), ours=True, repeat=2, taught=True, ships="undertone-small"),
    "fast": Recipe("permissive", "bge", (0,), (6,), taught=True, ships="undertone-fast"),
    "plain": Recipe("permissive", "labels", (0, 2, 4, 7, 9, 11), (3,), taught=True, compared=True),
    "e5": Recipe("permissive", "e5", ALL, (3,), compared=True),
    "minilm": Recipe("permissive", "minilm", ALL[:6], (3,), compared=True),
    "half": Recipe("permissive", "bge", (0, 2, 4, 7, 9, 11), (3,), compared=True),
    "third": Recipe("permissive", "labels", (0, 11), (3,), taught=True, compared=True),
}
