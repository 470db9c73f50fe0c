"""Chains to measure on: many accounts, signed transfers, blocks of a wished size.

The slot is twelve seconds, so that a block may hold 7,000 transfers; blocks are sealed by hand.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.machine import memory_of, timed
from btt_chain.chain.client import Client
from btt_chain.chain.gc import settle_memory
from btt_chain.consensus.author import Pace, make_block, manual_claim
from btt_chain.crypto.hashing import blake2_128_concat, blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives import ss58
from btt_chain.primitives.account import (
    AccountData,
    AccountId,
    AccountInfo,
    Ed25519Signature,
    Id,
    Sr25519Signature,
)
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import opaque, signed, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32, u128
from genesis.build import Genesis, build
from genesis.spec import ChainSpec, Plain
from runtime import BttRuntime
from runtime.extensions import (
    IMPLICIT,
    SIGNED_EXTRA,
    Implicit,
    MetadataHashMode,
    SignedExtra,
)
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.database import ChainStore
from storage.overlay import Overlay

SLOT_MS: Final = 12_000
MONEY: Final = 10**24
VALUE: Final = 10**15
SPAWN: Final = multiprocessing.get_context("spawn")
SENDERS: Final = 10_000
"""Accounts that have keys; the others only receive."""


def key_of(number: int, scheme: Scheme = Scheme.ED25519) -> KeyPair:
    """Return the key of a sender."""
    return KeyPair.from_seed(blake2_256(b"bench sender %d" % number), scheme)


def account_of(number: int) -> AccountId:
    """Return an account without a key."""
    return AccountId(blake2_256(b"bench account %d" % number))


def spec(balances: Mapping[AccountId, int], name: str = "btt-bench") -> ChainSpec:
    """Return the specification of a chain sealed by hand, with these balances in planck."""
    sealer = ss58.encode(key_of(0).account_id)
    config = {
        "params": {"chainId": name, "slotMs": SLOT_MS},
        "babe": {"engine": "manual", "sealer": sealer},
        "balances": {
            "balances": [[ss58.encode(who), str(money)] for who, money in balances.items()]
        },
    }
    return ChainSpec(name, name, "Development", Plain(config))


# --- genesis --------------------------------------------------------------------


def populated(senders: Sequence[KeyPair], accounts: int) -> tuple[Genesis, dict[bytes, bytes]]:
    """Return block zero of a chain whose senders have money, and its state with that of all.

    The others are written as the pallets would, without going through them: a million accounts
    take seconds so.
    """
    base = build(spec({AccountId(key.account_id): MONEY for key in senders}))
    state = dict(base.state)
    runtime = BttRuntime(RuntimeParams.decode(state[PARAMS_KEY]))
    overlay = Overlay(state.get, lambda _prefix, _after: iter(()))
    runtime.enter(overlay)
    more = max(0, accounts - len(senders))
    runtime.balances.total_issuance.value += u128(more * MONEY)
    state |= {key: value for key, value in overlay.changes().items() if value is not None}
    prefix = runtime.system.account.prefix
    raw = codec(AccountInfo).encode(
        AccountInfo(providers=u32(1), data=AccountData(free=u128(MONEY)))
    )
    for number in range(more):
        state[prefix + blake2_128_concat(account_of(number))] = raw
    return base, state


@dataclass(frozen=True, slots=True)
class Laid:
    """Time and memory of writing a genesis."""

    seconds: float
    peak_mb: float
    disk_mb: float


def lay(path: Path, accounts: int, senders: int = SENDERS) -> Laid:
    """Write a chain of so many accounts to disk, in a process of its own."""
    with ProcessPoolExecutor(1, SPAWN) as process:
        return process.submit(_lay, path, accounts, senders).result()


def _lay(path: Path, accounts: int, senders: int) -> Laid:
    base, state = populated([key_of(number) for number in range(senders)], accounts)
    store = ChainStore.open(path, pruning=None)

    def header(root: bytes) -> bytes:
        made = base.header
        return type(made)(
            made.parent_hash, made.number, H256(root), made.extrinsics_root, made.digest
        ).encode()

    spent = timed(lambda: store.insert_genesis(state, header))
    store.close()
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Laid(spent.wall, memory_of(os.getpid(), "VmHWM"), size / 2**20)


# --- transfers ------------------------------------------------------------------


@dataclass(slots=True)
class Sender:
    """A key and the nonce of its next transaction."""

    key: KeyPair
    nonce: int = 0


class Wallet:
    """Signs transfers for one chain."""

    def __init__(self, client: Client) -> None:
        self.runtime = client.runtime_at(client.genesis_hash).queries.runtime
        genesis, version = H256(client.genesis_hash), self.runtime.version
        self._implicit = IMPLICIT.encode(
            Implicit(version.spec_version, version.transaction_version, genesis, genesis, None)
        )

    def transfer(self, sender: Sender, dest: AccountId, value: int = VALUE) -> bytes:
        """Return a signed transfer, without the length in front; the nonce moves on."""
        call = self.runtime.call(
            "Balances", "transfer_keep_alive", dest=Id(dest), value=u128(value)
        ).raw
        extra = SIGNED_EXTRA.encode(
            SignedExtra(Immortal(), u32(sender.nonce), u128(0), MetadataHashMode.Disabled)
        )
        proof = sender.key.sign(signing_payload(call, extra, self._implicit))
        kind = Ed25519Signature if sender.key.scheme is Scheme.ED25519 else Sr25519Signature
        sender.nonce += 1
        return signed(Id(AccountId(sender.key.account_id)), kind(proof), extra, call)

    def payload(self, inner: bytes) -> tuple[bytes, bytes, bytes]:
        """Return account, signature and signed bytes of a transfer that this wallet made."""
        extra, at = SIGNED_EXTRA.decode(inner, 99)
        del extra
        return inner[2:34], inner[35:99], signing_payload(inner[at:], inner[99:at], self._implicit)


# --- blocks ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """A transaction as the author takes it from the pool."""

    hash: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block as it comes from another node."""

    header: Header
    body: list[bytes]


