"""AssetRegistry: real-world assets, verified by bonded verifiers, owned in units.

An issuer registers an asset: hashes of documents, a value, and a fixed number of units. A
regulatory and a technical verifier attest it, each with a bond; then stakers may vote for some
days. Unless more stake votes no than yes, the issuer pays the fee of issuing and receives all
units.

No document and no personal data is stored, only hashes. The chain can show which verifiers attested
what and with how much at stake; it cannot check that an asset exists.

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
"""Maximum number of votes that one call removes."""
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
"""Fee paid and the part of it burned, in planck."""


class AssetRegistry(Pallet):
    """Real-world assets, verified by bonded verifiers, owned in units."""

    deposit_amount: Const[u128]
    """Deposit of a registration, in planck, held until the asset is retired or rejected."""
    verifier_bond: Const[u128]
    """Minimum bond of a verifier, in planck."""
    vote_slots: Const[u64]
    """Duration of the stakers' vote, in slots."""
    claim_slots: Const[u64]
    """Time for voters to claim their part of a fee, in slots."""
    quarter_slots: Const[u64]
    """Period in which a value may change by `jump_bps` at most, in slots."""
    leave_slots: Const[u64]
    """Time between a verifier's leaving and the end of its bond, in slots."""
    keeper: AccountId
    """Owner of all assets in `Assets`: an account without a key."""
    treasury: AccountId
    """Account that receives the voters' unclaimed part of a fee."""
    currency: Money
    clock: Clock
    assets: Assets
    fees: Fees
    stakers: Stakers
    identities: Identities
    policy: OriginCheck = ensure_root
    """Origin that appoints and slashes verifiers, and freezes assets."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the parameters."""

    count = Value(u32, default=u32(0))
    """Number of assets ever registered, which is the next asset's number."""
    registered = Map(u32, AssetInfo, hasher=Hasher.Twox64Concat)
    """All assets, by number."""
    by_documents = Map(H256, u32, hasher=Hasher.Identity)
    """Numbers of assets, by hash of documents; not of rejected or retired assets."""
    reports = DoubleMap(u32, Role, Report, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat))
    """Attestations of verifiers, by asset and role."""
    verifiers = Map(AccountId, Verifier)
    """Bonded verifiers."""
    polls = Map(u32, Poll, hasher=Hasher.Twox64Concat)
    """Stakers' votes on assets, summed."""
    votes = DoubleMap(u32, AccountId, Vote)
    """Votes, by asset and voter, until the voter claims its reward."""
    valuations = Map(u32, ValuationList, hasher=Hasher.Twox64Concat, default=[])
    """Valuations of assets, the newest last."""
    requests = Map(u32, Request, hasher=Hasher.Twox64Concat)
    """Valuations that are paid for and not complete."""
    revenue = Map(u32, Revenue, hasher=Hasher.Twox64Concat, default=Revenue())
    """Accounting of revenue, by asset."""
    shares = DoubleMap(u32, AccountId, Share, default=Share())
    """Unclaimed revenue of holders, by asset and account."""
    buy_backs = Map(u32, BuyBack, hasher=Hasher.Twox64Concat)
    """Issuers' open offers to buy units back."""
    params = Value(Params, default=Params())

    class HoldReason(IntEnum):
        """Reasons for holds."""

        Registration = 0
        """The deposit of an asset's registration."""
        VerifierBond = 1
        """The bond of a verifier, which is slashed for wrong attestations."""
        Revenue = 2
        """Revenue set aside for the holders of an asset."""
        VoteReward = 3
        """The part of a fee set aside for stakers who voted."""
        BuyBack = 4
        """Money for the units that the issuer offers to buy back."""

    class AssetRegistered(Event, index=0):
        """An asset was registered and waits for verifiers."""

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
        """Both verifiers attested an asset; stakers may vote until slot `ends`."""

        id: Id
        ends: Annotated[u64, TypeName("Slot")]

    class AssetVoted(Event, index=3):
        """A staker voted with `weight` planck of its stake."""

        id: Id
        who: Who
        aye: Flag
        weight: Amount

    class AssetRejected(Event, index=4):
        """An asset was rejected by a verifier or the stakers, or withdrawn by its issuer."""

        id: Id

    class AssetIssued(Event, index=5):
        """Units were issued; of `fee` planck paid, `burned` were burned, `voters` set aside."""

        id: Id
        units: Amount
        fee: Amount
        burned: Amount
        voters: Amount

    class VoteRewarded(Event, index=6):
        """A voter received its part of a fee."""

        id: Id
        who: Who
        amount: Amount

    class VoteRewardExpired(Event, index=7):
        """The voters' unclaimed part of a fee went to the treasury."""

        id: Id
        amount: Amount

    class RevaluationRequested(Event, index=8):
        """The issuer paid for a valuation."""

        id: Id
        mode: Mode
        fee: Amount
        burned: Amount

    class Revalued(Event, index=9):
        """The value of an asset was changed from `old` to `new` planck."""

        id: Id
        old: Amount
        new: Amount
        report: Hash

    class RevenueDistributed(Event, index=10):
        """The issuer set revenue aside for the holders."""

        id: Id
        amount: Amount

    class RevenuePaid(Event, index=11):
        """A holder received its revenue."""

        id: Id
        who: Who
        amount: Amount

    class BuyBackOffered(Event, index=12):
        """The issuer offered `price` planck each for `units` units; zero units ends the offer."""

        id: Id
        price: Amount
        units: Amount

    class BoughtBack(Event, index=13):
        """A holder sold units back to the issuer."""

        id: Id
        who: Who
        units: Amount
        paid: Amount

    class AssetRetired(Event, index=14):
        """An asset was retired; all its units were destroyed."""

        id: Id

    class VerifierBonded(Event, index=15):
        """An account bonded as a verifier; it has to be appointed before it may verify."""

        who: Who
        bond: Amount

    class VerifierAppointed(Event, index=16):
        """The roles in which a verifier may act were set."""

        who: Who
        regulatory: Flag
        technical: Flag

    class VerifierLeft(Event, index=17):
        """A verifier left; its bond can be withdrawn from `slot` on."""

        who: Who
        slot: Annotated[u64, TypeName("Slot")]

    class VerifierWithdrew(Event, index=18):
        """A former verifier withdrew its bond."""

        who: Who
        amount: Amount

    class VerifierSlashed(Event, index=19):
        """`amount` planck of a verifier's bond were slashed."""

        who: Who
        amount: Amount

    class ParamsSet(Event, index=20):
        """The parameters were changed."""

        params: Annotated[Params, TypeName("Params")]

    class AlreadyRegistered(Error, index=0):
        """Another asset has the same documents; its number is in `AssetRegistry.ByDocuments`."""

    class Unknown(Error, index=1):
        """There is no asset of this number; assets are listed in `AssetRegistry.Registered`."""

    class BadState(Error, index=2):
        """The asset's `state` does not allow the call."""

    class NotIssuer(Error, index=3):
        """The caller is not the issuer of the asset."""

    class NotJudged(Error, index=4):
        """The caller's identity has no judgement; a registrar of `Identity` gives one."""

    class NotVerifier(Error, index=5):
        """The account may not verify in this role: it must bond and be appointed by referendum."""

    class VerifierConflict(Error, index=6):
        """The verifier is the asset's issuer or its verifier in the other role, or has the same
        identity as one of them.
        """

    class AlreadyVerified(Error, index=7):
        """A verifier of this role has already attested the asset."""

    class BadClass(Error, index=8):
        """The complexity class is not 1, 2 or 3."""

    class BadTerms(Error, index=9):
        """The value or the number of units is zero."""

    class NoStake(Error, index=10):
        """The caller has no stake that is active and lasts beyond the end of the vote."""

    class AlreadyVoted(Error, index=11):
        """The caller has already voted on this asset."""

    class VotingOpen(Error, index=12):
        """The vote is still open; units can be issued after its end."""

    class VotingOver(Error, index=13):
        """The vote is over."""

    class NothingToClaim(Error, index=14):
        """There is nothing to claim for this asset now."""

    class RevaluationPending(Error, index=15):
        """A valuation is already paid for; verifiers have to complete it first."""

    class NoRevaluation(Error, index=16):
        """No valuation of this asset was requested."""

    class ValuationJump(Error, index=17):
        """The value would change within a quarter by more than `params.jump_bps`."""

    class TooManyValuations(Error, index=18):
        """The asset has reached the maximum number of valuations in a quarter."""

    class ValuesDiffer(Error, index=19):
        """The other verifier submitted another value; both must submit the same."""

    class OfferOpen(Error, index=20):
        """The issuer's offer to buy units back is open; offering zero units withdraws it."""

    class NoOffer(Error, index=21):
        """The issuer has no offer for this number of units at this price."""

    class UnitsElsewhere(Error, index=22):
        """Other accounts hold units, or some of the caller's units are on hold for orders."""

    class BondTooLow(Error, index=23):
        """The bond is less than `verifier_bond`; a slashed verifier must leave and bond again."""

    class AlreadyBonded(Error, index=24):
        """The caller already has a verifier's bond."""

    class StillBound(Error, index=25):
        """The verifier has not left, has left already, or its bond is not due; see `leaving`."""

    class InvalidParams(Error, index=26):
        """The parameters are out of bounds or inconsistent; see `Params.problem`."""

    class NothingToForget(Error, index=27):
        """There are no votes to remove, or they still count for the result or for rewards."""

    # ---- calls: issue of an asset

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
        """Register an asset; a deposit is held. The caller's identity must have been judged."""
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
        """Attest or reject an asset, as a verifier in `role`."""
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
        """Vote with the caller's stake on whether an asset's units may be issued."""
        who = origin.signed()
        self._in_state(id, State.Voting)
        poll = self._poll(id)
        if self._now() >= poll.ends:
            raise self.VotingOver
        if (id, who) in self.votes:
            raise self.AlreadyVoted
        # Stake that could be withdrawn before the end does not count: it could vote twice.
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
        """Pay the fee and receive all units of an asset; any account may execute a rejection."""
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
        """Claim the caller's part of the fee of an asset it voted on, either way."""
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
        """Send the voters' expired part of a fee to the treasury. Any signed origin."""
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
        """Remove votes that no longer count; free for a full batch. Any signed origin."""
        origin.signed()
        info, poll = self._asset(id), self._poll(id)
        counts = info.state is State.Voting or poll.left
        gone = [] if counts else self.votes.some_under(id, MAX_FORGOTTEN)
        if not gone:
            raise self.NothingToForget
        for voter in gone:
            del self.votes[id, voter]
        return PostInfo(weights.forget_votes(len(gone)), pays=len(gone) < MAX_FORGOTTEN)

    # ---- calls: valuation

    @call(6, weight=weights.REQUEST_REVALUATION)
    def request_revaluation(self, origin: Origin, id: Id, mode: Mode) -> None:
        """Pay for a new valuation of the caller's asset."""
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
        """Submit the value of an asset, as a verifier; a full valuation needs one of each role."""
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
        """Freeze all units of an asset. Policy origin only."""
        self.policy(origin)
        self._in_state(id, State.Issued)
        self.assets.freeze(id)

    @call(9, weight=weights.THAW_ASSET)
    def thaw_asset(self, origin: Origin, id: Id) -> None:
        """Allow transfers of an asset's units again. Policy origin only."""
        self.policy(origin)
        self._in_state(id, State.Issued)
        self.assets.thaw(id)

    # ---- calls: revenue, buy-back and retirement

    @call(10, weight=weights.DISTRIBUTE_REVENUE)
    def distribute_revenue(self, origin: Origin, id: Id, amount: CompactAmount) -> None:
        """Set aside revenue of the caller's asset, in planck, for its current holders pro rata."""
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
        """Claim the revenue of the caller's units of an asset."""
        if not self.pay_revenue(id, origin.signed()):
            raise self.NothingToClaim

    @call(12, weight=weights.OFFER_BUY_BACK)
    def offer_buy_back(self, origin: Origin, id: Id, price: CompactAmount, units: Units) -> None:
        """Offer `price` planck, put on hold, for each of `units` units; zero ends the offer."""
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
        """Sell units back to the issuer if its offer is at least `least_price` planck each."""
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
        """Destroy all units of the caller's asset and release the deposit.

        The caller must hold all units. Unclaimed revenue of former holders stays claimable.
        """
        who, info = origin.signed(), self._in_state(id, State.Issued)
        self._ensure_issuer(who, info)
        if id in self.buy_backs:
            raise self.OfferOpen
        if self.assets.free(id, who) != info.units:
            raise self.UnitsElsewhere
        self.requests.take(id)
        self.assets.retire(id, who, info.units)
        # All shares are settled now; the remainder from rounding is released to the issuer.
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
        """Bond money to become a verifier. A referendum appoints verifiers to their roles."""
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
        """Set the roles in which a bonded account may verify; none stops it. Policy origin only."""
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
        """Stop verifying; the bond can be withdrawn after `leave_slots`."""
        who = origin.signed()
        verifier = self._verifier(who)
        if verifier.leaving is not None:
            raise self.StillBound
        verifier.leaving = u64(self._now() + self.leave_slots)
        self.verifiers[who] = verifier
        self.deposit(self.VerifierLeft(who, verifier.leaving))

    @call(18, weight=weights.WITHDRAW_BOND)
    def withdraw_bond(self, origin: Origin) -> None:
        """Release the bond of the caller, after it has left."""
        who = origin.signed()
        verifier = self._verifier(who)
        if verifier.leaving is None or self._now() < verifier.leaving:
            raise self.StillBound
        self.currency.release(self._reason(self.HoldReason.VerifierBond), who, verifier.bond)
        del self.verifiers[who]
        self.deposit(self.VerifierWithdrew(who, verifier.bond))

    @call(19, weight=weights.SLASH_VERIFIER)
    def slash_verifier(self, origin: Origin, who: Address, amount: CompactAmount) -> None:
        """Destroy a part of a verifier's bond, or all, and remove its roles. Policy origin only."""
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
        """Set the parameters. Parameters origin only."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- calls: withdrawal

    @call(21, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin, id: Id) -> None:
        """Withdraw the caller's asset before its units are issued, and release the deposit."""
        who, info = origin.signed(), self._asset(id)
        self._ensure_issuer(who, info)
        if info.state not in (State.Registered, State.Voting):
            raise self.BadState
        self._reject(id, info)
        if not any((id, role) in self.reports for role in Role):
            del self.registered[id]  # no report exists: keep no record without a deposit

    # ---- public interface: for Assets

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Return True if the account may receive units of the asset."""
        info = self.registered.get(asset)
        return info is None or not info.restricted or self.identities.verified(who)

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Settle the revenue of an account's units before their number changes."""
        revenue, share = self.revenue[asset], self.shares[asset, who]
        if share.per_unit == revenue.per_unit:
            return
        earned = earned_by(balance, share, revenue)
        share.owed += earned
        share.per_unit = revenue.per_unit
        self.shares[asset, who] = share
        revenue.owed += earned
        self.revenue[asset] = revenue

    # ---- public interface: payments

    def pay_revenue(self, id: u32, who: AccountId) -> u128:
        """Pay a holder its unclaimed revenue; return the amount, in planck."""
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

    # ---- public interface: queries

    def revenue_due(self, asset: u32, who: AccountId) -> u128:
        """Return the amount that `claim_revenue` would pay, in planck."""
        share, units = self.shares[asset, who], self.assets.balance(asset, who)
        return share.owed + earned_by(units, share, self.revenue[asset])

    def is_issued(self, asset: u32) -> bool:
        """Return True if the units of the asset exist."""
        info = self.registered.get(asset)
        return info is not None and info.state is State.Issued

    def info(self, asset: u32) -> AssetInfo | None:
        """Return the registered asset of a number; None if there is none."""
        return self.registered.get(asset)

    def issuer_of(self, asset: u32) -> AccountId | None:
        """Return the issuer of a registered asset; None if there is no such asset."""
        info = self.registered.get(asset)
        return None if info is None else info.issuer

    def value_of(self, asset: u32) -> u128:
        """Return the value of an asset, in planck; zero if it does not exist."""
        info = self.registered.get(asset)
        return NOTHING if info is None else info.value

    # ---- internals

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
        """Raise VerifierConflict if `who` has the operator of the issuer or of `other`."""
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
        """Charge a fee of `bps` of `value`; return the whole fee, its burned part and voters' part.

        The voters' part stays in the payer's account.
        """
        fee = discounted(charge(int(value), bps), self.stakers.discount_bps(who))
        threshold = int(self.fees.threshold())
        split = split_platform(fee, ASSET, int(value), threshold, voters_bps=voters_bps)
        self.fees.take(who, split, BurnReason.Asset)
        return fee, split.burn, split.voters

    def _within_limits(self, id: u32, value: int) -> Sequence[Valuation]:
        """Return the valuations to keep before a new one. Raises if `value` exceeds the limits."""
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
        """Release the deposit; the documents may be registered again."""
        reason = self._reason(self.HoldReason.Registration)
        self.currency.release(reason, info.issuer, info.deposit)
        info.deposit = NOTHING
        del self.by_documents[info.documents]
        self.registered[id] = info
