"""What the answers of the fitness agents have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of every part of an answer: no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class LlmUsed(Part):
    """What the model had to do with it."""

    used: bool
    model: str | None = None
    dropped: list[str] = []


class Provenance(Part):
    """How the answer came about; the only part that differs between two equal requests."""

    algorithm: str
    version: str
    input_sha256: str
    llm: LlmUsed
    elapsed_ms: int
    generated_at: str
