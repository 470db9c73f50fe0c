"""A merchant's events in final blocks, and the journal that keeps them.

`Recorder` copies the events of each final block after the journal's cursor into the journal, with
the cursor, in one step. Final blocks never change, so that nothing is ever taken back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from btt_chain.client.chain import Chain
from btt_chain.client.decoding import EventView
from btt_chain.client.errors import RpcError
from btt_chain.node.service.paths import default_base_path
from btt_chain.payments.delivery.events import EventType, MerchantEvent
from btt_chain.payments.delivery.journal import Cursor, Journal
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import to_base64url
from btt_chain.payments.statement.entries import moment
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.errors import Refused
from cli.common.merchants import account_of, letters_of, number, payment_of, time_of

FILE: Final = "events.sqlite"
_KINDS: Final = {
    "PayFi.Paid": EventType.PAID,
    "PayFi.Settled": EventType.SETTLED,
    "PayFi.Refunded": EventType.REFUNDED,
    "PayFi.Disputed": EventType.DISPUTED,
    "PayFi.Contested": EventType.ANSWERED,
    "PayFi.Resolved": EventType.RESOLVED,
}
_AMOUNTS: Final = ("amount", "deposit", "to_payer", "to_merchant", "unpaid", "settled", "reason",
                   "late", "deadline_ms", "evidence", "resolution")  # fmt: skip
"""Fields that a receiver gets as they are."""


journal_option = click.option(
    "--base-path", type=click.Path(file_okay=False, path_type=Path), envvar="BTT_MERCHANT",
    show_envvar=True, help="Where journals are kept. [default: ~/.local/share/btt-chain]",
)  # fmt: skip


def journal_path(base: Path | None, genesis: bytes, merchant: bytes) -> Path:
    """Return the place of a merchant's journal."""
    folder = (base or default_base_path()) / "merchants"
    return folder / f"{genesis.hex()[:16]}-{merchant.hex()[:16]}" / FILE


@contextmanager
def open_journal(base: Path | None, chain: Chain, merchant: bytes) -> Iterator[Journal]:
    """Open a merchant's journal. Refused if it cannot be used."""
    path = journal_path(base, chain.genesis, merchant)
    try:
        with Journal.open(path, chain.genesis, merchant) as journal:
            yield journal
    except PaymentError as error:
        raise Refused(str(error)) from None


