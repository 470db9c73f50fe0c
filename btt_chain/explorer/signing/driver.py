"""The node, as signing asks it: facts of the chain, fee, validity, the course of what was sent."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from btt_chain.client.accounts import read_account
from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected, InvalidArgument
from btt_chain.client.extrinsics import default_period, hash_of, signed_head
from btt_chain.client.transactions import Included
from btt_chain.client.values import CallView
from btt_chain.client.wire import header_number, member, to_bytes
from btt_chain.crypto.signature import Scheme
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.live import PING_SECONDS
from btt_chain.explorer.pages.forms import BadRequest
from btt_chain.explorer.signing.actions import ACTIONS, PAY, BadField, Values, read_fields
from btt_chain.explorer.signing.payload import DIGEST_EXTENSION, Prepared
from btt_chain.primitives import validity
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.metadata_digest import ChainFacts, DigestError, metadata_digest
from btt_chain.scale import codec
from btt_chain.scale.errors import DecodeError

log = logging.getLogger("explorer")

SOURCE: Final = b"\2"
"""A transaction from outside, for its validation."""
MAX_COURSES: Final = 64
"""Transactions that are followed at once; the oldest is dropped."""
PATIENCE: Final = 180.0
"""Seconds for which a transaction is followed."""
POOR: Final = "The account has not enough free money for the fee."
LOOK_SECONDS: Final = 1.0
"""Pause between two looks into the index for a transaction whose node went away."""
ENDS: Final = ("final", "invalid", "lost")

State: TypeAlias = "dict[str, str | int | None]"

_VALIDITY = codec(validity.TransactionValidityError)


@dataclass(frozen=True, slots=True)
class Offer:
    """A transaction to sign, and what its signer should know."""

    prepared: Prepared
    view: CallView
    fee: int
    warnings: list[str]
    command: list[str]
    """The same by the command line, without its signer."""


@dataclass(slots=True)
class Course:
    """The states of a sent transaction, the last one at the end."""

    states: list[State] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """True if no state follows the last one."""
        return bool(self.states) and self.states[-1]["state"] in ENDS

    def add(self, state: State) -> None:
        """Report a state."""
        if not self.states or self.states[-1] != state:
            self.states.append(state)
        self.changed.set()
        self.changed = asyncio.Event()

    async def read(self) -> AsyncIterator[State | None]:
        """Yield the states until the end, and None after `PING_SECONDS` without a new one."""
        at = 0
        while True:
            while at < len(self.states):
                yield self.states[at]
                at += 1
                if self.states[at - 1]["state"] in ENDS:
                    return
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self.changed.wait()
            except TimeoutError:
                yield None


class SigningNode:
    """The node of one chain, for signing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._digests: dict[int, bytes | None] = {}
        self._courses: OrderedDict[str, Course] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def chain(self) -> Chain:
        """Return the chain with the metadata of its present runtime. Raises NodeGone."""
        specs = self._context.index.specs()
        if not specs:
            raise NodeGone("the index is empty: the metadata come with the first block")
        return await self._context.node.chain(specs[0][0])

    async def prepare(self, name: str, account: bytes, given: Mapping[str, str]) -> Offer:
        """Return an action of a page as a transaction. Raises BadRequest, NodeGone."""
        action = PAY if name == PAY.name else ACTIONS.get(name)
        if action is None:
            raise BadRequest("this action is not offered here")
        try:
            chain = await self.chain()
            await chain.transactions.check_runtime()
            if action is PAY:
                from btt_chain.explorer.signing.invoices import (  # noqa: PLC0415 - seldom, 1 MiB
                    read_invoice,
                )

                values, warnings = await read_invoice(chain, given, self._context.data.currency)
            else:
                values, warnings = self._read(name, given), []
            call = chain.compose(action.call, **action.arguments(values.plain)).raw
            prepared = await self._prepared(chain, account, call)
            fee = await self._fee(chain, prepared)
            warnings += await self._doubts(chain, account, fee)
        except (BadField, InvalidArgument) as error:
            raise BadRequest(str(error)) from None
        except Disconnected as error:
            await self._context.node.close()
            raise NodeGone(str(error)) from None
        except ClientError as error:
            raise NodeGone(str(error)) from None
        view = chain.metadata.decoder.call(call)
        return Offer(prepared, view, fee, warnings, action.command(values.typed))

    async def validate(self, wire: bytes) -> None:
        """Raise BadRequest with the reason if no block could contain an extrinsic now."""
        try:
            chain = await self.chain()
            best = to_bytes(await chain.connection.call("chain_getBlockHash"))
            name = "TaggedTransactionQueue_validate_transaction"
            data = SOURCE + wire + best
            answer = await chain.connection.call("state_call", name, to_hex(data), to_hex(best))
        except Disconnected as error:
            await self._context.node.close()
            raise NodeGone(str(error)) from None
        except ClientError as error:
            raise NodeGone(str(error)) from None
        raw = to_bytes(answer)
        if raw[:1] == b"\0":
            return
        try:
            refused = _VALIDITY.decode_all(raw[1:])
        except DecodeError:
            raise NodeGone("the node's answer about the transaction cannot be read") from None
        raise BadRequest(f"the chain refuses it: {validity.describe(refused.reason)}")

    def send(self, wire: bytes) -> str:
        """Send an extrinsic, follow it, and return its hash."""
        name = hash_of(wire)
        course = self._courses[name] = Course()
        if len(self._courses) > MAX_COURSES:
            self._courses.popitem(last=False)
        task = asyncio.create_task(self._follow(wire, course))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return name

    def course(self, name: str) -> Course | None:
        """Return the course of a sent transaction; None if it is not known."""
        return self._courses.get(name)

    async def close(self) -> None:
        """Follow nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def digest(self, chain: Chain) -> bytes | None:
        """Return the digest of the chain's metadata; None if signatures cannot cover it."""
        version = chain.facts.spec_version
        if version not in self._digests:
            self._digests[version] = self._compute(chain)
        return self._digests[version]

    # ---- internals

    def _read(self, name: str, given: Mapping[str, str]) -> Values:
        data = self._context.data

        def account(text: str) -> bytes:
            return data.named(text) or read_account(text[:128], data.prefix)

        return read_fields(ACTIONS[name], given, data.currency, account)

    async def _prepared(self, chain: Chain, account: bytes, call: bytes) -> Prepared:
        connection = chain.connection
        final = await connection.call("chain_getFinalizedHead")
        best, finalized, nonce = await asyncio.gather(
            connection.call("chain_getHeader"),
            connection.call("chain_getHeader", final),
            chain.transactions.nonce(account),
        )
        period = default_period(chain.metadata)
        # Late enough for a long lifetime, early enough that a fork hardly reverts it.
        birth = max(header_number(finalized), header_number(best) - period // 2, 0)
        facts = chain.facts
        return Prepared(
            address=self._context.data.address(account),
            account=account,
            call=call,
            nonce=nonce,
            birth=birth,
            birth_hash=to_bytes(await connection.call("chain_getBlockHash", birth)),
            genesis=facts.genesis,
            spec_version=facts.spec_version,
            transaction_version=facts.transaction_version,
            digest=self.digest(chain),
            period=period,
        )

    async def _fee(self, chain: Chain, prepared: Prepared) -> int:
        carried = prepared.extensions(chain.metadata).carried
        head = signed_head(chain.metadata, prepared.account, Scheme.SR25519, bytes(64))
        wire = opaque(head + carried + prepared.call)
        return await chain.transactions.fee(wire)

    async def _doubts(self, chain: Chain, account: bytes, fee: int) -> list[str]:
        """Return the reasons against sending it."""
        found = await chain.storage("System.Account", to_hex(account))
        data = found.get("data") if isinstance(found, dict) else None
        free = data.get("free") if isinstance(data, dict) else None
        if isinstance(free, int) and free < fee:
            return [POOR]
        return []

    def _compute(self, chain: Chain) -> bytes | None:
        runtime, version = chain.metadata.items.runtime, chain.facts.spec_version
        names = [each.identifier for each in runtime.extrinsic.extensions]
        if DIGEST_EXTENSION not in names:
            return None
        data = self._context.data
        currency = data.currency
        facts = ChainFacts(
            chain.facts.spec_name, version, data.prefix, currency.decimals, currency.symbol
        )
        try:
            return metadata_digest(runtime, facts)
        except DigestError as error:
            log.warning("no digest of the metadata: %s", error)
            return None

    async def _follow(self, wire: bytes, course: Course) -> None:
        """Send an extrinsic and report its states, until its end or the end of patience."""
        try:
            async with asyncio.timeout(PATIENCE):
                try:
                    await self._watch(await self.chain(), wire, course)
                except (Disconnected, NodeGone) as error:
                    # The node may have sent it on: the index shows the block that includes it.
                    log.info("%s; looking for %s in the index", error, hash_of(wire))
                    await self._find(wire, course)
        except ClientError as error:
            course.add({"state": "lost", "reason": str(error)})
        except TimeoutError:
            course.add({"state": "lost", "reason": "no final block in time"})
        if not course.is_over:
            course.add({"state": "lost", "reason": "the node reports no more"})

    async def _watch(self, chain: Chain, wire: bytes, course: Course) -> None:
        """Send an extrinsic, and report its states by its node."""
        async with chain.connection.subscribe(
            "transactionWatch_v1_submitAndWatch", "transactionWatch_v1_unwatch", to_hex(wire)
        ) as events:
            async for event in events:
                state = await self._state(chain, wire, event)
                if state is not None:
                    course.add(state)
                    if course.is_over:
                        return

    async def _find(self, wire: bytes, course: Course) -> None:
        """Report the states of an extrinsic by the index, until a final block has it."""
        index, hash = self._context.index, to_bytes(hash_of(wire))
        while not course.is_over:
            for place in index.extrinsics_by_hash(hash)[:1]:
                final, _ = index.final()
                course.add(
                    {
                        "state": "final" if place.height <= final else "block",
                        "place": f"{place.height}-{place.i}",
                        "fee": str(place.fee),
                        "reason": None if place.ok else "the call failed: its page has the reason",
                    }
                )
            await asyncio.sleep(LOOK_SECONDS)

    async def _state(self, chain: Chain, wire: bytes, event: object) -> State | None:
        """Return the state in an event of the node; None if it says nothing new."""
        if not isinstance(event, dict):
            return None
        match event.get("event"):
            case "validated":
                return {"state": "sent"}
            case "bestChainBlockIncluded" | "finalized" as kind:
                if event.get("block") is None:
                    return {"state": "sent"}
                block = to_bytes(member(event["block"], "hash"))
                done = await chain.transactions.outcome(wire, block)
                return _included(done, is_final=kind == "finalized")
            case "invalid" | "dropped" | "error":
                return {"state": "invalid", "reason": str(event.get("error"))[:200]}
        return None


def _included(done: Included, *, is_final: bool) -> State:
    return {
        "state": "final" if is_final else "block",
        "place": f"{done.number}-{done.index}",
        "fee": None if done.fee is None else str(done.fee),
        "reason": done.error,
    }
