"""Consistency check of the stored chain, made at every start, before anything is served.

Always: the layout version; the head pointers; the chain from the best block to the last finalized
one and DEPTH blocks further, with header hash, height, parent link, canonical index and body of
each, unless bodies of that height were removed; every open block with its journal and the header of
its parent; the row of deaths of each block since the base; the root node of every kept state among
them. Where blocks below a fetched state are still missing, the check ends above them; while a state
is being fetched, states are not checked.

Thorough check (after a repair): the flat state against the whole trie of the best block, key by key
and value by value.
"""

from __future__ import annotations

from typing import Final

from storage.blocks import HeaderFields, fork_of, header_hash, read_header
from storage.columns import (
    BODY,
    DEATHS,
    HEADER,
    JOURNAL,
    META_BASE,
    META_BEST,
    META_BODIES,
    META_FINALIZED,
    META_GENESIS,
    META_HISTORY,
    META_IMPORT,
    META_PRUNING,
    META_VERSION,
    NUMBER,
    OPEN_BLOCK,
    STATE,
    VERSION,
    node_key,
    number_key,
)
from storage.kv import Corrupt, KeyValue, StorageError
from storage.state_import import Missing
from storage.trie.node import hash_256
from storage.trie.trie import EMPTY_ROOT, Trie

DEPTH: Final = 256
"""Number of heights below the finalized one that are checked at every start."""

REMEDY: Final = (
    "Restore the database from a snapshot, or run `btt-chain purge-chain` and sync again; keys "
    "and the signing record are not touched by that."
)


def check_chain(kv: KeyValue, thorough: bool) -> None:
    """Raise Corrupt for the first inconsistency, StorageError for another layout."""
    version = kv.get(META_VERSION)
    if version is None:
        return  # empty, or an interrupted genesis, which will be started again
    if int.from_bytes(version, "big") != VERSION:
        raise StorageError(
            f"this database has layout {int.from_bytes(version, 'big')}, this program reads "
            f"layout {VERSION}: use the program that made it, or purge the chain and sync again"
        )
    check = _Check(kv)
    check.heads()
    check.chain()
    check.open_blocks()
    check.pruning()
    if thorough and not check.stateless:
        check.flat_state()


