"""Signed transfers of free balance, executed on encoded records.

Most extrinsics of a full block are transfers between accounts that exist before and after them.
`DirectTransfers` executes such a one in a single pass: the envelope is read in place, accounts are
changed in their encodings, and the events are written as they are encoded. It makes all its
checks before its first change. Whatever is not such a transfer, or would be refused, is left to the
executive's general way, untouched; both ways give the same state, events and counters
(tests/unit/runtime/test_direct_transfers.py compares them).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives import validity
from btt_chain.primitives.account import (
    AccountId,
    Ed25519Signature,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.extrinsic import SIGNED_V4, signing_payload
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import DecodeError, u32, u128
from btt_chain.scale.compact import compact_decode
from runtime.block_limits import BlockLimits
from runtime.extensions import SignedExtra
from runtime.frame import DispatchInfo, Runtime
from runtime.frame.runtime import AS_DECLARED
from runtime.kept import Kept, Transfer
from runtime.pallets.balances import Balances, events
from runtime.pallets.balances.packed import NOT_FROZEN, credited, topped_up
from runtime.pallets.balances.types import is_pool
from runtime.pallets.system import System
from runtime.pallets.transaction_payment import TransactionPayment
from runtime.transactions import (
    NO_ACCOUNT,
    SignatureCheck,
    Signer,
    TransactionDecoder,
    prefix_size,
)

ALLOW_DEATH, KEEP_ALIVE = 0, 3
"""Indices of the calls. For accounts that stay they do the same."""

EXTRA: Final = 99
"""Position of the era: after the version, an account id and a signature of 64 bytes."""
SHORTEST: Final = EXTRA + 4 + 3 + 32 + 1
"""Bytes of a transfer without an era, of a value below 64, by a nonce below 64."""
SCHEMES: Final = (Ed25519Signature, Sr25519Signature)

NO_REFERENCES: Final = bytes(8)
NO_TIP: Final = u128(0)
NO_TIP_RAW: Final = bytes(16)
MAX_NONCE: Final = u32.MAX


class Envelope(NamedTuple):
    """A transfer in an extrinsic, before its signature is checked."""

    transfer: Transfer
    signature: MultiSignature
    payload: bytes
    """Bytes that the signature covers."""
    implicit: bytes
    """The part of them that is not transmitted."""
    like: SignedExtra
    """Extra data with the same era and mode."""


class Payee(NamedTuple):
    """An account that gets a share of fees, with its storage key."""

    who: AccountId
    key: bytes


class Price(NamedTuple):
    """A fee and its parts, in planck and as they are encoded in events."""

    fee: int
    earned: int
    """The author's part."""
    rest: int
    """The part of the development fund."""
    fee_raw: bytes
    earned_raw: bytes
    rest_raw: bytes


