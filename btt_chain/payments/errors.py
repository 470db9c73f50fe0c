"""The error of payment texts."""

from __future__ import annotations


class PaymentError(ValueError):
    """A payment text is malformed, altered or expired; the message says where and why."""
