"""Which conditions a text names: phrases of the lexicon, and body parts joined with complaints.

"Knee" alone is no complaint and "hurts" alone has no place; the rules here join the two as people
write them: "bad knee", "pain in hip and knee", "my shoulder really hurts", "no jumps due to her
ankle". Whose condition it is and whether it holds is for `verdict.py` to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from agents.workout.screening.lexicon import COMMAS, Token, find_phrases, forms_of, words

_PAIR_DISTANCE = 5


@dataclass(frozen=True, slots=True)
class Mention:
    """A condition named by tokens `first` to `last` inclusive.

    anchors: where its parts begin, for looking left. beside: the code that the text must tell
    too for the mention to mean anything.
    """

    code: str
    first: int
    last: int
    anchors: tuple[int, ...]
    beside: str | None = None


def find_mentions(tokens: Sequence[Token], *, declared: bool) -> tuple[Mention, ...]:
    """Every mention in `tokens`, in order of place; none reaches over the end of a sentence.

    declared: the text stands in a field that asks for health problems, so that a body part alone
    is a complaint.
    """
    found: set[Mention] = set()
    begin = 0
    for _, group in groupby(tokens, key=lambda token: token.sentence):
        sentence = tuple(group)
        for m in _in_sentence(sentence, declared=declared):
            anchors = tuple(begin + anchor for anchor in m.anchors)
            found.add(replace(m, first=begin + m.first, last=begin + m.last, anchors=anchors))
        begin += len(sentence)
    return tuple(sorted(found, key=lambda m: (m.first, m.last, m.code)))


def _in_sentence(tokens: Sequence[Token], *, declared: bool) -> list[Mention]:
    forms = [forms_of(token.word) for token in tokens]
    found = [
        Mention(code, first, last, (first,))
        for code, first, last in find_phrases("phrases", tokens, forms)
    ]
    found.extend(_signs(tokens, forms, found))
    found.extend(_complaints(tokens, forms, declared=declared))
    for code, first, last in find_phrases("excluded", tokens, forms):
        found = [m for m in found if m.code != code or m.last < first or m.first > last]
    return found


def _signs(
    tokens: Sequence[Token], forms: Sequence[frozenset[str]], known: Sequence[Mention]
) -> list[Mention]:
    """What tells of a complication if the text tells of a pregnancy, beside what is `known`."""
    taken = [(m.code, m.first, m.last) for m in known]
    taken.extend(find_phrases("no_signs", tokens, forms))
    return [
        Mention(code, first, last, (first,), beside="pregnancy")
        for code, first, last in find_phrases("signs", tokens, forms)
        if not any(code == c and f <= last and first <= e for c, f, e in taken)
    ]


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
                yield Mention(part.code, part.first, part.last, (part.first,))


def _parts(tokens: Sequence[Token], forms: Sequence[frozenset[str]]) -> list[_Part]:
    found = []
    for code, first, last in find_phrases("parts", tokens, forms):
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
    ahead = [t.word for t in tokens[at + 1 : at + 8]]
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
        left = _subject(parts, at)
    if right is not None:
        yield from _row(tokens, parts, right, step=1)
    if left is not None and (right is None or at - left.last == 1):
        yield from _row(tokens, parts, left, step=-1)
    for part in parts:
        if part.first <= at <= part.last:
            yield part


def _subject(parts: Sequence[_Part], at: int) -> _Part | None:
    """The last body part before a verb without one: "the knee is better, hardly hurts"."""
    return next((p for p in reversed(parts) if p.last < at), None)


def _only_sides(tokens: Sequence[Token], first: int, last: int) -> bool:
    return last - first <= _PAIR_DISTANCE and all(
        tokens[i].word in words("sides") for i in range(first, last)
    )


def _reaches(tokens: Sequence[Token], hurting: Sequence[int], part: _Part, at: int) -> bool:
    between = range(part.last + 1, at)
    return len(between) <= _PAIR_DISTANCE and not any(
        i in hurting
        or tokens[i].word in COMMAS
        or tokens[i].word in words("positive")
        or tokens[i].word in words("turns")
        for i in between
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
