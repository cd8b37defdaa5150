"""Sentences as a model may write them about an exercise, labelled.

The good ones of `model_reasons.txt` grew in batches. Each batch was written first, by somebody who
did not look at the list of words, read once, and only then used to widen the list: the first
readings passed .12, .13, .50, .58, .65, .70, .77 and .60, so about two of three new sentences
stand even of a model that was never told the words. Which of them stay out, and why, is the list's
decision: "safely", "a full range of motion" and muscles that the catalogue does not name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelSentence:
    """One sentence about the exercise `key`, for a client with `goal`."""

    good: bool
    key: str
    goal: str
    text: str


def _read(block: str) -> tuple[ModelSentence, ...]:
    sentences = []
    for line in block.splitlines():
        if line and not line.startswith("#"):
            label, key, goal, text = line.split(" | ", 3)
            sentences.append(ModelSentence(label == "good", key, goal, text))
    return tuple(sentences)


_ALL = _read(Path(__file__).with_name("model_reasons.txt").read_text("utf-8"))
GOOD = tuple(sentence for sentence in _ALL if sentence.good)
BAD = tuple(sentence for sentence in _ALL if not sentence.good)
