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
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from agents.workout.screening.dates import find_ages
from agents.workout.screening.lexicon import tokenise, words
from agents.workout.screening.mentions import Mention, find_mentions
from agents.workout.screening.page import Page
from agents.workout.screening.past import LASTING, is_healed, is_outdated

Verdict = Literal["active", "negated", "relative", "hypothetical", "resolved", "outdated"]

_ANDS = frozenset({"and", "y", "e"})
# What a birth or an operation leaves behind, and for how many days from it.
_LEAVES = {"postpartum": ("pelvic_floor", 365), "recent_surgery": ("healing", 182)}

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
    """One mention judged: its code, the words themselves (`span`, verbatim), the verdict.

    sure: False where a verdict that takes the mention back rests on words farther off, so that a
    second reader may hold against it.
    """

    code: str
    span: str
    start: int
    verdict: Verdict
    sure: bool = True


def read_conditions(
    text: str, *, written: date, as_of: date, declared: bool
) -> tuple[Reading, ...]:
    """Every condition `text` mentions, with its verdict, in order of place.

    written: the day of the text, from which its "weeks ago" count. declared: it answers the
    question for health problems, so that a body part alone is a complaint.
    """
    tokens = tokenise(text)
    mentions = find_mentions(tokens, declared=declared)
    page = Page(text, tokens, mentions, find_ages(text, written), (as_of - written).days)
    verdicts = [_aftermath(page, mention, _judge(page, mention)) for mention in mentions]
    active = {mention.code for mention, verdict in verdicts if verdict == "active"}
    return tuple(
        Reading(
            mention.code,
            text[tokens[mention.first].start : tokens[mention.last].end],
            tokens[mention.first].start,
            verdict,
            _is_sure(page, mention, verdict),
        )
        for mention, verdict in verdicts
        if mention.beside is None or mention.beside in active
    )


def _aftermath(page: Page, mention: Mention, verdict: Verdict) -> tuple[Mention, Verdict]:
    """A birth or an operation that stops nothing any more still asks for care for a while."""
    code, days = _LEAVES.get(mention.code, ("", 0))
    age = page.own_age(mention)
    if verdict != "outdated" or age is None or age >= days:
        return mention, verdict
    return replace(mention, code=code), "active"


def _judge(page: Page, mention: Mention) -> Verdict:
    if _of_another(page, mention):
        return "relative"
    if _denied(page, mention):
        return "negated"
    if _imagined(page, mention):
        return "hypothetical"
    if is_outdated(page, mention):
        return "outdated"
    return "resolved" if is_healed(page, mention) else "active"


def _is_sure(page: Page, mention: Mention, verdict: Verdict) -> bool:
    """Whether no reader could hold that a denied or long past mention still stands."""
    if verdict == "outdated":
        return len(page.times(mention)) <= len(page.own_times(mention))
    if verdict == "negated":
        return not _far_denied(page, mention)
    return True


def _of_another(page: Page, mention: Mention) -> bool:
    return (
        _borne_before(page, mention)
        or _in_family(page, mention)
        or _named_after(page, mention)
        or _of_work(page, mention)
    )


def _borne_before(page: Page, mention: Mention) -> bool:
    """ "Mother has X", "brother's X", "father: X"."""
    commas = 0
    for i in page.left(mention.first):
        word = page.word(i)
        commas += word == "," and page.word(i + 1) not in ("who", "que", "whose")
        if not _is_relative(page, i):
            continue
        born = mention.code == "postpartum" and word in words("young")
        if born or _in_own_youth(page, i) or _SO_DO_I.search(page.rest_of_sentence(mention)):
            return False
        before = {page.word(k) for k in range(max(0, i - 4), i)}
        if before & words("together") or (
            page.word(i - 2) in _ANDS and page.word(i - 3) in words("subjects")
        ):
            return False
        listed = commas == 0 or any(
            page.word(k) in _ANDS | words("closers") for k in range(i, mention.last + 4)
        )
        return listed and _bears(page, i, mention)
    return False


