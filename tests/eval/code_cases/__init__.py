"""Labelled Flask views: each unsafe case beside a safe twin that looks much like it.

`flows` are ways that data takes through a view, `sinks` places where it does harm, `checks` what
makes each family safe, `settings` calls that are wrong by themselves. `cases()` puts them together.
Half of all cases is safe. `whole` holds small programs, written after the rules had seen the rest.
"""

from __future__ import annotations

from tests.eval.code_cases.build import Case, cases

__all__ = ["Case", "cases"]