class DirectTransfers:
    """Executes usual transfers of a runtime with these pallets."""

    def __init__(
        self,
        runtime: Runtime,
        fees: TransactionPayment,
        balances: Balances,
        limits: BlockLimits,
        decoder: TransactionDecoder,
        check_signature: SignatureCheck,
    ) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._system: System = balances.accounts
        self._account = balances.accounts.account
        self._fees = fees
        self._limits = limits
        self._decoder = decoder
        self._check_signature = check_signature
        self._least = int(balances.existential_deposit)
        self._treasury = self._payee(balances.treasury)
        self._fund = self._payee(fees.development_fund)
        self._author: Payee | None = None
        """Author of the block, once it was read."""
        self._infos: dict[int, DispatchInfo] = {}
        for index in (ALLOW_DEATH, KEEP_ALIVE):
            info = balances.CALLS[index].info
            if isinstance(info, DispatchInfo):
                self._infos[index] = info
        self._index = balances.index
        self._fees_index = fees.index
        self._withdraw, self._transfer, self._deposit = (
            bytes((balances.index, event.INDEX or 0))
            for event in (events.Withdraw, events.Transfer, events.Deposit)
        )
        self._paid = bytes((fees.index, fees.TransactionFeePaid.INDEX or 0))
        self._prices: dict[tuple[int, int, int], Price] = {}
        self._multiplier: bytes | None = None
        """Encoded multiplier of the fees in `_prices`."""

    @staticmethod
    def of(
        runtime: Runtime,
        limits: BlockLimits,
        decoder: TransactionDecoder,
        check_signature: SignatureCheck,
    ) -> DirectTransfers | None:
        """Return one for a runtime; None if its transfers or fees have other rules than these."""
        pallets = {type(pallet): pallet for pallet in runtime.pallets.values()}
        balances, fees = pallets.get(Balances), pallets.get(TransactionPayment)
        if not isinstance(balances, Balances) or not isinstance(fees, TransactionPayment):
            return None
        if fees.currency is not balances or type(balances.accounts) is not System:
            return None
        return DirectTransfers(runtime, fees, balances, limits, decoder, check_signature)

    # ---- public interface

    def forget(self) -> None:
        """Forget what was read of the state besides accounts: it is another, or it changes."""
        self._author = None

    def apply(self, raw: bytes, kept: Kept | None, family: object) -> bool:
        """Return True if the extrinsic was applied; else nothing is changed.

        `kept` and `family` are those of `TransactionDecoder.reuse`.
        """
        if self._host.dispatcher is not self._runtime:  # an observer wants to see the call
            return False
        envelope, transfer = None, None
        if kept is not None:
            transfer = self._reused(kept, family)
        elif envelope := self._read(raw):
            transfer = envelope.transfer
        if transfer is None or not self._execute(transfer, len(raw), envelope):
            return False
        if kept is not None:
            kept.call = None
        return True

    def open(self, raw: bytes) -> tuple[Signer, DispatchInfo, int, Transfer] | None:
        """Return the transfer in an extrinsic, with its signer, dispatch info and encoded length.

        None if it is to be decoded in the general way. Raises Invalid as that does, for a signature
        or a sender that is not valid.
        """
        envelope = self._read(raw)
        if envelope is None:
            return None
        transfer, signature, payload, implicit, like = envelope
        who = transfer.who
        if not self._check_signature(signature, payload, who):
            raise Invalid(validity.BadProof())
        extra = SignedExtra(like.era, u32(transfer.nonce), NO_TIP, like.mode)
        signer, size = self._decoder.sender(who, extra), len(raw)
        signer.implicit = implicit
        return signer, self._infos[transfer.call], size + prefix_size(size), transfer

    # ---- internals: what was signed

    def _read(self, raw: bytes) -> Envelope | None:
        """Return the transfer in an extrinsic; None if it holds anything else."""
        if len(raw) < SHORTEST or raw[0] != SIGNED_V4 or raw[1] or raw[34] >= len(SCHEMES):
            return None
        try:
            at = EXTRA + (2 if raw[EXTRA] else 1)
            nonce, at = compact_decode(raw, at)
            if raw[at]:  # a tip
                return None
            start = at + 2
            if raw[start] != self._index or raw[start + 1] not in self._infos or raw[start + 2]:
                return None
            value, end = compact_decode(raw, start + 35)
        except (DecodeError, IndexError):
            return None
        if end != len(raw) or nonce > u32.MAX or value > u128.MAX:
            return None
        extra_raw, call_raw = raw[EXTRA:start], raw[start:]
        try:
            like, implicit = self._decoder.implicits.of_encoded(extra_raw)
        except (DecodeError, Invalid, Unknown):
            return None
        who = bytes.__new__(AccountId, raw[2:34])
        dest = bytes.__new__(AccountId, call_raw[3:35])
        return Envelope(
            Transfer(who, nonce, call_raw[1], dest, value, start),
            SCHEMES[raw[34]](raw[35:EXTRA]),
            signing_payload(call_raw, extra_raw, implicit),
            implicit,
            like,
        )

    def _reused(self, kept: Kept, family: object) -> Transfer | None:
        """Return the transfer that was kept; None for another call, or one to decode again."""
        transfer = kept.call
        if not isinstance(transfer, Transfer) or kept.family is not family:
            return None
        try:
            is_same = self._decoder.implicits.of(kept.extra) == kept.implicit
        except (Invalid, Unknown):
            return None
        return transfer if is_same else None

    # ---- internals: execution

    def _execute(self, transfer: Transfer, size: int, envelope: Envelope | None) -> bool:
        """Return True if the transfer was made. `envelope`: its signature is not checked yet."""
        who, nonce, index, dest, value, _ = transfer
        author = self._author or self._read_author()
        if author is None or not value or nonce >= MAX_NONCE or who == NO_ACCOUNT:
            return False
        host, info, length = self._host, self._infos[index], size + prefix_size(size)
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
        price = self._price(index, info, length, self._fees.discount_of(who))
        least = self._least
        earner, earned = self._share(author, price.earned)
        fund, rest = self._share(self._fund, price.rest, earner, earned)
        if earned is None or rest is None or not price.earned:
            return False
        if who == dest or who in (earner.who, fund.who) or dest in (earner.who, fund.who):
            return False  # one record would be two
        left = int.from_bytes(payer[16:32], "little") - price.fee - value
        if left < least:
            return False
        received = credited(payee, value, least)
        if received is None:
            return False
        try:
            used = self._limits.with_one_more(info, length)
        except Invalid:
            return False
        if envelope is not None and not self._check_signature(
            envelope.signature, envelope.payload, who
        ):
            return False
        host.length, host.weights[info.dispatch_class] = used
        paid = (nonce + 1).to_bytes(4, "little") + payer[4:16]
        put = state.put
        put(payer_key, paid + left.to_bytes(16, "little") + payer[32:])
        put(payee_key, received)
        put(earner.key, earned)
        put(fund.key, rest)
        self._report(transfer, price, earner.who, fund.who)
        return True

    def _payee(self, who: AccountId) -> Payee:
        return Payee(who, self._account.key(who))

    def _read_author(self) -> Payee | None:
        """Read what no transfer changes: the author, which is returned, and the fee multiplier."""
        author, multiplier = self._fees.authorship.author(), self._fees.next_fee_multiplier.raw()
        if multiplier != self._multiplier:
            self._prices.clear()
            self._multiplier = multiplier
        self._author = None if author is None else self._payee(author)
        return self._author

    def _share(
        self, payee: Payee, amount: int, other: Payee | None = None, raw: bytes | None = None
    ) -> tuple[Payee, bytes | None]:
        """Return the account that gets a share of the fee, and its record with `amount` added.

        `payee` gets it, but what is too little to create an account goes to the treasury. `raw` is
        the new record of the account `other`, which got its share before. None in place of the
        record if the general way is needed.
        """
        get, least, treasury = self._host.state.get, self._least, self._treasury
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

    def _report(self, transfer: Transfer, price: Price, earner: AccountId, fund: AccountId) -> None:
        """Emit the events of the fee, the transfer, the shares of the fee and the outcome."""
        host, system = self._host, self._system
        system.begin_extrinsic()
        phase, balances, deposit = host.phase, self._index, self._deposit
        who, value = transfer.who, transfer.value.to_bytes(16, "little")
        host.events += (
            (phase, balances, self._withdraw + who + price.fee_raw),
            (phase, balances, self._transfer + who + transfer.dest + value),
            (phase, balances, deposit + earner + price.earned_raw),
            (phase, balances, deposit + fund + price.rest_raw),
            (phase, self._fees_index, self._paid + who + price.fee_raw + NO_TIP_RAW),
            (phase, system.index, system.success(self._infos[transfer.call], AS_DECLARED)),
        )

    def _price(self, index: int, info: DispatchInfo, length: int, discount: int) -> Price:
        """Return the fee of a transfer, computed once for its length."""
        price = self._prices.get((index, length, discount))
        if price is None:
            fee = int(self._fees.fee(info, length, NO_TIP, discount=discount))
            price = self._prices[index, length, discount] = priced(fee)
        return price


def priced(fee: int) -> Price:
    """Return a fee with its parts: half is the author's, the rest goes to the fund."""
    earned = fee // 2
    parts = fee, earned, fee - earned
    fee_raw, earned_raw, rest_raw = (part.to_bytes(16, "little") for part in parts)
    return Price(*parts, fee_raw, earned_raw, rest_raw)
