"""Origins on the wire: who a call comes from, as it is written into calls and into the state.

Besides root, accounts and nobody there are the decisions of referenda: a referendum of the
treasurer's track calls as `Treasurer`, and may do what is configured to be the treasurer's. Root
may do all that any of them may. The number of a decision is the number of its track.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Path, TypeName, Variant, path, u128
from runtime.frame import ROOT, BadOrigin, Origin, OriginCheck, signed
from runtime.frame.origin import OriginKind, decided
from runtime.pallets.balances import is_pool
from runtime.pallets.treasury import SpendOrigin


@path("btt_runtime::governance::origins::pallet_custom_origins::Origin")
class Decision(IntEnum):
    """What kind of referendum decided (economy.md 6.6)."""

    WhitelistedCaller = 1
    """An upgrade, or another call as root, that the technical track vouched for."""
    SmallSpender = 10
    """Spends little from the treasury."""
    Treasurer = 11
    """Spends from the treasury."""
    EcosystemSpender = 12
    """Spends from the ecosystem's funds."""
    Grants = 13
    """Gives grants."""
    Params = 20
    """Sets fees, tiers and the rules of the score."""
    Technical = 21
    """Sets technical standards, confirms milestones, vouches for calls."""
    AssetPolicy = 22
    """Decides on tokenised assets, and on who verifies them."""
    Emergency = 30
    """Acts at once where waiting would do harm."""
    Canceller = 40
    """Cancels referenda."""


class RawRoot(Variant, index=0, name="Root"):
    """The chain itself."""


class RawSigned(Variant, index=1, unnamed=True, name="Signed"):
    """An account."""

    account: Annotated[AccountId, TypeName("AccountId")]


class RawNone(Variant, index=2, name="None"):
    """Nobody: how inherents and unsigned extrinsics come."""


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
"""A caller, as it is written into a call."""


def caller(written: SystemOrigin | DecisionOrigin) -> Origin:
    """Return the origin of a call made in another's name.

    Raises BadOrigin for nobody, because inherents are the author's to make, and for pools,
    because they move only through their own pallet.
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
    """Return how `origin` is written. Raises BadOrigin if it has limits, which are not."""
    if origin.filters:
        raise BadOrigin
    if origin.decision is not None:
        return DecisionOrigin(Decision(origin.decision))
    if origin.account is not None:
        return SystemOrigin(RawSigned(origin.account))
    return SystemOrigin(RawRoot() if origin.kind is not OriginKind.NONE else RawNone())


def ensure_decided(*allowed: Decision) -> OriginCheck:
    """Return a gate for referenda of these kinds, and for root."""

    def check(origin: Origin) -> None:
        if origin.decision is None or origin.decision not in allowed:
            origin.root()

    return check


def spending_up_to(limits: Mapping[Decision, u128 | None]) -> SpendOrigin:
    """Return a gate for referenda of these kinds, each with what it may spend in planck.

    None is no limit; root has none. See `treasury.SpendOrigin`.
    """

    def check(origin: Origin) -> u128 | None:
        for decision, limit in limits.items():
            if origin.decision == decision:
                return limit
        origin.root()
        return None

    return check
