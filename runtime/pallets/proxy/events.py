"""Events of proxies."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import Result, TypeName, u16
from runtime.frame import Event, WireError
from runtime.frame.aliases import AccountIdOf, BalanceOf, BlockNumberFor
from runtime.pallets.proxy.types import CallHash, DepositKind, Kind


class ProxyExecuted(Event, index=0):
    """A call was made by proxy, with this result."""

    result: Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]


class PureCreated(Event, index=1):
    """A pure account, which has no key, was created; `who` is its proxy."""

    pure: AccountIdOf
    who: AccountIdOf
    proxy_type: Kind
    disambiguation_index: u16


class PureKilled(Event, index=2):
    """A pure account was given up and is inaccessible from now on."""

    pure: AccountIdOf
    spawner: AccountIdOf
    proxy_type: Kind
    disambiguation_index: u16


class Announced(Event, index=3):
    """A proxy announced a call."""

    real: AccountIdOf
    proxy: AccountIdOf
    call_hash: CallHash


class ProxyAdded(Event, index=4):
    """A proxy was added to an account."""

    delegator: AccountIdOf
    delegatee: AccountIdOf
    proxy_type: Kind
    delay: BlockNumberFor


class ProxyRemoved(Event, index=5):
    """A proxy was removed from an account."""

    delegator: AccountIdOf
    delegatee: AccountIdOf
    proxy_type: Kind
    delay: BlockNumberFor


class DepositPoked(Event, index=6):
    """A deposit was changed to its current price."""

    who: AccountIdOf
    kind: DepositKind
    old_deposit: BalanceOf
    new_deposit: BalanceOf
