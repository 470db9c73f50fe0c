"""Genesis, disks and runtimes of simulated nodes, built once for all worlds of a process."""

from __future__ import annotations

from functools import lru_cache

from btt_chain.chain.runtimes import Release, RuntimeRegistry
from btt_chain.crypto.keypair import KeyPair, Scheme
from genesis.accounts import dev_path
from genesis.build import Genesis, build
from genesis.catalogue import make
from runtime import BttRuntime
from storage.database import ChainStore
from storage.memory import MemoryKV
from support.sim.nodes import MAX_NODES
from support.sim.sharing import SharedRuntimes
from support.sim.steady import SteadyVrf
from support.simulated_vrf import SimulatedVrf

SLOT_MS = 2_000

REAL = SteadyVrf()


@lru_cache
def simulated() -> SimulatedVrf:
    """Return the quick lottery that all nodes of such worlds share."""
    return SimulatedVrf(
        KeyPair.from_uri(dev_path(index), Scheme.SR25519) for index in range(MAX_NODES)
    )


@lru_cache
def genesis_of(validators: int, slot_ms: int = SLOT_MS) -> Genesis:
    """Return block zero of a local chain."""
    return build(make("local", validators=validators, slot_ms=slot_ms))


_IMAGES: dict[tuple[bytes, bool], dict[bytes, bytes]] = {}


def image_of(genesis: Genesis, *, pruned: bool = False) -> dict[bytes, bytes]:
    """Return the content of a disk with block zero only."""
    wanted = genesis.hash, pruned
    if wanted not in _IMAGES:
        kv = MemoryKV()
        ChainStore(kv, pruning=1 if pruned else None).insert_genesis(
            genesis.state, lambda _: genesis.header.encode(), version=genesis.state_version
        )
        _IMAGES[wanted] = dict(kv.iterate())
    return _IMAGES[wanted]


@lru_cache(maxsize=64)
def runtimes_of(index: int, *, real: bool, share: bool = False) -> RuntimeRegistry:
    """Return the runtimes of the node with this index, built once for all worlds of a process.

    With `share` they are those of the first node, except for state between two steps.
    """
    if share:
        return SharedRuntimes(runtimes_of(0, real=real))
    if real:
        return RuntimeRegistry()
    vrf = simulated()
    return RuntimeRegistry({Release("btt", 100): lambda params: BttRuntime(params, vrf=vrf)})
