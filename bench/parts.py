"""Own numbers: what the parts of an import cost, each alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from bench.chains import SLOT_MS, Sender, Wallet, account_of, key_of, populated
from bench.machine import timed
from bench.report import Row
from btt_chain.chain.client import Client
from btt_chain.chain.gc import settle_memory
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.extrinsic import decode_extrinsic, opaque, signed
from btt_chain.scale import u64
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.extensions import SIGNED_EXTRA
from runtime.params import RuntimeParams
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.trie.root import ordered_root

CHANGED: Final = 2_000
"""Keys in the update of the trie."""


def part_rows(folder: Path, accounts: int, rounds: int) -> Iterator[Row]:
    """Measure codec, roots, trie and metadata; nothing here touches the disk."""
    del folder
    senders = [Sender(key_of(number)) for number in range(100)]
    base, state = populated([sender.key for sender in senders], accounts)
    store = ChainStore(MemoryKV(), pruning=None)
    genesis = store.insert_genesis(
        state,
        lambda root: base.header.encode().replace(bytes(base.header.state_root), root),
        version=base.state_version,
    )
    client = Client(store, {})
    wallet = Wallet(client)
    transfers = [
        wallet.transfer(senders[number % 100], account_of(number)) for number in range(1_000)
    ]
    settle_memory()
    yield from codec_rows(wallet, transfers, rounds)
    yield micro("extrinsics root", 1_000, lambda: ordered_root(map(opaque, transfers)), rounds)
    for scheme in Scheme:
        key = key_of(0, scheme)
        proof = key.sign(bytes(120))
        name = f"{scheme.name.lower()} verification"
        yield micro(name, 200, partial(verify_again, key, proof, 200), rounds)
    keys = sorted(state)[:: max(1, len(state) // CHANGED)][:CHANGED]
    changes = {key: state[key][::-1] for key in keys}
    spent = statistics.median(
        timed(lambda: store.stage(genesis.hash, changes, reads=state)).cpu for _ in range(rounds)
    )
    yield Row(
        "-",
        f"trie: root of {len(keys):,} changed keys of {accounts:,} accounts, nothing resident",
        f"{spent * 1e3:.1f} ms",
        note=f"{len(keys) / spent:,.0f} keys/s",
    )
    runtime = BttRuntime(RuntimeParams(u64(SLOT_MS)))
    built = statistics.median(timed(lambda: metadata(runtime, 14)).wall for _ in range(rounds))
    size = len(metadata(runtime, 14))
    yield Row("-", "metadata V14 built", f"{built * 1e3:.0f} ms", note=f"{size:,} bytes")
    made = statistics.median(
        timed(lambda: BttRuntime(RuntimeParams(u64(SLOT_MS)))).wall for _ in range(rounds)
    )
    yield Row("-", "runtime put together", f"{made * 1e3:.1f} ms")


def verify_again(key: KeyPair, proof: bytes, times: int) -> None:
    """Check one signature again and again."""
    for _ in range(times):
        key.verify(bytes(120), proof)


def codec_rows(wallet: Wallet, transfers: list[bytes], rounds: int) -> Iterator[Row]:
    """Measure opening and writing a signed transfer."""
    call_codec = wallet.runtime.call_codec
    opened = [decode_extrinsic(inner, SIGNED_EXTRA) for inner in transfers]
    calls = [call_codec.decode_all(envelope.call_raw) for envelope in opened]

    def decode() -> None:
        for inner in transfers:
            call_codec.decode_all(decode_extrinsic(inner, SIGNED_EXTRA).call_raw)

    def encode() -> None:
        for envelope, call in zip(opened, calls, strict=True):
            if envelope.address is not None and envelope.signature is not None:
                extra = SIGNED_EXTRA.encode(envelope.extra)  # type: ignore[arg-type]
                signed(envelope.address, envelope.signature, extra, call_codec.encode(call))

    count = len(transfers)
    yield micro("SCALE: a signed transfer decoded, call included", count, decode, rounds)
    yield micro("SCALE: a signed transfer encoded from its parts", count, encode, rounds)


def micro(what: str, count: int, work: Callable[[], object], rounds: int) -> Row:
    """Time `count` operations, by the CPU."""
    each = statistics.median(timed(work).cpu for _ in range(rounds)) / count
    return Row("-", what, f"{each * 1e6:.2f} us")
