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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_TYPO_LETTERS = 6
_GAP = frozenset({"~"})
_LONGEST_GAP = 3
_PAIR_DISTANCE = 5
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


@dataclass(frozen=True, slots=True)
class Mention:
    """A condition named by tokens `first` to `last` inclusive.

    anchors: where its parts begin, for looking left. bare: a body part without any complaint.
    """

    code: str
    first: int
    last: int
    anchors: tuple[int, ...]
    bare: bool = False


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
    for match in _TOKEN.finditer(text):
        word = _fold(match[0])
        if word in STOPS:
            sentence += 1
        elif word == "-" and _JOINED.fullmatch(text, match.start() - 1, match.end() + 1):
            continue
        tokens.append(Token(word, match.start(), match.end(), sentence))
    return tuple(tokens)


@lru_cache(maxsize=8192)
def _fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c) and c not in "'’")


def find_mentions(tokens: Sequence[Token], *, declared: bool) -> tuple[Mention, ...]:
    """Every mention in `tokens`, in order of place.

    declared: the text stands in a field that asks for health problems, so that a body part alone
    is a complaint.
    """
    forms = [_forms(token.word) for token in tokens]
    found = [
        Mention(code, first, last, (first,))
        for code, phrases in _phrases("phrases").items()
        for first, last in _matches(tokens, forms, phrases)
    ]
    found.extend(_complaints(tokens, forms, declared=declared))
    for code, phrases in _phrases("excluded").items():
        for first, last in _matches(tokens, forms, phrases):
            found = [m for m in found if m.code != code or m.last < first or m.first > last]
    return tuple(sorted(set(found), key=lambda m: (m.first, m.last, m.code)))


Phrase = tuple[frozenset[str], ...]


@cache
def _phrases(section: str) -> dict[str, tuple[Phrase, ...]]:
    return {
        code: tuple(
            tuple(frozenset(word.split("|")) for word in phrase.split()) for phrase in phrases
        )
        for code, phrases in _data()[section].items()
    }


