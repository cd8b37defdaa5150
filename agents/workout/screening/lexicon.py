"""Finds where a text speaks of a health condition; whose it is and whether it holds comes later.

The words stand in `lexicon.toml`. A text becomes tokens with their place in the original, so that
every mention can be quoted verbatim. Matching forgives case, accents, hyphens and one typing error
in a long word: an index over the words with one letter left out finds the candidates, so a text
costs time in proportion to its length and not to the size of the lexicon.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_TYPO_LETTERS = 6
_GAP = frozenset({"~"})
_LONGEST_GAP = 3
_LONGEST_WORD = 30
# Text without any full stop is cut here, so that hostile texts cost no more than honest ones.
_LONGEST_SENTENCE = 80
STOPS = frozenset(".!?;\n•|")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?(?![^\W\d_])|[^\W_]+(?:['’][^\W\d_]+)*|[^\w\s]|\n")
_JOINED = re.compile(r"\w-\w")
COMMAS = frozenset(",:()[]/-–—")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or mark: its folded form, its place in the text, its sentence."""

    word: str
    start: int
    end: int
    sentence: int


@cache
def words(name: str) -> frozenset[str]:
    """A word list of the lexicon by name (`sides`, `negators` …), folded."""
    data = _data()
    return frozenset(data.get(name, data["scope"].get(name)).split())


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text("utf-8"))


def tokenise(text: str) -> tuple[Token, ...]:
    """The tokens of `text` in order; a hyphen inside a word separates without a mark."""
    tokens: list[Token] = []
    sentence = 0
    begun = 0
    for match in _TOKEN.finditer(text):
        word = _fold(match[0])
        if word in STOPS or len(tokens) - begun >= _LONGEST_SENTENCE:
            sentence += 1
            begun = len(tokens)
        if word == "-" and _JOINED.fullmatch(text, match.start() - 1, match.end() + 1):
            continue
        tokens.append(Token(word, match.start(), match.end(), sentence))
    return tuple(tokens)


@lru_cache(maxsize=8192)
def _fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c) and c not in "'’")


Phrase = tuple[frozenset[str], ...]


@cache
def _phrases(section: str) -> dict[str, tuple[Phrase, ...]]:
    return {
        code: tuple(tuple(_element(element) for element in phrase.split()) for phrase in phrases)
        for code, phrases in _data()[section].items()
    }


def _element(written: str) -> frozenset[str]:
    return words(written[1:]) if written.startswith("@") else frozenset(written.split("|"))


@cache
def _by_first_word(section: str) -> dict[str, tuple[tuple[str, Phrase], ...]]:
    """The phrases of a section, each with its code, under every word it may begin with."""
    index: dict[str, list[tuple[str, Phrase]]] = {}
    for code, phrases in _phrases(section).items():
        for phrase in phrases:
            for word in phrase[0]:
                index.setdefault(word, []).append((code, phrase))
    return {word: tuple(found) for word, found in index.items()}


@cache
def _vocabulary() -> frozenset[str]:
    """Every word that a mention may be made of."""
    return words("complaints") | {
        word
        for section in ("phrases", "signs", "no_signs", "parts", "excluded")
        for phrases in _phrases(section).values()
        for phrase in phrases
        for element in phrase
        for word in element
    }


@cache
def _by_shape() -> dict[str, frozenset[str]]:
    """Long words of the lexicon by themselves and by themselves with one letter left out."""
    index: dict[str, set[str]] = {}
    for word in _vocabulary():
        if len(word) >= _TYPO_LETTERS:
            for shape in _shapes(word):
                index.setdefault(shape, set()).add(word)
    return {shape: frozenset(found) for shape, found in index.items()}


def _shapes(word: str) -> Iterator[str]:
    yield word
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


@cache
def _five_letters() -> frozenset[str]:
    return frozenset(word for word in _vocabulary() if len(word) == _TYPO_LETTERS - 1)


@lru_cache(maxsize=16384)
def forms_of(word: str) -> frozenset[str]:
    """`word` and the lexicon's long words at most one typing error away from it."""
    if not _TYPO_LETTERS - 1 <= len(word) <= _LONGEST_WORD or word in words("real_words"):
        return frozenset({word})
    if len(word) == _TYPO_LETTERS - 1 and word not in _vocabulary():
        swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
        near = {
            known
            for known in words("short_typos")
            if (known[0], known[-1]) == (word[0], word[-1]) and _one_error(word, known)
        }
        return frozenset(swapped & _five_letters() | near | {word})
    index = _by_shape()
    if word in index.get(word, ()):
        return frozenset({word})
    near = {
        known
        for shape in _shapes(word)
        for known in index.get(shape, ())
        if _one_error(word, known)
    }
    return frozenset(near | {word})


def _one_error(one: str, other: str) -> bool:
    """Damerau-Levenshtein distance of at most 1."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(long) - len(short) == 1:
        return short[at:] == long[at + 1 :]
    if len(long) != len(short):
        return False
    swapped = short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or swapped == long[at:]


def find_phrases(
    section: str, tokens: Sequence[Token], forms: Sequence[frozenset[str]]
) -> Iterator[tuple[str, int, int]]:
    """Every phrase of `section` in `tokens`: its code, its first and last token."""
    index = _by_first_word(section)
    for first, near in enumerate(forms):
        begun = {entry for word in near for entry in index.get(word, ())}
        for code, phrase in begun:
            last = _follow(tokens, forms, phrase, first)
            if last is not None:
                yield code, first, last


def _follow(
    tokens: Sequence[Token], forms: Sequence[frozenset[str]], phrase: Phrase, first: int
) -> int | None:
    """The last token of `phrase` begun at `first`, all within one sentence, or None."""
    at = first
    slack = 0
    for element in phrase[1:]:
        if element == _GAP:
            slack = _LONGEST_GAP
            continue
        for step in range(1, slack + 2):
            place = at + step
            if place >= len(tokens) or tokens[place].sentence != tokens[first].sentence:
                return None
            if tokens[place].word in COMMAS:
                return None
            if not element.isdisjoint(forms[place]):
                at = place
                break
        else:
            return None
        slack = 0
    return at
