"""Signed payments of invoices in BTT, executed on encoded records: see `DirectCalls`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import u128
from btt_chain.scale.compact import compact_decode
from runtime.block_limits import BlockLimits
from runtime.fee_shares import NO_TIP_RAW, FeeShares, Parts, is_usual
from runtime.frame import DispatchInfo, PostInfo
from runtime.kept import InvoicePayment, UsualCall
from runtime.pallets.balances import events
from runtime.pallets.balances.packed import NO_PROVIDER, NOT_FROZEN, credited
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.payfi.fees import BTT
from runtime.pallets.payfi.packed import Entry, PackedPayments
from runtime.pallets.payfi.pallet import PAID, PayFi
from runtime.pallets.system.pallet import System
from runtime.transactions import LAST_NONCE, NO_ACCOUNT, prefix_size

PAY: Final = 4
"""Index of the call."""
MEMO: Final = 1
"""First byte of an optional hash that is there."""


class Outcome(NamedTuple):
    """The result of a payment."""

    post: PostInfo
    spare: int
    """Declared weight that it did not use, in picoseconds."""
    event: bytes


class DirectPayments:
    """Executes usual payments: to active merchants without policies, who have a batch to join."""

    kind: type[UsualCall] = InvoicePayment

    def __init__(
        self,
        shares: FeeShares,
        balances: Balances,
        payfi: PayFi,
        limits: BlockLimits,
        info: DispatchInfo,
    ) -> None:
        """`info` is the dispatch info of `pay`, the same for all payments."""
        self._shares = shares
        self._host = balances.host
        self._system: System = balances.accounts
        self._account = balances.accounts.account
        self._limits = limits
        self._packed = PackedPayments(payfi)
        self._pool = payfi.pool
        self._pool_key = self._account.key(payfi.pool)
        self._indices = balances.index, payfi.index, shares.fees.index
        self._withdraw, self._transfer, self._deposit = (
            balances.event_prefix(event)
            for event in (events.Withdraw, events.Transfer, events.Deposit)
        )
        self._fee_paid = shares.fees.event_prefix(shares.fees.TransactionFeePaid)
        self._info = info
        self.infos: Mapping[bytes, DispatchInfo] = {bytes((payfi.index, PAY)): info}
        self._outcomes: dict[bool, Outcome] = {}
        """Results by whether a payment is the first one of the block in its batch."""

    def forget(self) -> None:
        """Forget the merchants: they may change."""
        self._packed.forget()

    def read(self, raw: bytes, at: int, who: AccountId, nonce: int) -> InvoicePayment | None:
        """Return the payment that begins at `at`; see `Shortcut`."""
        if raw[at + 2] or raw[at + 51 : at + 54] != BTT:
            return None
        most, end = compact_decode(raw, at + 54)
        memo = end + 16
        size = 33 if raw[memo] == MEMO else 1
        gross = int.from_bytes(raw[at + 35 : at + 51], "little")
        if raw[memo] > MEMO or memo + size != len(raw) or not gross <= most <= u128.MAX:
            return None
        merchant = bytes.__new__(AccountId, raw[at + 3 : at + 35])
        return InvoicePayment(who, nonce, merchant, gross, raw[end:memo], raw[memo:], at)

    def execute(self, call: UsualCall, size: int, is_signed: Callable[[], bool]) -> bool:
        """Return True if the payment was made; see `Shortcut`."""
        if not isinstance(call, InvoicePayment):
            return False
        who, nonce, merchant, gross, reference, memo, _ = call
        shares, host, length = self._shares, self._host, size + prefix_size(size)
        author = shares.author or shares.read_author()
        if author is None or nonce == LAST_NONCE or who == NO_ACCOUNT:
            return False
        info = self._info
        try:  # first, as the author of a full block tries many
            total, weight = self._limits.with_one_more(info, length)
        except Invalid:
            return False
        get, put, payer_key = host.state.get, host.state.put, self._account.key(who)
        payer, pool = get(payer_key), get(self._pool_key)
        if payer is None or pool is None:
            return False
        if (
            payer[:4] != nonce.to_bytes(4, "little")
            or payer[8:12] == NO_PROVIDER
            or payer[48:64] != NOT_FROZEN
        ):
            return False
        shop = self._packed.shop(merchant)
        if shop is None:
            return False
        outcome = self._outcome(is_first=not shop.is_joined)
        price = shares.price(info, outcome.post, length, shares.fees.discount_of(who))
        free, least = int.from_bytes(payer[16:32], "little") - gross, shares.least
        if free - price.taken < least or price.taken == price.fee:
            return False
        parts, received = shares.parts(author, price), credited(pool, gross, least)
        if parts is None or received is None:
            return False
        others = parts.accounts
        if who == self._pool or who in others or self._pool in others:
            return False  # one record would be two
        entry = self._packed.prepare(shop, gross, reference)
        if entry is None or not is_signed():
            return False
        host.length, host.weights[info.dispatch_class] = total, weight - outcome.spare
        left = (free - price.fee).to_bytes(16, "little")
        put(payer_key, (nonce + 1).to_bytes(4, "little") + payer[4:16] + left + payer[32:])
        put(self._pool_key, received)
        self._packed.enter(entry, who, memo)
        shares.pay(parts)
        self._report(call, entry, parts, outcome)
        return True

    @staticmethod
    def of(
        shares: FeeShares, balances: Balances, payfi: PayFi, limits: BlockLimits
    ) -> DirectPayments | None:
        """Return one for a runtime; None if its payments have other rules than these."""
        info = payfi.CALLS[PAY].info
        # A later version of the pallet is a subclass, and may have other rules.
        if type(payfi) is not PayFi or payfi.currency is not balances:
            return None
        if not isinstance(info, DispatchInfo):
            return None
        return DirectPayments(shares, balances, payfi, limits, info) if is_usual(info) else None

    # ---- internals

    def _outcome(self, *, is_first: bool) -> Outcome:
        outcome = self._outcomes.get(is_first)
        if outcome is None:
            system, info, post = self._system, self._info, PAID[0, is_first, False]
            event = self._host.event_encoders[system.index](system.success(info, post))
            spare = 0 if post.weight is None else info.weight - post.weight
            outcome = self._outcomes[is_first] = Outcome(post, spare, event)
        return outcome

    def _report(self, call: InvoicePayment, entry: Entry, parts: Parts, outcome: Outcome) -> None:
        """Emit the events of the fee, the payment, the shares of the fee and the outcome."""
        host, system, who, price = self._host, self._system, call.who, parts.price
        system.begin_extrinsic()
        phase, (balances, payfi, fees) = host.phase, self._indices
        host.events += (
            (phase, balances, self._withdraw + who + price.taken_raw),
            (phase, balances, self._transfer + who + self._pool + entry.gross_raw),
            (phase, payfi, self._packed.event(entry, who)),
            (phase, balances, self._deposit + who + price.refund_raw),
            *self._shares.paid_events(parts),
            (phase, fees, self._fee_paid + who + price.fee_raw + NO_TIP_RAW),
            (phase, system.index, outcome.event),
        )
