"""The gate: no proposed change to code is shown before it passed every one of these conditions.

A proposal names text that stands exactly once in a file and what is to stand there. The difference
is made here, never by a model. It has to apply, parse, stay small and inside the function it is
about, keep every name, parameter, decorator, condition and statement that it is not about, hide
nothing and inline no secret; and the analysis, run again, must no longer have the finding nor a
new one, also after variables have been put back where they are used. Nothing is ever applied.
"""

from agents.code.gate.judge import Verdict, judge
from agents.code.gate.patch import Proposal, Refused, apply, patched, unified

__all__ = ["Proposal", "Refused", "Verdict", "apply", "judge", "patched", "unified"]
