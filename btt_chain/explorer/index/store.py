"""The index on the disk: one SQLite file, one writer.

All that one batch of blocks changes is one transaction, so that the file is at any moment the index
of some height, also after kill -9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import zstandard

from btt_chain.explorer.index import schema
from btt_chain.explorer.index.reading import Balance, BlockRows
from btt_chain.scale.compact import compact_decode, compact_encode
from btt_chain.store import Layout, Store

PLANCK_BYTES: Final = 16
LEVEL: Final = 3
"""Level of zstd; signatures and hashes, most of the bytes, do not compress at any level."""
PRUNED: Final = "pruned"
"""Name of the height below which bodies were deleted."""
LAYOUT: Final = Layout(
    schema.LAYOUT,
    schema.SCHEMA,
    # Five seconds: while the writer waits for another process, its own pages do not answer.
    ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = NORMAL"),
    remedy=": delete it, and the index is made again",
)


class IndexRefused(Exception):
    """The index is of another chain, or has no final block yet."""


def amount(value: int) -> bytes:
    """Return an amount as it is stored."""
    return value.to_bytes(PLANCK_BYTES, "big")


def short_hash(hash: bytes) -> int:
    """Return the first 8 bytes of a hash as the signed number by which it is found."""
    return int.from_bytes(hash[:8], "big", signed=True)


def _short(value: int) -> bytes | None:
    """Return an amount by which no list is sorted, in as few bytes as it needs."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big") if value else None


