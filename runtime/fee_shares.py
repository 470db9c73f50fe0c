"""Fees of usual calls, and the encoded records of the accounts that share them.

For `DirectTransfers` and `DirectPayments`: the results equal those of `TransactionPayment.settle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import DispatchClass, DispatchInfo, PostInfo
from runtime.frame.host import Deposited
from runtime.frame.runtime import AS_DECLARED
from runtime.pallets.balances import events
from runtime.pallets.balances.packed import credited, topped_up
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import is_pool
from runtime.pallets.transaction_payment.pallet import TransactionPayment

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


class Parts(NamedTuple):
    """The accounts that share a fee, and their new records."""

    price: Price
    author: Payee | None
    """None if authors have got the maximum of the era."""
    earned: bytes
    fund: Payee
    rest: bytes

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """The accounts that share the fee."""
        return (self.fund.who,) if self.author is None else (self.author.who, self.fund.who)


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
        self._limit = self._paid = 0
        """Maximum income of authors in the era, read with `author`, and their income so far."""
        self._paid_key = fees.era_paid.prefix
        self._prices: dict[tuple[int, int | None, int, int, bool], Price] = {}
        self._rates: tuple[bytes | None, bytes | None] = None, None
        """Encoded multiplier and price of a byte of the fees in `_prices`."""
        self._index, self._deposit = balances.index, balances.event_prefix(events.Deposit)

    def forget(self) -> None:
        """Forget what was read besides accounts, before the state changes or is another one."""
        self.author = None

    def read_author(self) -> Payee | None:
        """Read the values that no other usual call changes: rates, author, limit.

        Return the author.
        """
        author, fees = self.fees.authorship.author(), self.fees
        rates = fees.next_fee_multiplier.raw(), fees.byte_price.raw()
        if rates != self._rates:
            self._prices.clear()
            self._rates = rates
        self._limit = int(fees.era_limit.value)
        self.author = None if author is None else self._payee(author)
        return self.author

    def price(self, info: DispatchInfo, post: PostInfo, length: int, discount: int) -> Price:
        """Return the fee of a normal call in an extrinsic of `length` bytes, computed once.

        The author has no part in it where authors have got the maximum of the era.
        """
        self._paid = int.from_bytes(self._host.state.get(self._paid_key) or b"", "little")
        is_shared = self._paid < self._limit
        key = info.weight, post.weight, length, discount, is_shared
        price = self._prices.get(key)
        if price is None:
            taken, fee = (
                int(self.fees.fee(info, length, NO_TIP, after, discount=discount))
                for after in (AS_DECLARED, post)
            )
            fee = min(fee, taken)
            unshared = self.fees.bytes_fee(length) if is_shared else fee
            price = self._prices[key] = priced(taken, fee, unshared)
        return price

    def parts(self, author: Payee, price: Price) -> Parts | None:
        """Return the accounts that share a fee; None if the general way is needed.

        That is where an account does not exist, and for the fee that reaches the era's limit.
        """
        if not price.earned:
            fund, rest = self._share(self.fund, price.rest)
            return None if rest is None else Parts(price, None, b"", fund, rest)
        if self._paid + price.earned >= self._limit:
            return None
        earner, earned = self._share(author, price.earned)
        fund, rest = self._share(self.fund, price.rest, earner, earned)
        if earned is None or rest is None:
            return None
        return Parts(price, earner, earned, fund, rest)

    def pay(self, parts: Parts) -> None:
        """Store the records of the accounts that share a fee, and count what the author got."""
        price, author, earned, fund, rest = parts
        put = self._host.state.put
        if author is not None:
            put(self._paid_key, (self._paid + price.earned).to_bytes(16, "little"))
            put(author.key, earned)
        put(fund.key, rest)

    def paid_events(self, parts: Parts) -> Sequence[Deposited]:
        """Return the events of the payments to the accounts that share a fee."""
        price, author, _, fund, _ = parts
        phase, index, deposit = self._host.phase, self._index, self._deposit
        to_fund = (phase, index, deposit + fund.who + price.rest_raw)
        if author is None:
            return (to_fund,)
        return (phase, index, deposit + author.who + price.earned_raw), to_fund

    def _share(
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


def priced(taken: int, fee: int, unshared: int) -> Price:
    """Return a fee with its parts: the author earns half of all but `unshared`."""
    earned = (fee - unshared) // 2
    parts = taken, fee, earned, fee - earned
    encoded = (part.to_bytes(16, "little") for part in (*parts, taken - fee))
    return Price(*parts, *encoded)