class _Check:
    """One check; each step relies on the previous ones."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self._get = kv.get
        self._window = kv.get(META_PRUNING) == b"window"
        self.stateless = kv.get(META_IMPORT) is not None
        """True while a state is being fetched; there is none yet."""
        self._fork = fork_of(kv.get)
        self._bodies_from = int.from_bytes(kv.get(META_BODIES) or b"", "big")
        raw = kv.get(META_HISTORY)
        self._missing = None if raw is None else Missing.decode(raw)

    def heads(self) -> None:
        """Check that best, finalized, genesis and base block are stored."""
        self.genesis = self._need(META_GENESIS, "the genesis hash")
        self.best = self._need(META_BEST, "the best block's hash")
        self.finalized = self._need(META_FINALIZED, "the finalized block's hash")
        self.base = self._need(META_BASE, "the oldest kept state's block hash")
        self.final_number = self._header(self.finalized, "finalized block").number
        self.base_number = self._header(self.base, "oldest block with a state").number
        if self._get(number_key(NUMBER, 0)) != self.genesis:
            raise _broken("block 0 is not the genesis block")

    def chain(self) -> None:
        """Check each block from the best one down, and its state's root node."""
        hash = self.best
        fields = self._header(hash, "best block")
        self.best_root = fields.state_root
        if self._get(number_key(NUMBER, fields.number + 1)) is not None:
            raise _broken(f"there is a canonical block above the best one ({fields.number})")
        lowest = max(self.final_number - DEPTH, 0)
        missing = -1 if self._missing is None else self._missing.highest.number
        while True:
            number = fields.number
            if self._get(number_key(NUMBER, number)) != hash:
                raise _broken(f"the index does not lead to block {number} of the best chain")
            if number == self.final_number and hash != self.finalized:
                raise _broken(f"the finalized block {number} is not on the best chain")
            # Of the block whose state was fetched the header is stored first, the body later.
            if missing < number:
                self._block(hash, fields)
            if number > self.final_number:
                self._need(number_key(OPEN_BLOCK, number, hash), f"the tree entry of {number}")
            if number >= self.base_number and not self.stateless:
                self._root(fields, number)
            if number <= max(lowest, missing):
                break
            if number - 1 == missing and self._get(HEADER + fields.parent) is None:
                break
            hash, fields = fields.parent, self._header(fields.parent, f"parent of {number}")
            if fields.number != number - 1:
                raise _broken(f"the parent of block {number} has number {fields.number}")
        if number > self.final_number:
            raise _broken("the finalized block is above the best one")

    def open_blocks(self) -> None:
        """Check that open blocks have all that is needed to undo or redo them."""
        for key in self._kv.keys(OPEN_BLOCK):
            number, hash = int.from_bytes(key[1:9], "big"), key[9:]
            fields = self._header(hash, f"open block {number}")
            self._block(hash, fields)
            self._root(fields, number)
            self._need(number_key(JOURNAL, number, hash), f"the journal of block {number}")
            if self._window:
                self._need(number_key(DEATHS, number, hash), f"the deaths of block {number}")
            if fields.number != number:
                raise _broken(f"the tree has block {fields.number} at height {number}")
            self._header(fields.parent, f"parent of {number}")

    def pruning(self) -> None:
        """Check that each canonical block above the base has its row of deaths."""
        if self._get(number_key(NUMBER, self.base_number)) != self.base:
            raise _broken("the oldest kept state is not on the best chain")
        if not self._window:
            return
        low, high = number_key(NUMBER, self.base_number + 1), NUMBER + b"\xff" * 8
        for key, hash in self._kv.iterate(NUMBER, start=low, stop=high):
            number = int.from_bytes(key[1:], "big")
            self._need(number_key(DEATHS, number, hash), f"the deaths of block {number}")

    def flat_state(self) -> None:
        """Check that the flat state has the state root of the best header."""
        trie = Trie(self._get, self.best_root)
        nodes = iter(trie.entries())
        for row, value in self._kv.iterate(STATE):
            key = row[1:]
            found = next(nodes, None)
            if found is None or found[0] != key:
                raise _broken(f"the state has key 0x{key.hex()}, its trie has not")
            stored, hashed = found[1]
            if stored != (hash_256(value) if hashed else value):
                raise _broken(f"state and trie differ at key 0x{key.hex()}")
        if next(nodes, None) is not None:
            raise _broken("the trie has a key that the state has not")

    # --- internals

    def _need(self, key: bytes, what: str) -> bytes:
        value = self._get(key)
        if value is None:
            raise _broken(f"{what} is missing")
        return value

    def _header(self, hash: bytes, what: str) -> HeaderFields:
        raw = self._need(HEADER + hash, f"the header of the {what}")
        if header_hash(raw) != hash:
            raise _broken(f"the header of the {what} has another hash than its key")
        fields = read_header(raw)
        return fields._replace(state_root=self._fork[1]) if hash == self._fork[0] else fields

    def _block(self, hash: bytes, fields: HeaderFields) -> None:
        if not fields.number or fields.number >= self._bodies_from:
            self._need(BODY + hash, f"the body of block {fields.number}")

    def _root(self, fields: HeaderFields, number: int) -> None:
        root = fields.state_root
        if root == EMPTY_ROOT:
            return
        if hash_256(self._need(node_key("", root), f"the state root of block {number}")) != root:
            raise _broken(f"the root node of block {number} has another hash than its key")


def _broken(what: str) -> Corrupt:
    return Corrupt(f"the database does not hold together: {what}. {REMEDY}")
