"""Whose condition a mention is, and whether it holds.

Five things take a mention back: somebody else has it, it is denied, it is only feared or planned,
it healed, it is long past. Each is a rule over the words around the mention, made for a family of
sentences; where a rule is not sure, the mention stays active, because a condition too many costs
the client a few exercises and one too few may hurt.

Denial reaches forward over a short list of small words and over other conditions and stops at
anything else: "no asthma or diabetes" denies both, "no change in his back pain" denies nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from agents.workout.conditions import RED_FLAGS
from agents.workout.lexicon import COMMAS, Token, tokenise, words
from agents.workout.mentions import Mention, find_mentions
from agents.workout.when import When, find_ages, find_length

Verdict = Literal["active", "negated", "relative", "hypothetical", "resolved", "outdated"]

# Healing is believed of other conditions only.
_LASTING = RED_FLAGS | {
    "diabetes", "epilepsy", "osteoporosis", "glaucoma", "retinopathy", "neuropathy",
}  # fmt: skip
_SURGERY_DAYS = 42
_PREGNANCY_DAYS = 300
_RECENT_DAYS = 42
_ANDS = frozenset({"and", "y", "e"})

_DENIED_AFTER = re.compile(
    r"\s*[:?=–—-]\s*(?:no|none|negative|nil|never|n|ninguno|ninguna|negativo|negativa)"
    r"(?=\s*(?:$|[.,;!\n)]|today|now|hoy|currently))"
    r"|\s*(?:was|is|has been|were|are|been|fue|ha sido|esta)?\s*"
    r"(?:ruled out|excluded|negative|absent|descartad[oa]s?|not present)\b"
    r"|(?:\s+\w+){0,2}\s+(?:no longer|not any ?more|ya no)\b(?!\s+(?:able|manag|control))"
    r"|\s+(?:is|are|was|were)(?: not|n't) (?:a|an) (?:problem|issue|concern)"
    r"|(?:\s+\w+){0,3}\s+(?:no|sin) "
    r"(?:trouble|problems?|pain|issues?|bother|problemas?|molestias)\b"
    r"|[\s-]*free\b",
    re.IGNORECASE,
)
_FINE_SINCE = re.compile(
    r"\bno (?:more |further )?"
    r"(?:pain|problems?|issues?|symptoms?|trouble|complaints?|attacks?) since\b"
    r"|\bnone since\b|\bsin (?:molestias|dolor|problemas|sintomas) desde\b|\bwent away\b"
    r"|\bcleared up\b|\b(?:full|complete|total) recovery\b|\brecuperaci[oó]n (?:completa|total)\b",
    re.IGNORECASE,
)
_SO_DO_I = re.compile(
    r"\b(?:so|as) (?:do|does|is|has|have|am) (?:i|she|he|they|we)\b|\b(?:me|him|her) too\b"
    r"|\b(?:i|she|he) (?:do|does|has|have|am|is) too\b|\b(?:yo|ella|[eé]l) tambi[eé]n\b",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(
    r"[\w\s,]{0,40}?\b(?:unless|except|only (?:when|if)|excepto|salvo|solo (?:si|cuando))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One mention judged: its code, the words themselves (`span`, verbatim), the verdict."""

    code: str
    span: str
    start: int
    verdict: Verdict


def read_conditions(
    text: str, *, written: date, as_of: date, declared: bool
) -> tuple[Reading, ...]:
    """Every condition `text` mentions, with its verdict, in order of place.

    written: the day of the text, from which its "weeks ago" count. declared: it answers the
    question for health problems, so that a body part alone is a complaint.
    """
    tokens = tokenise(text)
    mentions = find_mentions(tokens, declared=declared)
    page = _Page(text, tokens, mentions, find_ages(text, written), (as_of - written).days)
    return tuple(
        Reading(
            mention.code,
            text[tokens[mention.first].start : tokens[mention.last].end],
            tokens[mention.first].start,
            page.judge(mention),
        )
        for mention in mentions
    )


