"""A plain consumer, as one would write it in an afternoon: read 32 messages, score them, write the
results, commit the offsets. The same ONNX file as the worker's; no transaction, no cleaning of the
text, no policy. Part of `make bench`."""

import argparse
import json
import signal

import numpy as np
import onnxruntime
from confluent_kafka import Consumer, Producer
from tokenizers import Tokenizer

BATCH = 32
MAX_TOKENS = 256
HEADS = {
    "sentiment": ["very_negative", "negative", "neutral", "positive", "very_positive"],
    "urgency": ["low", "normal", "high", "critical"],
}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--bootstrap", required=True)
    arguments.add_argument("--group", required=True)
    arguments.add_argument("--output", required=True)
    arguments.add_argument("--onnx", required=True)
    arguments.add_argument("--tokenizer", required=True)
    arguments.add_argument("topics", nargs="+")
    options = arguments.parse_args()

    tokenizer = Tokenizer.from_file(options.tokenizer)
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(options.onnx, providers=["CPUExecutionProvider"])
    consumer = Consumer(
        {
            "bootstrap.servers": options.bootstrap,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer({"bootstrap.servers": options.bootstrap})
    consumer.subscribe(options.topics)
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)

    while running:
        messages = [message for message in consumer.consume(BATCH, timeout=0.1) if not message.error()]
        if not messages:
            continue
        values = [json.loads(message.value()) for message in messages]
        texts = ["\n".join(part for part in (value.get("subject"), value["text"]) if part) for value in values]
        encodings = tokenizer.encode_batch(texts)
        inputs = {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
        }
        outputs = dict(zip(HEADS, session.run(list(HEADS), inputs)))
        for row, (message, value) in enumerate(zip(messages, values)):
            result = {"id": value["id"], "channel": message.topic().rsplit(".", 1)[-1]}
            for head, labels in HEADS.items():
                logits = outputs[head][row]
                probabilities = np.exp(logits - logits.max())
                probabilities /= probabilities.sum()
                result[head] = {
                    "label": labels[int(probabilities.argmax())],
                    "probabilities": [round(float(probability), 4) for probability in probabilities],
                }
            producer.produce(options.output, key=message.key(), value=json.dumps(result))
        producer.flush()
        consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
