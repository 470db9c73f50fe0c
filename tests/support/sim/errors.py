"""Errors that end a simulation with a finding."""

from __future__ import annotations


class Violation(BaseException):
    """An invariant of docs/simulator.md does not hold. No handler of the node may catch it."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
