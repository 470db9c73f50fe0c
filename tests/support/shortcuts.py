"""Execution of blocks without shortcuts, for tests that compare it with that of a node.

Every record is decoded when it is read and encoded when it is written, every key is hashed when it
is used, and no call is executed in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import pytest

from runtime import fee_shares
from runtime.direct import DirectCalls
from runtime.frame import DispatchInfo, PostInfo
from runtime.frame.items import DoubleMap, HashedKeys, Map, Value
from runtime.pallets.balances import fees, fungible
from runtime.pallets.system.pallet import System

V = TypeVar("V")

PATCHES: Final = (
    (fungible, "credited"),
    (fungible, "debited"),
    (fungible, "topped_up"),
    (fees, "charged"),
    (fee_shares, "credited"),
    (fee_shares, "topped_up"),
)
"""Functions that change encoded account records, by the module that uses them: None from one of
them stands for the general way."""


class Shortcuts:
    """The shortcuts of the runtime: counted where they are used, or left out."""

    def __init__(self) -> None:
        self.passes = 0
        """Extrinsics executed in one pass."""
        self.patches = 0
        """Account records changed without decoding them."""

    @contextmanager
    def used(self) -> Iterator[None]:
        """Use the shortcuts, and count them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DirectCalls, "apply", self._counting(DirectCalls.apply, "passes"))
            for module, name in PATCHES:
                patch.setattr(module, name, self._counting(getattr(module, name), "patches"))
            yield

    @contextmanager
    def unused(self) -> Iterator[None]:
        """Use none of them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DirectCalls, "apply", lambda *_: False)
            for module, name in PATCHES:
                patch.setattr(module, name, lambda *_: None)
            patch.setattr(Value, "value", property(_value, _set_value))
            patch.setattr(Value, "peek", _value)
            for kind in (Map, DoubleMap):
                patch.setattr(kind, "peek", kind.get)
                patch.setattr(kind, "keep", kind.__setitem__)
            patch.setattr(HashedKeys, "__missing__", lambda keys, key: keys._hashed(key))
            patch.setattr(System, "success", _success)
            yield

    def _counting(self, shortcut: Callable[..., object], name: str) -> Callable[..., object]:
        def call(*given: object) -> object:
            found = shortcut(*given)
            if found:
                setattr(self, name, getattr(self, name) + 1)
            return found

        return call


def _value(item: Value[V]) -> V:
    raw = item.raw()
    if raw is None:
        raise KeyError(item.name)
    return item._codec.decode_all(raw)


def _set_value(item: Value[V], new: V) -> None:
    item._host.state.put(item.prefix, item._codec.encode(new))


def _success(system: System, info: DispatchInfo, post: PostInfo) -> object:
    return System.ExtrinsicSuccess(system._event_info(info, post))
