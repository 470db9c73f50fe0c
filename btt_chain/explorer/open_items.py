"""Open jobs, referenda and orders: what the events of the index leave open, against the chain.

The events that open and close each kind are replayed, from the state before the first block on.
What is open by them must be what the runtime lists at the last final block. A node that leaves out
or adds one of either contradicts itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from btt_chain.client.chain import Chain
from btt_chain.client.errors import InvalidAnswer, NotFound
from btt_chain.client.paging import PAGE, pages
from btt_chain.explorer.index.queries import BlockRow, Body, Index, first_body
from btt_chain.explorer.index.schema import EVENT
from btt_chain.explorer.index.specs import Specs
from btt_chain.scale.portable import Plain

MAX_LISTED: Final = 1_000_000
"""Maximum number of open items of one kind."""
STEP: Final = 1_000
"""Number of blocks with an event that are looked up at once."""
OPEN_STAGES: Final = ("Preparing", "Queued", "Deciding", "Confirming")

Ledger: TypeAlias = dict[str, int]
"""Open items by their numbers; of orders with their units, of the others with 1."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of item that is opened and closed."""

    name: str
    events: Mapping[str, Callable[[Ledger, Mapping[str, Plain]], None]]
    """Changes of the ledger, by event."""
    listed: Callable[[Chain, bytes], AsyncIterator[tuple[str, int]]]
    """Yields what is open in the state of a block."""


def _open(name: str) -> Callable[[Ledger, Mapping[str, Plain]], None]:
    def change(ledger: Ledger, fields: Mapping[str, Plain]) -> None:
        ledger[str(fields[name])] = 1

    return change


def _close(name: str) -> Callable[[Ledger, Mapping[str, Plain]], None]:
    def change(ledger: Ledger, fields: Mapping[str, Plain]) -> None:
        ledger.pop(str(fields[name]), None)

    return change


def _placed(ledger: Ledger, fields: Mapping[str, Plain]) -> None:
    ledger[str(fields["id"])] = int(str(fields["units"]))


def _filled(ledger: Ledger, fields: Mapping[str, Plain]) -> None:
    for side in ("buy", "sell"):
        id = str(fields[side])
        left = ledger.get(id, 0) - int(str(fields["units"]))
        if left > 0:
            ledger[id] = left
        else:
            ledger.pop(id, None)


async def _jobs(chain: Chain, hash: bytes) -> AsyncIterator[tuple[str, int]]:
    async def read(after: Plain) -> list[dict[str, Plain]]:
        return _records(await chain.api("WorkApi.jobs", None, True, after, PAGE, at=hash))

    async for job in pages(read, lambda job: job["id"], None):
        yield str(job["id"]), 1


async def _referenda(chain: Chain, hash: bytes) -> AsyncIterator[tuple[str, int]]:
    async def read(before: Plain) -> list[dict[str, Plain]]:
        return _records(await chain.api("GovernanceApi.referenda", before, PAGE, at=hash))

    async for referendum in pages(read, lambda referendum: referendum["index"], None):
        if referendum["stage"] in OPEN_STAGES:
            yield str(referendum["index"]), 1


async def _orders(chain: Chain, hash: bytes) -> AsyncIterator[tuple[str, int]]:
    async for key, value in chain.entries("Exchange.Orders", at=hash):
        (order,) = _records([value])
        yield str(key[0]), int(str(order["units"]))


def _records(value: Plain) -> list[dict[str, Plain]]:
    if not isinstance(value, list):
        raise InvalidAnswer("a result of the node is not a list")
    found = [each for each in value if isinstance(each, dict)]
    if len(found) != len(value):
        raise InvalidAnswer("a result of the node has something else than structs")
    return found


KINDS: Final = (
    Kind(
        "jobs",
        {"Jobs.Posted": _open("job"), "Jobs.Finalized": _close("job"), "Jobs.Ended": _close("job")},
        _jobs,
    ),
    Kind(
        "referenda",
        {
            "Referenda.Submitted": _open("index"),
            **{
                f"Referenda.{end}": _close("index")
                for end in ("Approved", "Rejected", "TimedOut", "Cancelled", "Killed")
            },
        },
        _referenda,
    ),
    Kind(
        "orders",
        {
            "Exchange.OrderPlaced": _placed,
            "Exchange.OrderFilled": _filled,
            "Exchange.OrderCancelled": _close("id"),
        },
        _orders,
    ),
)


