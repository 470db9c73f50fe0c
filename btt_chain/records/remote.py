"""A custodian as patients and readers use it: messages over HTTP, and the check of its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import aiohttp

from btt_chain.primitives.evidence_tree import verify
from btt_chain.primitives.strict_json import read_json
from btt_chain.records.accesses import LoggedAccess, Row, Status, compare, status_of
from btt_chain.records.chain import MAX_LATE, RecordsChain
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.custodian.service import MAX_QUESTION, REFUSED
from btt_chain.records.documents import Json, Resource, parse
from btt_chain.records.errors import AccessDenied, RecordsError
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.messages import BadMessage, receive, send
from btt_chain.records.shapes import items, member, number, objects, octets, text
from btt_chain.records.vault.index import Anchor

MAX_ANSWER: Final = 64 << 20
MAX_DESCRIPTION: Final = 1 << 16
SECONDS: Final = 60.0


class Unreachable(RecordsError):
    """The custodian does not answer."""


@dataclass(frozen=True, slots=True)
class Described:
    """The public facts of a custodian."""

    vault: VaultId
    account: bytes
    chain: bytes
    promise_key: bytes


class RemoteCustodian:
    """A custodian behind its URL; made by `connect`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        keys: VaultKeys,
        facts: Described,
        now_ms: Callable[[], int],
    ) -> None:
        self.facts: Final = facts
        self.url: Final = url
        self._session = session
        self._keys = keys
        self._now_ms = now_ms

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, keys: VaultKeys, now_ms: Callable[[], int]
    ) -> AsyncIterator[RemoteCustodian]:
        """Connect to a custodian. Raises Unreachable, AccessDenied."""
        url = url.rstrip("/")
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            raw = await _fetch(session.get(f"{url}/custodian"), MAX_DESCRIPTION)
            found = parse(raw)
            facts = Described(
                VaultId.parse(text(found, "vault")), octets(found, "account", 32),
                octets(found, "chain", 32), octets(found, "promiseKey", 32),
            )  # fmt: skip
            yield cls(session, url, keys, facts, now_ms)

    async def ask(self, kind: str, body: Resource) -> Resource:
        """Send a message; return the answer. Raises AccessDenied, BadMessage, Unreachable.

        One that a custodian does not take of anybody is announced first.
        """
        sealed, hash = send(
            self._keys, self.facts.vault, self.facts.chain, kind, body, self._now_ms()
        )
        headers: dict[str, str] = {}
        if len(sealed) > MAX_QUESTION:
            token = text(await self.ask("upload", {}), "token")
            headers["Authorization"] = f"Upload {token}"
        raw = await _fetch(
            self._session.post(f"{self.url}/vault", data=BytesIO(sealed), headers=headers),
            MAX_ANSWER,
        )
        answer = receive(raw, self._keys, self.facts.chain, self._now_ms(), sender=self.facts.vault)
        if octets(answer.body, "request", 32) != hash:
            raise BadMessage("the answer is to another message")
        if answer.kind == REFUSED:
            raise AccessDenied(text(answer.body, "reason"))
        return answer.body


async def _fetch(request: AbstractAsyncContextManager[aiohttp.ClientResponse], limit: int) -> bytes:
    """Return the body of an answer of at most `limit` bytes."""
    try:
        async with request as response:
            raw = await response.content.read(limit + 1)
            while len(raw) <= limit and not response.content.at_eof():
                raw += await response.content.read(limit + 1 - len(raw))
            status = response.status
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        words = str(error) or type(error).__name__
        raise Unreachable(f"the custodian does not answer: {words}") from None
    if len(raw) > limit:
        raise Unreachable("the custodian's answer is too long")
    if status != 200:
        raise AccessDenied(_diagnostics(raw) or f"the custodian answered with status {status}")
    return raw


def _diagnostics(raw: bytes) -> str:
    """Return the words of an OperationOutcome; empty for other answers."""
    try:
        issue = items(member(read_json(raw), "issue"))[0]
        return text(issue, "diagnostics")
    except (ValueError, IndexError, RecordsError):
        return ""


# ---- checks against the chain


