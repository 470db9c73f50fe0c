"""Errors that end a simulation with a finding."""

from __future__ import annotations


class Violation(AssertionError):
    """An invariant of docs/simulator.md does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
