"""Events of the asset registry."""

from __future__ import annotations

from typing import Annotated

from btt_chain.primitives.meaning import UNITS
from btt_chain.scale import u8
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf, SlotOf
from runtime.pallets.asset_registry.types import AssetKind, Id, Mode, Params, Role


class AssetRegistered(Event, index=0):
    """An asset was registered and waits for verifiers."""

    id: Id
    issuer: AccountIdOf
    kind: AssetKind
    value: BalanceOf
    units: Annotated[BalanceOf, UNITS]


class AssetVerified(Event, index=1):
    """A verifier attested an asset."""

    id: Id
    role: Role
    verifier: AccountIdOf
    complexity: u8


class VotingStarted(Event, index=2):
    """Both verifiers attested an asset; stakers may vote until slot `ends`."""

    id: Id
    ends: SlotOf


class AssetVoted(Event, index=3):
    """A staker voted with `weight` planck of its stake."""

    id: Id
    who: AccountIdOf
    aye: bool
    weight: BalanceOf


class AssetRejected(Event, index=4):
    """An asset was rejected by a verifier or the stakers, or withdrawn by its issuer."""

    id: Id


class AssetIssued(Event, index=5):
    """Units were issued; of `fee` planck paid, `burned` were burned, `voters` set aside."""

    id: Id
    units: Annotated[BalanceOf, UNITS]
    fee: BalanceOf
    burned: BalanceOf
    voters: BalanceOf


class VoteRewarded(Event, index=6):
    """A voter received its part of a fee."""

    id: Id
    who: AccountIdOf
    amount: BalanceOf


class VoteRewardExpired(Event, index=7):
    """The voters' unclaimed part of a fee went to the treasury."""

    id: Id
    amount: BalanceOf


class RevaluationRequested(Event, index=8):
    """The issuer paid for a valuation."""

    id: Id
    mode: Mode
    fee: BalanceOf
    burned: BalanceOf


class Revalued(Event, index=9):
    """The value of an asset was changed from `old` to `new` planck."""

    id: Id
    old: BalanceOf
    new: BalanceOf
    report: HashOf


class RevenueDistributed(Event, index=10):
    """The issuer set revenue aside for the holders."""

    id: Id
    amount: BalanceOf


class RevenuePaid(Event, index=11):
    """A holder received its revenue."""

    id: Id
    who: AccountIdOf
    amount: BalanceOf


class BuyBackOffered(Event, index=12):
    """The issuer offered `price` planck each for `units` units; zero units ends the offer."""

    id: Id
    price: BalanceOf
    units: Annotated[BalanceOf, UNITS]


class BoughtBack(Event, index=13):
    """A holder sold units back to the issuer."""

    id: Id
    who: AccountIdOf
    units: Annotated[BalanceOf, UNITS]
    paid: BalanceOf


class AssetRetired(Event, index=14):
    """An asset was retired; all its units were destroyed."""

    id: Id


class VerifierBonded(Event, index=15):
    """An account bonded as a verifier; it has to be appointed before it may verify."""

    who: AccountIdOf
    bond: BalanceOf


class VerifierAppointed(Event, index=16):
    """The roles in which a verifier may act were set."""

    who: AccountIdOf
    regulatory: bool
    technical: bool


class VerifierLeft(Event, index=17):
    """A verifier left; its bond can be withdrawn from `slot` on."""

    who: AccountIdOf
    slot: SlotOf


class VerifierWithdrew(Event, index=18):
    """A former verifier withdrew its bond."""

    who: AccountIdOf
    amount: BalanceOf


class VerifierSlashed(Event, index=19):
    """`amount` planck of a verifier's bond were slashed."""

    who: AccountIdOf
    amount: BalanceOf


class ParamsSet(Event, index=20):
    """The parameters were changed."""

    params: Params
