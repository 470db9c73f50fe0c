"""Errors of the programs of care."""

from __future__ import annotations


class CareError(Exception):
    """The request cannot be fulfilled; the message says why, for people."""


class Refusal(CareError):
    """The other side asked for something that it may not have."""


class Damaged(CareError):
    """A file cannot be decrypted or decoded: another password, or changed bytes."""
