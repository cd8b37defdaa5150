"""Which health conditions restrict a client, and how.

``conditions.py`` is the table of rules and ``screen.py`` finds which of its rows apply. Behind it,
from a text to a verdict: ``lexicon.py`` (words, in ``lexicon.toml``), ``mentions.py`` (what is
named), ``pressure.py`` (blood pressures), ``dates.py`` (how long ago), ``page.py`` (sentences and
clauses), ``verdict.py`` (whose it is and whether it holds) and ``past.py`` (whether it is over).
``clearance.py`` says when a professional's word lifts a stop.
"""