def _in_own_youth(page: Page, place: int) -> bool:
    """ "As a child", where the child is the client."""
    return page.word(place - 1) in ("as", "a", "since", "un", "una", "de", "desde") and (
        page.word(place - 2) in ("as", "since", "de", "desde", "when", "cuando", "era")
        or page.word(place - 1) in ("as", "since", "desde")
    )


def _owns(page: Page, place: int) -> bool:
    token = page.tokens[place]
    return not set("'’").isdisjoint(page.text[token.start : token.end])


def _is_relative(page: Page, place: int) -> bool:
    word = page.word(place)
    known = words("relatives")
    return word in known or (_owns(page, place) and word.removesuffix("s") in known)


def _bears(page: Page, relative: int, mention: Mention) -> bool:
    behind = page.word(relative + 1)
    if behind == ",":
        behind = page.word(relative + 2) if page.word(relative + 2) in ("who", "que") else ""
    if _owns(page, relative) or behind in words("bears") or behind in (":", "("):
        return True
    return relative + 1 == mention.first and len(mention.anchors) == 1


def _of_work(page: Page, mention: Mention) -> bool:
    """Knee injuries somebody treats, heart disease somebody does research on."""
    return page.word(mention.first - 1) in words("dealing_with") - {"for"} or (
        not words("causes").isdisjoint(page.after(mention, 2))
        or any(
            page.word(i) in ("charity", "fundraiser", "awareness")
            for i in list(page.left(mention.first))[:4]
        )
    )


def _in_family(page: Page, mention: Mention) -> bool:
    for i in page.sentence(mention):
        if page.word(i) not in words("family") or page.clauses[i] != page.clauses[mention.first]:
            continue
        if page.word(i + 1) in ("history", "hx", ":") or page.word(i - 1) in (
            "antecedentes",
            "historia",
            "historial",
        ):
            return True
        if page.word(i - 1) in ("in", "en") or page.word(i - 2) in ("in", "en"):
            return True
    return False


def _named_after(page: Page, mention: Mention) -> bool:
    """ "X in her mother", "X (father)", "X on mother's side"."""
    behind = [page.word(i) for i in range(mention.last + 1, mention.last + 4)]
    if not behind or behind[0] not in ("in", "of", "on", "(", "de", "en"):
        return False
    kin = next((k for k, word in enumerate(behind) if word in words("relatives")), None)
    return kin is not None and all(word in words("bridge") or word == "(" for word in behind[:kin])


def _denied(page: Page, mention: Mention) -> bool:
    if _DENIED_AFTER.match(page.tail(mention)) and not (
        page.word(mention.last + 1) == "free" and mention.code in LASTING | {"epilepsy"}
    ):
        return not _excepted(page, mention)
    return any(_denied_from(page, anchor, mention) for anchor in mention.anchors) and not (
        _excepted(page, mention)
    )


def _denied_from(page: Page, anchor: int, mention: Mention) -> bool:
    crossed = closed = False
    for i in page.left(anchor):
        word = page.word(i)
        if word in words("negators"):
            if _doubled(page, i) or page.word(i - 1) == "casi":
                return False
            listed = closed or _closes_ahead(page, mention)
            if crossed and not listed:
                return word in words("denials") and not _told_with_time(page, mention)
            return True
        if word in words("stopped") and mention.code in ("anticoagulant", "beta_blocker"):
            return True
        if word == "out" and page.word(i - 1) == "ruled":
            return True
        if word == "of" and page.word(i - 1) == "cleared":
            return True
        if word in words("closers"):
            closed = True
        elif word == "," or word in _ANDS:
            crossed = True
        elif not (word in words("bridge") or i in page.covered or word in words("sides")):
            return False
    return False


def _told_with_time(page: Page, mention: Mention) -> bool:
    """Whether a time behind the mention tells of an event: "denies chest pain, fainted in May".

    A span that reaches to the present ("in the last month", "this week") does not.
    """
    for when in page.own_times(mention):
        place = page.place(when)
        spanned = not words("spans").isdisjoint((page.word(place - 1), page.word(place)))
        if place > mention.last and when.days >= 0 and not spanned:
            return True
    return False


