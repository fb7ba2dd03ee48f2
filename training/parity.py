"""Writes parity.jsonl: texts, their token ids and the shipped file's logits, for the worker's own parity test."""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from graph import session
from labels import HEADS, WINDOW_TOKENS

TEXTS = (
    "Thanks!",
    "Where is my parcel? It was due on Tuesday.",
    "Subject line only\nThe body comes after one line break.",
    "I have written THREE times and nobody answers. Cancel my contract, I will tell everyone!!!",
    "Someone is emptying my account right now, please block my card immediately",
    "Hallo, seit gestern geht bei uns das Internet nicht mehr. Können Sie bitte prüfen, woran das liegt?",
    "Bonjour, j'ai été débité deux fois pour la même commande, c'est inadmissible.",
    "¿Me pueden decir a qué hora abre la tienda mañana?",
    "Il corriere ha lasciato il pacco sotto la pioggia, sono molto delusa.",
    "Obrigado pela ajuda, foi perfeito! 😊",
    "De app loopt steeds vast bij het inloggen :(",
    "配達はいつですか？",
    "Dear team,\n\nmy mother is 84 and alone at home, her alarm pendant has shown a red light since this morning and your "
    "hotline drops the call after ten minutes of music. The light stays red. Please tell me today who can come, as I "
    "am two hundred kilometres away and cannot leave before Friday.\n\nRegards,\nAda",
)


def write(folder: Path, window: int = WINDOW_TOKENS) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = session(str(folder / "model.onnx"))
    names = [h.name for h in HEADS]
    with open(folder / "parity.jsonl", "w") as out:
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            assert len(ids) <= window
            feed = np.array([ids], np.int64)
            logits = model.run(names, {"input_ids": feed, "attention_mask": np.ones_like(feed)})
            row = {"text": text, "ids": ids}
            row |= {name: [round(float(v), 6) for v in value[0]] for name, value in zip(names, logits)}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
