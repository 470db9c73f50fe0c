"""Validity of signed transactions in a pool view, whose state does not change.

A pool validates thousands of transactions on one state: fee and priority are computed once for all
that have weight, length, tip and discount in common.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.era import FOR_EVER, Era
from btt_chain.primitives.validity import Invalid, ValidTransaction
from btt_chain.scale import u64, u128
from runtime.block_limits import BlockLimits
from runtime.frame import DispatchClass, DispatchInfo
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from runtime.transactions import Signer

MAX_KEPT: Final = 4_096
"""Maximum number of fees that are kept."""

Quote = tuple[u128, u64]
"""Fee with the tip, and priority."""


class PoolTerms:
    """Terms of signed transactions, on the state since the last `clear`."""

    def __init__(self, system: System, fees: TransactionPayment, limits: BlockLimits) -> None:
        self._system = system
        self._fees = fees
        self._limits = limits
        self._quotes: dict[tuple[DispatchClass, int, bool, int, int, int], Quote] = {}
        self._number: int | None = None

    def clear(self) -> None:
        """Forget everything: the state is another one."""
        self._quotes.clear()
        self._number = None

    def of(self, signer: Signer, info: DispatchInfo, size: int) -> ValidTransaction:
        """Return the validity of a transaction of `size` encoded bytes; set its signer's fee.

        Raises Invalid if no block has room for it, or its signer cannot pay for it.
        """
        who, extra = signer.who, signer.extra
        fee, priority = self._quote(who, info, size, extra.tip)
        if not self._fees.can_pay(who, fee, extra.tip, signer.account):
            raise Invalid(validity.Payment())
        signer.fee = int(fee)
        nonce = int(extra.nonce)
        waits = nonce > signer.account.nonce
        return ValidTransaction(
            priority=priority,
            requires=[who + (nonce - 1).to_bytes(4, "little")] if waits else [],
            provides=[who + nonce.to_bytes(4, "little")],
            longevity=self._life(extra.era),
        )

    def _quote(self, who: AccountId, info: DispatchInfo, size: int, tip: u128) -> Quote:
        discount = self._fees.discount_of(who)
        key = (info.dispatch_class, info.weight, info.pays, size, int(tip), discount)
        quote = self._quotes.get(key)
        if quote is not None:
            return quote
        self._limits.with_one_more(info, size)
        try:
            fee = self._fees.fee(info, size, tip, discount=discount)
        except ArithmeticError:  # a tip that no account can hold
            raise Invalid(validity.Payment()) from None
        if len(self._quotes) >= MAX_KEPT:
            self._quotes.clear()
        quote = self._quotes[key] = fee, self._fees.priority(info, size, tip, fee)
        return quote

    def _life(self, era: Era) -> u64:
        """Return the number of blocks for which a transaction of `era` stays valid."""
        if self._number is None:
            self._number = int(self._system.number.value)
        death = era.death(self._number)
        return validity.FOREVER if death == FOR_EVER else u64(death - self._number)
