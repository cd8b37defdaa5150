"""Whether a condition a text mentions is over: long past, grown out of, healed.

Healing is believed when the text says so without a doubt ("almost", "not yet") and without a
return ("comes back"), of conditions that heal, and not within six weeks. Births and operations
count for six weeks, pregnancies for ten months, an infection for two weeks and a sign of danger
for six.
"""

from __future__ import annotations

import re

from agents.workout.screening.conditions import RED_FLAGS
from agents.workout.screening.lexicon import words
from agents.workout.screening.mentions import Mention
from agents.workout.screening.page import Page

# Healing is believed of other conditions only.
LASTING = RED_FLAGS | {
    "diabetes", "epilepsy", "osteoporosis", "glaucoma", "retinopathy", "neuropathy",
}  # fmt: skip
_SURGERY_DAYS = 42
_PREGNANCY_DAYS = 300
_RECENT_DAYS = 42
_PASSING_DAYS = {"acute_illness": 14, "warning_sign": 42}

_FINE_SINCE = re.compile(
    r"\bno (?:more |further )?"
    r"(?:pain|problems?|issues?|symptoms?|trouble|complaints?|attacks?) since\b"
    r"|\bnone since\b|\bsin (?:molestias|dolor|problemas|sintomas) desde\b|\bwent away\b"
    r"|\bcleared up\b|\b(?:full|complete|total) recovery\b|\brecuperaci[oó]n (?:completa|total)\b",
    re.IGNORECASE,
)

_AT_AN_AGE = re.compile(
    r"(?: in (?:his|her|my|the) \w+)? (?:at (?:the )?age(?: of)?|aged|when (?:i|he|she) was)"
    r" (?:\d|1[0-2])\b(?! ?(?:weeks?|months?|kg|lbs?))",
    re.IGNORECASE,
)


def is_outdated(page: Page, mention: Mention) -> bool:
    age = page.own_age(mention)
    if mention.code in ("postpartum", "recent_surgery"):
        return _in_childhood(page, mention) if age is None else age >= _SURGERY_DAYS
    if mention.code in _PASSING_DAYS:
        passed = age if age is not None else page.days_since
        return passed >= _PASSING_DAYS[mention.code]
    if mention.code in ("pregnancy", "pregnancy_complication"):
        if (age if age is not None else page.days_since) >= _PREGNANCY_DAYS:
            return True
        return _after_pregnancy(page, mention)
    return False


def _after_pregnancy(page: Page, mention: Mention) -> bool:
    behind = page.word(mention.last + 1)
    if behind in words("about_weight") or page.word(mention.first) in (
        "pregnancies",
        "embarazos",
    ):
        return True
    for i in page.left(mention.first):
        word = page.word(i)
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


def is_healed(page: Page, mention: Mention) -> bool:
    if mention.code in LASTING:
        return False
    age = page.age(mention)
    if age is not None and 0 <= age < _RECENT_DAYS:
        return False
    if _comes_back(page, mention):
        return False
    return _recovered(page, mention) or _in_childhood(page, mention) or _used_to(page, mention)


def _recovered(page: Page, mention: Mention) -> bool:
    if _FINE_SINCE.search(page.rest_of_sentence(mention)):
        return True
    follows = page.next_sentence(mention)[:4]
    healed = False
    for i in (*page.sentence(mention), *follows):
        early = i < mention.first and page.clauses[i] != page.clauses[mention.first]
        if early or page.word(i) not in words("resolved"):
            continue
        if page.word(i + 1) in ("up", "down", "worse", "to", "through"):
            continue
        if {page.word(k) for k in range(max(0, i - 4), i)} & words("unfinished"):
            return False
        healed = healed or _alone_between(page, mention, i)
    return healed


def _alone_between(page: Page, mention: Mention, place: int) -> bool:
    """Whether no other condition stands between the mention and the word at `place`."""
    low, high = sorted((mention.first, place))
    return not any(
        low < other.first < high and other.code != mention.code and other.first > mention.last
        for other in page.mentions
    )


def _comes_back(page: Page, mention: Mention) -> bool:
    places = (*page.sentence(mention), *page.next_sentence(mention))
    later = [page.word(i) for i in places if i > mention.last]
    return not words("returns").isdisjoint(later)


def _in_childhood(page: Page, mention: Mention) -> bool:
    """ "Childhood X", "X as a child", "X at age 9", "X de niña"; not "since childhood"."""
    if mention.code.startswith(("pregnancy", "postpartum")):
        return False
    if _AT_AN_AGE.match(page.tail(mention)):
        return True
    near = [
        *range(mention.first - 4, mention.first),
        *range(mention.last + 1, mention.last + 6),
    ]
    for i in near:
        if not 0 <= i < len(page.tokens) or page.word(i) not in words("childhood"):
            continue
        before = [page.word(k) for k in range(max(0, i - 3), i)]
        told = page.word(i) in ("childhood", "infancia") or not {"as", "de"}.isdisjoint(before)
        if told and words("since").isdisjoint(before):
            return True
    return False


def _used_to(page: Page, mention: Mention) -> bool:
    for i in page.left(mention.first):
        word = page.word(i)
        if word in words("used_to"):
            return True
        if word not in words("bridge"):
            return False
    return False
