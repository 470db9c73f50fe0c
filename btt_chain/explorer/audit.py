"""The audit of an index against its node: checks E1 to E6, at one final height.

    E1  heights without a gap, each parent is the former hash, each hash that of its header
    E2  the number of events of each block is the state's count; the extrinsics give their root
    E3  the sum of all balances is the total issuance
    E4  balances of random accounts agree with read proofs under the header's state root
    E5  the fees of the blocks are the sums of their fee events
    E6  the jobs, referenda and orders that events leave open are those that the chain lists

E1, E2 and E5 check the blocks that came since the last audit that was in order, E3, E4 and E6 the
state at the height. What the index cannot see for itself, it asks the node: a node that lies about
one of two things contradicts itself, and the check that shows it fails.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from btt_chain.client.errors import ClientError
from btt_chain.client.jsonrpc import Json
from btt_chain.client.wire import list_of, member, to_bytes
from btt_chain.explorer.index.queries import BlockRow, Body, Index, first_body
from btt_chain.explorer.index.reading import FEE_PAID
from btt_chain.explorer.index.source import (
    EVENT_COUNT,
    EVENTS,
    ISSUANCE,
    Source,
    account_key,
)
from btt_chain.explorer.index.specs import Specs, open_chain
from btt_chain.explorer.index.store import Writer
from btt_chain.explorer.open_items import OpenItems
from btt_chain.primitives.digits import to_hex
from btt_chain.web.memory import return_free_memory

log = logging.getLogger("explorer")

EVERY: Final = 1_000
"""Number of final blocks between two audits."""
SAMPLE: Final = 256
"""Number of accounts whose balances are proven."""
PROVEN: Final = 16
"""Number of blocks of each page whose events are proven."""
PAGE: Final = 200
"""Number of blocks that are checked before others have a turn."""

GOOD, BAD, OPEN = "good", "bad", "open"
"""Results of a check; `open` if it could not be made."""


@dataclass(frozen=True, slots=True)
class Trie:
    """The trie of the chain's states, which the explorer itself does not have."""

    verify: Callable[[bytes, Sequence[bytes], Sequence[bytes]], Mapping[bytes, bytes | None]]
    """Returns the values of keys under a root by a proof; raises ValueError."""
    ordered_root: Callable[[Iterable[bytes]], bytes]
    """Returns the root of a list of extrinsics."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    result: str
    detail: str


Report: TypeAlias = list[Check]


class Audits:
    """Audits an index after so many final blocks, and on demand."""

    def __init__(
        self, index: Index, writer: Writer, trie: Trie, specs: Specs, every: int = EVERY
    ) -> None:
        self._index = index
        self._writer = writer
        self._trie = trie
        self._specs = specs
        self._every = every
        self._open = OpenItems(index, specs)
        # Which accounts are proven must not be known to the node before.
        self._random = random.SystemRandom()

    async def after(self, source: Source, final: int) -> None:
        """Audit if enough blocks were finalized since the last audit."""
        last = self._index.audits(1)
        if final >= 0 and (not last or final - last[0].height >= self._every):
            await self.audit(source)

    async def audit(self, source: Source) -> Report:
        """Audit the index at its last final block, and store the report."""
        height, hash = self._index.final()
        begin = max(self._last_good() + 1, first_body(self._index))
        report = await self._blocks(source, begin, height)
        report.append(await self._supply(source, height, hash))
        report.append(await self._proofs(source, height, hash))
        report.append(await self._open_items(source, height, hash))
        report.sort(key=lambda check: check.name)
        stored = [[each.name, each.result, each.detail] for each in report]
        self._writer.add_audit(height, int(time.time() * 1_000), json.dumps(stored))
        for each in report:
            if each.result == BAD:
                log.warning("audit at %d: %s failed: %s", height, each.name, each.detail)
        return_free_memory()  # metadata, bodies and proofs of many blocks were here
        return report

    def _last_good(self) -> int:
        """Return the height up to which the blocks were found in order."""
        for row in self._index.audits(100):
            results = {name: result for name, result, _ in json.loads(row.report)}
            if all(results.get(name) == GOOD for name in ("E1", "E2", "E5")):
                return row.height
        return self._index.first() - 1

    # ---- E1, E2, E5

    async def _blocks(self, source: Source, begin: int, end: int) -> Report:
        wrong: dict[str, str] = {}
        height, parent = begin, self._hash(begin - 1)
        while height <= end:
            rows = self._index.blocks_above(height - 1, PAGE)
            rows = [row for row in rows if row.height <= end]
            await self._prove_events(source, rows, wrong)
            for row in rows:
                if row.height != height or (parent is not None and row.parent != parent):
                    wrong.setdefault("E1", f"block {height} does not follow block {height - 1}")
                body = self._index.body(row.height)
                if body is None:
                    wrong.setdefault("E1", f"block {row.height} has no body")
                else:
                    self._check_body(row, body, wrong)
                height, parent = row.height + 1, row.hash
            if not rows:
                wrong.setdefault("E1", f"block {height} is missing")
                break
            await asyncio.sleep(0)
        good = {
            "E1": f"{end + 1 - begin:_} blocks follow each other",
            "E2": "events and extrinsics agree with state and headers",
            "E5": "fees are the sums of their events",
        }
        return [
            Check(name, BAD if name in wrong else GOOD, wrong.get(name, text))
            for name, text in good.items()
        ]

    def _hash(self, height: int) -> bytes | None:
        row = self._index.block(height)
        return None if row is None else row.hash

    def _check_body(self, row: BlockRow, body: Body, wrong: dict[str, str]) -> None:
        if bytes(body.header.hash()) != row.hash:
            wrong.setdefault("E1", f"the header of block {row.height} has another hash")
        if self._trie.ordered_root(body.extrinsics) != body.header.extrinsics_root:
            wrong.setdefault("E2", f"the extrinsics of block {row.height} have another root")
        if row.events != row.event_count or row.complaint:
            wrong.setdefault(
                "E2",
                f"block {row.height} has {row.events} events in the index, {row.event_count} in "
                f"the state{': ' + row.complaint if row.complaint else ''}",
            )
        elif self._fees(row, body) != row.fees:
            wrong.setdefault("E5", f"the fees of block {row.height} are not those of its events")

    def _fees(self, row: BlockRow, body: Body) -> int:
        reader = self._specs.reader(row.spec)
        total = 0
        for part in reader.split_events(body.events):
            pallet = reader.pallets.get(part.pallet)
            if pallet is None or pallet.name != FEE_PAID[0]:
                continue
            alone = b"\4\1" + body.events[part.start : part.end] + b"\0"
            event = reader.metadata.decoder.events(alone)[0]
            if event.name == ".".join(FEE_PAID):
                total += int(str(event.fields["actual_fee"]))
        return total

    async def _prove_events(
        self, source: Source, rows: list[BlockRow], wrong: dict[str, str]
    ) -> None:
        """Compare the events of random blocks with the state, by proofs."""
        for row in self._random.sample(rows, min(len(rows), PROVEN)):
            body = self._index.body(row.height)
            if body is None:
                continue
            try:
                values = await self._proven(source, [EVENTS, EVENT_COUNT], row.hash, body)
            except ClientError:
                continue  # its state may be pruned by now
            except ValueError as error:
                wrong.setdefault("E2", f"the node's proof for block {row.height}: {error}")
                continue
            if (values[EVENTS] or b"") != body.events:
                wrong.setdefault("E2", f"block {row.height} has other events in its state")
            if int.from_bytes(values[EVENT_COUNT] or b"", "little") != row.events:
                wrong.setdefault("E2", f"block {row.height} has another number of events")

    async def _proven(
        self, source: Source, keys: Sequence[bytes], hash: bytes, body: Body
    ) -> Mapping[bytes, bytes | None]:
        """Return values of a block's state, proven under the root in its header.

        Raises ValueError if the proof is invalid, ClientError if the node gives none.
        """
        asked: Json = [to_hex(key) for key in keys]
        answer = await source.connection.call("state_getReadProof", asked, to_hex(hash))
        nodes = [to_bytes(node) for node in list_of(member(answer, "proof"))]
        return self._trie.verify(bytes(body.header.state_root), nodes, keys)

    # ---- E3, E4

    async def _supply(self, source: Source, height: int, hash: bytes) -> Check:
        total, id = 0, 0
        while rows := self._index.accounts_after(id, 1_000):
            total += sum(row.balance.total for row in rows)
            id = rows[-1].id
            await asyncio.sleep(0)
        try:
            values = await source.values([ISSUANCE], hash)
        except ClientError as error:
            return Check("E3", OPEN, str(error))
        issuance = int.from_bytes(values.get(ISSUANCE, b""), "little")
        row = self._index.block(height)
        if total != issuance or (row is not None and row.issuance != issuance):
            return Check("E3", BAD, f"the balances add up to {total}, {issuance} planck are issued")
        return Check("E3", GOOD, f"the balances add up to the issuance, {total} planck")

    async def _proofs(self, source: Source, height: int, hash: bytes) -> Check:
        body = self._index.body(height)
        if body is None:
            return Check("E4", OPEN, f"block {height} has no body")
        accounts = self._sampled()
        keys = {account_key(key): (key, total) for key, total in accounts}
        try:
            values = await self._proven(source, list(keys), hash, body)
        except ClientError as error:
            return Check("E4", OPEN, str(error))
        except ValueError as error:
            return Check("E4", BAD, f"the node's proof is invalid: {error}")
        row = self._index.block(height)
        reader = self._specs.reader(row.spec).balances if row else None
        for key, (account, total) in keys.items():
            if reader is not None and reader.read(values[key]).total != total:
                proven = reader.read(values[key]).total
                return Check(
                    "E4", BAD, f"account 0x{account.hex()} has {total} planck in the index, "
                    f"{proven} by its proof",
                )  # fmt: skip
        return Check("E4", GOOD, f"{len(keys)} balances are proven")

    # ---- E6

    async def _open_items(self, source: Source, height: int, hash: bytes) -> Check:
        try:
            chain = await open_chain(source.connection, self._specs, hash)
            found = await self._open.differences(chain, height, hash)
        except ClientError as error:
            return Check("E6", OPEN, str(error))
        wrong = [text for text in found.values() if isinstance(text, str)]
        if wrong:
            return Check("E6", BAD, "; ".join(wrong))
        counts = ", ".join(f"{count} {name}" for name, count in found.items())
        return Check("E6", GOOD, f"open: {counts}" if counts else "the chain has nothing to count")

    def _sampled(self) -> list[tuple[bytes, int]]:
        count = self._index.account_count()
        chosen = sorted(self._random.sample(range(count), min(count, SAMPLE)))
        rows = [self._index.accounts_after(id, 1) for id in chosen]
        return [(row[0].key, row[0].balance.total) for row in rows if row]
