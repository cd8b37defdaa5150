"""What may be asked of the code analysis, and what its settings are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from agents.base import AgentConfig, AgentInput
from agents.code.collect import MOST_FILES, MOST_SNIPPET_BYTES

AnalysisType = Literal["comprehensive", "bug", "security", "performance", "style"]
Form = Literal["snippet", "error", "files", "diff", "path", "source"]

_GOES_WITH: dict[str, frozenset[str]] = {
    "code": frozenset({"error"}),
    "files": frozenset({"error", "diff"}),
    "diff": frozenset({"files", "path"}),
    "path": frozenset({"diff", "range", "error"}),
    "source": frozenset({"range", "commit"}),
}
"""What may stand beside each kind of code."""


class CodeRequest(AgentInput):
    """One of: `code`; `error` or `stack_trace` (with code or without); `files`; `diff` over
    `files` or `path`; `path`, below the watched folder; `source`, a watched place by its name.

    file_path: names `code`. range: ``A..B``, what is new since A counts. commit: of a source.
    context: what else is known of an error; only its text is read. repository: whose findings
    these are; the same finding in the same repository is one row.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    code: Annotated[str, Field(min_length=1, max_length=MOST_SNIPPET_BYTES)] | None = None
    file_path: Annotated[str, Field(max_length=500)] | None = None
    analysis_type: AnalysisType = "comprehensive"
    error: Annotated[str, Field(max_length=20_000)] | None = None
    stack_trace: Annotated[str, Field(max_length=200_000)] | None = None
    context: dict[str, Any] | None = None
    files: Annotated[dict[str, str], Field(min_length=1, max_length=MOST_FILES)] | None = None
    diff: Annotated[str, Field(min_length=1, max_length=5_000_000)] | None = None
    path: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    range: Annotated[str, Field(min_length=2, max_length=200)] | None = None
    source: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    repository: Annotated[str, Field(max_length=200)] | None = None
    narrative: Literal["auto", "off"] = "auto"

    @model_validator(mode="after")
    def _one_thing(self) -> CodeRequest:
        given = {name for name in _GOES_WITH if getattr(self, name) is not None}
        told = bool((self.error or "").strip() or (self.stack_trace or "").strip())
        if not given and not told:
            raise ValueError(
                "one of code, error, stack_trace, files, diff, path or source must be given"
            )
        for name in sorted(given):
            for other in sorted(given - {name} - _GOES_WITH[name]):
                if name not in _GOES_WITH[other]:
                    raise ValueError(f"{name} and {other} cannot stand together; send one of them")
        if self.diff is not None and not given & {"files", "path"}:
            raise ValueError("diff needs files or path: the code it is based on")
        if self.range is not None and not given & {"path", "source"}:
            raise ValueError("range needs path or source: the repository it is about")
        if self.commit is not None and self.source is None:
            raise ValueError("commit needs source: the watched place it is from")
        return self

    @property
    def form(self) -> Form:
        """What kind of code is given; `error` alone has none."""
        if self.source is not None:
            return "source"
        if self.diff is not None:
            return "diff"
        if self.path is not None:
            return "path"
        if self.files is not None:
            return "files"
        return "snippet" if self.code is not None else "error"

    @property
    def about_error(self) -> bool:
        return bool((self.error or "").strip() or (self.stack_trace or "").strip())


class CodeConfig(AgentConfig):
    """Lasting settings in ``ai_agents.config``; the console's form shows the descriptions."""

    words: bool = Field(True, description="Ask the model to explain findings.")
    rewrites: int = Field(
        3, ge=0, le=10, description="For so many findings the model may propose code."
    )
    most_stored: int = Field(
        20, ge=1, le=200, description="So many suggestions are kept of one analysis."
    )
    most_repaired: int = Field(
        20, ge=0, le=100, description="For so many findings a repair is tried."
    )
    max_output_tokens: int = Field(
        2500, ge=200, le=8000, description="Most that the model may write in one answer."
    )
