"""Makes tests/fixtures/tiny-model: the shipped model's contract in a few kilobytes, with random weights.

One layer of 32 numbers over some 500 word pieces. Its answers mean nothing; they are the same on every machine,
which is what the worker's tests need. Run: python tiny_model.py

`python tiny_model.py --sentiment-only` makes tests/fixtures/sentiment-only instead: a foreign classifier with three
classes and no other head, which counts good and bad words.
"""

import string
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import manifest
import parity
from graph import build
from labels import HEADS, MAX_TOKENS, N_LOGITS, SEED

OUT = Path(__file__).parent.parent / "tests/fixtures/tiny-model"
HIDDEN, WIDE = 32, 64
WORDS = """the and to of is it my in for you not on that with have this was be are but me no your so can we as at all
just get out up will what when do how why who where please thanks thank help now today tomorrow yesterday still again
never always very good bad great worst best love hate hello hi dear team regards account order delivery parcel refund
return charge charged payment paid bill card bank money fraud stolen hacked password login app phone internet down
outage service support agent manager call email chat answer waiting hours days week late delayed flight bag hotel
booking cancel contract lawyer court police doctor sick danger fire gas child mother urgent immediately broken error
crash problem issue question price offer product store angry disappointed sad happy scared confused""".split()
PIECES = "ing ed er est ly s es t d n ion tion ment able less ness ful ity al ous ive an en in on or ar at it le re".split()


def tokenizer() -> Tokenizer:
    characters = [c for c in string.ascii_lowercase + string.digits + string.punctuation] + list("äöüßéèêàçñõíóú€£👍😊")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *("##" + c for c in characters)]
    vocabulary += WORDS + ["##" + piece for piece in PIECES]
    ids = {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    made.decoder = decoders.WordPiece()
    return made


def weights(vocabulary: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(SEED)

    def matrix(*shape, scale=0.2):
        return random.normal(0, scale, shape).astype(np.float32)

    state = {
        "embeddings.word_embeddings.weight": matrix(vocabulary, HIDDEN, scale=1),
        "embeddings.position_embeddings.weight": matrix(MAX_TOKENS, HIDDEN),
        "embeddings.token_type_embeddings.weight": matrix(2, HIDDEN),
        "heads.weight": matrix(N_LOGITS, HIDDEN, scale=0.6),
        "heads.bias": matrix(N_LOGITS, scale=0.3),
    }
    layer = "encoder.layer.0."
    shapes = {"attention.self.query": (HIDDEN, HIDDEN), "attention.self.key": (HIDDEN, HIDDEN),
              "attention.self.value": (HIDDEN, HIDDEN), "attention.output.dense": (HIDDEN, HIDDEN),
              "intermediate.dense": (WIDE, HIDDEN), "output.dense": (HIDDEN, WIDE)}
    for part, shape in shapes.items():
        state |= {f"{layer}{part}.weight": matrix(*shape), f"{layer}{part}.bias": matrix(shape[0])}
    for part in ("embeddings", layer + "attention.output", layer + "output"):
        state |= {f"{part}.LayerNorm.weight": np.ones(HIDDEN, np.float32), f"{part}.LayerNorm.bias": matrix(HIDDEN)}
    return state


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    words = tokenizer()
    words.save(str(OUT / "tokenizer.json"), pretty=False)
    onnx.save(build(weights(words.get_vocab_size()), layers=1, attention_heads=2, epsilon=1e-12), OUT / "model.onnx")
    calibration = {head.name: {"temperature": 1.0} for head in HEADS}
    for head in HEADS:
        if head.kind == "ordinal":
            calibration[head.name]["cuts"] = [0.5] * (len(head.labels) - 1)
        elif head.kind == "multilabel":
            calibration[head.name]["thresholds"] = [0.5] * len(head.labels)
    manifest.write(OUT, "tiny-model", "0.0.0", calibration, window=MAX_TOKENS)
    parity.write(OUT, MAX_TOKENS)


GOOD = "thanks thank good great best love happy help".split()
BAD = "bad worst hate stolen hacked outage late broken error crash problem issue angry disappointed sad scared".split()
SENTIMENT_ONLY = OUT.parent / "sentiment-only"
# Named as an export of a Hugging Face classifier names them; token types are read and do nothing.
SENTIMENT_MANIFEST = """schema = 1
name = "sentiment-only"
version = "0.0.0"
licence = "Apache-2.0"
languages = ["en"]

[files]
onnx = "model.onnx"
onnx_sha256 = "{onnx}"
tokenizer = "tokenizer.json"
tokenizer_sha256 = "{tokenizer}"

[inputs]
input_ids = "input_ids"
attention_mask = "attention_mask"
token_type_ids = "token_type_ids"
pad_token_id = 0
max_tokens = 128

[[heads]]
name = "sentiment"
output = "logits"
kind = "ordinal"
labels = ["negative", "neutral", "positive"]
"""


def sentiment_only() -> None:
    """Logits = a row for each token, summed: 4 for a good or a bad word, 2 for neutral from [CLS]."""
    SENTIMENT_ONLY.mkdir(parents=True, exist_ok=True)
    words = tokenizer()
    words.save(str(SENTIMENT_ONLY / "tokenizer.json"), pretty=False)
    table = np.zeros((words.get_vocab_size(), 3), np.float32)
    table[words.token_to_id("[CLS]"), 1] = 2
    for column, group in ((0, BAD), (2, GOOD)):
        table[[words.token_to_id(word) for word in group], column] = 4
    names = ["input_ids", "attention_mask", "token_type_ids"]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Gather", ["types", "token_type_ids"], ["type_rows"]),
        helper.make_node("Add", ["rows", "type_rows"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "axis"], ["mask_row"]),
        helper.make_node("MatMul", ["mask_row", "tokens"], ["sums"]),
        helper.make_node("Squeeze", ["sums", "axis"], ["logits"]),
    ]
    constants = {"table": table, "types": np.zeros((2, 3), np.float32), "axis": np.array([1])}
    graph = helper.make_graph(
        nodes, "sentiment_only",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ("batch", "seq")) for name in names],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("batch", 3))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, SENTIMENT_ONLY / "model.onnx")
    hashes = {name: manifest.sha256(SENTIMENT_ONLY / file)
              for name, file in (("onnx", "model.onnx"), ("tokenizer", "tokenizer.json"))}
    (SENTIMENT_ONLY / "manifest.toml").write_text(SENTIMENT_MANIFEST.format(**hashes))


if __name__ == "__main__":
    sentiment_only() if sys.argv[1:] == ["--sentiment-only"] else main()
