"""A chain in memory with rich development accounts, and the means to sign for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypedDict, Unpack

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import RuntimeRegistry, extrinsics_root
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives import ss58
from btt_chain.primitives.account import (
    AccountId,
    AccountInfo,
    EcdsaSignature,
    Ed25519Signature,
    Id,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.era import Era, Immortal
from btt_chain.primitives.extrinsic import opaque, signed, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import EXCHANGE, PAYFI, POOLS
from runtime.constants import BTT
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.frame import Call, EventRecord
from runtime.pallets.babe.types import Engine
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.overlay import Overlay

ALICE, BOB, CHARLIE, DAVE = (
    KeyPair.from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave")
)
START = 1_000 * int(BTT)
"""Balance of each development account at genesis, in planck."""


def account(pair: KeyPair) -> AccountId:
    """Return the account of a key."""
    return AccountId(pair.account_id)


def address(pair: KeyPair) -> Id:
    """Return the address of a key's account."""
    return Id(account(pair))


def signature(pair: KeyPair, payload: bytes) -> MultiSignature:
    """Sign as the key's scheme does."""
    kinds: dict[Scheme, Callable[[bytes], MultiSignature]] = {
        Scheme.ED25519: Ed25519Signature,
        Scheme.SR25519: Sr25519Signature,
        Scheme.ECDSA: EcdsaSignature,
    }
    return kinds[pair.scheme](pair.sign(payload))


def genesis_state(
    runtime: BttRuntime,
    balances: Mapping[bytes, int],
    params: RuntimeParams,
    engine: Engine = Engine.Manual,
    economy: Mapping[str, Mapping[str, object]] | None = None,
    prepare: Callable[[BttRuntime], None] | None = None,
) -> dict[bytes, bytes]:
    """Return the state of block zero: these balances, sealed by hand by Alice, who is sudo.

    `economy` are the sections of the pallets that keep books of the pools; without it they keep
    none. `prepare` does on top what blocks could have done before.
    """
    overlay = Overlay(lambda _: None, lambda _prefix, _after: iter(()))
    overlay.put(PARAMS_KEY, params.encoded())
    runtime.enter(overlay)
    runtime.system.genesis({})
    alice = ss58.encode(ALICE.account_id)
    runtime.babe.genesis({"engine": engine.name.lower(), "sealer": alice})
    rows = [[ss58.encode(who), amount] for who, amount in balances.items()]
    pools = [runtime.fees.development_fund] if economy is None else (*POOLS, EXCHANGE, PAYFI)
    runtime.balances.genesis({"balances": rows, "pools": [*map(ss58.encode, pools)]})
    if economy is not None:
        runtime.tokenomics.genesis(economy.get("tokenomics", {}))
        runtime.mining.genesis(economy.get("mining", {}))
        runtime.tier_staking.genesis(economy.get("tierStaking", {}))
    runtime.sudo.genesis({"key": alice})
    if prepare is not None:
        prepare(runtime)
        runtime.host.events.clear()
    return {key: value for key, value in overlay.changes().items() if value is not None}


SHARED_RUNTIMES = RuntimeRegistry()


@lru_cache(maxsize=2)
def shared_runtime(params: RuntimeParams) -> BttRuntime:
    """Return a runtime that is made once."""
    return BttRuntime(params)


class Signing(TypedDict, total=False):
    """Options of signing; see `DevChain.sign`."""

    nonce: int | None
    tip: int
    era: Era | None
    birth: bytes | None
    genesis: bytes | None
    spec_version: int
    mode: MetadataHashMode
    metadata_hash: bytes | None