def _far_denied(page: Page, mention: Mention) -> bool:
    """Whether the denial stands at the head of a list without an "or", so it may end before."""
    if _DENIED_AFTER.match(page.tail(mention)):
        return False
    crossed = False
    for i in page.left(mention.first):
        word = page.word(i)
        if word in words("negators"):
            return crossed and not _closes_ahead(page, mention)
        if word in words("closers"):
            return False
        crossed = crossed or word == "," or word in _ANDS
    return False


def _doubled(page: Page, negator: int) -> bool:
    """Whether "without" keeps the condition: "can't train without", "goal: run without"."""
    if page.word(negator) not in ("without", "sin", "free"):
        return False
    if page.word(negator + 1) in ("his", "her", "my", "su", "mi"):
        return True
    before = {page.word(i) for i in list(page.left(negator))[:6]}
    return not before.isdisjoint(words("cannot") | words("aims"))


def _closes_ahead(page: Page, mention: Mention) -> bool:
    for i in range(mention.last + 1, len(page.tokens)):
        word = page.word(i)
        if page.tokens[i].sentence != page.tokens[mention.last].sentence:
            return False
        if word in words("closers"):
            return True
        if not (word == "," or word in words("bridge") or i in page.covered):
            return False
    return False


def _excepted(page: Page, mention: Mention) -> bool:
    """ "No knee pain unless …"."""
    return _EXCEPTION.match(page.rest_of_sentence(mention)) is not None


def _imagined(page: Page, mention: Mention) -> bool:
    if mention.code == "pregnancy" and _wants_child(page, mention):
        return True
    if mention.code == "recent_surgery" and _planned(page, mention):
        return True
    said = {page.word(k) for k in range(mention.first, mention.last + 1)}
    if said & {"surgery", "operation", "replacement", "cirugia", "operacion"}:
        return False  # who fears an operation on a joint has trouble with it
    return _supposed(page, mention) or any(_wished(page, a, mention) for a in mention.anchors)


def _wished(page: Page, anchor: int, mention: Mention) -> bool:
    for i in page.left(anchor):
        word = page.word(i)
        if word in words("wishes"):
            if word in ("risk", "riesgo") and page.word(i + 1) not in (
                "of",
                "for",
                "de",
                "factors",
            ):
                return False
            said = {page.word(k) for k in range(mention.first, mention.last + 1)}
            aching = said & {"pain", "pains", "dolor", "dolores", "hurt", "hurting"}
            return not (word.startswith(("avoid", "evit")) and aching)
        if word == "about" and page.word(i - 1) in words("learnt"):
            return True
        if word not in words("wish_bridge") and not (
            mention.first <= i <= mention.last and i in page.covered
        ):
            return False
    return False


def _supposed(page: Page, mention: Mention) -> bool:
    """ "If your knee hurts, stop": a condition with a consequence behind the comma."""
    for i in page.left(mention.first):
        word = page.word(i)
        if word == ",":
            return False
        token = page.tokens[i]
        if word in ("if", "si") and page.text[token.start : token.end].lower() == word:
            if not words("returns").isdisjoint(page.after(mention, 3)):
                return False
            asked = page.word(i - 1) in ("check", "see", "ask", "know", "as", "ver", "como")
            return not asked and mention.first - i <= 5
    return False


def _wants_child(page: Page, mention: Mention) -> bool:
    hoped = {"get", "getting", "become", "becoming", "quedar", "quedarse"}
    for i in page.left(mention.first):
        word = page.word(i)
        if word in words("wants_child"):
            if word not in hoped:
                return True
        elif word not in ("to", "a", "be", "de", "another", "for"):
            return False
    return False


def _planned(page: Page, mention: Mention) -> bool:
    before = []
    for i in list(page.left(mention.first))[:4]:
        if page.word(i) == "," or page.word(i) in words("time_after"):
            break  # "needs rest after surgery" needs the rest
        before.append(page.word(i))
    age = page.own_age(mention)
    return not words("future").isdisjoint(before + page.after(mention, 4)) or (
        age is not None and age < 0
    )
