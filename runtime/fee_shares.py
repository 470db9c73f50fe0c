"""Fees of usual calls, and the encoded records of the accounts that share them.

For `DirectTransfers` and `DirectPayments`: the results equal those of `TransactionPayment.settle`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import DispatchClass, DispatchInfo, PostInfo
from runtime.frame.runtime import AS_DECLARED
from runtime.pallets.balances import Balances
from runtime.pallets.balances.packed import credited, topped_up
from runtime.pallets.balances.types import is_pool
from runtime.pallets.transaction_payment import TransactionPayment

NO_TIP: Final = u128(0)
NO_TIP_RAW: Final = bytes(16)


class Payee(NamedTuple):
    """An account that gets a share of fees, with its storage key."""

    who: AccountId
    key: bytes


class Price(NamedTuple):
    """A fee and its parts, in planck and as they are encoded in events."""

    taken: int
    """The fee before the call."""
    fee: int
    """The part of it that is not refunded."""
    earned: int
    """The author's part."""
    rest: int
    """The part of the development fund."""
    taken_raw: bytes
    fee_raw: bytes
    earned_raw: bytes
    rest_raw: bytes
    refund_raw: bytes


class FeeShares:
    """Prices of calls without a tip, and the accounts that share them, for the present block."""

    def __init__(self, fees: TransactionPayment, balances: Balances) -> None:
        self.fees = fees
        self._host = balances.host
        self._account = balances.accounts.account
        self.least = int(balances.existential_deposit)
        self._treasury = self._payee(balances.treasury)
        self.fund = self._payee(fees.development_fund)
        self.author: Payee | None = None
        """Author of the block, once it was read."""
        self._prices: dict[tuple[int, int | None, int, int], Price] = {}
        self._rates: tuple[bytes | None, bytes | None] = None, None
        """Encoded multiplier and price of a byte of the fees in `_prices`."""

    def forget(self) -> None:
        """Forget what was read besides accounts, before the state changes or is another one."""
        self.author = None

    def read_author(self) -> Payee | None:
        """Read the values that no usual call changes: rates and author; return the author."""
        author = self.fees.authorship.author()
        rates = self.fees.next_fee_multiplier.raw(), self.fees.byte_price.raw()
        if rates != self._rates:
            self._prices.clear()
            self._rates = rates
        self.author = None if author is None else self._payee(author)
        return self.author

    def price(self, info: DispatchInfo, post: PostInfo, length: int, discount: int) -> Price:
        """Return the fee of a normal call in an extrinsic of `length` bytes, computed once."""
        key = info.weight, post.weight, length, discount
        price = self._prices.get(key)
        if price is None:
            taken, fee = (
                int(self.fees.fee(info, length, NO_TIP, after, discount=discount))
                for after in (AS_DECLARED, post)
            )
            price = self._prices[key] = priced(taken, min(fee, taken), self.fees.bytes_fee(length))
        return price

    def share(
        self, payee: Payee, amount: int, other: Payee | None = None, raw: bytes | None = None
    ) -> tuple[Payee, bytes | None]:
        """Return the account that gets a share of the fee, and its record with `amount` added.

        `payee` gets it, but what is too little to create an account goes to the treasury. `raw` is
        the new record of the account `other`, which got its share before. None in place of the
        record if the general way is needed.
        """
        get, least, treasury = self._host.state.get, self.least, self._treasury
        record = get(payee.key)
        if record is None and amount < least:
            payee, record = treasury, get(treasury.key)
        if payee == other:
            record = raw
        if record is None:
            return payee, None
        paid = credited(record, amount, least)
        if paid is None and (payee == treasury or is_pool(payee.who)):
            paid = topped_up(record, amount, least)
        return payee, paid

    def _payee(self, who: AccountId) -> Payee:
        return Payee(who, self._account.key(who))


def is_usual(info: DispatchInfo) -> bool:
    """Return True if a call with this dispatch info is a normal one with a fee."""
    return info.pays and info.dispatch_class is DispatchClass.Normal


def priced(taken: int, fee: int, per_byte: int) -> Price:
    """Return a fee with its parts: the author earns half of all but `per_byte`."""
    earned = (fee - per_byte) // 2
    parts = taken, fee, earned, fee - earned
    encoded = (part.to_bytes(16, "little") for part in (*parts, taken - fee))
    return Price(*parts, *encoded)