class Recorder:
    """Records the events of one merchant."""

    def __init__(self, chain: Chain, journal: Journal, merchant: bytes) -> None:
        self._chain = chain
        self._journal = journal
        self._merchant = merchant
        self._is_checked = False
        """True once the chain was found to have the block of the journal's cursor."""

    async def begin(self, since: int | None) -> Cursor:
        """Return the cursor; a new journal begins before block `since`.

        Without `since` it begins with the oldest block whose events the node has.
        """
        cursor = self._journal.cursor
        if cursor is not None:
            return cursor
        first = since if since is not None else await self._oldest()
        before = max(0, first - 1)
        cursor = Cursor(before, await self._chain.block_hash(before))
        self._journal.begin(cursor)
        return cursor

    async def newest(self) -> int:
        """Return the last final block, after a note if the journal is ahead of it."""
        last = (await self._chain.finalized()).number
        cursor = self._journal.cursor
        if cursor is not None and last < cursor.number:
            show.note(
                f"warning: the node's last final block is {last:_}, and the journal is at "
                f"{cursor.number:_}: the node is behind, or of a development chain that began anew"
            )
        return last

    async def record_to(self, last: int) -> AsyncIterator[tuple[int, list[MerchantEvent]]]:
        """Record the blocks up to the final block `last`; yield those with events.

        Refused if the journal's last block is not one of this chain.
        """
        cursor = self._journal.cursor
        begin = 1 if cursor is None else cursor.number + 1
        if cursor is not None and last >= cursor.number and not self._is_checked:
            await self._check(cursor)
        for height in range(begin, last + 1):
            hash = await self._chain.block_hash(height)
            events = await self._events(height, hash)
            if self._journal.append(Cursor(height, hash), events) and events:
                yield height, events

    async def _check(self, cursor: Cursor) -> None:
        """Refuse a chain without the cursor's block: its events are not those of the journal.

        Development chains that begin anew have the same genesis, and a node may lie.
        """
        if await self._chain.block_hash(cursor.number) != cursor.hash:
            raise Refused(
                f"the journal ends with block {cursor.number:_} {to_hex(cursor.hash)}, which this "
                "node does not have: it is of another chain, as of a development chain that began "
                "anew; use another --base-path, or the node of that chain"
            )
        self._is_checked = True

    async def _events(self, height: int, hash: bytes) -> list[MerchantEvent]:
        try:
            return await self._read(height, hash)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise Refused(
                f"the node's events of block {height:_} cannot be read: {type(error).__name__}: "
                f"{error}"
            ) from None

    async def _read(self, height: int, hash: bytes) -> list[MerchantEvent]:
        chain = await self._chain_of(hash)
        found = await self._raw_events(chain, height, hash)
        time_ms = None
        events = []
        for index, event in enumerate(found):
            kind = _KINDS.get(event.name)
            if kind is None or account_of(event.fields["merchant"]) != self._merchant:
                continue
            if time_ms is None:
                time_ms = await time_of(chain, hash)
                moment(time_ms)  # OverflowError for a time beyond the calendar
            read = await self._data(chain, hash, kind, event.fields)
            if read is not None:
                payment, bucket, data = read
                events.append(MerchantEvent(hash, index, time_ms, kind, payment, bucket, data))
        return events

    async def _raw_events(self, chain: Chain, height: int, hash: bytes) -> list[EventView]:
        try:
            raw = await chain.storage_bytes(chain.storage_key("System.Events"), hash)
        except RpcError as error:
            if not _is_pruned(error):
                raise
            raise Refused(
                f"the node has the events of block {height} no more: name one that keeps all "
                "states (--pruning archive) with --url"
            ) from None
        return [] if raw is None else chain.metadata.decoder.events(raw)

    async def _chain_of(self, hash: bytes) -> Chain:
        """Return the chain with the metadata by which a block's events are encoded."""
        version = await self._chain.connection.call("state_getRuntimeVersion", to_hex(hash))
        spec = version.get("specVersion") if isinstance(version, dict) else None
        if spec == self._chain.facts.spec_version:
            return self._chain
        return await self._chain.at_block(to_hex(hash))

    async def _data(
        self, chain: Chain, hash: bytes, kind: EventType, fields: Mapping[str, Plain]
    ) -> tuple[int | None, int | None, dict[str, str | int | None]] | None:
        """Return the payment, the bucket and the data of an event; None if it has no record."""
        bucket = number(fields["bucket"]) if "bucket" in fields else None
        if kind is EventType.SETTLED:
            sums = {key: _text(fields[key]) for key in ("net", "fee", "burned", "count")}
            return None, bucket, {"bucket": bucket, **sums}
        id = number(fields["payment"])
        view = await payment_of(chain, id, hash)
        if kind is not EventType.PAID:
            if view is None:
                return None
            amounts = {key: _text(fields[key]) for key in _AMOUNTS if key in fields}
            reference = to_base64url(view.payment.reference)
            return id, None, {"payment": id, "reference": reference, **amounts}
        return (
            id,
            bucket,
            {
                "payment": id,
                "payer": chain.metadata.address(account_of(fields["payer"])),
                "reference": to_base64url(from_hex(fields["reference"])),
                "gross": _text(fields["gross"]),
                "fee": _text(fields["fee"]),
                "bucket": bucket,
                "currency": None if view is None else letters_of(view.payment.currency),
                "units": None if view is None else str(view.payment.units),
            },
        )

    async def _oldest(self) -> int:
        """Return the oldest final block whose events the node has."""
        key = self._chain.storage_key("System.Events")
        low, high = 1, (await self._chain.finalized()).number
        while low < high:
            middle = (low + high) // 2
            try:
                await self._chain.storage_bytes(key, await self._chain.block_hash(middle))
            except RpcError as error:
                if not _is_pruned(error):
                    raise
                low = middle + 1
            else:
                high = middle
        return low


def _is_pruned(error: RpcError) -> bool:
    """Return True if a node answered that it has the state of a block no more."""
    return "discarded" in str(error)


def _text(value: Plain) -> str:
    """Return a field as text: numbers in digits, an enum by its name, a bool in lower case."""
    if isinstance(value, dict):
        return str(next(iter(value)))
    return str(value).lower() if isinstance(value, bool) else str(value)
