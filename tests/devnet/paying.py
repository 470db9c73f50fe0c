"""Merchants and payers of a devnet whose nodes are killed, and what the final chain says of them.

A payer decides by final blocks. If its node goes away, it pays again by another one with the same
reference: the chain accepts an invoice once. Some payments are refunded, and some are disputed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, Self

from btt_chain.client.chain import read_header
from btt_chain.client.errors import ClientError, Disconnected, DispatchFailed
from btt_chain.client.typed import Executed, RuntimeClient, UnsupportedRuntime, open_runtime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.babe import pre_digest
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import codec, u8, u16, u128
from btt_chain.testing import Devnet
from runtime.accounts import PAYFI
from runtime.constants import BTT
from runtime.frame import EventRecord
from runtime.frame.event import Event
from runtime.pallets.payfi.dispute_types import Accept, DisputeReason
from runtime.pallets.payfi.events import Disputed, Paid, Refunded, Resolved, Settled
from runtime.pallets.transaction_payment.pallet import TransactionPayment

MERCHANT_MONEY: Final = 1_100 * BTT
"""Money of a merchant, of which 1,000 BTT are its bond; //Alice has enough for 40 of them."""
PAYER_MONEY: Final = 200 * BTT
"""Money of a payer; //Bob has enough for 250 of them."""
BATCH: Final = 50
MAX_BTT: Final = u128(100 * BTT)
REFUNDED, DISPUTED = 0.15, 0.15
"""Shares of the payments that are refunded, and that are disputed."""
LATER: Final = 75.0
"""Maximum seconds until then: a part of the payments has settled."""
NO_EVIDENCE: Final = H256(bytes(32))
AGAIN: Final = 1.0
"""Seconds until a payer or a connection tries again."""
EVENTS: Final = codec(list[EventRecord])


def account(pair: KeyPair) -> AccountId:
    """Return the account of a key."""
    return AccountId(pair.account_id)


def keys(kind: str, count: int) -> list[KeyPair]:
    """Return the keys of merchants or payers."""
    return [KeyPair.from_uri(f"//{kind}//{number}") for number in range(count)]


class Links:
    """A connection to each node, made again when the node is back."""

    def __init__(self, net: Devnet, rng: Random) -> None:
        self._urls = [node.ws for node in net.nodes]
        self._rng = rng
        self._open: dict[int, tuple[RuntimeClient, asyncio.Event]] = {}
        self._turns: dict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)

    def turn(self, signer: KeyPair) -> asyncio.Lock:
        """Return the lock of an account that several tasks sign for: one transaction at a time."""
        return self._turns[signer.account_id]

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Self]:
        """Keep the connections until the body ends."""
        async with asyncio.TaskGroup() as tasks:
            held = [tasks.create_task(self._keep(place)) for place in range(len(self._urls))]
            yield self
            for task in held:
                task.cancel()

    async def any(self) -> tuple[RuntimeClient, asyncio.Event]:
        """Return a connection and the event that reports it broken."""
        while not self._open:
            await asyncio.sleep(AGAIN)
        return self._open[self._rng.choice(sorted(self._open))]

    async def submit(self, signer: KeyPair, pallet: str, call: str, **args: object) -> Executed:
        """Send a call by any node and wait until it is final.

        Raises DispatchFailed; ClientError if it may have come into a block or not.
        """
        chain, broken = await self.any()
        try:
            composed = chain.compose(pallet, call, **args)
            done = await chain.chain.transactions.deliver(composed, signer, wait="final")
            return await chain.executed(done.wire, done.block)
        except Disconnected:
            broken.set()
            raise

    async def _keep(self, place: int) -> None:
        while True:
            with suppress(ClientError, UnsupportedRuntime):
                async with open_runtime(self._urls[place]) as chain:
                    broken = asyncio.Event()
                    self._open[place] = chain, broken
                    try:
                        await broken.wait()
                    finally:
                        del self._open[place]
            await asyncio.sleep(AGAIN)


async def settle_in(links: Links, merchants: Sequence[KeyPair], payers: Sequence[KeyPair]) -> None:
    """Fund all accounts and register the merchants."""
    await fund(links, KeyPair.from_uri("//Alice"), merchants, MERCHANT_MONEY)
    await fund(links, KeyPair.from_uri("//Bob"), payers, PAYER_MONEY)
    terms = {"category": u16(5_814), "currency": b"CNY", "plan": u8(0), "meta": H256(bytes(32))}
    await asyncio.gather(*(links.submit(one, "PayFi", "register", **terms) for one in merchants))


