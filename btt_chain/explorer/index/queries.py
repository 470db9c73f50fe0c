"""Queries of pages and exports to the index. Each is bounded in rows and in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row
from typing import Final, TypeVar

import zstandard

from btt_chain.explorer.index import schema
from btt_chain.explorer.index.reading import OF_BLOCK, Balance, Role
from btt_chain.explorer.index.store import PRUNED, short_hash, split_body, unpack
from btt_chain.primitives.header import Header
from btt_chain.store import Reader

Found = TypeVar("Found")

STATEMENT_SECONDS: Final = 0.2
"""Maximum time of a statement."""
END: Final = 1 << 62
"""Above every height and every index."""
LARGEST: Final = b"\xff" * 17
"""Above every amount."""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block in the index; amounts in planck, time in milliseconds since 1970."""

    height: int
    hash: bytes
    parent: bytes
    author: bytes | None
    slot: int | None
    ms: int
    spec: int
    extrinsics: int
    signed: int
    events: int
    event_count: int
    bytes: int
    fees: int
    issuance: int
    is_justified: bool
    is_final: bool
    complaint: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """An extrinsic in the index."""

    height: int
    i: int
    signer: bytes | None
    nonce: int | None
    pallet: int
    call: int
    ok: bool | None
    fee: int
    tip: int


@dataclass(frozen=True, slots=True)
class Body:
    """The stored bytes of a block."""

    header: Header
    extrinsics: list[bytes]
    events: bytes


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account in the index, with its balance at the last final block."""

    id: int
    key: bytes
    balance: Balance


@dataclass(frozen=True, slots=True)
class Touch:
    """An account's part in an extrinsic; `i` is -1 for events of the block itself."""

    height: int
    i: int
    role: int

    @property
    def is_of_others(self) -> bool:
        """Return True if another account signed the extrinsic."""
        return self.i != OF_BLOCK and not self.role & Role.SIGNER


@dataclass(frozen=True, slots=True)
class Authored:
    """The number of blocks that an account made, and the last of them."""

    key: bytes
    blocks: int
    last: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """The stored report of an audit."""

    height: int
    ms: int
    report: str


