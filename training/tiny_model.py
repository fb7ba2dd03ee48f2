"""Makes tests/fixtures/tiny-model: the shipped model's contract in a few kilobytes, with random weights.

One layer of 32 numbers over some 500 word pieces. Its answers mean nothing; they are the same on every machine,
which is what the worker's tests need. Run: python tiny_model.py
"""

import string
from pathlib import Path

import numpy as np
import onnx
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
    manifest.write(OUT, "tiny-model", "0.0.0", calibration)
    parity.write(OUT)


if __name__ == "__main__":
    main()
