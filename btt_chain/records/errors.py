"""Errors of records: each message says what is wrong, and what to do where that helps."""

from __future__ import annotations


class RecordsError(Exception):
    """An operation on records failed."""


class BadDocument(RecordsError):
    """A document is malformed, too large, or no FHIR resource."""


class VaultError(RecordsError):
    """The vault cannot do what was asked: another key, a damaged file, an unknown record."""


class UnknownRecord(VaultError):
    """The vault has no such record or consent."""


class AccessDenied(RecordsError):
    """An access was refused: no consent covers it, or the consent ended."""


class ChainError(RecordsError):
    """The chain has not what was expected: no batch, no pallet, a refused call."""