async def fund(links: Links, bank: KeyPair, who: Sequence[KeyPair], value: int) -> None:
    """Transfer money to accounts."""
    chain, _ = await links.any()
    for begin in range(0, len(who), BATCH):
        gifts = [
            chain.inner("Balances", "transfer_keep_alive", dest=Id(account(one)), value=u128(value))
            for one in who[begin : begin + BATCH]
        ]
        await links.submit(bank, "Utility", "batch_all", calls=gifts)


@dataclass
class Tally:
    """Results of the payers' attempts."""

    promised: set[bytes] = field(default_factory=set)
    """References of the payments that a payer saw in a final block."""
    retried: int = 0
    unknown: int = 0
    """Refunds, disputes and answers that may have come into a block or not."""
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))


async def shop(
    links: Links, payer: KeyPair, merchants: Sequence[KeyPair], rng: Random, pause: float,
    over: asyncio.Event, tally: Tally,
) -> None:  # fmt: skip
    """Pay merchants at random times until it is over; finish the payment that has begun."""
    while not over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), rng.expovariate(1 / pause))
            return
        merchant, reference = rng.choice(merchants), rng.randbytes(16)
        units = rng.randrange(10**16, int(3 * BTT)), rng.randrange(1, 100)
        paid = await pay(links, payer, account(merchant), reference, units, tally)
        if paid is not None:
            await change_minds(links, payer, merchant, paid, rng, tally)


async def pay(
    links: Links, payer: KeyPair, merchant: AccountId, reference: bytes,
    units: tuple[int, int], tally: Tally,
) -> Paid | None:  # fmt: skip
    """Pay until it is final; in BTT or in CNY, by turns of the reference.

    Return the payment; None if an earlier attempt made it.
    """
    in_cny = reference[0] % 2
    while True:
        try:
            done = await links.submit(
                payer, "PayFi", "pay", merchant=Id(merchant), units=u128(units[in_cny]),
                currency=b"CNY" if in_cny else b"BTT", max_btt=MAX_BTT, reference=reference,
                memo=None,
            )  # fmt: skip
        except DispatchFailed as error:
            if error.name == "PayFi.AlreadyPaid":
                tally.promised.add(reference)
                return None
            tally.refused[error.name] += 1
        except ClientError:
            tally.retried += 1
        else:
            tally.promised.add(reference)
            return next(event for event in done.events if isinstance(event, Paid))
        await asyncio.sleep(AGAIN)


