"""One text with everything that the rules about its mentions look at.

Tokens, sentences, clauses, times. A clause ends where another statement begins: at "but", at a new
subject behind "and" or a comma ("and she has ..."), at a verb behind a comma (", takes ...").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.workout.screening.dates import When, find_length
from agents.workout.screening.lexicon import COMMAS, Token, words
from agents.workout.screening.mentions import Mention

_ANDS = frozenset({"and", "y", "e"})


class Page:
    """One text with everything the rules look at."""

    def __init__(
        self,
        text: str,
        tokens: Sequence[Token],
        mentions: Sequence[Mention],
        ages: Sequence[When],
        days_since: int,
    ) -> None:
        self.text = text
        self.tokens = tokens
        self.mentions = mentions
        self.ages = ages
        self.days_since = max(days_since, 0)
        self.clauses = tuple(_clauses(tokens))
        self.sentences = _sentences(tokens)
        self.covered = {i for m in mentions for i in range(m.first, m.last + 1)}
        self.covered |= {i for i, t in enumerate(tokens) if t.word in words("complaints")}

    def word(self, place: int) -> str:
        return self.tokens[place].word if 0 <= place < len(self.tokens) else ""

    def left(self, place: int) -> Iterator[int]:
        """Places before `place` within its clause, nearest first."""
        for i in range(place - 1, -1, -1):
            if self.clauses[i] != self.clauses[place]:
                return
            yield i

    def sentence(self, mention: Mention) -> range:
        return self.sentences[self.tokens[mention.first].sentence]

    def next_sentence(self, mention: Mention) -> range:
        """The places of the next sentence on the same line, its full stop first; may be empty."""
        places = self.sentences.get(self.tokens[mention.first].sentence + 1, range(0))
        return range(0) if places and self.tokens[places[0]].word == "\n" else places

    def after(self, mention: Mention, count: int) -> list[str]:
        """Up to `count` words behind the mention, up to a comma or the end of the sentence."""
        found: list[str] = []
        for token in self.tokens[mention.last + 1 : mention.last + 1 + count]:
            if token.sentence != self.tokens[mention.last].sentence or token.word in COMMAS:
                break
            found.append(token.word)
        return found

    def tail(self, mention: Mention) -> str:
        """What follows the mention on its line, as far as any rule looks."""
        end = self.tokens[mention.last].end
        return self.text[end : end + 200].partition("\n")[0]

    def rest_of_sentence(self, mention: Mention) -> str:
        places = [i for i in self.sentence(mention) if i > mention.last]
        if not places:
            return ""
        return self.text[self.tokens[places[0]].start : self.tokens[places[-1]].end]

    def age(self, mention: Mention) -> int | None:
        """Days since the time nearest to the mention in its sentence, or None.

        Behind a birth or an operation a bare length of time is its age: "cesarean, 8 weeks".
        """
        places = list(self.sentence(mention))
        start, end = self.tokens[places[0]].start, self.tokens[places[-1]].end
        here = self.tokens[mention.first].start
        near = [when for when in self.ages if start <= when.start and when.end <= end]
        if mention.code in ("postpartum", "recent_surgery"):
            bare = find_length(self.tail(mention))
            if bare is not None:
                return bare + self.days_since
        if not near:
            return None
        when = min(near, key=lambda when: (when.days < 0, abs(when.start - here)))
        return when.days + self.days_since if when.days >= 0 else when.days


def _sentences(tokens: Sequence[Token]) -> dict[int, range]:
    """The places of each sentence's tokens."""
    places: dict[int, range] = {}
    for i, token in enumerate(tokens):
        first = places[token.sentence].start if token.sentence in places else i
        places[token.sentence] = range(first, i + 1)
    return places


def _clauses(tokens: Sequence[Token]) -> Iterator[int]:
    """The number of the clause each token belongs to."""
    clause = 0
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        if before is not None:
            new_subject = token.word in words("subjects") and (
                before.word in COMMAS or before.word in _ANDS
            )
            restart = token.word in words("restarts") and before.word in COMMAS
            turn = token.word in words("turns")
            if token.sentence != before.sentence or new_subject or restart or turn:
                clause += 1
        yield clause
