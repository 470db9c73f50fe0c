"""Signed transfers of free balance, executed on encoded records: see `DirectCalls`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import u128
from btt_chain.scale.compact import compact_decode
from runtime.block_limits import BlockLimits
from runtime.fee_shares import NO_TIP_RAW, FeeShares, Parts, is_usual
from runtime.frame import DispatchInfo
from runtime.frame.runtime import AS_DECLARED
from runtime.kept import Transfer, UsualCall
from runtime.pallets.balances import events
from runtime.pallets.balances.packed import NOT_FROZEN, credited
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.system.pallet import System
from runtime.transactions import LAST_NONCE, NO_ACCOUNT, NO_REFERENCES, prefix_size

ALLOW_DEATH, KEEP_ALIVE = 0, 3
"""Indices of the calls. For accounts that stay they do the same."""


class DirectTransfers:
    """Executes usual transfers."""

    kind: type[UsualCall] = Transfer

    def __init__(self, shares: FeeShares, balances: Balances, limits: BlockLimits) -> None:
        self._shares = shares
        self._host = balances.host
        self._system: System = balances.accounts
        self._account = balances.accounts.account
        self._limits = limits
        self._index = balances.index
        self._infos: dict[int, DispatchInfo] = {}
        for index in (ALLOW_DEATH, KEEP_ALIVE):
            info = balances.CALLS[index].info
            if isinstance(info, DispatchInfo) and is_usual(info):
                self._infos[index] = info
        self.infos: Mapping[bytes, DispatchInfo] = {
            bytes((self._index, index)): info for index, info in self._infos.items()
        }
        self._fees_index = shares.fees.index
        self._withdraw, self._transfer = (
            balances.event_prefix(event) for event in (events.Withdraw, events.Transfer)
        )
        self._paid = shares.fees.event_prefix(shares.fees.TransactionFeePaid)

    def forget(self) -> None:
        """Do nothing: each transfer reads the records that it changes."""

    def read(self, raw: bytes, at: int, who: AccountId, nonce: int) -> Transfer | None:
        """Return the transfer that begins at `at`; see `Shortcut`."""
        if raw[at + 2]:  # no account id
            return None
        value, end = compact_decode(raw, at + 35)
        if end != len(raw) or value > u128.MAX:
            return None
        dest = bytes.__new__(AccountId, raw[at + 3 : at + 35])
        return Transfer(who, nonce, raw[at + 1], dest, value, at)

    def execute(self, call: UsualCall, size: int, is_signed: Callable[[], bool]) -> bool:
        """Return True if the transfer was made; see `Shortcut`."""
        if not isinstance(call, Transfer):
            return False
        who, nonce, index, dest, value, _ = call
        shares = self._shares
        author = shares.author or shares.read_author()
        if author is None or not value or nonce == LAST_NONCE or who == NO_ACCOUNT:
            return False
        host, info, length = self._host, self._infos[index], size + prefix_size(size)
        try:  # first, as the author of a full block tries many
            used = self._limits.with_one_more(info, length)
        except Invalid:
            return False
        state, key = host.state, self._account.key
        payer_key, payee_key = key(who), key(dest)
        payer, payee = state.get(payer_key), state.get(payee_key)
        if payer is None or payee is None:
            return False
        if (
            payer[:4] != nonce.to_bytes(4, "little")
            or payer[8:16] == NO_REFERENCES
            or payer[48:64] != NOT_FROZEN
        ):
            return False
        price = shares.price(info, AS_DECLARED, length, shares.fees.discount_of(who))
        least = shares.least
        parts = shares.parts(author, price)
        if parts is None:
            return False
        others = parts.accounts
        if who == dest or who in others or dest in others:
            return False  # one record would be two
        left = int.from_bytes(payer[16:32], "little") - price.fee - value
        if left < least:
            return False
        received = credited(payee, value, least)
        if received is None or not is_signed():
            return False
        host.length, host.weights[info.dispatch_class] = used
        paid = (nonce + 1).to_bytes(4, "little") + payer[4:16]
        put = state.put
        put(payer_key, paid + left.to_bytes(16, "little") + payer[32:])
        put(payee_key, received)
        shares.pay(parts)
        self._report(call, parts)
        return True

    def _report(self, transfer: Transfer, parts: Parts) -> None:
        """Emit the events of the fee, the transfer, the shares of the fee and the outcome."""
        host, system = self._host, self._system
        system.begin_extrinsic()
        phase, balances, fee = host.phase, self._index, parts.price.fee_raw
        who, value = transfer.who, transfer.value.to_bytes(16, "little")
        host.events += (
            (phase, balances, self._withdraw + who + fee),
            (phase, balances, self._transfer + who + transfer.dest + value),
            *self._shares.paid_events(parts),
            (phase, self._fees_index, self._paid + who + fee + NO_TIP_RAW),
            (phase, system.index, system.success(self._infos[transfer.call], AS_DECLARED)),
        )
