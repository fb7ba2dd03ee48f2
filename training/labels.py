"""The model's contract: heads, their labels and their order. Everything else imports this."""

from dataclasses import dataclass

MAX_TOKENS = 256  # a training text is cut after so many, special tokens included
WINDOW_TOKENS = 96  # the worker's windows: as good on the dev sets as longer ones, and a short alarm is not diluted
SEED = 20240611


@dataclass(frozen=True)
class Head:
    name: str
    kind: str  # "ordinal" (softmax + cuts), "multiclass" (softmax) or "multilabel" (sigmoid + thresholds)
    labels: tuple[str, ...]


HEADS = (
    Head("sentiment", "ordinal", ("very_negative", "negative", "neutral", "positive", "very_positive")),
    Head("urgency", "ordinal", ("low", "normal", "high", "critical")),
    Head("emotions", "multilabel", (
        "anger", "frustration", "disappointment", "anxiety", "confusion", "sadness", "joy", "gratitude")),
    Head("topic", "multiclass", (
        "billing", "refund_return", "delivery", "account_access", "technical_fault", "outage", "order_booking",
        "cancellation", "product_question", "service_quality", "security_fraud", "feedback", "other")),
    Head("signals", "multilabel", (
        "human_request", "churn_threat", "public_threat", "legal_threat", "repeat_contact", "sensitive_financial",
        "sensitive_medical", "safety", "vulnerable", "no_reply_needed")),
)
N_LOGITS = sum(len(h.labels) for h in HEADS)  # 40


def slices() -> dict[str, slice]:
    """Where each head lies in the 40 concatenated logits."""
    out, at = {}, 0
    for head in HEADS:
        out[head.name] = slice(at, at + len(head.labels))
        at += len(head.labels)
    return out
