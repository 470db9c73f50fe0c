"""Programs with this and the next version: the runtimes of a node, and upgrades of a chain."""

from __future__ import annotations

from functools import lru_cache

from btt_chain.chain.runtimes import LoadedRuntime, Release, RuntimeRegistry, UnsupportedRuntime
from btt_chain.scale import u64
from runtime import BttRuntime
from runtime.pallets.upgrade.pallet import Upgrade
from support.chain import ALICE, SHARED_RUNTIMES, DevChain
from support.next_runtime.btt_next_runtime import NEXT, NextRuntime

DAY = 10
"""Slots that an upgrade of a `DevChain` is scheduled ahead at least."""


class _Tomorrow(RuntimeRegistry):
    """The runtimes of a newer program; the older ones are made once for both."""

    def _build(self, code: bytes, params: bytes) -> LoadedRuntime:
        try:
            return SHARED_RUNTIMES._build(code, params)
        except UnsupportedRuntime:
            return super()._build(code, params)


@lru_cache(maxsize=1)
def new_runtimes() -> RuntimeRegistry:
    """Return the runtimes of the newer program, made once."""
    return _Tomorrow({Release("btt", 100): BttRuntime, Release("btt", 101): NextRuntime})


def planned(*, new: bool, ahead: int = DAY + 1) -> DevChain:
    """Return a chain that has decided, in its block 2, on another runtime so many slots later.

    Its node has the program of tomorrow, or that of today.
    """
    chain = DevChain(shared=True)
    if new:
        chain.client.runtimes = new_runtimes()
    chain.seal()
    now = chain.at().babe.now()
    schedule = chain.call(
        Upgrade.__name__, "schedule", code=NEXT.encoded(), slot=u64(now + 1 + ahead)
    )
    chain.run(ALICE, chain.call("Sudo", "sudo", call=schedule))
    assert chain.at().upgrade.scheduled.exists()
    return chain
