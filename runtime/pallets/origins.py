"""Origins on the wire: the encoding of a caller in calls and in the state.

Besides root, accounts and none there are the decisions of referenda: a referendum of the
treasurer's track calls as `Treasurer`, and may do what is configured for the treasurer. Root
may do all that any of them may. The number of a decision is the number of its track.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Path, TypeName, Variant, path, u128
from runtime.frame import ROOT, BadOrigin, Origin, OriginCheck, signed
from runtime.frame.aliases import Account
from runtime.frame.origin import OriginKind, SpendOrigin, decided
from runtime.pallets.balances.types import is_pool


@path("btt_runtime::governance::origins::pallet_custom_origins::Origin")
class Decision(IntEnum):
    """The kind of referendum that decided."""

    WhitelistedCaller = 1
    """An upgrade, or another call as root, that the technical track whitelisted."""
    SmallSpender = 10
    """Small payments from the treasury."""
    Treasurer = 11
    """Payments from the treasury."""
    EcosystemSpender = 12
    """Payments from the ecosystem's funds."""
    Grants = 13
    """Grants."""
    Params = 20
    """Fees, tiers and the rules of the score."""
    Technical = 21
    """Technical standards, confirmation of milestones, whitelisting of calls."""
    AssetPolicy = 22
    """Tokenised assets, and their verifiers."""
    Emergency = 30
    """Immediate measures where a delay would do harm."""
    Canceller = 40
    """Cancellation of referenda."""


class RawRoot(Variant, index=0, name="Root"):
    """The chain itself."""


class RawSigned(Variant, index=1, unnamed=True, name="Signed"):
    """An account."""

    account: Account


class RawNone(Variant, index=2, name="None"):
    """No account: the origin of inherents and unsigned extrinsics."""


RawOrigin = Annotated[
    RawRoot | RawSigned | RawNone,
    Path("frame_support::dispatch::RawOrigin", params={"AccountId": AccountId}),
]


class SystemOrigin(Variant, index=0, unnamed=True, name="system"):
    """An origin of the system itself."""

    origin: Annotated[RawOrigin, TypeName("frame_system::Origin<Runtime>")]


class DecisionOrigin(Variant, index=23, unnamed=True, name="Origins"):
    """A decision of a referendum."""

    decision: Annotated[Decision, TypeName("pallet_custom_origins::Origin")]


OriginCaller = Annotated[SystemOrigin | DecisionOrigin, Path("btt_runtime::OriginCaller")]
"""A caller, as encoded in a call."""


def caller(written: SystemOrigin | DecisionOrigin) -> Origin:
    """Return the origin of a call on behalf of another.

    Raises BadOrigin for none, because inherents are made by the author only, and for pools,
    because their money moves only through their own pallet.
    """
    match written:
        case DecisionOrigin(decision):
            return decided(decision)
        case SystemOrigin(RawSigned(account)) if not is_pool(account):
            return signed(account)
        case SystemOrigin(RawRoot()):
            return ROOT
        case _:
            raise BadOrigin


def written(origin: Origin) -> SystemOrigin | DecisionOrigin:
    """Return the encoded form of `origin`. Raises BadOrigin if it has filters."""
    if origin.filters:
        raise BadOrigin
    if origin.decision is not None:
        return DecisionOrigin(Decision(origin.decision))
    if origin.account is not None:
        return SystemOrigin(RawSigned(origin.account))
    return SystemOrigin(RawRoot() if origin.kind is not OriginKind.NONE else RawNone())


def ensure_decided(*allowed: Decision) -> OriginCheck:
    """Return a check that passes root and referenda of these kinds."""

    def check(origin: Origin) -> None:
        if origin.decision is None or origin.decision not in allowed:
            origin.root()

    return check


def managed_by(limit_of: Callable[[AccountId], u128], referenda: SpendOrigin) -> SpendOrigin:
    """Return a check that passes accounts within `limit_of`, and all that `referenda` passes.

    `limit_of` returns the spending limit of an account in planck, or raises BadOrigin.
    """

    def check(origin: Origin) -> u128 | None:
        if origin.account is not None:
            return limit_of(origin.account)
        return referenda(origin)

    return check


def spending_up_to(limits: Mapping[Decision, u128 | None]) -> SpendOrigin:
    """Return a check that passes referenda of these kinds, with their spending limits in planck.

    None means no limit; root has none. See `SpendOrigin`.
    """

    def check(origin: Origin) -> u128 | None:
        for decision, limit in limits.items():
            if origin.decision == decision:
                return limit
        origin.root()
        return None

    return check