class _Page:
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

    def judge(self, mention: Mention) -> Verdict:
        if self._of_another(mention):
            return "relative"
        if self._denied(mention):
            return "negated"
        if self._imagined(mention):
            return "hypothetical"
        if self._past(mention):
            return "outdated"
        return "resolved" if self._healed(mention) else "active"

    # -- the words around a mention ------------------------------------------------------------

    def _word(self, place: int) -> str:
        return self.tokens[place].word if 0 <= place < len(self.tokens) else ""

    def _left(self, place: int) -> Iterator[int]:
        """Places before `place` within its clause, nearest first."""
        for i in range(place - 1, -1, -1):
            if self.clauses[i] != self.clauses[place]:
                return
            yield i

    def _sentence(self, mention: Mention) -> range:
        return self.sentences[self.tokens[mention.first].sentence]

    def _next_sentence(self, mention: Mention) -> range:
        return self.sentences.get(self.tokens[mention.first].sentence + 1, range(0))

    def _after(self, mention: Mention, count: int) -> list[str]:
        """Up to `count` words behind the mention, up to a comma or the end of the sentence."""
        found: list[str] = []
        for token in self.tokens[mention.last + 1 : mention.last + 1 + count]:
            if token.sentence != self.tokens[mention.last].sentence or token.word in COMMAS:
                break
            found.append(token.word)
        return found

    def _tail(self, mention: Mention) -> str:
        """What follows the mention, as far as any rule looks."""
        end = self.tokens[mention.last].end
        return self.text[end : end + 200]

    def _rest_of_sentence(self, mention: Mention) -> str:
        places = [i for i in self._sentence(mention) if i > mention.last]
        if not places:
            return ""
        return self.text[self.tokens[places[0]].start : self.tokens[places[-1]].end]

    def _age(self, mention: Mention) -> int | None:
        """Days since the time nearest to the mention in its sentence, or None.

        Behind a birth or an operation a bare length of time is its age: "cesarean, 8 weeks".
        """
        places = list(self._sentence(mention))
        start, end = self.tokens[places[0]].start, self.tokens[places[-1]].end
        here = self.tokens[mention.first].start
        near = [when for when in self.ages if start <= when.start and when.end <= end]
        if mention.code in ("postpartum", "recent_surgery"):
            bare = find_length(self._tail(mention))
            if bare is not None:
                return bare + self.days_since
        if not near:
            return None
        when = min(near, key=lambda when: (when.days < 0, abs(when.start - here)))
        return when.days + self.days_since if when.days >= 0 else when.days

    # -- somebody else's -----------------------------------------------------------------------

    def _of_another(self, mention: Mention) -> bool:
        return (
            self._borne_before(mention)
            or self._in_family(mention)
            or self._named_after(mention)
            or self._of_work(mention)
        )

    def _borne_before(self, mention: Mention) -> bool:
        """ "Mother has X", "brother's X", "father: X"."""
        commas = 0
        for i in self._left(mention.first):
            word = self._word(i)
            commas += word == "," and self._word(i + 1) not in ("who", "que", "whose")
            if not self._is_relative(i):
                continue
            born = mention.code == "postpartum" and word in words("young")
            if born or self._in_own_youth(i) or _SO_DO_I.search(self._rest_of_sentence(mention)):
                return False
            before = {self._word(k) for k in range(max(0, i - 4), i)}
            if before & words("together") or (
                self._word(i - 2) in _ANDS and self._word(i - 3) in words("subjects")
            ):
                return False
            listed = commas == 0 or any(
                self._word(k) in _ANDS | words("closers") for k in range(i, mention.last + 4)
            )
            return listed and self._bears(i, mention)
        return False

    def _in_own_youth(self, place: int) -> bool:
        """ "As a child", where the child is the client."""
        return self._word(place - 1) in ("as", "a", "since", "un", "una", "de", "desde") and (
            self._word(place - 2) in ("as", "since", "de", "desde", "when", "cuando", "era")
            or self._word(place - 1) in ("as", "since", "desde")
        )

    def _owns(self, place: int) -> bool:
        token = self.tokens[place]
        return not set("'’").isdisjoint(self.text[token.start : token.end])

    def _is_relative(self, place: int) -> bool:
        word = self._word(place)
        known = words("relatives")
        return word in known or (self._owns(place) and word.removesuffix("s") in known)

    def _bears(self, relative: int, mention: Mention) -> bool:
        behind = self._word(relative + 1)
        if behind == ",":
            behind = self._word(relative + 2) if self._word(relative + 2) in ("who", "que") else ""
        if self._owns(relative) or behind in words("bears") or behind in (":", "("):
            return True
        return relative + 1 == mention.first and len(mention.anchors) == 1

    def _of_work(self, mention: Mention) -> bool:
        """Knee injuries somebody treats, heart disease somebody does research on."""
        return self._word(mention.first - 1) in words("dealing_with") - {"for"} or (
            not words("causes").isdisjoint(self._after(mention, 2))
            or any(
                self._word(i) in ("charity", "fundraiser", "awareness")
                for i in list(self._left(mention.first))[:4]
            )
        )

    def _in_family(self, mention: Mention) -> bool:
        for i in self._sentence(mention):
            if (
                self._word(i) not in words("family")
                or self.clauses[i] != self.clauses[mention.first]
            ):
                continue
            if self._word(i + 1) in ("history", "hx", ":") or self._word(i - 1) in (
                "antecedentes",
                "historia",
                "historial",
            ):
                return True
            if self._word(i - 1) in ("in", "en") or self._word(i - 2) in ("in", "en"):
                return True
        return False

    def _named_after(self, mention: Mention) -> bool:
        """ "X in her mother", "X (father)", "X on mother's side"."""
        behind = [self._word(i) for i in range(mention.last + 1, mention.last + 4)]
        if not behind or behind[0] not in ("in", "of", "on", "(", "de", "en"):
            return False
        kin = next((k for k, word in enumerate(behind) if word in words("relatives")), None)
        return kin is not None and all(
            word in words("bridge") or word == "(" for word in behind[:kin]
        )

    # -- denied --------------------------------------------------------------------------------

    def _denied(self, mention: Mention) -> bool:
        if _DENIED_AFTER.match(self._tail(mention)) and not (
            self._word(mention.last + 1) == "free" and mention.code in _LASTING | {"epilepsy"}
        ):
            return not self._excepted(mention)
        return any(self._denied_from(anchor, mention) for anchor in mention.anchors) and not (
            self._excepted(mention)
        )

    def _denied_from(self, anchor: int, mention: Mention) -> bool:
        crossed = closed = False
        for i in self._left(anchor):
            word = self._word(i)
            if word in words("negators"):
                if self._doubled(i) or self._word(i - 1) == "casi":
                    return False
                listed = closed or self._closes_ahead(mention)
                return not crossed or listed or word in words("denials")
            if word in words("stopped") and mention.code in ("anticoagulant", "beta_blocker"):
                return True
            if word == "out" and self._word(i - 1) == "ruled":
                return True
            if word == "of" and self._word(i - 1) == "cleared":
                return True
            if word in words("closers"):
                closed = True
            elif word == "," or word in _ANDS:
                crossed = True
            elif not (word in words("bridge") or i in self.covered or word in words("sides")):
                return False
        return False

    def _doubled(self, negator: int) -> bool:
        """Whether "without" keeps the condition: "can't train without", "goal: run without"."""
        if self._word(negator) not in ("without", "sin", "free"):
            return False
        if self._word(negator + 1) in ("his", "her", "my", "su", "mi"):
            return True
        before = {self._word(i) for i in list(self._left(negator))[:6]}
        return not before.isdisjoint(words("cannot") | words("aims"))

    def _closes_ahead(self, mention: Mention) -> bool:
        for i in range(mention.last + 1, len(self.tokens)):
            word = self._word(i)
            if self.tokens[i].sentence != self.tokens[mention.last].sentence:
                return False
            if word in words("closers"):
                return True
            if not (word == "," or word in words("bridge") or i in self.covered):
                return False
        return False

    def _excepted(self, mention: Mention) -> bool:
        """ "No knee pain unless …"."""
        return _EXCEPTION.match(self._rest_of_sentence(mention)) is not None

    # -- imagined ------------------------------------------------------------------------------

    def _imagined(self, mention: Mention) -> bool:
        if mention.code == "pregnancy" and self._wants_child(mention):
            return True
        if mention.code == "recent_surgery" and self._planned(mention):
            return True
        said = {self._word(k) for k in range(mention.first, mention.last + 1)}
        if said & {"surgery", "operation", "replacement", "cirugia", "operacion"}:
            return False  # who fears an operation on a joint has trouble with it
        return self._supposed(mention) or any(self._wished(a, mention) for a in mention.anchors)

    def _wished(self, anchor: int, mention: Mention) -> bool:
        for i in self._left(anchor):
            word = self._word(i)
            if word in words("wishes"):
                if word in ("risk", "riesgo") and self._word(i + 1) not in (
                    "of",
                    "for",
                    "de",
                    "factors",
                ):
                    return False
                said = {self._word(k) for k in range(mention.first, mention.last + 1)}
                aching = said & {"pain", "pains", "dolor", "dolores", "hurt", "hurting"}
                return not (word.startswith(("avoid", "evit")) and aching)
            if word == "about" and self._word(i - 1) in words("learnt"):
                return True
            if word not in words("wish_bridge") and not (
                mention.first <= i <= mention.last and i in self.covered
            ):
                return False
        return False

    def _supposed(self, mention: Mention) -> bool:
        """ "If your knee hurts, stop": a condition with a consequence behind the comma."""
        for i in self._left(mention.first):
            word = self._word(i)
            if word == ",":
                return False
            token = self.tokens[i]
            if word in ("if", "si") and self.text[token.start : token.end].lower() == word:
                if not words("returns").isdisjoint(self._after(mention, 3)):
                    return False
                asked = self._word(i - 1) in ("check", "see", "ask", "know", "as", "ver", "como")
                return not asked and mention.first - i <= 5
        return False

    def _wants_child(self, mention: Mention) -> bool:
        hoped = {"get", "getting", "become", "becoming", "quedar", "quedarse"}
        for i in self._left(mention.first):
            word = self._word(i)
            if word in words("wants_child"):
                if word not in hoped:
                    return True
            elif word not in ("to", "a", "be", "de", "another", "for"):
                return False
        return False

    def _planned(self, mention: Mention) -> bool:
        before = []
        for i in list(self._left(mention.first))[:4]:
            if self._word(i) == ",":
                break
            before.append(self._word(i))
        age = self._age(mention)
        return not words("future").isdisjoint(before + self._after(mention, 4)) or (
            age is not None and age < 0
        )

    # -- past ----------------------------------------------------------------------------------

    def _past(self, mention: Mention) -> bool:
        age = self._age(mention)
        if mention.code in ("postpartum", "recent_surgery"):
            return self._in_childhood(mention) if age is None else age >= _SURGERY_DAYS
        if mention.code in ("pregnancy", "pregnancy_complication"):
            if (age if age is not None else self.days_since) >= _PREGNANCY_DAYS:
                return True
            return self._after_pregnancy(mention)
        return False

    def _after_pregnancy(self, mention: Mention) -> bool:
        behind = self._word(mention.last + 1)
        if behind in words("about_weight") or self._word(mention.first) in (
            "pregnancies",
            "embarazos",
        ):
            return True
        for i in self._left(mention.first):
            word = self._word(i)
            if word in words("after_pregnancy"):
                return True
            if word not in (
                "her",
                "my",
                "the",
                "their",
                "su",
                "mi",
                "el",
                "la",
                "del",
                "de",
                "second",
            ):
                return False
        return False

    def _healed(self, mention: Mention) -> bool:
        if mention.code in _LASTING:
            return False
        age = self._age(mention)
        if age is not None and 0 <= age < _RECENT_DAYS:
            return False
        if self._comes_back(mention):
            return False
        return self._recovered(mention) or self._in_childhood(mention) or self._used_to(mention)

    def _recovered(self, mention: Mention) -> bool:
        if _FINE_SINCE.search(self._rest_of_sentence(mention)):
            return True
        follows = self._next_sentence(mention)[:4]
        healed = False
        for i in (*self._sentence(mention), *follows):
            early = i < mention.first and self.clauses[i] != self.clauses[mention.first]
            if early or self._word(i) not in words("resolved"):
                continue
            if self._word(i + 1) in ("up", "down", "worse", "to", "through"):
                continue
            if {self._word(k) for k in range(max(0, i - 4), i)} & words("unfinished"):
                return False
            healed = healed or self._alone_between(mention, i)
        return healed

    def _alone_between(self, mention: Mention, place: int) -> bool:
        """Whether no other condition stands between the mention and the word at `place`."""
        low, high = sorted((mention.first, place))
        return not any(
            low < other.first < high and other.code != mention.code and other.first > mention.last
            for other in self.mentions
        )

    def _comes_back(self, mention: Mention) -> bool:
        places = (*self._sentence(mention), *self._next_sentence(mention))
        later = [self._word(i) for i in places if i > mention.last]
        return not words("returns").isdisjoint(later)

    def _in_childhood(self, mention: Mention) -> bool:
        """ "Childhood X", "X as a child", "X de niña"; not "since childhood"."""
        if mention.code.startswith(("pregnancy", "postpartum")):
            return False
        near = [
            *range(mention.first - 4, mention.first),
            *range(mention.last + 1, mention.last + 6),
        ]
        for i in near:
            if not 0 <= i < len(self.tokens) or self._word(i) not in words("childhood"):
                continue
            before = [self._word(k) for k in range(max(0, i - 3), i)]
            told = self._word(i) in ("childhood", "infancia") or not {"as", "de"}.isdisjoint(
                before
            )
            if told and words("since").isdisjoint(before):
                return True
        return False

    def _used_to(self, mention: Mention) -> bool:
        for i in self._left(mention.first):
            word = self._word(i)
            if word in words("used_to"):
                return True
            if word not in words("bridge"):
                return False
        return False


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
