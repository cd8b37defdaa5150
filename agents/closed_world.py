"""Sentences of a closed world: one plain line, made of listed words, that commands nothing.

A list of bad words never ends: what a model may say beside a prescription or a proposed time is
listed instead, and any other word is refused. Each agent has its own list and says first which
phrases are facts of its subject; a fact reads like "it" from there on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FACT = " it "
"""What stands for a phrase that was found to be true of the subject."""

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[^\s]")
_CLAUSE = re.compile(r"[.!;:]")
_SHORTEST = 12
# A bare verb behind one of these tells what somebody or something does.
_LEADS = frozenset(("you", "to", "that", "help", "helps", "helping"))
# What could be a command begins a sentence, or stands behind one of these.
_BEGIN = frozenset(("", "so"))


def plain_line(text: str, letters: re.Pattern[str], longest: int) -> str | None:
    """`text` on one line; None if it is too short, longer than `longest` characters, shouts in
    capitals, or holds anything but `letters`."""
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    if not _SHORTEST <= len(line) <= longest or not letters.fullmatch(line):
        return None
    if any(word.isupper() and len(word) > 3 for word in re.findall(r"[A-Za-z]+", line)):
        return None
    return line


def folded(line: str) -> str:
    """`line` in lower case, with one kind of apostrophe."""
    return line.casefold().replace("\u2019", "'")


def stand_in(text: str, phrases: Iterable[str], word: str) -> str:
    """Folded `text` with `word` in the place of each of `phrases`, the longest first."""
    longest = sorted(phrases, key=len, reverse=True)
    if not longest:
        return text
    return re.sub(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])", word, text)


def clauses(text: str) -> list[str]:
    """The statements of `text`: what stands between its full stops, colons and semicolons."""
    return _CLAUSE.split(text)


def listed(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


def third(verb: str) -> str:
    """builds, teaches, focuses."""
    return f"{verb}es" if verb.endswith(("ch", "sh", "ss", "us", "x")) else f"{verb}s"


def ing(verb: str) -> str:
    """building, using, getting."""
    if verb.endswith("e") and not verb.endswith("ee"):
        return f"{verb[:-1]}ing"
    doubled = verb in ("fit", "get", "let", "begin", "put", "control")
    return f"{verb}{verb[-1]}ing" if doubled else f"{verb}ing"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """free: words that may stand anywhere, at the head of a sentence only if they are no verbs.
    nouns: words that would command there and behind a comma. verbs: bare forms, that stand behind
    "you", "to", "that" or "help", or joined to one that does."""

    free: frozenset[str]
    nouns: frozenset[str]
    verbs: frozenset[str]

    def words(self) -> tuple[str, ...]:
        """All of them, for the question to the model."""
        return tuple(sorted(self.free | self.nouns | self.verbs))

    def admits(self, clause: str) -> bool:
        """Whether a folded `clause` is made of these words and commands nothing."""
        led, before = False, ""
        for word in _tokens(clause):
            follows = before in _LEADS or (led and before == "and")
            heads = before in _BEGIN
            if word == "," or (word in self.free and not (heads and word in self.verbs)):
                pass
            elif word in self.verbs and follows:
                led = True
            elif word not in self.nouns or heads or before == ",":
                return False
            # "Simply push" is as much of a command as "push".
            if not (word.endswith("ly") and word in self.free):
                before = word
        return True


def _tokens(clause: str) -> Iterator[str]:
    """Words and commas; a comma begins a part that could command."""
    for part in _WORD.findall(clause):
        yield "," if part in "()'\"-\u2013" else part
