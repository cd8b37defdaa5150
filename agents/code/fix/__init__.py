"""Repairs that need no model: each knows one rule, changes as little as it can, and says why.

`propose` gives proposals for a finding, best first; none is shown before it passed the gate.
"""

from agents.code.fix.propose import FIXERS, propose

__all__ = ["FIXERS", "propose"]
