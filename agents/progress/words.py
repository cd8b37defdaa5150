"""What a model may word, and the sieve that its words go through.

The model sees finished sentences, each with a code, and may word them again under the same
codes. It sees no name, no title and no note, so nothing that a stranger typed can come back.

A warning and what to do about it are not worded again: haste, regain, a plateau, silence, how sure
a forecast is. Of the others a sentence is kept if it is short and plain and made of its template's
words and of a short list of friendly ones, none of which can turn a meaning round. Where figures
or a direction stand, all words of the template stay, in their order: a number keeps its unit, its
period and what it counts. Otherwise the template's sentence stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents.closed_world import plain_line
from agents.progress.report import Advice

LONGEST = 240

WORDABLE = frozenset(
    ("trend", "adherence", "milestone", "keep_going", "maintain", "praise_adherence",
     "choose_goal", "set_goal")
)  # fmt: skip
"""Codes that are offered: findings and advice whose meaning no friendly word can soften."""
_PRAISED = frozenset(("milestone", "keep_going", "maintain", "praise_adherence"))

_PLAIN = re.compile(r"[A-Za-z0-9 ,.:;!'()%\u2019]*")
_WORD = re.compile(r"[a-z]+(?:['\u2019][a-z]+)?|[0-9]+(?:[.,:][0-9]+)*|%")
_ARTICLES = frozenset(("a", "an", "the"))
# Says how something moves or how much of it there is, so nothing of it may be left out.
_EXACT = re.compile(
    r"[0-9]|\b(no|falls?|falling|rises?|rising|holds|beyond|one|two|three|four|five|six|seven|eight)\b"
)
NEUTRAL = (
    "also", "and", "are", "as", "at", "average", "been", "by", "currently", "far", "for", "has",
    "have", "here", "in", "is", "it", "its", "lately", "look", "looks", "measurements", "now",
    "of", "on", "our", "present", "readings", "recently", "right", "see", "show", "shows", "so",
    "still", "that", "this", "to", "we", "with", "you", "your",
)  # fmt: skip
PRAISE = (
    "done", "effort", "going", "good", "great", "keep", "kept", "lovely", "nice",
    "nicely", "pleasing", "proud", "small", "steady", "step", "steps", "thank", "thanks", "well",
    "work",
)  # fmt: skip


class Sentence(BaseModel):
    """One finding in the model's words."""

    model_config = ConfigDict(extra="forbid")

    code: str
    text: str


class ProgressWords(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid")

    sentences: list[Sentence] = Field(max_length=40)


@dataclass(frozen=True, slots=True)
class World:
    """The sentences that may be worded again, by a key of kind and code."""

    templates: Mapping[str, str]

    def repair(self, words: ProgressWords) -> tuple[ProgressWords, Sequence[str]]:
        """`words` without unknown codes and without sentences that may not be shown."""
        kept, seen = [], set()
        dropped: dict[str, int] = {}
        for item in words.sentences:
            template = self.templates.get(item.code)
            if template is None:
                dropped["unknown code"] = dropped.get("unknown code", 0) + 1
                continue
            praised = item.code.split(":")[1] in _PRAISED
            text = None if item.code in seen else clean(item.text, template, praised=praised)
            if text is None:
                dropped["unfit sentence"] = dropped.get("unfit sentence", 0) + 1
            else:
                seen.add(item.code)
                kept.append(Sentence(code=item.code, text=text))
        notes = [f"sentences: {count} {why}" for why, count in dropped.items()]
        return ProgressWords(sentences=kept), notes

    def check(self, words: ProgressWords) -> list[str]:
        """Why nothing of repaired `words` can be shown; empty if something can."""
        return [] if words.sentences else ["no sentence keeps all words of its `text`"]


def question(
    status: str, insights: Sequence[Advice], advice: Sequence[Advice]
) -> tuple[World, dict[str, Any]]:
    """(the closed world, the data to send). The world is empty where nothing may be worded."""
    templates = {
        **{
            f"insight:{item.code}:{index}": item.text
            for index, item in enumerate(insights)
            if item.code in WORDABLE
        },
        **{f"advice:{item.code}": item.text for item in advice if item.code in WORDABLE},
    }
    sentences = [{"code": code, "text": text} for code, text in templates.items()]
    return World(templates), {"status": status, "sentences": sentences}


def apply(
    words: ProgressWords | None, insights: Sequence[Advice], advice: Sequence[Advice]
) -> tuple[list[str], list[Advice]]:
    """(insights, recommendations) with the model's words where there are any."""
    texts = {item.code: item.text for item in words.sentences} if words else {}
    told = [
        texts.get(f"insight:{item.code}:{index}", item.text) for index, item in enumerate(insights)
    ]
    done = [
        Advice(code=item.code, text=texts.get(f"advice:{item.code}", item.text)) for item in advice
    ]
    return told, done


def clean(text: str, template: str, *, praised: bool) -> str | None:
    """`text` on one line if it may stand for `template`, else None.

    praised: whether what the template tells is good news, which may be called so.
    """
    line = plain_line(text, _PLAIN, LONGEST)
    if line is None:
        return None
    friendly = frozenset((*NEUTRAL, *PRAISE) if praised else NEUTRAL)
    told, said = _words(template), _words(line)
    if _EXACT.search(template.casefold()):
        return line if _holds(said, told, friendly) else None
    return line if friendly.union(told).issuperset(said) else None


def _words(text: str) -> list[str]:
    """Words and figures in their order, without articles."""
    return [word for word in _WORD.findall(text.casefold()) if word not in _ARTICLES]


def _holds(said: Sequence[str], told: Sequence[str], friendly: frozenset[str]) -> bool:
    """Whether `said` is `told`, word by word, with nothing but friendly words between."""
    place = 0
    for word in said:
        if place < len(told) and word == told[place]:
            place += 1
        elif word not in friendly:
            return False
    return place == len(told)
