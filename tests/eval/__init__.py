"""Evaluations: simulated people and gyms, and how far the agents' answers are from the truth.

``python -m tests.eval`` (``make eval``) runs them all and writes docs/evaluation.md.
``python -m tests.eval.workout``, ``.progress`` and ``.scheduling`` run one and print its table.
"""
