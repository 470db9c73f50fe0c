"""AssetRegistry: real things, verified by bonded people, owned in units.

An issuer registers what it has: hashes of documents, a value, and how many units it will make. A
regulatory and a technical verifier attest it, each with a bond; then stakers have some days to
object. If more stake says yes than no, or nobody says anything, the issuer pays the fee of issuing
and gets all units. How many there are is fixed by the registration.

No document and nothing about a person is stored, only hashes. What the chain knows is who attested
what and with how much at stake; whether a scanner exists it cannot know.

Money that waits for its owner, such as revenue for holders or the voters' part of a fee, stays in
the issuer's account, on hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.scale import Compact, TypeName, u8, u32, u64, u128, u256
from runtime.frame import (
    Const,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Reason,
    Value,
    call,
    ensure_root,
)
from runtime.pallets.asset_registry.types import (
    CLASSES,
    MAX_VALUATIONS,
    ONE,
    AssetInfo,
    AssetKind,
    BuyBack,
    Clock,
    Fees,
    Identities,
    Mode,
    Money,
    Params,
    Poll,
    Report,
    Request,
    Revenue,
    RightKind,
    Role,
    Share,
    Stakers,
    State,
    Text,
    Valuation,
    ValuationList,
    Verifier,
    Vote,
    earned_by,
    jump_limits,
    share_of,
)
from runtime.pallets.assets import Assets
from runtime.pallets.balances import lookup
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import ASSET, charge, discounted, split_platform
from runtime.weights import asset_registry as weights

MAX_FORGOTTEN: Final = 64
"""Votes that one call removes."""
NOTHING: Final = u128(0)

Id = Annotated[u32, TypeName("AssetId")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Hash = Annotated[H256, TypeName("T::Hash")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Units = Annotated[Compact[u128], TypeName("Units")]
Class = Annotated[u8, TypeName("u8")]
Flag = Annotated[bool, TypeName("bool")]
Symbol = Annotated[Text, TypeName("BoundedVec<u8, StringLimit>")]
Fee = tuple[u128, u128]
"""What was paid, and what of it was burned."""


class AssetRegistry(Pallet):
    """Real things, verified by bonded people, owned in units."""

    deposit_amount: Const[u128]
    """What registering takes, until the asset is retired or rejected."""
    verifier_bond: Const[u128]
    """What a verifier bonds at least."""
    vote_slots: Const[u64]
    """How long stakers may object."""
    claim_slots: Const[u64]
    """How long voters may claim their part of a fee."""
    quarter_slots: Const[u64]
    """How long a value may only move so far."""
    leave_slots: Const[u64]
    """How long a verifier's bond stays after it left."""
    keeper: AccountId
    """Owns all assets in the wallets' eyes; nobody has its key."""
    treasury: AccountId
    """Gets what voters do not claim."""
    currency: Money
    clock: Clock
    assets: Assets
    fees: Fees
    stakers: Stakers
    identities: Identities
    policy: OriginCheck = ensure_root
    """Appoints and judges verifiers, and freezes assets."""
    params_origin: OriginCheck = ensure_root
    """Changes the fees."""

    count = Value(u32, default=u32(0))
    """How many assets were registered; the next one's number."""
    registered = Map(u32, AssetInfo, hasher=Hasher.Twox64Concat)
    """All assets."""
    by_documents = Map(H256, u32, hasher=Hasher.Identity)
    """Whose the documents are: of assets that were not rejected or retired."""
    reports = DoubleMap(u32, Role, Report, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat))
    """What verifiers attested."""
    verifiers = Map(AccountId, Verifier)
    """Who may verify."""
    polls = Map(u32, Poll, hasher=Hasher.Twox64Concat)
    """What stakers say."""
    votes = DoubleMap(u32, AccountId, Vote)
    """Who voted, until it claimed its part."""
    valuations = Map(u32, ValuationList, hasher=Hasher.Twox64Concat, default=[])
    """What assets were worth, the newest last."""
    requests = Map(u32, Request, hasher=Hasher.Twox64Concat)
    """Valuations that are paid for and not made."""
    revenue = Map(u32, Revenue, hasher=Hasher.Twox64Concat, default=Revenue())
    """What assets brought their holders."""
    shares = DoubleMap(u32, AccountId, Share, default=Share())
    """What holders have coming."""
    buy_backs = Map(u32, BuyBack, hasher=Hasher.Twox64Concat)
    """What issuers pay for units."""
    params = Value(Params, default=Params())

    class HoldReason(IntEnum):
        """Why money is on hold."""

        Registration = 0
        """The deposit of an asset."""
        VerifierBond = 1
        """It answers for what a verifier attests."""
        Revenue = 2
        """It belongs to the holders of an asset."""
        VoteReward = 3
        """It belongs to stakers who voted."""
        BuyBack = 4
        """It pays for units that the issuer takes back."""

    class AssetRegistered(Event, index=0):
        """An asset waits for verifiers."""

        id: Id
        issuer: Who
        kind: AssetKind
        value: Amount
        units: Amount

    class AssetVerified(Event, index=1):
        """A verifier attested an asset."""

        id: Id
        role: Role
        verifier: Who
        complexity: Class

    class VotingStarted(Event, index=2):
        """Both verifiers attested an asset; stakers may object until `ends`."""

        id: Id
        ends: Annotated[u64, TypeName("Slot")]

    class AssetVoted(Event, index=3):
        """A staker voted."""

        id: Id
        who: Who
        aye: Flag
        weight: Amount

    class AssetRejected(Event, index=4):
        """A verifier, or the stakers, said no; or the issuer gave it up."""

        id: Id

    class AssetIssued(Event, index=5):
        """The units exist. `fee` was paid, `burned` of it destroyed, `voters` set aside."""

        id: Id
        units: Amount
        fee: Amount
        burned: Amount
        voters: Amount

    class VoteRewarded(Event, index=6):
        """A staker who voted got its part."""

        id: Id
        who: Who
        amount: Amount

    class VoteRewardExpired(Event, index=7):
        """What nobody claimed went to the treasury."""

        id: Id
        amount: Amount

    class RevaluationRequested(Event, index=8):
        """The issuer paid for a valuation."""

        id: Id
        mode: Mode
        fee: Amount
        burned: Amount

    class Revalued(Event, index=9):
        """An asset is worth something else."""

        id: Id
        old: Amount
        new: Amount
        report: Hash

    class RevenueDistributed(Event, index=10):
        """The issuer set revenue aside for the holders."""

        id: Id
        amount: Amount

    class RevenuePaid(Event, index=11):
        """A holder got its part."""

        id: Id
        who: Who
        amount: Amount

    class BuyBackOffered(Event, index=12):
        """The issuer pays `price` for each of `units` units."""

        id: Id
        price: Amount
        units: Amount

    class BoughtBack(Event, index=13):
        """A holder sold units to the issuer."""

        id: Id
        who: Who
        units: Amount
        paid: Amount

    class AssetRetired(Event, index=14):
        """All units are destroyed."""

        id: Id

    class VerifierBonded(Event, index=15):
        """An account bonded to verify; it still has to be appointed."""

        who: Who
        bond: Amount

    class VerifierAppointed(Event, index=16):
        """A verifier may act in these roles from now on."""

        who: Who
        regulatory: Flag
        technical: Flag

    class VerifierLeft(Event, index=17):
        """A verifier stopped; its bond comes free at `slot`."""

        who: Who
        slot: Annotated[u64, TypeName("Slot")]

    class VerifierWithdrew(Event, index=18):
        """A former verifier took its bond out."""

        who: Who
        amount: Amount

    class VerifierSlashed(Event, index=19):
        """A verifier was wrong, and lost this much."""

        who: Who
        amount: Amount

    class ParamsSet(Event, index=20):
        """Governance changed the parameters."""

        params: Annotated[Params, TypeName("Params")]

    class AlreadyRegistered(Error, index=0):
        """Another asset has the same documents; look it up in `AssetRegistry.ByDocuments`."""

    class Unknown(Error, index=1):
        """There is no asset of this number; look it up in `AssetRegistry.Registered`."""

    class BadState(Error, index=2):
        """The asset is not at this step; look at its `state`."""

    class NotIssuer(Error, index=3):
        """Only the issuer of the asset may do this."""

    class NotJudged(Error, index=4):
        """Your identity was not judged; set it and ask a registrar of `Identity` to judge it."""

    class NotVerifier(Error, index=5):
        """You are no verifier in this role; bond, and ask a referendum to appoint you."""

    class VerifierConflict(Error, index=6):
        """Who issues an asset, or verified it in the other role, or is one with either by its
        identity, cannot verify it; ask another verifier.
        """

    class AlreadyVerified(Error, index=7):
        """A verifier of this role has attested the asset."""

    class BadClass(Error, index=8):
        """The class of an asset is 1, 2 or 3."""

    class BadTerms(Error, index=9):
        """Value and units are at least 1; name both."""

    class NoStake(Error, index=10):
        """Only stakes vote that are a day old and last beyond the vote; stake, or wait."""

    class AlreadyVoted(Error, index=11):
        """You have voted on this asset."""

    class VotingOpen(Error, index=12):
        """Stakers can still vote; issue the units when the vote is over."""

    class VotingOver(Error, index=13):
        """The vote is over."""

    class NothingToClaim(Error, index=14):
        """You have nothing coming from this asset now."""

    class RevaluationPending(Error, index=15):
        """A valuation is paid for already; verifiers have to make it first."""

    class NoRevaluation(Error, index=16):
        """Nobody asked for a valuation of this asset."""

    class ValuationJump(Error, index=17):
        """The value would move too far within a quarter; `params.jump_bps` tells how far it may."""

    class TooManyValuations(Error, index=18):
        """The asset was valued as often in a quarter as it can be; wait."""

    class ValuesDiffer(Error, index=19):
        """The other verifier named another value; agree on one and submit it again."""

    class OfferOpen(Error, index=20):
        """You offer to buy units back; withdraw the offer first, with zero units."""

    class NoOffer(Error, index=21):
        """The issuer does not buy so many units back."""

    class UnitsElsewhere(Error, index=22):
        """Others hold units, or some of yours are on hold; buy them back and cancel your orders."""

    class BondTooLow(Error, index=23):
        """The bond is less than `verifier_bond`; who was slashed leaves, and bonds again."""

    class AlreadyBonded(Error, index=24):
        """You have a verifier's bond already."""

    class StillBound(Error, index=25):
        """The bond is not free yet, or you did not leave; see `leaving` of your entry."""

    class InvalidParams(Error, index=26):
        """These parameters do not go together; `Params.problem` lists what must hold."""

    class NothingToForget(Error, index=27):
        """There are no votes, or they still count; they do until what they earned is paid."""

    # ---- calls: an asset's way to its units

    @call(0, weight=weights.REGISTER)
    def register(
        self,
        origin: Origin,
        kind: AssetKind,
        right: RightKind,
        documents: Hash,
        description: Hash,
        name: Symbol,
        symbol: Symbol,
        value: CompactAmount,
        units: Units,
        restricted: Flag,
    ) -> None:
        """Register something with a deposit. Your identity must have been judged."""
        issuer = origin.signed()
        if not self.identities.verified(issuer):
            raise self.NotJudged
        if not value or not units:
            raise self.BadTerms
        if documents in self.by_documents:
            raise self.AlreadyRegistered
        deposit = u128(self.deposit_amount)
        self.currency.hold(self._reason(self.HoldReason.Registration), issuer, deposit)
        id = self.count.value
        self.count.value = id + 1
        self.by_documents[documents] = id
        self.registered[id] = AssetInfo(
            issuer, kind, right, documents, description, name, symbol, u128(units), u128(value),
            restricted, deposit, self._now(),
        )  # fmt: skip
        self.valuations[id] = [Valuation(self._now(), u128(value))]
        self.deposit(self.AssetRegistered(id, issuer, kind, u128(value), u128(units)))

    @call(1, weight=weights.VERIFY)
    def verify(
        self,
        origin: Origin,
        id: Id,
        role: Role,
        complexity: Class,
        approve: Flag,
        report: Hash,
    ) -> None:
        """Attest an asset, or reject it, as a verifier."""
        who, info = origin.signed(), self._in_state(id, State.Registered)
        self._ensure_verifier(who, role)
        if not 1 <= complexity <= CLASSES:
            raise self.BadClass
        other = self.reports.get((id, Role(1 - role)))
        self._ensure_impartial(who, info, None if other is None else other.verifier)
        if (id, role) in self.reports:
            raise self.AlreadyVerified
        self.reports[id, role] = Report(who, complexity, approve, report, self._now())
        if not approve:
            self._reject(id, info)
            return
        info.complexity = max(info.complexity, complexity)
        self.deposit(self.AssetVerified(id, role, who, complexity))
        if other is not None:
            info.state = State.Voting
            ends = u64(self._now() + self.vote_slots)
            self.polls[id] = Poll(ends)
            self.deposit(self.VotingStarted(id, ends))
        self.registered[id] = info

    @call(2, weight=weights.VOTE)
    def vote(self, origin: Origin, id: Id, aye: Flag) -> None:
        """Say with your stake whether an asset should get its units."""
        who = origin.signed()
        self._in_state(id, State.Voting)
        poll = self._poll(id)
        if self._now() >= poll.ends:
            raise self.VotingOver
        if (id, who) in self.votes:
            raise self.AlreadyVoted
        # The same coins must not vote twice: what counts is not taken out before the end.
        lasting = self.stakers.lasting(who, int(poll.ends) - int(self._now()))
        weight = min(self.stakers.active_stake(who), lasting.long + lasting.short)
        if not weight:
            raise self.NoStake
        self.votes[id, who] = Vote(aye, weight)
        if aye:
            poll.ayes += weight
        else:
            poll.nays += weight
        self.polls[id] = poll
        self.deposit(self.AssetVoted(id, who, aye, weight))

    @call(3, weight=weights.ISSUE)
    def issue(self, origin: Origin, id: Id) -> None:
        """Pay the fee and get all units of your asset; anybody may carry out a rejection."""
        who, info = origin.signed(), self._in_state(id, State.Voting)
        poll = self._poll(id)
        if self._now() < poll.ends:
            raise self.VotingOpen
        if poll.nays > poll.ayes:
            self._reject(id, info)
            return
        self._ensure_issuer(who, info)
        params = self.params.peek()
        bps = int(params.mint_bps[int(info.complexity) - 1])
        voters_bps = int(params.voters_bps) if poll.votes else 0
        fee, burned, voters = self._charge(who, info.value, bps, voters_bps)
        self.currency.hold(self._reason(self.HoldReason.VoteReward), who, voters)
        poll.reward = poll.left = voters
        poll.expires = u64(self._now() + self.claim_slots)
        self.polls[id] = poll
        info.state = State.Issued
        self.registered[id] = info
        self.assets.create(id, self.keeper, info.name, info.symbol, u8(0))
        self.assets.issue(id, who, info.units)
        self.deposit(self.AssetIssued(id, info.units, fee, burned, voters))

    @call(4, weight=weights.CLAIM_VOTE_REWARD)
    def claim_vote_reward(self, origin: Origin, id: Id) -> None:
        """Get your part of the fee of an asset that you voted on, either way."""
        who, info = origin.signed(), self._asset(id)
        poll, vote = self._poll(id), self.votes.get((id, who))
        if vote is None or not poll.left or self._now() >= poll.expires:
            raise self.NothingToClaim
        amount = share_of(int(vote.weight), poll.votes, int(poll.reward))
        reason = self._reason(self.HoldReason.VoteReward)
        self.currency.transfer_on_hold(reason, info.issuer, who, amount, on_hold=False)
        del self.votes[id, who]
        poll.left -= amount
        self.polls[id] = poll
        self.deposit(self.VoteRewarded(id, who, amount))

    @call(5, weight=weights.EXPIRE_VOTE_REWARD)
    def expire_vote_reward(self, origin: Origin, id: Id) -> None:
        """Send what voters did not claim in time to the treasury. Anybody may do this."""
        origin.signed()
        info, poll = self._asset(id), self._poll(id)
        if not poll.left or self._now() < poll.expires:
            raise self.NothingToClaim
        amount, poll.left = poll.left, NOTHING
        reason = self._reason(self.HoldReason.VoteReward)
        self.currency.transfer_on_hold(reason, info.issuer, self.treasury, amount, on_hold=False)
        self.polls[id] = poll
        self.deposit(self.VoteRewardExpired(id, amount))

    @call(22, weight=weights.forget_votes(MAX_FORGOTTEN))
    def forget_votes(self, origin: Origin, id: Id) -> PostInfo:
        """Remove votes that count for nothing any more. Costs nothing if there are many."""
        origin.signed()
        info, poll = self._asset(id), self._poll(id)
        counts = info.state is State.Voting or poll.left
        gone = [] if counts else self.votes.some_under(id, MAX_FORGOTTEN)
        if not gone:
            raise self.NothingToForget
        for voter in gone:
            del self.votes[id, voter]
        return PostInfo(weights.forget_votes(len(gone)), pays=len(gone) < MAX_FORGOTTEN)

    # ---- calls: its value

    @call(6, weight=weights.REQUEST_REVALUATION)
    def request_revaluation(self, origin: Origin, id: Id, mode: Mode) -> None:
        """Pay for a valuation of your asset."""
        who, info = origin.signed(), self._in_state(id, State.Issued)
        self._ensure_issuer(who, info)
        if id in self.requests:
            raise self.RevaluationPending
        params = self.params.peek()
        bps = params.desk_bps if mode is Mode.Desk else params.full_bps
        fee, burned, _ = self._charge(who, info.value, int(bps), 0)
        self.requests[id] = Request(mode)
        self.deposit(self.RevaluationRequested(id, mode, fee, burned))

    @call(7, weight=weights.SUBMIT_REVALUATION)
    def submit_revaluation(
        self, origin: Origin, id: Id, role: Role, value: CompactAmount, report: Hash
    ) -> None:
        """Name the value of an asset, as a verifier; a full valuation needs one of each role."""
        who, info = origin.signed(), self._in_state(id, State.Issued)
        self._ensure_verifier(who, role)
        request = self.requests.get(id)
        if request is None:
            raise self.NoRevaluation
        if request.mode is Mode.Desk and role is not Role.Technical:
            raise self.NotVerifier
        named = (who, u128(value))
        other = request.regulatory if role is Role.Technical else request.technical
        self._ensure_impartial(who, info, None if other is None else other[0])
        history = self._within_limits(id, int(value))
        if role is Role.Technical:
            request.technical = named
        else:
            request.regulatory = named
        if request.mode is Mode.Full:
            if other is None:
                self.requests[id] = request
                return
            if other[1] != named[1]:
                raise self.ValuesDiffer
        del self.requests[id]
        old, info.value = info.value, named[1]
        self.registered[id] = info
        self.valuations[id] = [*history, Valuation(self._now(), info.value)]
        self.deposit(self.Revalued(id, old, info.value, report))

    @call(8, weight=weights.FREEZE_ASSET)
    def freeze_asset(self, origin: Origin, id: Id) -> None:
        """Let no unit of an asset move. For the origin of policy."""
        self.policy(origin)
        self._in_state(id, State.Issued)
        self.assets.freeze(id)

    @call(9, weight=weights.THAW_ASSET)
    def thaw_asset(self, origin: Origin, id: Id) -> None:
        """Let the units of an asset move again. For the origin of policy."""
        self.policy(origin)
        self._in_state(id, State.Issued)
        self.assets.thaw(id)

    # ---- calls: revenue, and the end of it

    @call(10, weight=weights.DISTRIBUTE_REVENUE)
    def distribute_revenue(self, origin: Origin, id: Id, amount: CompactAmount) -> None:
        """Set revenue of your asset aside for those who hold its units now, pro rata."""
        who, info = origin.signed(), self._in_state(id, State.Issued)
        self._ensure_issuer(who, info)
        self.currency.hold(self._reason(self.HoldReason.Revenue), who, u128(amount))
        revenue = self.revenue[id]
        revenue.per_unit = u256(int(revenue.per_unit) + int(amount) * ONE // int(info.units))
        revenue.fed += amount
        self.revenue[id] = revenue
        self.deposit(self.RevenueDistributed(id, u128(amount)))

    @call(11, weight=weights.CLAIM_REVENUE)
    def claim_revenue(self, origin: Origin, id: Id) -> None:
        """Get what your units of an asset brought you."""
        if not self.pay_revenue(id, origin.signed()):
            raise self.NothingToClaim

    @call(12, weight=weights.OFFER_BUY_BACK)
    def offer_buy_back(self, origin: Origin, id: Id, price: CompactAmount, units: Units) -> None:
        """Offer to buy units of your asset back, with the money on hold; zero units ends it."""
        who, info = origin.signed(), self._in_state(id, State.Issued)
        self._ensure_issuer(who, info)
        reason, old = self._reason(self.HoldReason.BuyBack), self.buy_backs.take(id)
        if old is not None:
            self.currency.release(reason, who, old.price * old.units)
        self.currency.hold(reason, who, u128(int(price) * int(units)))
        if units:
            self.buy_backs[id] = BuyBack(u128(price), u128(units))
        self.deposit(self.BuyBackOffered(id, u128(price), u128(units)))

    @call(13, weight=weights.SELL_BACK)
    def sell_back(self, origin: Origin, id: Id, units: Units, least_price: CompactAmount) -> None:
        """Sell units to their issuer, for at least this price each."""
        who, info = origin.signed(), self._in_state(id, State.Issued)
        offer = self.buy_backs.get(id)
        if offer is None or not 0 < units <= offer.units or offer.price < least_price:
            raise self.NoOffer
        paid = u128(int(offer.price) * int(units))
        self.assets.move(id, who, info.issuer, u128(units))
        reason = self._reason(self.HoldReason.BuyBack)
        self.currency.transfer_on_hold(reason, info.issuer, who, paid, on_hold=False)
        offer.units -= units
        if offer.units:
            self.buy_backs[id] = offer
        else:
            del self.buy_backs[id]
        self.deposit(self.BoughtBack(id, who, u128(units), paid))

    @call(14, weight=weights.RETIRE)
    def retire(self, origin: Origin, id: Id) -> None:
        """Destroy all units of your asset, if you have them all, and get the deposit back.

        What holders have coming of its revenue stays theirs to claim.
        """
        who, info = origin.signed(), self._in_state(id, State.Issued)
        self._ensure_issuer(who, info)
        if id in self.buy_backs:
            raise self.OfferOpen
        if self.assets.free(id, who) != info.units:
            raise self.UnitsElsewhere
        self.requests.take(id)
        self.assets.retire(id, who, info.units)
        # Everybody's part is settled now; what rounding left over belongs to nobody else.
        revenue = self.revenue[id]
        left = revenue.fed - revenue.paid - revenue.owed
        self.currency.release(self._reason(self.HoldReason.Revenue), who, left)
        revenue.fed -= left
        self.revenue[id] = revenue
        info.state = State.Retired
        self._close(id, info)
        self.deposit(self.AssetRetired(id))

    # ---- calls: verifiers

    @call(15, weight=weights.BOND_VERIFIER)
    def bond_verifier(self, origin: Origin, bond: CompactAmount) -> None:
        """Bond money to become a verifier. A referendum appoints you to your roles."""
        who = origin.signed()
        if bond < self.verifier_bond:
            raise self.BondTooLow
        if who in self.verifiers:
            raise self.AlreadyBonded
        self.currency.hold(self._reason(self.HoldReason.VerifierBond), who, u128(bond))
        self.verifiers[who] = Verifier(u128(bond))
        self.deposit(self.VerifierBonded(who, u128(bond)))

    @call(16, weight=weights.APPOINT_VERIFIER)
    def appoint_verifier(
        self, origin: Origin, who: Address, regulatory: Flag, technical: Flag
    ) -> None:
        """Say in which roles a bonded account may verify; in none to stop it."""
        self.policy(origin)
        account = lookup(who)
        verifier = self._verifier(account)
        if (regulatory or technical) and verifier.bond < self.verifier_bond:
            raise self.BondTooLow
        verifier.regulatory, verifier.technical = regulatory, technical
        self.verifiers[account] = verifier
        self.deposit(self.VerifierAppointed(account, regulatory, technical))

    @call(17, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Stop verifying; the bond comes free when nobody can complain any more."""
        who = origin.signed()
        verifier = self._verifier(who)
        if verifier.leaving is not None:
            raise self.StillBound
        verifier.leaving = u64(self._now() + self.leave_slots)
        self.verifiers[who] = verifier
        self.deposit(self.VerifierLeft(who, verifier.leaving))

    @call(18, weight=weights.WITHDRAW_BOND)
    def withdraw_bond(self, origin: Origin) -> None:
        """Take your bond out after you left."""
        who = origin.signed()
        verifier = self._verifier(who)
        if verifier.leaving is None or self._now() < verifier.leaving:
            raise self.StillBound
        self.currency.release(self._reason(self.HoldReason.VerifierBond), who, verifier.bond)
        del self.verifiers[who]
        self.deposit(self.VerifierWithdrew(who, verifier.bond))

    @call(19, weight=weights.SLASH_VERIFIER)
    def slash_verifier(self, origin: Origin, who: Address, amount: CompactAmount) -> None:
        """Destroy a part of a bond, or all, because its verifier was wrong; it stops verifying."""
        self.policy(origin)
        account = lookup(who)
        verifier = self._verifier(account)
        lost = min(u128(amount), verifier.bond)
        reason = self._reason(self.HoldReason.VerifierBond)
        self.fees.destroy_held(reason, account, lost, BurnReason.Slash, force=True)
        left = verifier.bond - lost
        self.verifiers[account] = replace(verifier, bond=left, regulatory=False, technical=False)
        self.deposit(self.VerifierSlashed(account, lost))

    @call(20, weight=weights.SET_PARAMS)
    def set_params(self, origin: Origin, params: Annotated[Params, TypeName("Params")]) -> None:
        """Change the parameters. For the origin of parameters."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- calls: giving up

    @call(21, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin, id: Id) -> None:
        """Give up registering your asset before it has units, and get the deposit back."""
        who, info = origin.signed(), self._asset(id)
        self._ensure_issuer(who, info)
        if info.state not in (State.Registered, State.Voting):
            raise self.BadState
        self._reject(id, info)
        if not any((id, role) in self.reports for role in Role):
            del self.registered[id]  # nobody spoke of it: nothing stays that no deposit is for

    # ---- doors: for Assets

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Tell whether an account may receive units of an asset."""
        info = self.registered.get(asset)
        return info is None or not info.restricted or self.identities.verified(who)

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Note what an account's units have brought it so far."""
        revenue, share = self.revenue[asset], self.shares[asset, who]
        if share.per_unit == revenue.per_unit:
            return
        earned = earned_by(balance, share, revenue)
        share.owed += earned
        share.per_unit = revenue.per_unit
        self.shares[asset, who] = share
        revenue.owed += earned
        self.revenue[asset] = revenue

    # ---- doors: paying

    def pay_revenue(self, id: u32, who: AccountId) -> u128:
        """Pay a holder what its units brought it; return how much it was, in planck."""
        info, amount = self._asset(id), self.revenue_due(id, who)
        if not amount:
            return NOTHING
        units = self.assets.balance(id, who)
        self.about_to_change(id, who, units)
        reason = self._reason(self.HoldReason.Revenue)
        self.currency.transfer_on_hold(reason, info.issuer, who, amount, on_hold=False)
        if units:
            self.shares[id, who] = replace(self.shares[id, who], owed=NOTHING)
        else:
            del self.shares[id, who]
        revenue = self.revenue[id]
        revenue.paid += amount
        revenue.owed -= amount
        self.revenue[id] = revenue
        self.deposit(self.RevenuePaid(id, who, amount))
        return amount

    # ---- doors: looking

    def revenue_due(self, asset: u32, who: AccountId) -> u128:
        """Return what `claim_revenue` would pay, in planck."""
        share, units = self.shares[asset, who], self.assets.balance(asset, who)
        return share.owed + earned_by(units, share, self.revenue[asset])

    def is_issued(self, asset: u32) -> bool:
        """Tell whether an asset has units."""
        info = self.registered.get(asset)
        return info is not None and info.state is State.Issued

    def info(self, asset: u32) -> AssetInfo | None:
        """Return what is registered under a number."""
        return self.registered.get(asset)

    def issuer_of(self, asset: u32) -> AccountId | None:
        """Return who issued an asset, or registered it."""
        info = self.registered.get(asset)
        return None if info is None else info.issuer

    def value_of(self, asset: u32) -> u128:
        """Return what an asset is worth, in planck; nothing if it does not exist."""
        info = self.registered.get(asset)
        return NOTHING if info is None else info.value

    # ---- steps

    def _now(self) -> u64:
        return u64(self.clock.now())

    def _reason(self, why: HoldReason) -> Reason:
        return Reason(self.index, why)

    def _asset(self, id: u32) -> AssetInfo:
        info = self.registered.get(id)
        if info is None:
            raise self.Unknown
        return info

    def _in_state(self, id: u32, state: State) -> AssetInfo:
        info = self._asset(id)
        if info.state is not state:
            raise self.BadState
        return info

    def _poll(self, id: u32) -> Poll:
        poll = self.polls.get(id)
        if poll is None:
            raise self.BadState
        return poll

    def _verifier(self, who: AccountId) -> Verifier:
        verifier = self.verifiers.get(who)
        if verifier is None:
            raise self.NotVerifier
        return verifier

    def _ensure_verifier(self, who: AccountId, role: Role) -> None:
        verifier = self.verifiers.get(who)
        if verifier is None or not verifier.may(role):
            raise self.NotVerifier

    def _ensure_impartial(self, who: AccountId, info: AssetInfo, other: AccountId | None) -> None:
        """Raise VerifierConflict if a verifier is the issuer, or the one of the other role."""
        conflicting = [info.issuer] if other is None else [info.issuer, other]
        operator = self.identities.operator_of
        if operator(who) in [operator(one) for one in conflicting]:
            raise self.VerifierConflict

    def _ensure_issuer(self, who: AccountId, info: AssetInfo) -> None:
        if who != info.issuer:
            raise self.NotIssuer

    def _charge(
        self, who: AccountId, value: u128, bps: int, voters_bps: int
    ) -> tuple[u128, u128, u128]:
        """Take a fee of `bps` of `value`; return all of it, what was burned, and the voters' leg.

        The voters' leg is still the payer's.
        """
        fee = discounted(charge(int(value), bps), self.stakers.discount_bps(who))
        threshold = int(self.fees.threshold())
        split = split_platform(fee, ASSET, int(value), threshold, voters_bps=voters_bps)
        self.fees.take(who, split, BurnReason.Asset)
        return fee, split.burn, split.voters

    def _within_limits(self, id: u32, value: int) -> Sequence[Valuation]:
        """Return the values to be remembered before a new one, if it may follow them."""
        history = self.valuations[id]
        edge = int(self._now()) - int(self.quarter_slots)
        older = [place for place, old in enumerate(history) if old.slot <= edge]
        recent = history[older[-1] if older else 0 :]
        if len(recent) >= MAX_VALUATIONS:
            raise self.TooManyValuations
        low, high = jump_limits(int(recent[0].value), int(self.params.peek().jump_bps))
        if not max(1, low) <= value <= high:
            raise self.ValuationJump
        return recent

    def _reject(self, id: u32, info: AssetInfo) -> None:
        info.state = State.Rejected
        self._close(id, info)
        del self.valuations[id]
        self.deposit(self.AssetRejected(id))

    def _close(self, id: u32, info: AssetInfo) -> None:
        """Give the deposit back; the documents may be registered again."""
        reason = self._reason(self.HoldReason.Registration)
        self.currency.release(reason, info.issuer, info.deposit)
        info.deposit = NOTHING
        del self.by_documents[info.documents]
        self.registered[id] = info
