"""The development chain that is sealed by hand, in memory, with its controls."""

from __future__ import annotations

from dataclasses import dataclass, field

from btt_chain.chain.client import Client
from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.dev.control import DevControl
from btt_chain.node.dev.sealing import ChosenSealing, ManualSealer, OnDemand
from btt_chain.node.service.lifecycle import header_over
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId, AccountInfo, Id, MultiSignature
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import opaque, signed, signing_payload
from btt_chain.scale import u32, u128
from genesis.build import build
from genesis.catalogue import load, presets
from runtime.audits import Finding, audit
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.features.work import Work
from runtime.frame import Call
from storage.database import ChainStore
from storage.kv import KeyValue
from storage.memory import MemoryKV
from storage.trie import state_root
from support.chain import ALICE, signature

NOW = 1_800_000_000.0
"""Time of the clock, in seconds since 1970."""


@dataclass
class DevNode:
    """Client, pool, sealer and controls over block zero of `dev-manual`, or a chain like it."""

    kv: KeyValue = field(default_factory=MemoryKV)
    pruning: int | None = None
    now: float = NOW
    chain: str = "dev-manual"

    def __post_init__(self) -> None:
        made = build(load(self.chain))
        store = ChainStore(self.kv, pruning=self.pruning)
        if not store.has_genesis:
            store.insert_genesis(
                made.state, lambda root: header_over(made, root), version=made.state_version
            )
        self.client = Client(store, presets())
        self.pool = PoolService(self.client, clock=lambda: self.now)
        self.sealer = ManualSealer(self.client, self.pool, clock=lambda: self.now)
        self.sealing = ChosenSealing(OnDemand())
        self.failures: list[Exception] = []
        self.control = DevControl(
            self.client, self.sealer, self.sealing, give_up=self.failures.append
        )

    def runtime(self, hash: bytes | None = None) -> Work:
        """Return the runtime on the state of a block, the head's if none is given."""
        at = hash or self.client.best().hash
        runtime = self.client.runtime_at(at).queries.runtime
        assert isinstance(runtime, Work)
        runtime.enter(self.client.overlay(at))
        return runtime

    def account(self, who: bytes) -> AccountInfo:
        """Return an account of the head's state."""
        return self.runtime().system.account[AccountId(who)]

    def call(self, pallet: str, name: str, **args: object) -> Call:
        """Build a call by name."""
        return self.runtime().call(pallet, name, **args)

    def sign(
        self, pair: KeyPair, call: Call, *, forged: MultiSignature | None = None, tip: int = 0
    ) -> bytes:
        """Return a signed extrinsic with its length prefix, or one with a forged signature."""
        nonce = self.account(pair.account_id).nonce
        extra = SIGNED_EXTRA.encode(
            SignedExtra(Immortal(), u32(nonce), u128(tip), MetadataHashMode.Disabled)
        )
        genesis = H256(self.client.genesis_hash)
        implicit = IMPLICIT.encode(Implicit(u32(100), u32(1), genesis, genesis, None))
        proof = forged or signature(pair, signing_payload(call.raw, extra, implicit))
        return opaque(signed(Id(AccountId(pair.account_id)), proof, extra, call.raw))

    def pay(self, amount: int, to: bytes, pair: KeyPair = ALICE) -> bytes:
        """Put a transfer into the pool; return the transaction's hash."""
        call = self.call(
            "Balances", "transfer_keep_alive", dest=Id(AccountId(to)), value=u128(amount)
        )
        return self.pool.submit(self.sign(pair, call))

    def audit(self) -> list[Finding]:
        """Return the findings of the audits in the head's state."""
        return audit(self.runtime())

    def flat(self) -> dict[bytes, bytes]:
        """Return the flat state of the head."""
        reader = self.client.state(self.client.best().hash)
        return dict(reader.entries())

    def root(self) -> bytes:
        """Return the state root, computed anew from the flat state; it is the header's."""
        root = state_root(self.flat())
        assert root == self.client.header_of(self.client.best().hash).state_root
        return root
