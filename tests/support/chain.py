"""A chain in memory with rich development accounts, and the means to sign for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from btt_chain.chain.client import Client
from btt_chain.chain.law import extrinsics_root
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.pool import PoolService
from btt_chain.node.sealing import ManualSealer
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
from runtime.constants import BTT
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.frame import Call, EventRecord
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.overlay import Overlay

ALICE, BOB, CHARLIE, DAVE = (
    KeyPair.from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave")
)
START = 1_000 * int(BTT)
"""What each development account has at genesis, in planck."""


def account(pair: KeyPair) -> AccountId:
    """Return the account of a key."""
    return AccountId(pair.account_id)


def address(pair: KeyPair) -> Id:
    """Return the address of a key's account."""
    return Id(account(pair))


def signature(pair: KeyPair, payload: bytes) -> MultiSignature:
    """Sign as the key's scheme does."""
    kinds = {
        Scheme.ED25519: Ed25519Signature,
        Scheme.SR25519: Sr25519Signature,
        Scheme.ECDSA: EcdsaSignature,
    }
    return kinds[pair.scheme](pair.sign(payload))


def genesis_state(
    runtime: BttRuntime, balances: Mapping[bytes, int], params: RuntimeParams
) -> dict[bytes, bytes]:
    """Return the state of block zero: these balances, sealed by hand by Alice, who is sudo."""
    overlay = Overlay(lambda _: None, lambda _prefix, _after: iter(()))
    overlay.put(PARAMS_KEY, params.encoded())
    runtime.enter(overlay)
    runtime.system.genesis({})
    alice = ss58.encode(ALICE.account_id)
    runtime.babe.genesis({"engine": "manual", "sealer": alice})
    rows = [[ss58.encode(who), amount] for who, amount in balances.items()]
    pools = [ss58.encode(bytes(runtime.fees.development_fund))]
    runtime.balances.genesis({"balances": rows, "pools": pools})
    runtime.sudo.genesis({"key": alice})
    return {key: value for key, value in overlay.changes().items() if value is not None}


@dataclass
class DevChain:
    """A chain of its own, with the pool and the sealer of a node; time is what a test says."""

    slot_ms: int = 6_000
    pruning: int | None = None
    extra: Mapping[bytes, int] = field(default_factory=dict)
    now: float = 1_800_000_000.0
    """Seconds since 1970."""

    def __post_init__(self) -> None:
        params = RuntimeParams(u64(self.slot_ms))
        self.runtime = BttRuntime(params)
        rich = {pair.account_id: START for pair in (ALICE, BOB, CHARLIE, DAVE)} | dict(self.extra)
        self.state = genesis_state(self.runtime, rich, params)
        self.client = self.another()
        self.pool = PoolService(self.client, clock=lambda: self.now)
        self.sealer = ManualSealer(self.client, self.pool, clock=lambda: self.now)

    def another(self) -> Client:
        """Return a client of the same chain over an empty store."""
        store = ChainStore(MemoryKV(), pruning=self.pruning)
        store.insert_genesis(self.state, genesis_header)
        return Client(store, {})

    def call(self, pallet: str, name: str, **args: object) -> Call:
        """Build a call by name."""
        return self.runtime.call(pallet, name, **args)

    def sign(
        self,
        pair: KeyPair,
        call: Call,
        *,
        nonce: int | None = None,
        tip: int = 0,
        era: Era | None = None,
        birth: bytes | None = None,
        genesis: bytes | None = None,
        spec_version: int = 100,
    ) -> bytes:
        """Return a signed extrinsic with its length in front."""
        nonce = int(self.account(pair).nonce) if nonce is None else nonce
        genesis = self.client.genesis_hash if genesis is None else genesis
        extra = SIGNED_EXTRA.encode(
            SignedExtra(era or Immortal(), u32(nonce), u128(tip), MetadataHashMode.Disabled)
        )
        implicit = IMPLICIT.encode(
            Implicit(u32(spec_version), u32(1), H256(genesis), H256(birth or genesis), None)
        )
        signed_for = signature(pair, signing_payload(call.raw, extra, implicit))
        return opaque(signed(address(pair), signed_for, extra, call.raw))

    def send(self, pair: KeyPair, call: Call, **how: object) -> bytes:
        """Sign a call and put it into the pool; return the transaction's hash."""
        return self.pool.submit(self.sign(pair, call, **how))  # type: ignore[arg-type]

    def seal(self) -> bytes:
        """Make a block of what is ready, one slot later; return its hash."""
        self.now += self.slot_ms / 1000
        return self.sealer.seal().hash

    def run(self, pair: KeyPair, call: Call, **how: object) -> list[object]:
        """Send a call in a block of its own; return the events of the transaction."""
        self.send(pair, call, **how)
        return [record.event.event for record in self.events(self.seal()) if in_transaction(record)]

    def at(self, hash: bytes | None = None) -> BttRuntime:
        """Return the runtime on the state of a block, the best one if none is given."""
        overlay = self.client.overlay(hash or self.client.best().hash)
        self.runtime.enter(overlay)
        return self.runtime

    def account(self, pair: KeyPair) -> AccountInfo:
        """Return what the best state has of a key's account."""
        return self.at().system.account[account(pair)]

    def events(self, hash: bytes) -> list[EventRecord]:
        """Return the events of a block."""
        return self.at(hash).system.events.value

    def total(self) -> int:
        """Return all money in the best state, in planck."""
        rows = self.at().system.account.items()
        return sum(int(info.data.free) + int(info.data.reserved) for _, info in rows)


def in_transaction(record: EventRecord) -> bool:
    """Tell whether an event belongs to the first transaction behind the inherent."""
    return getattr(record.phase, "extrinsic", None) == 1


def genesis_header(root: bytes) -> bytes:
    """Return the encoded header of block zero over a state root."""
    zero = H256(bytes(32))
    return Header(zero, u32(0), H256(root), H256(extrinsics_root([])), Digest([])).encode()