class Author:
    """Makes blocks of transfers on a chain on disk."""

    def __init__(self, path: Path, accounts: int, senders: int) -> None:
        self.store = ChainStore.open(path, pruning=None)
        self._client = Client(self.store, {})
        self._wallet = Wallet(self._client)
        self._senders = [Sender(key_of(number)) for number in range(senders)]
        self._others = max(1, accounts - senders)
        self._turn = 0
        self._slot = 1
        settle_memory()

    def transfers(self, count: int) -> list[bytes]:
        """Return signed transfers to scattered accounts, by senders who take turns."""
        made = []
        for number in range(self._turn, self._turn + count):
            sender = self._senders[number % len(self._senders)]
            # A stride that meets every account, in an order that is not the trie's.
            made.append(self._wallet.transfer(sender, account_of(number * 7_919 % self._others)))
        self._turn += count
        return made

    def make(self, count: int) -> tuple[bytes, list[bytes]]:
        """Make a block of so many transfers; return its header, encoded, and its body."""
        wires = [opaque(inner) for inner in self.transfers(count)]
        proposal = make_block(
            self._client,
            self._client.best().hash,
            claim=manual_claim(self._slot),
            timestamp_ms=self._slot * SLOT_MS,
            ready=[Ready(blake2_256(wire), wire) for wire in wires],
            skip=lambda _hash: None,
            pace=lambda: Pace.EARLY,
        )
        self._slot += 1
        if proposal.included != count:
            raise RuntimeError(
                f"{proposal.included} of {count} transfers are in: {proposal.refused}"
            )
        made = proposal.made
        self._client.import_block(made.header, made.body, made=made, finalize=True)
        return made.header.encode(), made.body


_author: Author
"""The author of this process, where it is one."""


def _open_author(path: Path, accounts: int, senders: int) -> None:
    global _author  # noqa: PLW0603 - a worker process has one, from its start to its end
    _author = Author(path, accounts, senders)


def _make(blocks: int, count: int) -> list[tuple[bytes, list[bytes]]]:
    return [_author.make(count) for _ in range(blocks)]


def _close_author() -> None:
    _author.store.close()


class Bench:
    """A chain on disk twice: one author, who makes blocks, and one reader, who imports them.

    The author is a process of its own; the reader, with its own store, runtime and signature cache,
    meets each block cold, as a node does.
    """

    def __init__(self, folder: Path, accounts: int, senders: int = SENDERS) -> None:
        self.accounts = accounts
        self.laid = lay(folder / "author", accounts, senders)
        shutil.copytree(folder / "author", folder / "reader")
        self._author = ProcessPoolExecutor(
            1, SPAWN, _open_author, (folder / "author", accounts, senders)
        )
        self._store = ChainStore.open(folder / "reader", pruning=None)
        self.reader = Client(self._store, {})
        self.wallet = Wallet(self.reader)

    def make(self, count: int) -> Sealed:
        """Make a block of so many transfers; the reader has not met it."""
        return self.make_many(1, count)[0]

    def make_many(self, blocks: int, count: int) -> list[Sealed]:
        """Make blocks ahead, so that making them does not disturb the rounds that read them."""
        made = self._author.submit(_make, blocks, count).result()
        return [Sealed(Header.decode(header), body) for header, body in made]

    def read(self, made: Sealed, *, warm: bool = False) -> Callable[[], object]:
        """Return the import of a block by the reader, ready to be timed.

        `warm`: its signatures were found good before, as those of pooled transactions are.
        """
        if warm:
            for inner in made.body[1:]:
                account, proof, payload = self.wallet.payload(inner)
                self.reader.runtimes.verdicts(Ed25519Signature(proof), payload, AccountId(account))
        return lambda: self.reader.import_block(made.header, made.body, finalize=True)

    def close(self) -> None:
        """Let go of the files."""
        self._author.submit(_close_author).result()
        self._author.shutdown()
        self._store.close()
