"""Interfaces of Tokenomics: fees, burns, and payments out of holds. Amounts are in planck.

A pallet joins those that it needs: `class Funds(Fees, HeldBurns, Protocol)`.
"""

from __future__ import annotations

from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame.call import Reason
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PlatformSplit


class FeeScale(Protocol):
    """The scale of fees by value."""

    def threshold(self) -> u128:
        """Return the value from which the burned part of a fee is at its maximum."""


class Fees(FeeScale, Protocol):
    """Collection of fees."""

    def take(self, who: AccountId, split: PlatformSplit, reason: BurnReason) -> None:
        """Take the parts of a fee from `who`, except the voters'."""


class Burns(Protocol):
    """Burns of free balance."""

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy free balance of a pool or of any account."""


class HeldBurns(Protocol):
    """Burns of money on hold: penalties."""

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool = False
    ) -> None:
        """Destroy an amount on hold; if `force`, also what a lock needs. Raises TokenError."""


class HeldPayments(Protocol):
    """Payments out of holds."""

    def pay_held(self, reason: Reason, who: AccountId, to: AccountId, amount: u128) -> None:
        """Pay `to` out of the amount that `who` has on hold. Raises TokenError."""
