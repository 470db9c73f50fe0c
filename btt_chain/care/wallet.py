"""A patient's wallet: its accounts, its vouchers from the request to the redemption.

| state of a voucher | event | next |
|---|---|---|
| asked | made with its request, before anything is sent | |
| asked | the facility's answer, if the chain's key verifies it | held |
| held | its slot passes without a run of the wallet: it gets another one | held |
| held | it is in a block, or in a final one | sent, redeemed |
| sent | it is in a final block | redeemed |
| sent | its block was abandoned: it gets another slot | held |

Everything is on the disk before it is sent, so a crash loses no voucher: the same request is sent
again. The accounts are `//care//<n>` below the wallet's key, hard-derived: they have nothing in
common.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final, Self

from btt_chain.care import blind
from btt_chain.care.blind import PublicKey
from btt_chain.care.errors import Refusal
from btt_chain.care.evidence import Bytes32
from btt_chain.care.messages import MAX_VOUCHERS, Answer, Claim, Request, Wanted
from btt_chain.care.schedule import Below, Calendar, Run, due_slot, one_run
from btt_chain.care.vault import Vault
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.rsa_pss import MODULUS_LENGTH, check_modulus
from btt_chain.crypto.uri import Junction, chain_code
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.point_voucher import (
    NONCE_LENGTH,
    Denomination,
    PointVoucher,
    denominate,
)
from btt_chain.scale import Fixed, codec, u32, u64

FILE: Final = "wallet.sqlite"
Modulus = Annotated[bytes, Fixed(MODULUS_LENGTH)]


class State(IntEnum):
    """The state of a voucher in the wallet."""

    Asked = 0
    Held = 1
    Redeemed = 2
    Sent = 3


@dataclass(slots=True)
class Kept:
    """A voucher in the wallet."""

    id: Bytes32
    voucher: PointVoucher
    """Its signature is zero until the facility has answered."""
    number: u32
    """Number of its account."""
    blinded: Modulus
    inverse: Modulus
    due: u64
    """Slot in which it is redeemed."""
    state: State

    @property
    def points(self) -> int:
        """Its points."""
        return self.voucher.denomination.points

    @property
    def account(self) -> int:
        """Number of its account."""
        return int(self.number)

    @property
    def month(self) -> int:
        """Number of its month."""
        return int(self.voucher.month)


@dataclass(slots=True)
class Batch:
    """The vouchers of one claim, in the order of the request."""

    claim: str
    vouchers: list[Bytes32]


KEPT: Final = codec(Kept)
BATCH: Final = codec(Batch)
COUNTER: Final = codec(u32)


class Wallet:
    """The wallet of one key on one chain; made by `open`."""

    def __init__(self, vault: Vault, pair: KeyPair, genesis: bytes, below: Below) -> None:
        self._vault = vault
        self._below = below
        self._pair = pair
        self._genesis = genesis

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, pair: KeyPair, genesis: bytes, below: Below = secrets.randbelow
    ) -> Iterator[Self]:
        """Open or create a wallet, encrypted by its key. Raises CareError for another key's.

        `below` chooses the slots of redemption.
        """
        owner = b"wallet" + genesis + pair.account_id
        with Vault.open(folder / FILE, pair.secret, owner) as vault:
            yield cls(vault, pair, genesis, below)

    def pair(self, number: int) -> KeyPair:
        """Return the key of an account of the wallet."""
        path = (Junction(chain_code("care"), True), Junction(chain_code(str(number)), True))
        return self._pair.derive(*path)

    # ---- collecting

    def request(
        self, claim: Claim, keys: Sequence[bytes], calendar: Calendar, now: int,
        *, together: bool = False,
    ) -> Request:  # fmt: skip
        """Return the request for the vouchers of a claim; the same one each time.

        `keys` are the moduli that the chain has for the claim's facility and month: messages are
        blinded for these only, so a facility that signs with a key for one patient is found out.
        With `together` all vouchers of a facility get one account. Raises Refusal.
        """
        if claim.genesis != self._genesis:
            raise Refusal("the claim is of another chain")
        if len(keys) != len(Denomination):
            raise Refusal("the chain has no keys of this facility for the claim's month")
        if not claim.points:
            raise Refusal("the claim is for no points")
        raw = self._vault.get("batch", claim.code)
        if raw is not None:
            batch = BATCH.decode_all(raw)
            return self._request_of(claim, [self._kept(id) for id in batch.vouchers])
        if claim.month > calendar.month(now):
            raise Refusal(
                f"month {claim.month} has not begun: a facility could mark you by a month of your "
                "own"
            )
        if claim.points > MAX_VOUCHERS * Denomination.Hundred.points:
            raise Refusal(f"the claim needs more than {MAX_VOUCHERS} vouchers")
        denominations = denominate(claim.points)
        if len(denominations) > MAX_VOUCHERS:
            raise Refusal(f"the claim needs more than {MAX_VOUCHERS} vouchers")
        for key in keys:
            try:
                check_modulus(key)
            except ValueError as error:
                raise Refusal(f"a key of the facility is unsound: {error}") from None
        with self._vault.transaction():
            made = [
                self._make(claim, each, keys[each], calendar, now, together=together)
                for each in denominations
            ]
            for kept in made:
                self._put(kept)
            batch = Batch(claim.encode(), [kept.id for kept in made])
            self._vault.put("batch", claim.code, BATCH.encode(batch), month=claim.month)
        return self._request_of(claim, made)

    def accept(self, claim: Claim, answer: Answer, keys: Sequence[bytes]) -> int:
        """Keep the vouchers that an answer signed; return their points.

        Raises Refusal, and keeps none, if one signature is not by the key that the chain has.
        """
        raw = self._vault.get("batch", claim.code)
        if raw is None:
            raise Refusal("the wallet has sent no request for this claim")
        found = [self._kept(id) for id in BATCH.decode_all(raw).vouchers]
        if len(answer.signed) != len(found):
            raise Refusal("the answer has another number of signatures than the request")
        signed: list[Kept] = []
        for kept, blinded in zip(found, answer.signed, strict=True):
            voucher = kept.voucher
            key = PublicKey.of_modulus(keys[voucher.denomination])
            prepared = voucher.prefix + voucher.message(self._genesis)
            try:
                signature = blind.finalize(key, prepared, blinded, kept.inverse)
            except blind.BlindError:
                raise Refusal(
                    "the facility did not sign with the key that is on the chain: another key "
                    "would mark these vouchers as yours. None was kept"
                ) from None
            if kept.state is State.Asked:
                kept.voucher = _signed(voucher, signature)
                kept.state = State.Held
                signed.append(kept)
        with self._vault.transaction():
            for kept in signed:
                self._put(kept)
        return sum(kept.points for kept in signed)

    def claims(self) -> list[Claim]:
        """Return the claims whose answers are missing."""
        found: list[Claim] = []
        for raw in self._vault.all("batch"):
            batch = BATCH.decode_all(raw)
            if any(self._kept(id).state is State.Asked for id in batch.vouchers):
                found.append(Claim.decode(batch.claim))
        return found

    # ---- redeeming

    def vouchers(self) -> list[Kept]:
        """Return all vouchers."""
        return [KEPT.decode_all(raw) for raw in self._vault.all("voucher")]

    def held(self) -> list[Kept]:
        """Return the vouchers that wait to be redeemed."""
        return self._in(State.Held)

    def sent(self) -> list[Kept]:
        """Return the vouchers that were sent, and seen in no final block; `due` is that slot."""
        return self._in(State.Sent)

    def plan(self, calendar: Calendar, now: int) -> Run[Kept]:
        """Return the call that a run of the wallet waits for; the slots are on the disk then."""
        found = one_run(self.held(), calendar, now, self._below)
        self.postpone(found.moved)
        return found

    def put_off(self, call: Sequence[Kept], calendar: Calendar, now: int) -> None:
        """Give the vouchers of a call that does not count yet another slot of the next days."""
        self.postpone([(call, calendar.next_week(now, self._below))])

    def postpone(self, waiting: Sequence[tuple[Sequence[Kept], int]]) -> None:
        """Record the slots in which vouchers are redeemed."""
        with self._vault.transaction():
            for vouchers, due in waiting:
                for kept in vouchers:
                    kept.due = u64(due)
                    self._put(kept)

    def mark_sent(self, vouchers: Sequence[Kept], slot: int) -> None:
        """Record that vouchers were sent in a slot."""
        for kept in vouchers:
            kept.due = u64(slot)
        self.mark(vouchers, State.Sent)

    def mark(self, vouchers: Sequence[Kept], state: State) -> None:
        """Record the state of vouchers."""
        with self._vault.transaction():
            for kept in vouchers:
                kept.state = state
                self._put(kept)

    # ---- internals

    def _make(
        self, claim: Claim, denomination: Denomination, key: bytes, calendar: Calendar,
        now: int, *, together: bool,
    ) -> Kept:  # fmt: skip
        number = self._number(claim.facility if together else secrets.token_bytes(32))
        voucher = PointVoucher(
            facility=AccountId(claim.facility),
            month=u32(claim.month),
            denomination=denomination,
            redeemer=AccountId(self.pair(number).account_id),
            nonce=secrets.token_bytes(NONCE_LENGTH),
            prefix=b"",
            signature=bytes(MODULUS_LENGTH),
        )
        prepared = blind.prepare(voucher.message(self._genesis))
        made = blind.blind(PublicKey.of_modulus(key), prepared)
        voucher = PointVoucher(
            voucher.facility, voucher.month, denomination, voucher.redeemer, voucher.nonce,
            prepared[: blind.PREFIX_LENGTH], voucher.signature,
        )  # fmt: skip
        due = due_slot(calendar, claim.month, now, self._below)
        return Kept(
            secrets.token_bytes(32), voucher, u32(number), made.message, made.inverse,
            u64(due), State.Asked,
        )  # fmt: skip

    def _number(self, owner: bytes) -> int:
        """Return the number of an owner's account, the next one for a new owner."""
        raw = self._vault.get("account", owner)
        if raw is not None:
            return int(COUNTER.decode_all(raw))
        last = self._vault.get("account", b"")
        number = 0 if last is None else int(COUNTER.decode_all(last)) + 1
        self._vault.put("account", b"", COUNTER.encode(u32(number)))
        self._vault.put("account", owner, COUNTER.encode(u32(number)))
        return number

    def _request_of(self, claim: Claim, found: Sequence[Kept]) -> Request:
        wanted = [Wanted(kept.voucher.denomination, kept.blinded) for kept in found]
        return Request(claim.code, wanted)

    def _in(self, state: State) -> list[Kept]:
        return [kept for kept in self.vouchers() if kept.state is state]

    def _kept(self, id: bytes) -> Kept:
        raw = self._vault.get("voucher", id)
        if raw is None:
            raise Refusal("a voucher of the wallet is missing")
        return KEPT.decode_all(raw)

    def _put(self, kept: Kept) -> None:
        self._vault.put("voucher", kept.id, KEPT.encode(kept), month=int(kept.voucher.month))


def _signed(voucher: PointVoucher, signature: bytes) -> PointVoucher:
    return PointVoucher(
        voucher.facility, voucher.month, voucher.denomination, voucher.redeemer, voucher.nonce,
        voucher.prefix, signature,
    )  # fmt: skip