async def is_anchored(chain: RecordsChain, leaf: bytes, anchor: Anchor) -> bool:
    """Return True if a leaf is under the root that the chain has. Raises ClientError."""
    if anchor.kind.upper() not in Kind.__members__:
        return False
    batch = Batch(Kind[anchor.kind.upper()], anchor.epoch)
    found = await chain.root_of(bytes.fromhex(anchor.custodian), batch)
    if found is None or found.leaves != anchor.leaves:
        return False
    path = [bytes.fromhex(each) for each in anchor.path]
    return verify(found.root, anchor.index, found.leaves, leaf, path)


def anchor_of(value: Json) -> Anchor | None:
    """Return the anchor of a custodian's answer; None if there is none. Raises BadDocument."""
    if value is None:
        return None
    epoch, leaves, index, hour_ms = (
        number(value, name) for name in ("epoch", "leaves", "index", "hour_ms")
    )
    path = tuple(octets({"hash": each}, "hash", 32).hex() for each in items(member(value, "path")))
    custodian = octets(value, "custodian", 32).hex()
    return Anchor(custodian, text(value, "kind"), epoch, leaves, index, path, hour_ms)


async def check_log(
    chain: RecordsChain,
    custodian: Described,
    entries: Sequence[Json],
    copies: Sequence[LoggedAccess],
) -> list[Row]:
    """Return the patient's log: the custodian's entries and the readers' copies, checked.

    Raises ClientError, BadDocument.
    """
    key = await chain.promise_key(custodian.account)
    epoch = (await chain.clock()).epoch
    anchors: dict[bytes, Anchor] = {}
    own: list[LoggedAccess] = []
    for each in entries:
        logged = LoggedAccess.from_document(objects(member(each, "access")))
        own.append(logged)
        anchor = anchor_of(objects(each).get("anchor"))
        if anchor is None or not _keeps(anchor, logged, custodian):
            continue
        if await is_anchored(chain, logged.leaf, anchor):
            anchors[logged.leaf] = anchor
    return [
        Row(
            logged.access,
            _status(logged, key, custodian, epoch, has_anchor=logged.leaf in anchors),
            in_custodians_log=in_custodians,
            in_readers_log=in_readers,
        )
        for logged, in_custodians, in_readers in compare(own, copies)
    ]


def _keeps(anchor: Anchor, logged: LoggedAccess, custodian: Described) -> bool:
    """Return True if a place on the chain is one that the promise names.

    A leaf under a root of another kind, custodian or epoch does not answer a demand.
    """
    first = int(logged.promise.promise.epoch)
    return (
        anchor.kind == Kind.ACCESSES.label
        and anchor.custodian == custodian.account.hex()
        and first <= anchor.epoch <= first + MAX_LATE
    )


def ensure_promised(
    logged: LoggedAccess, custodian: Described, request: bytes, reader: VaultId
) -> None:
    """Check that a custodian's answer to a request has its promise for it.

    Whether the chain has the promise's key and epoch is checked by `promise_problem`. Raises
    AccessDenied.
    """
    access = logged.access
    if access.request != request or (access.reader, access.custodian) != (reader, custodian.vault):
        raise AccessDenied("the custodian's entry is about another access: report it")
    is_its_own = logged.promise.promise.custodian == custodian.account
    if not is_its_own or not logged.is_promised(custodian.promise_key, custodian.chain):
        raise AccessDenied("the custodian gave no valid promise: report it to the patient")


async def promise_problem(chain: RecordsChain, logged: LoggedAccess) -> str | None:
    """Return why a promise is worth nothing on the chain, None if it can be demanded there.

    Raises ClientError.
    """
    promise = logged.promise.promise
    key = await chain.promise_key(promise.custodian)
    if key is None or not logged.is_promised(key, chain.genesis):
        return "the custodian is not registered with the key of its promise"
    if int(promise.epoch) > (await chain.clock()).epoch + 1:
        return "the promise is for a later epoch"
    if await chain.is_leaving(promise.custodian):
        return "the custodian leaves: its bond may be gone before the promise is over"
    return None


def _status(
    logged: LoggedAccess, key: bytes | None, custodian: Described, epoch: int, *, has_anchor: bool
) -> Status:
    by_custodian = logged.promise.promise.custodian == custodian.account
    is_promised = key is not None and by_custodian and logged.is_promised(key, custodian.chain)
    return status_of(
        is_promised=is_promised, is_anchored=has_anchor,
        promised=int(logged.promise.promise.epoch), delay=MAX_LATE, epoch=epoch,
    )  # fmt: skip
