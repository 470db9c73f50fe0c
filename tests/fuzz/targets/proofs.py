"""Trie nodes, read proofs and proofs of ranges of a state."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from btt_chain.scale import DecodeError, codec
from fuzz.target import Target, choose
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.trie.node import NodeError, decode, hash_256
from storage.trie.proof import ProofError, verify_proof
from storage.trie.range_proof import verify_range

NODES: Final = codec(list[bytes])
STATE: Final = {
    bytes([number % 7]) * (number % 5 + 1) + number.to_bytes(2, "big"): bytes(number % 80)
    for number in range(120)
}


def node(raw: bytes) -> None:
    """Read a trie node."""
    with suppress(NodeError):
        decode(raw, None)


def listed(raw: bytes) -> list[bytes]:
    """Return the byte strings that a proof consists of."""
    try:
        return [bytes(one) for one in NODES.decode_all(raw)]
    except DecodeError:
        # Cut anywhere: the fuzzer need not find lengths first.
        return [piece for piece in raw.split(b"\xff\xfe") if piece]


def roots(nodes: list[bytes]) -> list[bytes]:
    """Return the roots that the proof may have: the real root, and each node that would be one."""
    return [ROOT, *(hash_256(one) for one in nodes[:4])]


def read_proof(raw: bytes) -> None:
    """Verify a proof of some keys; it says of each what the state says, if under its root."""
    nodes = listed(raw)
    keys = [*list(STATE)[:3], b"", b"absent"]
    for root in roots(nodes):
        with suppress(ProofError):
            found = verify_proof(root, nodes, keys)
            assert root != ROOT or all(found[key] == STATE.get(key) for key in keys)


def range_proof(raw: bytes) -> None:
    """Verify a proof of a range; its entries are those of the state, if under its root."""
    nodes = listed(raw[1:])
    after = sorted(STATE)[raw[0]] if raw and raw[0] < len(STATE) else None
    for root in roots(nodes):
        with suppress(ProofError):
            found = verify_range(root, after, nodes, None)
            if root == ROOT:
                rest = sorted(key for key in STATE if after is None or key > after)
                assert [key for key, _ in found.entries] == rest


def store() -> tuple[bytes, ChainStore, bytes]:
    """Return the root of STATE, a store that has it, and the hash of its block."""
    made = ChainStore(MemoryKV(), pruning=None)
    known = []

    def header(root: bytes) -> bytes:
        known.append(root)
        return bytes(32) + b"\0" + root + bytes(32) + b"\0"

    genesis = made.insert_genesis(STATE, header)
    return known[0], made, genesis.hash


ROOT, STORE, GENESIS = store()


def seeds() -> list[bytes]:
    """Return proofs of a small state, and their nodes."""
    reader = STORE.state.reader(GENESIS)
    keys = [*list(STATE)[:3], b"", b"absent"]
    some = list(reader.proof(keys))
    everything = list(reader.proof(sorted(STATE)))
    return [
        *(b"\0" + one for one in everything[:20]),
        b"\1" + NODES.encode(some), b"\2\xff" + NODES.encode(everything),
        b"\2\x05" + NODES.encode(everything),
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, node, read_proof, range_proof),
    seeds=seeds,
    instrument=("storage.trie", "btt_chain.scale"),
    max_length=16_384,
)
