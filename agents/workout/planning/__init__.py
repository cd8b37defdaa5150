"""From a profile to all weeks of a plan: pure computation, the same plan for the same profile.

``plan.py`` runs the steps in order: ``allowed.py`` (which exercises), ``problem.py`` (what may be
chosen), ``solver.py`` (a week that breaks no rule), ``polish.py`` and ``score.py`` (a good one),
``progression.py`` (what changes from week to week). ``schemes.py``, ``volume.py`` and
``session_time.py`` hold the numbers; ``conflict.py`` explains why there is no week, and
``gentle.py`` moves a client nobody may train yet.
"""
