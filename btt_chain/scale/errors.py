"""Errors of the wire format: bytes that are no value, and values without an encoding."""

from __future__ import annotations


class DecodeError(ValueError):
    """The bytes encode no value of the type.

    `what` names the type, `at` is the offset in bytes from the start of the input, `why` is the
    reason in words.
    """

    def __init__(self, what: str, at: int, why: str) -> None:
        super().__init__(f"{what} at byte {at}: {why}")
        self.what = what
        self.at = at
        self.why = why


class EncodeError(ValueError):
    """A value does not fit the type it should be encoded as."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why
