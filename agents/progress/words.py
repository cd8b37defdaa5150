"""What a model may word, and the sieve that its words go through.

The model sees finished sentences, each with a code, and may word them again under the same
codes. It sees no name, no title and no note, so nothing that a stranger typed can come back. A
sentence is kept if it is short and plain, names no numeral that its own template does not name,
and turns no fall into a rise; otherwise the template's stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents.progress import grounded
from agents.progress.report import Advice

LONGEST, SHORTEST = 240, 12

_PLAIN = re.compile(r"[^<>{}\[\]`*_#|\\@~^$=]*")
_UNWANTED = re.compile(
    r"\b(doctor|physician|diagnos\w*|medic\w*|prescri\w*|cure[sd]?|guarantee\w*|promise\w*|ignore"
    r"|instruction\w*|system|prompt|password|http\w*|www|click|certain(ly)?|definitely|cleared"
    r"|congratulations|goal reached|fast(ing)?|starv\w*|laxativ\w*|steroid\w*|supplement\w*)\b"
)
_NUMBER_WORDS = re.compile(
    r"\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|hundred|dozen|half|double|tomorrow|tonight)\b"
)
_DOWN = re.compile(r"\b(fall\w*|fell|los(e|es|ing|t)|drop\w*|declin\w*|down|decreas\w*)\b")
_UP = re.compile(r"\b(ris(e|es|ing)|rose|gain\w*|climb\w*|increas\w*|up)\b")


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
            text = None if item.code in seen else clean(item.text, template)
            if text is None:
                dropped["unfit sentence"] = dropped.get("unfit sentence", 0) + 1
            else:
                seen.add(item.code)
                kept.append(Sentence(code=item.code, text=text))
        notes = [f"sentences: {count} {why}" for why, count in dropped.items()]
        return ProgressWords(sentences=kept), notes


def question(
    status: str, insights: Sequence[Advice], advice: Sequence[Advice]
) -> tuple[World, dict[str, Any]]:
    """(the closed world, the data to send)."""
    templates = {
        **{f"insight:{item.code}:{index}": item.text for index, item in enumerate(insights)},
        **{f"advice:{item.code}": item.text for item in advice},
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


def clean(text: str, template: str) -> str | None:
    """`text` on one line if it may stand for `template`, else None."""
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    if not SHORTEST <= len(line) <= LONGEST or not _PLAIN.fullmatch(line):
        return None
    if any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "No", "Nl") for c in line):
        return None
    if any(c.isdigit() and not c.isascii() for c in line):
        return None
    if any(word.isupper() and len(word) > 3 for word in re.findall(r"[A-Za-z]+", line)):
        return None
    folded, plain = line.casefold(), template.casefold()
    if _UNWANTED.search(folded) or not _same_way(folded, plain):
        return None
    if any(word not in plain for word in _NUMBER_WORDS.findall(folded)):
        return None
    known = frozenset(float(number) for number in grounded.NUMERAL.findall(template))
    return None if grounded.ungrounded(line, known) else line


def _same_way(text: str, template: str) -> bool:
    """A template that tells of a fall alone is not worded as a rise alone, nor the reverse."""
    falls, rises = bool(_DOWN.search(template)), bool(_UP.search(template))
    if falls == rises:
        return True
    return not (_UP if falls else _DOWN).search(text)
