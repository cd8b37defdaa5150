"""One text with everything that the rules about its mentions look at.

Tokens, sentences, clauses, times. A clause ends where another statement begins: at "but", at a new
subject behind "and" or a comma ("and she has ..."), at a verb behind a comma (", takes ...").
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from agents.workout.screening.dates import When, find_length
from agents.workout.screening.lexicon import COMMAS, STOPS, Token, words
from agents.workout.screening.mentions import Mention

_ANDS = frozenset({"and", "y", "e"})
# They open and close what explains the words before them, and begin no other statement.
_BRACKETS = frozenset("()[]")
_PARTS = (COMMAS | _ANDS) - _BRACKETS
# Each has a time of its own: one told of the pregnancy is not the operation's.
_DATED = frozenset({"postpartum", "recent_surgery", "pregnancy", "pregnancy_complication"})


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
        self.starts = [token.start for token in tokens]
        self.clauses = tuple(_clauses(tokens))
        self.sentences = _sentences(tokens)
        self.dated: dict[int, list[Mention]] = {}
        for m in mentions:
            if m.code in _DATED:
                self.dated.setdefault(tokens[m.first].sentence, []).append(m)
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
        """Days since the time nearest to the mention in its sentence, or None."""
        here = self.tokens[mention.first].start
        near = self.times(mention)
        if not near:
            return None
        when = min(near, key=lambda when: (when.days < 0, abs(when.start - here)))
        return when.days + self.days_since if when.days >= 0 else when.days

    def times(self, mention: Mention) -> list[When]:
        """Every time that the sentence of the mention tells."""
        places = self.sentence(mention)
        start, end = self.tokens[places[0]].start, self.tokens[places[-1]].end
        return [when for when in self.ages if start <= when.start and when.end <= end]

    def own_times(self, mention: Mention) -> list[When]:
        """The times told of the mention itself, in order of place.

        "Surgery on the knee, 5 weeks ago" and "in 2019 he had surgery" tell one, "surgery, last
        trained 3 months ago" and "surgery and lifting since 2015" tell none. Behind a birth or an
        operation a bare length of time is its age too: "cesarean, 8 weeks".
        """
        own = [when for when in self.times(mention) if self._belongs(mention, when)]
        if mention.code in ("postpartum", "recent_surgery"):
            end = self.tokens[mention.last].end
            bare = find_length(self.tail(mention))
            if bare is not None:
                bare = When(end + bare.start, end + bare.end, bare.days)
                if not self._leads_on(self._places(bare)):
                    own.append(bare)
        return own

    def own_age(self, mention: Mention) -> int | None:
        """Days since the latest time told of the mention itself, negative ahead, or None."""
        told = [when.days for when in self.own_times(mention)]
        past = [days for days in told if days >= 0]
        return min(past) + self.days_since if past else max(told, default=None)

    def place(self, when: When) -> int:
        """The first token of the time."""
        return self._places(when)[0]

    def _places(self, when: When) -> range:
        first = bisect_right(self.starts, when.start) - 1
        return range(max(first, 0), bisect_left(self.starts, when.end))

    def _belongs(self, mention: Mention, when: When) -> bool:
        """Whether the time is the mention's: nothing else that has a time stands between."""
        places = self._places(when)
        behind = places[0] > mention.last
        between = (
            range(mention.last + 1, places[0]) if behind else range(places[-1] + 1, mention.first)
        )
        said = [self.word(i) for i in between]
        if not said or (behind and said[0] in words("since") and len(said) == 1):
            return True  # "prosthesis since 2019"
        rivals = self.dated.get(self.tokens[mention.first].sentence, ())
        if any(m.code != mention.code and m.first in between for m in rivals):
            return False
        if behind:
            return self._ends_with_time(between) and (
                _PARTS.isdisjoint(said) or not self._leads_on(places)
            )
        if said[0] in words("time_after") and _PARTS.isdisjoint(said):
            return True  # "back to lifting 3 months ago after surgery": it is at least as old
        if not words("another_matter").isdisjoint((*said, self.word(places[0] - 1))):
            return False
        return _PARTS.isdisjoint(said) or (said[0] in COMMAS and self._heads_sentence(places))

    def _ends_with_time(self, between: range) -> bool:
        """Whether a time behind these places goes on with what was said before them.

        Behind a comma or an "and" the time must stand alone, with small words at most.
        """
        said = [self.word(i) for i in between]
        if not words("another_matter").isdisjoint(said):
            return False
        cut = max((k for k, word in enumerate(said) if word in _PARTS), default=None)
        return cut is None or all(
            word in words("time_lead")
            or word in _BRACKETS
            or (said[cut] in _ANDS and between[k] in self.covered)
            for k, word in enumerate(said)
            if k > cut
        )

    def _leads_on(self, places: range) -> bool:
        """Whether the time begins a statement of another matter: "2 years of training"."""
        for i in range(places[-1] + 1, len(self.tokens)):
            if self.tokens[i].sentence != self.tokens[places[0]].sentence:
                return False
            if self.word(i) in COMMAS:
                return False
            if self.word(i) in words("another_matter"):
                return True
        return False

    def _heads_sentence(self, places: range) -> bool:
        for i in range(places[0] - 1, -1, -1):
            if self.word(i) in STOPS or self.word(i) == ":":
                return True
            if self.word(i) not in words("time_lead"):
                return False
        return True


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
