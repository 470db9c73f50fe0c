"""A small runtime on a plain dictionary, for tests of single pallets."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile

import pytest

from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import MINING, TREASURY
from runtime.constants import MILLI_BTT
from runtime.frame import (
    DbWeight,
    DispatchError,
    Pallet,
    Reason,
    Runtime,
    RuntimeVersion,
    ensure_root,
)
from runtime.frame.traits import Slot
from runtime.frame.version import CowApis, CowText
from runtime.limits import block_length, block_weights
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.system.pallet import System
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.vesting.pallet import Vesting

VERSION = RuntimeVersion(
    CowText("test"), CowText("test"), u32(1), u32(1), u32(1), CowApis(), u32(1), u8(1)
)


class DictState:
    """State in a dictionary, with layers, as `runtime.frame.State` asks for it."""

    def __init__(self) -> None:
        self._data: dict[bytes, bytes] = {}
        self._layers: list[dict[bytes, bytes]] = []
        self._ordered: list[bytes] | None = []
        """The keys in order; None after a change of them."""

    @property
    def data(self) -> dict[bytes, bytes]:
        """All entries; to be changed by `put` or replaced as a whole."""
        return self._data

    @data.setter
    def data(self, data: dict[bytes, bytes]) -> None:
        self._data, self._ordered = data, None

    def get(self, key: bytes) -> bytes | None:
        return self._data.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        if (value is None) == (key in self._data):
            self._ordered = None
        if value is None:
            self._data.pop(key, None)
        else:
            self._data[key] = value

    def begin(self) -> None:
        self._layers.append(dict(self._data))

    def commit(self) -> None:
        self._layers.pop()

    def rollback(self) -> None:
        self.data = self._layers.pop()

    def next_key(self, key: bytes) -> bytes | None:
        ordered = self._in_order()
        place = bisect_right(ordered, key)
        return ordered[place] if place < len(ordered) else None

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        ordered = self._in_order()
        begin = bisect_left(ordered, prefix)
        return takewhile(lambda key: key.startswith(prefix), ordered[begin:])

    def _in_order(self) -> list[bytes]:
        if self._ordered is None:
            self._ordered = sorted(self._data)
        return self._ordered

    def root(self) -> bytes:
        return bytes(32)


class CountingState(DictState):
    """Counts keys that are read and written, and walks over keys."""

    reads = writes = walks = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return super().get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        self.writes += 1
        super().put(key, value)

    def next_key(self, key: bytes) -> bytes | None:
        self.walks += 1
        return super().next_key(key)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        self.walks += 1
        return super().keys(prefix)


class StillClock:
    """Slots since genesis, as a test sets them."""

    slot = 0

    def now(self) -> Slot:
        """Return the slot that a test set."""
        return Slot(self.slot)


class SmallRuntime(Runtime):
    """
    System and whatever a test adds.

    A subclass adds its pallets in `build` (`self.balances = self.add(3, Balances(...))`).
    """

    def __init__(self) -> None:
        super().__init__(VERSION, filtered=System.CallFiltered)
        self.state = DictState()
        self.system = self.add(
            0,
            System(
                block_weights=block_weights(6_000),
                block_length=block_length(),
                block_hash_count=u32(2_400),
                db_weight=DbWeight(u64(0), u64(0)),
                version=VERSION,
                ss58_prefix=u16(42),
            ),
        )
        self.build()
        self.complete()
        self.enter(self.state)

    def build(self) -> None:
        """Add the pallets under test."""

    def announced(self) -> list[object]:
        """Return the events so far, without phase and pallet."""
        return [happened.event for happened in self.host.happened()]


class TestRuntime(SmallRuntime):
    """
    A small runtime with a clock, and the pallets that other pallets are tested with.

    A subclass adds them in `build`, with the values that its tests are about:

        self.balances = self.add_balances()
        self.exchange = self.add(52, Exchange(currency=self.balances, clock=self.clock))
    """

    __test__ = False

    def __init__(self, clock: StillClock | None = None) -> None:
        self.clock = clock or StillClock()
        super().__init__()

    def add_balances(
        self, existential_deposit: u128 = MILLI_BTT, *, offsetting: Sequence[Reason] = ()
    ) -> Balances:
        """Add Balances as pallet 3."""
        return self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=existential_deposit,
                treasury=TREASURY,
                offsetting=tuple(offsetting),
            ),
        )

    def add_vesting(self, balances: Balances, min_vested_transfer: u128) -> Vesting:
        """Add Vesting as pallet 12."""
        return self.add(
            12,
            Vesting(
                min_vested_transfer=min_vested_transfer,
                currency=balances,
                clock=self.clock,
                treasury=TREASURY,
            ),
        )

    def add_tokenomics(self, balances: Balances, *, window: u64, slot_ms: u64) -> Tokenomics:
        """Add Tokenomics as pallet 30, with its `window` for objections in slots."""
        return self.add(
            30,
            Tokenomics(
                objection_window=window, slot_ms=slot_ms, currency=balances, clock=self.clock
            ),
        )

    def add_mining(self, balances: Balances, payer: Tokenomics, *, era: int) -> Mining:
        """Add Mining as pallet 31, with eras of so many slots of 6 s, and root as its origins."""
        return self.add(
            31,
            Mining(
                era_length=u32(era),
                slot_ms=u64(6_000),
                pool=MINING,
                currency=balances,
                payer=payer,
                clock=self.clock,
                attesting=ensure_root,
                params_origin=ensure_root,
            ),
        )


def reconfigure(pallet: Pallet, **config: object) -> None:
    """Replace dependencies of a pallet that is bound, and build its components again."""
    vars(pallet).update(config)
    pallet.bind(pallet.host, pallet.index)


@contextmanager
def refused(runtime: Runtime, error: type[DispatchError] | DispatchError) -> Iterator[None]:
    """Expect `error`, and that not a byte of state and not an event changed."""
    state = runtime.host.state
    assert isinstance(state, DictState)
    kind = error if isinstance(error, type) else type(error)
    data, events = dict(state.data), list(runtime.host.events)
    with pytest.raises(kind) as raised:
        yield
    if not isinstance(error, type):
        assert raised.value.wire() == error.wire()
    assert state.data == data, "a refused call changed the state"
    assert runtime.host.events == events, "a refused call announced something"