class Index:
    """Read access to an index."""

    def __init__(self, path: Path) -> None:
        """Open a file that exists. It is not written; any thread may read it."""
        self._reader = Reader(path, STATEMENT_SECONDS)
        self._all = self._reader.rows
        self._one = self._reader.row

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    # ---- blocks

    def tip(self) -> int:
        """Return the height of the last block; -1 if there is none."""
        row = self._one(schema.TIP)
        return -1 if row is None or row[0] is None else int(row[0])

    def first(self) -> int:
        """Return the height of the first block; 0 if there is none."""
        row = self._one(schema.FIRST)
        return 0 if row is None else int(row[0] or 0)

    def final(self) -> tuple[int, bytes]:
        """Return height and hash of the last final block; -1 if there is none."""
        row = self._one(schema.LAST_FINAL)
        return (-1, b"") if row is None else (int(row[0]), bytes(row[1]))

    def block(self, height: int) -> BlockRow | None:
        """Return a block by its height."""
        return _first(map(_block, self._all(schema.BLOCK, (height,))))

    def block_by_hash(self, hash: bytes) -> BlockRow | None:
        """Return a block by its hash."""
        return _first(map(_block, self._all(schema.BLOCK_BY_HASH, (hash,))))

    def blocks_below(self, height: int, limit: int) -> list[BlockRow]:
        """Return the blocks below a height, the highest first."""
        return [*map(_block, self._all(schema.BLOCKS_BELOW, (height, limit)))]

    def blocks_above(self, height: int, limit: int) -> list[BlockRow]:
        """Return the blocks above a height, the lowest first."""
        return [*map(_block, self._all(schema.BLOCKS_ABOVE, (height, limit)))]

    def authored(self, above: int) -> list[Authored]:
        """Return the authors of the blocks above a height."""
        return [Authored(*row) for row in self._all(schema.AUTHORED, (above,))]

    def body(self, height: int) -> Body | None:
        """Return the stored bytes of a block."""
        row = self._one(schema.BODY, (height,))
        if row is None:
            return None
        return Body(Header.decode(row[0]), split_body(row[1]), unpack(row[2]))

    # ---- extrinsics

    def extrinsic(self, height: int, i: int) -> Place | None:
        """Return an extrinsic by its place."""
        return _first(map(_place, self._all(schema.EXTRINSIC, (height, i))))

    def extrinsics_of(self, height: int, start: int, limit: int) -> list[Place]:
        """Return the extrinsics of a block from an index on."""
        return [*map(_place, self._all(schema.EXTRINSICS_OF, (height, start, limit)))]

    def extrinsics_by_hash(self, hash: bytes) -> list[Place]:
        """Return the extrinsics whose hash begins like this one; the caller compares all of it."""
        found = self._all(schema.EXTRINSICS_BY_HASH, (short_hash(hash),))
        return [*map(_place, found)]

    def extrinsics_below(self, height: int, i: int, limit: int, *, signed: bool) -> list[Place]:
        """Return the extrinsics before a place, the latest first."""
        statement = schema.SIGNED_BELOW if signed else schema.EXTRINSICS_BELOW
        return [*map(_place, self._all(statement, (height, i, limit)))]

    def extrinsics_above(self, height: int, i: int, limit: int) -> list[Place]:
        """Return the extrinsics after a place, the earliest first."""
        return [*map(_place, self._all(schema.EXTRINSICS_ABOVE, (height, i, limit)))]

    def calls_below(self, pallet: int, call: int, height: int, i: int, limit: int) -> list[Place]:
        """Return the extrinsics with a call before a place, the latest first."""
        found: list[Place] = []
        for at, _ in self.occurrences(schema.CALL, pallet, call, height + 1, limit):
            end = i if at == height else END
            rest = limit - len(found)
            key = (at, pallet, call, end, rest)
            found += map(_place, self._all(schema.EXTRINSICS_OF_CALL, key))
            if len(found) >= limit:
                break
        return found

    def occurrences(
        self, kind: int, pallet: int, item: int, below: int, limit: int
    ) -> list[tuple[int, int]]:
        """Return the blocks with a call or event below a height, and how often it is there."""
        key = (kind, pallet, item, below, limit)
        return [(row[0], row[1]) for row in self._all(schema.OCCURRENCES_BELOW, key)]

    # ---- accounts

    def account(self, key: bytes) -> AccountRow | None:
        """Return an account; None if no block has touched it."""
        return _first(map(_account, self._all(schema.ACCOUNT, (key,))))

    def account_count(self) -> int:
        """Return the number of accounts that were ever seen."""
        row = self._one(schema.ACCOUNT_COUNT)
        return 0 if row is None else int(row[0])

    def accounts_below(self, total: bytes, id: int, limit: int) -> list[AccountRow]:
        """Return the accounts after a place in the order of balances, the richest first."""
        return [*map(_account, self._all(schema.ACCOUNTS_BELOW, (total, id, limit)))]

    def accounts_after(self, id: int, limit: int) -> list[AccountRow]:
        """Return the accounts in the order in which they were first seen."""
        return [*map(_account, self._all(schema.BALANCES_AFTER, (id, limit)))]

    def touches_below(self, account: int, height: int, i: int, limit: int) -> list[Touch]:
        """Return an account's history before a place, the latest first."""
        key = (account, height, i, limit)
        return [Touch(*row) for row in self._all(schema.TOUCHES_BELOW, key)]

    def touches_above(self, account: int, height: int, i: int, limit: int) -> list[Touch]:
        """Return an account's history after a place, the earliest first."""
        key = (account, height, i, limit)
        return [Touch(*row) for row in self._all(schema.TOUCHES_ABOVE, key)]

    # ---- facts

    def specs(self) -> list[tuple[int, int]]:
        """Return the versions of the runtime and their first blocks, the latest first."""
        return [(row[0], row[1]) for row in self._all(schema.SPECS)]

    def metadata(self, version: int) -> bytes | None:
        """Return the metadata of a version."""
        row = self._one(schema.SPEC_METADATA, (version,))
        return None if row is None else zstandard.decompress(row[0])

    def audits(self, limit: int) -> list[AuditRow]:
        """Return the last audits, the latest first."""
        return [AuditRow(*row) for row in self._all(schema.AUDITS, (limit,))]

    def meta(self, key: str) -> bytes | None:
        """Return a stored fact."""
        row = self._one(schema.META, (key,))
        return None if row is None else bytes(row[0])


def first_body(index: Index) -> int:
    """Return the height of the first block whose extrinsics and events are stored."""
    return max(index.first(), int(index.meta(PRUNED) or b"0"))


def _first(found: Iterator[Found]) -> Found | None:
    return next(found, None)


def _block(row: Row) -> BlockRow:
    (height, hash, parent, author, slot, ms, spec, extrinsics, signed, events, count, size, fees,
     issuance, is_justified, is_final, complaint) = row  # fmt: skip
    return BlockRow(
        height, hash, parent, author, slot, ms, spec, extrinsics, signed, events, count, size,
        int.from_bytes(fees, "big"), int.from_bytes(issuance, "big"), bool(is_justified),
        bool(is_final), complaint,
    )  # fmt: skip


def _place(row: Row) -> Place:
    height, i, _, signer, nonce, pallet, call, ok, fee, tip = row
    return Place(
        height, i, signer, nonce, pallet, call, None if ok is None else bool(ok),
        int.from_bytes(fee or b"", "big"), int.from_bytes(tip or b"", "big"),
    )  # fmt: skip


def _account(row: Row) -> AccountRow:
    id, key, _, free, reserved, frozen = row
    parts = (int.from_bytes(part, "big") for part in (free, reserved, frozen))
    return AccountRow(id, key, Balance(*parts))
