"""Stack traces: read as they stand in logs, told apart, explained, without a model and offline.

`read` takes text from anywhere (a log with its prefixes, JSON with escaped newlines, a browser's
console) and finds the exceptions of Python and JavaScript in it; `explain` says what went wrong,
where, and which of the well-known errors it is.
"""

from agents.code.traceback.explain import Explained, explain
from agents.code.traceback.frames import Frame, Problem, Trace
from agents.code.traceback.read import read

__all__ = ["Explained", "Frame", "Problem", "Trace", "explain", "read"]
