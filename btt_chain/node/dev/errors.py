"""Errors of a fork that reads its state from another node."""

from __future__ import annotations

from storage.state import StateUnavailable


class RemoteAway(StateUnavailable):
    """The node that a fork was made from does not answer, or no longer has the state."""


class WrongAnswer(RemoteAway):
    """An answer that the state root of the block does not prove."""


class AnswerTooLarge(RemoteAway):
    """An answer larger than that node gives, or than is accepted: ask for less at once."""
