"""Transactions for simulated chains, signed by their funded accounts."""

from __future__ import annotations

from functools import lru_cache

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id, Sr25519Signature
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import opaque, signed, signing_payload
from btt_chain.scale import u32, u64, u128
from genesis.accounts import dev_path
from runtime import BttRuntime
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.frame import Call
from runtime.pallets.system.pallet import System
from runtime.params import RuntimeParams
from support.sim.images import SLOT_MS
from support.sim.nodes import SimNode
from support.sim.steady import steady


@lru_cache
def pair_of(index: int) -> KeyPair:
    """Return the key of a development account."""
    return steady(KeyPair.from_uri(dev_path(index)))


@lru_cache(maxsize=1)
def runtime() -> BttRuntime:
    """Return a runtime to build calls with."""
    return BttRuntime(RuntimeParams(u64(SLOT_MS)))


def uri_of(index: int) -> str:
    """Return the secret of a development account."""
    return dev_path(index)


def account(index: int) -> AccountId:
    """Return a development account."""
    return AccountId(pair_of(index).account_id)


def nonce_of(node: SimNode, index: int) -> int:
    """Return the next nonce of an account, by the best block of a node."""
    best = node.client.best().hash
    loaded = node.client.runtime_at(best).queries
    loaded.runtime.enter(node.client.overlay(best))
    system = loaded.runtime.pallet(System)
    return int(system.account[account(index)].nonce)


def sign(
    index: int, nonce: int, call: Call, genesis: bytes, spec: int = 100, tip: int = 0
) -> bytes:
    """Return an extrinsic with its length in front, signed for a version of the runtime."""
    extra = SIGNED_EXTRA.encode(
        SignedExtra(era=Immortal(), nonce=u32(nonce), tip=u128(tip), mode=MetadataHashMode.Disabled)
    )
    implicit = IMPLICIT.encode(
        Implicit(
            spec_version=u32(spec),
            transaction_version=u32(1),
            genesis_hash=H256(genesis),
            birth_hash=H256(genesis),
            metadata_hash=None,
        )
    )
    pair = pair_of(index)
    proof = Sr25519Signature(pair.sign(signing_payload(call.raw, extra, implicit)))
    return opaque(signed(Id(account(index)), proof, extra, call.raw))


def transfer(
    index: int, nonce: int, to: int, amount: int, genesis: bytes, spec: int = 100, tip: int = 0
) -> bytes:
    """Return a transfer in planck between two development accounts."""
    call = runtime().call(
        "Balances", "transfer_keep_alive", dest=Id(account(to)), value=u128(amount)
    )
    return sign(index, nonce, call, genesis, spec, tip)
