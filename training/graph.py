"""Builds the ONNX graph straight from BERT weights (transformers' names), already fused for ONNX Runtime.

Inputs   input_ids, attention_mask: int64 [batch, seq]
Outputs  sentiment [batch, 5], urgency [batch, 4], emotions [batch, 8], topic [batch, 13], signals [batch, 10]:
         raw logits, fp32; token_logits [batch, seq, 40]: each token's share, such that the mean over the
         tokens with attention_mask = 1 is the heads' logits.

Storage is int8, arithmetic is fp32. A weight matrix [in, out] has one scale per output column and passes a
DequantizeLinear, which ONNX Runtime folds when it loads the model with `session.disable_quant_qdq=1`.
A word embedding has one scale per row and is dequantised after the Gather, so the table stays int8 in memory.
Nothing is computed in int8: activations have no scales, so a row cannot depend on its batch mates.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from labels import HEADS, N_LOGITS

ATTENTION, FUSED = "attention_mask", "com.microsoft"


def quantise(weight: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 with one fp32 scale per index of `axis`. weight ~ q * scale, |q| <= 127."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = np.maximum(np.abs(weight).max(axis=others), 1e-12) / 127
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    q = np.clip(np.rint(weight / scale.reshape(shape)), -127, 127)
    return q.astype(np.int8), scale.astype(np.float32)


class Graph:
    """Collects nodes and initialisers."""

    def __init__(self, int8: bool):
        self.nodes, self.constants, self.int8 = [], [], int8

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output + ":" + op, domain=domain, **attributes))
        return output

    def weight(self, name: str, value: np.ndarray) -> str:
        """A matrix [in, out], int8 per column where `int8` is asked for."""
        if not self.int8:
            return self.constant(name, value)
        q, scale = quantise(value, axis=1)
        inputs = [self.constant(name + "_int8", q), self.constant(name + "_scale", scale)]
        return self.node("DequantizeLinear", inputs, name, axis=1)

    def embed(self, name: str, ids: str, table: np.ndarray) -> str:
        """Rows [batch, seq, hidden] of `table` [vocabulary, hidden]."""
        if not self.int8:
            return self.node("Gather", [self.constant(name + "_table", table), ids], name)
        q, scale = quantise(table, axis=0)
        rows = self.node("Gather", [self.constant(name + "_int8", q), ids], name + "_rows")
        rows = self.node("Cast", [rows], name + "_fp32", to=TensorProto.FLOAT)
        scale = self.node("Gather", [self.constant(name + "_scale", scale[:, None]), ids], name + "_row_scale")
        return self.node("Mul", [rows, scale], name)


def build(state: dict[str, np.ndarray], layers: int, attention_heads: int, epsilon: float, int8: bool = True):
    """`state`: BertModel's weights as fp32 arrays plus `heads.weight` [40, hidden] and `heads.bias` [40]."""
    g = Graph(int8)
    word = g.embed("word", "input_ids", state["embeddings.word_embeddings.weight"])
    # The position's row and the row of token type 0 are one constant: there is only type 0.
    place = state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
    start, axis = g.constant("zero", np.array([0])), g.constant("one", np.array([1]))
    length = g.node("Shape", ["input_ids"], "length", start=1, end=2)
    place = g.node("Slice", [g.constant("positions", place), start, length, start], "position")
    x = g.node("Add", [word, place], "embedded")

    def norm(name: str, key: str) -> list[str]:
        return [g.constant(f"{name}_{part}", state[f"{key}.LayerNorm.{part}"]) for part in ("weight", "bias")]

    x = g.node("LayerNormalization", [x, *norm("norm", "embeddings")], "normed", axis=-1, epsilon=epsilon)
    mask = g.node("Cast", [ATTENTION], "mask_int32", to=TensorProto.INT32)

    for i in range(layers):
        key, name = f"encoder.layer.{i}.", f"layer{i}_"
        qkv = [f"{key}attention.self.{part}" for part in ("query", "key", "value")]
        weight = g.weight(name + "qkv_weight", np.concatenate([state[k + ".weight"].T for k in qkv], axis=1))
        bias = g.constant(name + "qkv_bias", np.concatenate([state[k + ".bias"] for k in qkv]))
        a = g.node("Attention", [x, weight, bias, mask], name + "attention", FUSED, num_heads=attention_heads)

        def dense(source: str, part: str, label: str) -> str:
            weight = g.weight(f"{name}{label}_weight", state[f"{key}{part}.dense.weight"].T)
            return g.node("MatMul", [source, weight], f"{name}{label}")

        def add_norm(source: str, skip: str, part: str, label: str) -> str:
            inputs = [source, skip, *norm(name + label, key + part)]
            inputs.append(g.constant(f"{name}{label}_dense_bias", state[f"{key}{part}.dense.bias"]))
            return g.node("SkipLayerNormalization", inputs, name + label, FUSED, epsilon=epsilon)

        x = add_norm(dense(a, "attention.output", "project"), x, "attention.output", "attended")
        bias = g.constant(name + "wide_bias", state[key + "intermediate.dense.bias"])
        h = g.node("BiasGelu", [dense(x, "intermediate", "wide"), bias], name + "gelu", FUSED)
        x = add_norm(dense(h, "output", "narrow"), x, "output", "out")

    # Heads on every token, then their mean: the same number as heads on the mean, as both are linear.
    weight = g.constant("heads_weight", state["heads.weight"].T)
    tokens = g.node("MatMul", [x, weight], "heads_product")
    tokens = g.node("Add", [tokens, g.constant("heads_bias", state["heads.bias"])], "token_logits")
    # The sum is a product with the mask, not a ReduceSum, whose order of adding depends on the batch's size.
    mask = g.node("Cast", [ATTENTION], "mask_fp32", to=TensorProto.FLOAT)
    row = g.node("Unsqueeze", [mask, axis], "mask_row")  # [batch, 1, seq]
    total = g.node("Squeeze", [g.node("MatMul", [row, tokens], "totals"), axis], "total")
    count = g.node("ReduceSum", [mask, axis], "count", keepdims=1)
    count = g.node("Max", [count, g.constant("at_least", np.array([1], np.float32))], "tokens")
    logits = g.node("Div", [total, count], "logits")
    sizes = g.constant("head_sizes", np.array([len(h.labels) for h in HEADS]))
    g.nodes.append(helper.make_node("Split", [logits, sizes], [h.name for h in HEADS], name="heads:Split", axis=1))

    def tensor(name: str, kind: int, *shape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        g.nodes, "undertone",
        [tensor(n, TensorProto.INT64, "batch", "seq") for n in ("input_ids", ATTENTION)],
        [*(tensor(h.name, TensorProto.FLOAT, "batch", len(h.labels)) for h in HEADS),
         tensor("token_logits", TensorProto.FLOAT, "batch", "seq", N_LOGITS)],
        g.constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="undertone-training")
    onnx.checker.check_model(model)
    return model


def session(model, quantised_arithmetic: bool = False, threads: int = 1):
    """An ONNX Runtime session as the worker opens it: one thread, DequantizeLinear folded at load."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not quantised_arithmetic:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    source = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