@cache
def _vocabulary() -> frozenset[str]:
    """Every word that a mention may be made of."""
    return words("complaints") | {
        word
        for section in ("phrases", "parts", "excluded")
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
def _forms(word: str) -> frozenset[str]:
    """`word` and the lexicon's long words at most one typing error away from it."""
    if len(word) < _TYPO_LETTERS - 1 or word in words("real_words"):
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


def _matches(
    tokens: Sequence[Token], forms: Sequence[frozenset[str]], phrases: Iterable[Phrase]
) -> Iterator[tuple[int, int]]:
    for phrase in phrases:
        for first in range(len(tokens)):
            if not phrase[0].isdisjoint(forms[first]):
                last = _follow(tokens, forms, phrase, first)
                if last is not None:
                    yield first, last


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


@dataclass(frozen=True, slots=True)
class _Part:
    code: str
    first: int
    last: int


def _complaints(
    tokens: Sequence[Token], forms: Sequence[frozenset[str]], *, declared: bool
) -> Iterator[Mention]:
    """Body parts joined with the words of complaint that belong to them."""
    parts = _parts(tokens, forms)
    unmended = {i for i in range(len(tokens)) if _unmended(tokens, i)}
    hurting = [
        i
        for i, near in enumerate(forms)
        if i in unmended or not words("complaints").isdisjoint(near)
    ]
    paired: set[_Part] = set()
    for at in hurting:
        if _training_soreness(tokens, at):
            continue
        for part in _parts_of(tokens, parts, hurting, at):
            paired.add(part)
            first, last = min(part.first, at), max(part.last, at)
            anchors = (part.first,) if at in unmended else (part.first, at)
            yield Mention(part.code, first, last, anchors)
    for part in parts:
        if part not in paired and _blamed(tokens, part):
            paired.add(part)
            yield Mention(part.code, part.first, part.last, (part.first,))
    if declared:
        for part in parts:
            after = tokens[part.last + 1 : part.last + 4]
            before = tokens[part.first - 1].word if part.first else ""
            if before in ("in", "of", "en", "de", "del", "la", "the") and part.first > 2:
                continue
            if part not in paired and words("positive").isdisjoint(t.word for t in after):
                yield Mention(part.code, part.first, part.last, (part.first,), bare=True)


def _parts(tokens: Sequence[Token], forms: Sequence[frozenset[str]]) -> list[_Part]:
    found = []
    for code, phrases in _phrases("parts").items():
        for first, last in _matches(tokens, forms, phrases):
            after = tokens[last + 1].word if last + 1 < len(tokens) else ""
            before = tokens[first - 1].word if first else ""
            if after in words("not_a_part"):
                continue
            adverb = before in words("back_after") or after in words("back_before")
            if first == last and tokens[first].word == "back" and (adverb or before == "upper"):
                continue
            found.append(_Part(code, first, last))
    # "lower back" and the "back" inside it are one part.
    inner = {
        p for p in found for q in found
        if p != q and p.code == q.code and q.first <= p.first and p.last <= q.last
    }  # fmt: skip
    return sorted((p for p in found if p not in inner), key=lambda p: (p.first, p.code))


def _blamed(tokens: Sequence[Token], part: _Part) -> bool:
    """Whether something is done or left because of the part: "no jumps due to her knee"."""
    for i in range(part.first - 1, max(-1, part.first - 5), -1):
        word, before = tokens[i].word, tokens[i - 1].word if i else ""
        if word == "por":
            return tokens[i + 1].word in ("la", "el", "las", "los", "su", "sus", "mi")
        if (before, word) in (("because", "of"), ("due", "to")):
            return True
        if word not in words("sides"):
            return False
    return False


def _unmended(tokens: Sequence[Token], at: int) -> bool:
    """Whether the word at `at` tells of a healing that has not happened: "isn't healed"."""
    word, before = tokens[at].word, [token.word for token in tokens[max(0, at - 3) : at]]
    if word in words("liked"):
        return not {"not", "doesnt", "dont", "didnt", "no"}.isdisjoint(before)
    return word in words("mended") and not words("unfinished").isdisjoint(before)


def _training_soreness(tokens: Sequence[Token], at: int) -> bool:
    """Whether "sore" at `at` is put down to training: muscles after work, no complaint."""
    if tokens[at].word not in ("sore", "soreness", "stiff", "ache", "aching"):
        return False
    ahead = [t.word for t in tokens[at + 1 : at + 8] if t.sentence == tokens[at].sentence]
    reason = next(
        (i for i, word in enumerate(ahead) if word in ("from", "after", "de", "por")), None
    )
    return reason is not None and not words("causes_soreness").isdisjoint(ahead[reason + 1 :])


def _parts_of(
    tokens: Sequence[Token], parts: Sequence[_Part], hurting: Sequence[int], at: int
) -> Iterator[_Part]:
    """The body parts that the word of complaint at `at` is about.

    To the right over small words only ("pain in the left knee"), else to the left over at most
    five words without a comma, another complaint or a word of well-being ("my knee really hurts").
    Parts in a row ("knee, hip and ankle") share the complaint.
    """
    right = None
    if tokens[at].word not in words("liked"):
        right = next(
            (p for p in parts if p.first > at and _only_sides(tokens, at + 1, p.first)), None
        )
    left = next(
        (p for p in reversed(parts) if p.last < at and _reaches(tokens, hurting, p, at)), None
    )
    if left is None and right is None and tokens[at].word in words("aches"):
        left = _subject(tokens, parts, at)
    if right is not None:
        yield from _row(tokens, parts, right, step=1)
    if left is not None and (right is None or at - left.last == 1):
        yield from _row(tokens, parts, left, step=-1)
    for part in parts:
        if part.first <= at <= part.last:
            yield part


def _subject(tokens: Sequence[Token], parts: Sequence[_Part], at: int) -> _Part | None:
    """The last body part before a verb without one: "the knee is better, hardly hurts"."""
    here = tokens[at].sentence
    return next(
        (p for p in reversed(parts) if p.last < at and tokens[p.first].sentence == here), None
    )


def _only_sides(tokens: Sequence[Token], first: int, last: int) -> bool:
    return last - first <= _PAIR_DISTANCE and all(
        tokens[i].word in words("sides") for i in range(first, last)
    )


def _reaches(tokens: Sequence[Token], hurting: Sequence[int], part: _Part, at: int) -> bool:
    between = range(part.last + 1, at)
    return (
        tokens[part.first].sentence == tokens[at].sentence
        and len(between) <= _PAIR_DISTANCE
        and not any(
            i in hurting
            or tokens[i].word in COMMAS
            or tokens[i].word in words("positive")
            or tokens[i].word in words("turns")
            for i in between
        )
    )


def _row(
    tokens: Sequence[Token], parts: Sequence[_Part], start: _Part, *, step: int
) -> Iterator[_Part]:
    """`start` and the parts that follow (or precede) it with nothing but small words between."""
    yield start
    order = sorted((p for p in parts), key=lambda p: p.first, reverse=step < 0)
    edge = start
    for part in order:
        inner = (edge.last + 1, part.first) if step > 0 else (part.last + 1, edge.first)
        if inner[0] > inner[1] or (part.first - edge.first) * step <= 0:
            continue
        between = tokens[inner[0] : inner[1]]
        if len(between) > _PAIR_DISTANCE or not between:
            break
        if not all(t.word in words("sides") or t.word in ",/" for t in between):
            break
        yield part
        edge = part