@dataclass
class DevChain:
    """A chain of its own, with the pool and the sealer of a node; time is what a test says."""

    slot_ms: int = 6_000
    pruning: int | None = None
    extra: Mapping[bytes, int] = field(default_factory=dict)
    presets: Mapping[str, bytes] = field(default_factory=dict)
    engine: Engine = Engine.Manual
    economy: Mapping[str, Mapping[str, object]] | None = None
    """See `genesis_state`."""
    prepare: Callable[[BttRuntime], None] | None = None
    """See `genesis_state`."""
    shared: bool = False
    """Use the runtimes of all such chains: quick, for tests that make many, one after another."""
    now: float = 1_800_000_000.0
    """Seconds since 1970."""
    params: RuntimeParams | None = None
    """Parameters; None: those of a development chain with slots of `slot_ms`."""

    def __post_init__(self) -> None:
        params = self.params or RuntimeParams(u64(self.slot_ms))
        self.runtime = shared_runtime(params) if self.shared else BttRuntime(params)
        rich = {pair.account_id: START for pair in (ALICE, BOB, CHARLIE, DAVE)} | dict(self.extra)
        self.state = genesis_state(
            self.runtime, rich, params, self.engine, self.economy, self.prepare
        )
        self.client = self.another()
        self.pool = PoolService(self.client, clock=lambda: self.now)
        self.sealer = ManualSealer(self.client, self.pool, clock=lambda: self.now)

    def another(self) -> Client:
        """Return a client of the same chain over an empty store."""
        store = ChainStore(MemoryKV(), pruning=self.pruning)
        store.insert_genesis(self.state, genesis_header)
        client = Client(store, self.presets)
        if self.shared:
            client.runtimes = SHARED_RUNTIMES
        return client

    def call(self, pallet: str, name: str, **args: object) -> Call:
        """Build a call by name."""
        return self.runtime.call(pallet, name, **args)

    def sign(self, pair: KeyPair, call: Call, **how: Unpack[Signing]) -> bytes:
        """Return a signed extrinsic with its length in front.

        Immortal, without a tip and with the nonce of the best state unless `how` says otherwise.
        """
        nonce, genesis = how.get("nonce"), how.get("genesis") or self.client.genesis_hash
        if nonce is None:
            nonce = int(self.account(pair).nonce)
        extra = SIGNED_EXTRA.encode(
            SignedExtra(
                era=how.get("era") or Immortal(),
                nonce=u32(nonce),
                tip=u128(how.get("tip", 0)),
                mode=how.get("mode", MetadataHashMode.Disabled),
            )
        )
        implicit = IMPLICIT.encode(
            Implicit(
                spec_version=u32(how.get("spec_version", 100)),
                transaction_version=u32(1),
                genesis_hash=H256(genesis),
                birth_hash=H256(how.get("birth") or genesis),
                metadata_hash=how.get("metadata_hash"),
            )
        )
        signed_for = signature(pair, signing_payload(call.raw, extra, implicit))
        return opaque(signed(address(pair), signed_for, extra, call.raw))

    def send(self, pair: KeyPair, call: Call, **how: Unpack[Signing]) -> bytes:
        """Sign a call and put it into the pool; return the transaction's hash."""
        return self.pool.submit(self.sign(pair, call, **how))

    def seal(self, *, parent: bytes | None = None, finalize: bool = True) -> bytes:
        """Make a block of what is ready, one slot later; return its hash."""
        self.now += self.slot_ms / 1000
        return self.sealer.seal(parent=parent, finalize=finalize).hash

    def run(self, pair: KeyPair, call: Call, **how: Unpack[Signing]) -> list[object]:
        """Send a call in a block of its own; return the events of the transaction."""
        self.send(pair, call, **how)
        return [record.event.event for record in self.events(self.seal()) if in_transaction(record)]

    def at(self, hash: bytes | None = None) -> BttRuntime:
        """Return the runtime on the state of a block, the best one if none is given."""
        overlay = self.client.overlay(hash or self.client.best().hash)
        self.runtime.enter(overlay)
        return self.runtime

    def account(self, pair: KeyPair) -> AccountInfo:
        """Return the account of a key in the best state."""
        return self.at().system.account[account(pair)]

    def events(self, hash: bytes) -> list[EventRecord]:
        """Return the events of a block."""
        return self.at(hash).system.events.value

    def block(self, hash: bytes) -> tuple[Header, list[bytes]]:
        """Return a block's header and body."""
        return self.client.header_of(hash), list(self.client.body(hash) or [])

    def storage(self, hash: bytes | None = None) -> dict[bytes, bytes]:
        """Return the whole state after a block, the best one if none is given."""
        reader = self.client.state(hash or self.client.best().hash)
        return {key: reader.get(key) or b"" for key in reader.keys(b"")}

    def total(self) -> int:
        """Return all money in the best state, in planck."""
        rows = self.at().system.account.items()
        return sum(int(info.data.free) + int(info.data.reserved) for _, info in rows)


def in_transaction(record: EventRecord) -> bool:
    """Return True if an event belongs to the first transaction behind the inherent."""
    return getattr(record.phase, "extrinsic", None) == 1


def genesis_header(root: bytes) -> bytes:
    """Return the encoded header of block zero over a state root."""
    zero = H256(bytes(32))
    return Header(zero, u32(0), H256(root), H256(extrinsics_root([])), Digest([])).encode()