async def change_minds(
    links: Links, payer: KeyPair, merchant: KeyPair, paid: Paid, rng: Random, tally: Tally
) -> None:
    """Refund a payment or a part of it, or dispute one, before or after its settlement."""
    dice, share = rng.random(), rng.choice((1, 30, 100))
    amount = u128(max(1, int(paid.gross) * share // 100))
    if dice >= REFUNDED + DISPUTED:
        return
    await asyncio.sleep(rng.uniform(0, LATER))
    steps: list[tuple[KeyPair, str, dict[str, object]]] = [(merchant, "refund", {"amount": amount})]
    if dice >= REFUNDED:
        reason = {"reason": DisputeReason.Other, "evidence": NO_EVIDENCE}
        ends: list[list[tuple[KeyPair, str, dict[str, object]]]] = [
            [(merchant, "answer", {"answer": Accept()})], [(payer, "withdraw_dispute", {})], [],
        ]  # fmt: skip
        steps = [(payer, "dispute", {"amount": amount, **reason}), *rng.choice(ends)]
    for signer, call, args in steps:
        try:
            async with links.turn(signer):
                await links.submit(signer, "PayFi", call, payment=paid.payment, **args)
        except DispatchFailed as error:
            tally.refused[error.name] += 1
            return
        except ClientError:
            tally.unknown += 1
            return


@dataclass(frozen=True, slots=True)
class Moment:
    """A final block and the money in it."""

    number: int
    money: dict[AccountId, int]
    """Free money of some accounts."""
    burned: int
    """Planck burned out of fees of payments since genesis."""


async def moment(chain: RuntimeClient, who: Sequence[AccountId]) -> Moment:
    """Return the free money of accounts in the last final block."""
    block = await chain.chain.finalized()
    found: dict[AccountId, int] = {}
    for one in who:
        path = "System.Account", to_hex(bytes(one))
        stored = await chain.chain.storage(*path, at=block.hash)
        data = stored["data"] if isinstance(stored, dict) else None
        assert isinstance(data, dict)
        found[one] = int(str(data["free"]))
    burned = await chain.chain.storage("Tokenomics.BurnedBy", "Payfi", at=block.hash)
    return Moment(block.number, found, int(str(burned or 0)))


@dataclass
class Waiting:
    """A payment in a batch."""

    since: int
    gross: int
    """Amount that is left of it in the batch."""
    fee: int | None
    """Its fee; None once a part was taken out."""


class Ledger:
    """Payments and settlements of final blocks, by their events."""

    def __init__(self) -> None:
        self.paid: dict[tuple[AccountId, int], dict[int, Waiting]] = defaultdict(dict)
        """Payments that wait, by merchant and bucket, and by number."""
        self.batch: dict[int, tuple[AccountId, int]] = {}
        """Merchant and bucket of each payment."""
        self.disputes: dict[int, Disputed] = {}
        """Open disputes by payment."""
        self.rest: int | None = None
        """Rest of a dispute that was paid at once, until the event of its end."""
        self.seen: dict[str, int] = defaultdict(int)
        """Numbers of refunds and disputes, by kind."""
        self.references: dict[bytes, int] = defaultdict(int)
        self.delays: list[int] = []
        """Milliseconds from each payment to its settlement."""
        self.change: dict[AccountId, int] = defaultdict(int)
        """Change of the money of each account."""
        self.slots: list[int] = []
        self.burned = 0
        """Planck burned by settlements."""

    async def read(self, chain: RuntimeClient, after: int, last: int) -> None:
        """Read the blocks after one up to the last."""
        for number in range(after + 1, last + 1):
            block = await chain.chain.block_hash(number)
            header = await chain.chain.connection.call("chain_getHeader", to_hex(block))
            slot = int(pre_digest(read_header(header).digest.logs).claim.slot)
            self.slots.append(slot)
            raw = await chain.chain.transactions.events_of(block)
            for record in EVENTS.decode_all(b"\0" if raw is None else raw):
                self.note(slot * chain.slot_ms, record.event.event)

    def note(self, now: int, event: Event) -> None:
        """Note an event of a block made at a time."""
        match event:
            case Paid():
                key, id = (event.merchant, int(event.bucket)), int(event.payment)
                self.paid[key][id] = Waiting(now, int(event.gross), int(event.fee))
                self.batch[id] = key
                self.references[bytes(event.reference)] += 1
                self.change[event.payer] -= int(event.gross)
            case Settled():
                self.settled(now, event)
            case Refunded():
                self.seen["refunds" if event.settled else "returns"] += 1
                self.change[event.payer] += int(event.amount)
                if event.settled:
                    self.change[event.merchant] -= int(event.amount)
                else:
                    self.move(int(event.payment), -int(event.amount))
            case Disputed():
                self.seen["late disputes" if event.late else "disputes"] += 1
                self.disputes[int(event.payment)] = event
                self.change[event.payer] -= int(event.deposit)
                if not event.late:
                    self.move(int(event.payment), -int(event.amount))
                    self.change[PAYFI] += int(event.amount)
            case Resolved():
                self.resolved(event)
            case TransactionPayment.TransactionFeePaid():
                self.change[event.who] -= int(event.actual_fee)
            case _:
                pass

    def settled(self, now: int, event: Settled) -> None:
        """Note a settlement: of a batch, or of what a dispute left over."""
        self.burned += int(event.burned)
        self.change[event.merchant] += int(event.net)
        batch = self.paid.pop((event.merchant, int(event.bucket)), None)
        gross = int(event.net) + int(event.fee)
        if batch is None:
            self.rest = gross
            return
        left = [one for one in batch.values() if one.gross]
        assert len(left) == event.count
        assert gross == sum(one.gross for one in left), f"I32: {event}, its payments are {left}"
        fees = [one.fee for one in left if one.fee is not None]
        if len(fees) == len(left):
            assert sum(fees) == event.fee
        self.delays += [now - one.since for one in left]

    def resolved(self, event: Resolved) -> None:
        """Note the end of a dispute without a panel: the deposit is the payer's again."""
        dispute = self.disputes.pop(int(event.payment))
        self.seen[f"ended by {event.resolution.name}"] += 1
        assert event.to_payer + event.to_merchant == dispute.amount
        self.change[event.payer] += int(event.to_payer) + int(dispute.deposit)
        if event.late:
            return
        self.change[PAYFI] -= int(dispute.amount)
        if self.rest is not None:
            assert self.rest == event.to_merchant
            self.rest = None
        elif event.to_merchant:
            self.move(int(event.payment), int(event.to_merchant))

    def move(self, payment: int, amount: int) -> None:
        """Change what is left of a payment in its batch."""
        one = self.paid[self.batch[payment]][payment]
        one.gross, one.fee = one.gross + amount, None
        if not any(each.gross for each in self.paid[self.batch[payment]].values()):
            del self.paid[self.batch[payment]]  # the chain removes an empty batch

    @property
    def filled(self) -> float:
        """Share of the slots that have a block."""
        return len(self.slots) / (self.slots[-1] - self.slots[0] + 1)