class Writer:
    """The writer of an index."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises StoreError."""
        self._store = Store(path, LAYOUT)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._ids: dict[bytes, int] = {}
        """Numbers of accounts that were seen lately."""
        self._last_id = self._one(schema.LAST_ACCOUNT) or 0

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make all changes in the `with` one transaction."""
        try:
            with self._store.transaction():
                yield
        except BaseException:
            self._ids.clear()
            self._last_id = self._one(schema.LAST_ACCOUNT) or 0
            raise

    # ---- what is there

    def genesis(self) -> bytes | None:
        """Return the hash of block zero of the chain; None for an empty index."""
        return self.meta("genesis")

    def check_chain(self, genesis: bytes) -> None:
        """Raise IndexRefused if the index is of a chain with another block zero."""
        known = self.genesis()
        if known is not None and known != genesis:
            raise IndexRefused(
                f"the index is of the chain with block zero 0x{known.hex()}, the node's is "
                f"0x{genesis.hex()}: choose another --base-path, or the right --url"
            )

    def meta(self, key: str) -> bytes | None:
        """Return a stored fact."""
        row = self._store.row(schema.META, (key,))
        return None if row is None else bytes(row[0])

    def final(self) -> tuple[int, bytes] | None:
        """Return height and hash of the last final block; None if there is none."""
        row = self._store.row(schema.LAST_FINAL)
        return None if row is None else (row[0], row[1])

    def tips(self) -> dict[int, bytes]:
        """Return the hashes of the blocks that are not final, by height."""
        return {row["height"]: row["hash"] for row in self._store.rows(schema.OPEN)}

    def specs(self) -> list[int]:
        """Return the known versions of the runtime."""
        return [version for version, _ in self._store.rows(schema.SPECS)]

    def spec_at(self, height: int) -> int:
        """Return the version that executed the block at a height."""
        ((version,),) = self._store.rows(schema.SPEC_OF, (height,))
        return int(version)

    def time_at(self, height: int) -> int:
        """Return the time of a block in milliseconds since 1970."""
        ((_, ms), *_) = self._store.rows(schema.TIMES, (height,))
        return int(ms)

    def metadata(self, version: int) -> bytes | None:
        """Return the metadata of a version; None if it is not known."""
        row = self._store.row(schema.SPEC_METADATA, (version,))
        return None if row is None else zstandard.decompress(row[0])

    def metadata_above(self, height: int) -> dict[int, bytes]:
        """Return the metadata of the versions that are first used above a height."""
        specs = self._store.rows(schema.SPECS)
        found = {version: self.metadata(version) for version, first in specs if first > height}
        return {version: metadata for version, metadata in found.items() if metadata is not None}

    def touched(self, last: int) -> list[tuple[int, bytes]]:
        """Return number and key of the accounts in blocks that have just become final."""
        return [(number, key) for number, key in self._store.rows(schema.TOUCHED, (last,))]

    # ---- changes

    def set_meta(self, key: str, value: bytes) -> None:
        """Store a fact."""
        self._store.execute(schema.PUT_META, (key, value))

    def add_spec(self, version: int, first: int, metadata: bytes) -> None:
        """Store the metadata of a version that is first used by the block at a height."""
        # By a compressor of its own: what it needs for large inputs would stay in memory.
        packed = zstandard.compress(metadata, LEVEL)
        self._store.execute(schema.PUT_SPEC, (version, first, packed))

    def add_base(self, height: int, balances: Iterable[tuple[bytes, Balance]]) -> None:
        """Store the accounts that exist at the first height."""
        for key, balance in balances:
            self.set_balance(self._account(key, height), balance)

    def write(self, rows: BlockRows, *, final: bool) -> None:
        """Write a block on top."""
        block, store = rows.block, self._store
        height = block.number
        extrinsics = compact_encode(len(block.extrinsics)) + b"".join(block.extrinsics)
        author = None if block.author is None else self._account(block.author, height)
        signers = [x.signer and self._account(x.signer, height) for x in rows.extrinsics]
        store.execute(
            schema.PUT_BLOCK,
            (
                height, block.hash, block.parent, author, rows.slot, block.ms, block.spec,
                len(block.extrinsics), sum(s is not None for s in signers), len(rows.events),
                block.event_count, len(extrinsics), amount(sum(x.fee for x in rows.extrinsics)),
                amount(block.issuance), block.justified, final, rows.complaint or None,
            ),
        )  # fmt: skip
        pack = self._compressor.compress
        store.execute(
            schema.PUT_BODY, (height, block.header.encode(), pack(extrinsics), pack(block.events))
        )
        store.execute_many(
            schema.PUT_EXTRINSIC,
            [
                (
                    height, at, short_hash(x.hash), signer, x.nonce, x.pallet, x.call, x.ok,
                    _short(x.fee), _short(x.tip),
                )
                for at, (x, signer) in enumerate(zip(rows.extrinsics, signers, strict=True))
            ],
        )  # fmt: skip
        self._write_occurrences(rows)
        touches = [
            (self._account(account, height), height, at, role)
            for (account, at), role in rows.touched.items()
        ]
        store.execute_many(schema.PUT_TOUCH, touches)
        pending = dict.fromkeys((height, account) for account, *_ in touches)
        store.execute_many(schema.PUT_PENDING, pending)

    def _write_occurrences(self, rows: BlockRows) -> None:
        counts: dict[tuple[int, int, int], int] = {}
        for x in rows.extrinsics:
            key = (schema.CALL, x.pallet, x.call)
            counts[key] = counts.get(key, 0) + 1
        for event in rows.events:
            key = (schema.EVENT, event.pallet, event.event)
            counts[key] = counts.get(key, 0) + 1
        height = rows.block.number
        self._store.execute_many(
            schema.PUT_OCCURRENCE, [(*key, height, count) for key, count in counts.items()]
        )

    def drop(self, above: int) -> None:
        """Delete all blocks above a height, and what was first seen in them."""
        for statement in schema.DROPS:
            self._store.execute(statement, (above,))
        self._ids.clear()
        self._last_id = self._one(schema.LAST_ACCOUNT) or 0

    def clear(self) -> None:
        """Delete everything: the index begins anew."""
        with self.batch():
            for statement in schema.CLEARS:
                self._store.execute(statement)
        self._ids.clear()
        self._last_id = 0

    def set_final(self, height: int) -> None:
        """Mark all blocks up to a height as final."""
        self._store.execute(schema.SET_FINAL, (height,))

    def set_balance(self, account: int, balance: Balance) -> None:
        """Store an account's balance at the last final block."""
        self._store.execute(
            schema.SET_BALANCE,
            (
                amount(balance.total), amount(balance.free), amount(balance.reserved),
                amount(balance.frozen), account,
            ),
        )  # fmt: skip

    def prune(self, ms: int) -> None:
        """Delete the bodies of blocks before a time, of a thousand blocks at most at once."""
        first = self.pruned()
        rows = self._store.rows(schema.TIMES, (first,))
        kept = next((height for height, at in rows if at >= ms), rows[-1][0] if rows else first)
        if kept > first:
            self._store.execute(schema.PRUNE, (kept,))
            self.set_meta(PRUNED, str(kept).encode())

    def pruned(self) -> int:
        """Return the height of the first block whose body was not deleted; 0 if none was."""
        return int(self.meta(PRUNED) or b"0")

    def settle(self, height: int) -> None:
        """Forget which accounts were in blocks up to a height: their balances are stored."""
        self._store.execute(schema.SETTLE, (height,))

    def add_audit(self, height: int, ms: int, report: str) -> None:
        """Store the report of an audit."""
        self._store.execute(schema.PUT_AUDIT, (height, ms, report))

    def _account(self, key: bytes, height: int) -> int:
        found = self._ids.get(key)
        if found is not None:
            return found
        row = self._store.row(schema.ACCOUNT, (key,))
        if row is None:
            self._last_id += 1
            number = self._last_id
            zero = amount(0)
            self._store.execute(schema.PUT_ACCOUNT, (number, key, height, zero, zero, zero, zero))
        else:
            number = row[0]
        if len(self._ids) > MAX_IDS:
            self._ids.clear()
        self._ids[key] = number
        return number

    def _one(self, statement: str) -> int | None:
        row = self._store.row(statement)
        return None if row is None else row[0]


MAX_IDS: Final = 200_000
"""Maximum number of accounts whose numbers are kept in memory, about 30 MiB."""


def split_body(packed: bytes) -> list[bytes]:
    """Return the extrinsics of a stored body, each with its length in front."""
    raw = zstandard.decompress(packed)
    count, at = compact_decode(raw, 0)
    found: list[bytes] = []
    for _ in range(count):
        size, start = compact_decode(raw, at)
        found.append(raw[at : start + size])
        at = start + size
    return found


def unpack(packed: bytes) -> bytes:
    """Return the bytes of a stored blob."""
    return zstandard.decompress(packed)
