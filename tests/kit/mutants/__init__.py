"""Broken workout answers, by theme; `MUTANTS` holds them all."""

from tests.kit.mutants import health, offer, training
from tests.kit.mutants.base import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "health", "offer", "training"]