@dataclass(slots=True)
class _State:
    """The ledgers up to a height."""

    height: int
    ledgers: dict[str, Ledger] = field(default_factory=dict)


class OpenItems:
    """The ledgers of an index; they go on from one audit to the next."""

    def __init__(self, index: Index, specs: Specs) -> None:
        self._index = index
        self._specs = specs
        self._state: _State | None = None

    async def differences(self, chain: Chain, height: int, hash: bytes) -> dict[str, str | int]:
        """Return, by kind, how many are open, or in words how index and chain differ.

        Kinds that the chain does not have are left out. Raises ClientError.
        """
        state = await self._replayed(chain, height)
        found: dict[str, str | int] = {}
        for kind in KINDS:
            if kind.name not in state.ledgers:
                continue
            ledger = state.ledgers[kind.name]
            listed = await _listed(kind, chain, hash)
            if ledger == listed:
                found[kind.name] = len(ledger)
                continue
            odd = min(set(ledger.items()) ^ set(listed.items()))[0]
            found[kind.name] = (
                f"{len(ledger)} {kind.name} are open in the index, {len(listed)} on the chain; "
                f"they differ in {odd}"
            )
        return found

    async def _replayed(self, chain: Chain, height: int) -> _State:
        """Return the ledgers at a height. Raises ClientError."""
        state = self._state
        if state is None or state.height > height:
            state = await self._begin(chain)
        for kind in KINDS:
            if kind.name in state.ledgers:
                self._replay(kind, state.ledgers[kind.name], state.height, height)
        state.height = height
        self._state = state
        return state

    async def _begin(self, chain: Chain) -> _State:
        """Return the ledgers before the first block with events."""
        first = self._index.block(first_body(self._index))
        if first is None:
            raise InvalidAnswer("the index has no block yet")
        # The state of block zero is made without events.
        base = first.hash if first.height == 0 else first.parent
        state = _State(0 if first.height == 0 else first.height - 1)
        for kind in KINDS:
            try:
                state.ledgers[kind.name] = await _listed(kind, chain, base)
            except NotFound:
                continue  # a chain without the pallet
        return state

    def _replay(self, kind: Kind, ledger: Ledger, after: int, until: int) -> None:
        for height in self._heights(kind, after, until):
            row, body = self._index.block(height), self._index.body(height)
            if row is None or body is None or row.complaint:
                continue  # E1 and E2 fail
            self._replay_block(kind, ledger, row, body)

    def _heights(self, kind: Kind, after: int, until: int) -> list[int]:
        """Return the blocks with events of a kind, in their order."""
        found: set[int] = set()
        for version, _ in self._index.specs():
            for pallet, event in self._indices(version, kind):
                below = until + 1
                while rows := self._index.occurrences(EVENT, pallet, event, below, STEP):
                    found |= {height for height, _ in rows if height > after}
                    below = rows[-1][0]
                    if below <= after:
                        break
        return sorted(found)

    def _indices(self, version: int, kind: Kind) -> dict[tuple[int, int], str]:
        items = self._specs.reader(version).metadata.items
        found: dict[tuple[int, int], str] = {}
        for pallet in items.runtime.pallets:
            for event in items.events(pallet):
                name = f"{pallet.name}.{event.name}"
                if name in kind.events:
                    found[int(pallet.index), int(event.index)] = name
        return found

    def _replay_block(self, kind: Kind, ledger: Ledger, row: BlockRow, body: Body) -> None:
        reader, names = self._specs.reader(row.spec), self._indices(row.spec, kind)
        for part in reader.split_events(body.events):
            name = names.get((part.pallet, part.event))
            if name is not None:
                alone = b"\4\1" + body.events[part.start : part.end] + b"\0"
                event = reader.metadata.decoder.events(alone)[0]
                kind.events[name](ledger, event.fields)


async def _listed(kind: Kind, chain: Chain, hash: bytes) -> Ledger:
    found: Ledger = {}
    try:
        async for id, units in kind.listed(chain, hash):
            found[id] = units
            if len(found) > MAX_LISTED:
                raise InvalidAnswer(f"the node lists more than {MAX_LISTED:_} {kind.name}")
        return found
    except (LookupError, ValueError) as error:
        raise InvalidAnswer(f"the {kind.name} of the node have another form: {error}") from None
