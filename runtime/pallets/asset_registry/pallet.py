"""AssetRegistry: real-world assets, verified by bonded verifiers, owned in units.

An issuer registers an asset: hashes of documents, a value, and a fixed number of units. A
regulatory and a technical verifier attest it, each with a bond; then stakers may vote for some
days. Unless more stake votes no than yes, the issuer pays the fee of issuing and receives all
units.

| state | call | next state |
|---|---|---|
| Registered | `verify`, the second attestation | Voting |
| Registered | `verify` against it, `withdraw` | Rejected |
| Voting | `issue` after the vote, unless rejected | Issued |
| Voting | `issue` after a vote against it, `withdraw` | Rejected |
| Issued | `retire` | Retired |

No document and no personal data is stored, only hashes. The chain can show which verifiers attested
what and with how much at stake; it cannot check that an asset exists.

Money that waits for its owner, such as revenue for holders or the voters' part of a fee, stays in
the issuer's account, on hold.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.frame import (
    Const,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, CompactBalanceOf, HashOf
from runtime.frame.traits import Clock, IdentityInspect, MutateHold
from runtime.pallets.asset_registry import errors, events, types, weights
from runtime.pallets.asset_registry.charges import Charges, Issuance
from runtime.pallets.asset_registry.registration import Registrations, ensure_issuer
from runtime.pallets.asset_registry.revenue import BuyBacks, Holders
from runtime.pallets.asset_registry.types import (
    MAX_FORGOTTEN,
    AssetInfo,
    AssetKind,
    Fees,
    Id,
    Mode,
    Params,
    Report,
    Request,
    RightKind,
    Role,
    Stakers,
    State,
    Symbol,
    Units,
)
from runtime.pallets.asset_registry.valuation import Valuations
from runtime.pallets.asset_registry.verification import Verification
from runtime.pallets.asset_registry.voting import Voting
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.balances.types import lookup


class AssetRegistry(Pallet, events=events, errors=errors):
    """Real-world assets, verified by bonded verifiers, owned in units."""

    # ---- constants

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

    # ---- dependencies

    keeper: AccountId
    """Owner of all assets in `Assets`: an account without a key."""
    treasury: AccountId
    """Account that receives the voters' unclaimed part of a fee."""
    currency: MutateHold
    clock: Clock
    assets: Assets
    fees: Fees
    stakers: Stakers
    identities: IdentityInspect
    policy: OriginCheck = ensure_root
    """Origin that appoints and slashes verifiers, and freezes assets."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the parameters."""

    # ---- storage

    params = Value(Params, default=Params())

    # ---- components

    charges = Part(Charges)
    verification = Part(Verification)
    valuation = Part(Valuations)
    registrations = Part(Registrations)
    voting = Part(Voting)
    issuance = Part(Issuance)
    holders = Part(Holders)
    buy_back = Part(BuyBacks)

    # ---- hold reasons

    HoldReason = types.HoldReason

    # ---- calls

    @call(0, weight=weights.REGISTER)
    def register(
        self,
        origin: Origin,
        kind: AssetKind,
        right: RightKind,
        documents: HashOf,
        description: HashOf,
        name: Symbol,
        symbol: Symbol,
        value: CompactBalanceOf,
        units: Units,
        restricted: bool,
    ) -> None:
        """Register an asset; a deposit is held. The caller's identity must have been judged."""
        issuer = origin.signed()
        if not self.identities.verified(issuer):
            raise errors.NotJudged
        info = AssetInfo(
            issuer, kind, right, documents, description, name, symbol, u128(units), u128(value),
            restricted, u128(self.deposit_amount), u64(self.clock.now()),
        )  # fmt: skip
        self.registrations.add(info)

    @call(1, weight=weights.VERIFY)
    def verify(
        self, origin: Origin, id: Id, role: Role, complexity: u8, approve: bool, report: HashOf
    ) -> None:
        """Attest or reject an asset, as a verifier in `role`."""
        who, info = origin.signed(), self.registrations.in_state(id, State.Registered)
        attestation = Report(who, complexity, approve, report, u64(self.clock.now()))
        is_complete = self.verification.attest(id, info, role, attestation)
        if not approve:
            self.registrations.reject(id, info)
            return
        if is_complete:
            info.state = State.Voting
            self.voting.begin(id)
        self.registrations.registered[id] = info

    @call(2, weight=weights.VOTE)
    def vote(self, origin: Origin, id: Id, aye: bool) -> None:
        """Vote with the caller's stake on whether an asset's units may be issued."""
        who = origin.signed()
        self.registrations.in_state(id, State.Voting)
        self.voting.cast(id, who, aye=aye)

    @call(3, weight=weights.ISSUE)
    def issue(self, origin: Origin, id: Id) -> None:
        """Pay the fee and receive all units of an asset; any account may execute a rejection."""
        who, info = origin.signed(), self.registrations.in_state(id, State.Voting)
        poll = self.voting.ended(id)
        if poll.nays > poll.ayes:
            self.registrations.reject(id, info)
            return
        ensure_issuer(who, info)
        self.issuance.issue(id, info, poll, self.params.peek())

    @call(4, weight=weights.CLAIM_VOTE_REWARD)
    def claim_vote_reward(self, origin: Origin, id: Id) -> None:
        """Claim the caller's part of the fee of an asset it voted on, either way."""
        who = origin.signed()
        self.voting.claim(id, self.registrations.asset(id).issuer, who)

    @call(5, weight=weights.EXPIRE_VOTE_REWARD)
    def expire_vote_reward(self, origin: Origin, id: Id) -> None:
        """Send the voters' expired part of a fee to the treasury. Any signed origin."""
        origin.signed()
        self.voting.expire(id, self.registrations.asset(id).issuer)

    @call(22, weight=weights.forget_votes(MAX_FORGOTTEN))
    def forget_votes(self, origin: Origin, id: Id) -> PostInfo:
        """Remove votes that no longer count; free for a full batch. Any signed origin."""
        origin.signed()
        info = self.registrations.asset(id)
        gone = self.voting.forget(id, is_voting=info.state is State.Voting)
        return PostInfo(weights.forget_votes(gone), pays=gone < MAX_FORGOTTEN)

    @call(6, weight=weights.REQUEST_REVALUATION)
    def request_revaluation(self, origin: Origin, id: Id, mode: Mode) -> None:
        """Pay for a new valuation of the caller's asset."""
        who = origin.signed()
        info = self.registrations.issued_by(id, who)
        self.valuation.ensure_none_requested(id)
        bps = self.params.peek().revaluation_bps(mode)
        charged = self.charges.charge(who, info.value, bps)
        self.valuation.requests[id] = Request(mode)
        self.deposit(events.RevaluationRequested(id, mode, charged.fee, charged.burned))

    @call(7, weight=weights.SUBMIT_REVALUATION)
    def submit_revaluation(
        self, origin: Origin, id: Id, role: Role, value: CompactBalanceOf, report: HashOf
    ) -> None:
        """Submit the value of an asset, as a verifier; a full valuation needs one of each role."""
        who, info = origin.signed(), self.registrations.in_state(id, State.Issued)
        jump_bps = int(self.params.peek().jump_bps)
        if not self.valuation.submit(id, info, who, role, u128(value), jump_bps):
            return
        old, info.value = info.value, u128(value)
        self.registrations.registered[id] = info
        self.deposit(events.Revalued(id, old, info.value, report))

    @call(8, weight=weights.FREEZE_ASSET)
    def freeze_asset(self, origin: Origin, id: Id) -> None:
        """Freeze all units of an asset. Policy origin only."""
        self.policy(origin)
        self.registrations.in_state(id, State.Issued)
        self.assets.freeze(id)

    @call(9, weight=weights.THAW_ASSET)
    def thaw_asset(self, origin: Origin, id: Id) -> None:
        """Allow transfers of an asset's units again. Policy origin only."""
        self.policy(origin)
        self.registrations.in_state(id, State.Issued)
        self.assets.thaw(id)

    @call(10, weight=weights.DISTRIBUTE_REVENUE)
    def distribute_revenue(self, origin: Origin, id: Id, amount: CompactBalanceOf) -> None:
        """Set aside revenue of the caller's asset, in planck, for its current holders pro rata."""
        info = self.registrations.issued_by(id, origin.signed())
        self.holders.distribute(id, info, u128(amount))

    @call(11, weight=weights.CLAIM_REVENUE)
    def claim_revenue(self, origin: Origin, id: Id) -> None:
        """Claim the revenue of the caller's units of an asset."""
        if not self.pay_revenue(id, origin.signed()):
            raise errors.NothingToClaim

    @call(12, weight=weights.OFFER_BUY_BACK)
    def offer_buy_back(self, origin: Origin, id: Id, price: CompactBalanceOf, units: Units) -> None:
        """Offer `price` planck, put on hold, for each of `units` units; zero ends the offer."""
        who = origin.signed()
        self.registrations.issued_by(id, who)
        self.buy_back.offer(id, who, u128(price), u128(units))

    @call(13, weight=weights.SELL_BACK)
    def sell_back(
        self, origin: Origin, id: Id, units: Units, least_price: CompactBalanceOf
    ) -> None:
        """Sell units back to the issuer if its offer is at least `least_price` planck each."""
        who, info = origin.signed(), self.registrations.in_state(id, State.Issued)
        self.buy_back.sell(id, info.issuer, who, u128(units), int(least_price))

    @call(14, weight=weights.RETIRE)
    def retire(self, origin: Origin, id: Id) -> None:
        """Destroy all units of the caller's asset and release the deposit.

        The caller must hold all units. Unclaimed revenue of former holders stays claimable.
        """
        who = origin.signed()
        info = self.registrations.issued_by(id, who)
        self.buy_back.ensure_none(id)
        if self.assets.free(id, who) != info.units:
            raise errors.UnitsElsewhere
        del self.valuation.requests[id]
        self.assets.retire(id, who, info.units)
        self.holders.release_rest(id, who)
        self.registrations.close(id, info, State.Retired)
        self.deposit(events.AssetRetired(id))

    @call(15, weight=weights.BOND_VERIFIER)
    def bond_verifier(self, origin: Origin, bond: CompactBalanceOf) -> None:
        """Bond money to become a verifier. A referendum appoints verifiers to their roles."""
        self.verification.bond(origin.signed(), u128(bond))

    @call(16, weight=weights.APPOINT_VERIFIER)
    def appoint_verifier(
        self, origin: Origin, who: AccountIdLookupOf, regulatory: bool, technical: bool
    ) -> None:
        """Set the roles in which a bonded account may verify; none stops it. Policy origin only."""
        self.policy(origin)
        self.verification.appoint(lookup(who), regulatory=regulatory, technical=technical)

    @call(17, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Stop verifying; the bond can be withdrawn after `leave_slots`."""
        self.verification.leave(origin.signed())

    @call(18, weight=weights.WITHDRAW_BOND)
    def withdraw_bond(self, origin: Origin) -> None:
        """Release the bond of the caller, after it has left."""
        self.verification.withdraw(origin.signed())

    @call(19, weight=weights.SLASH_VERIFIER)
    def slash_verifier(
        self, origin: Origin, who: AccountIdLookupOf, amount: CompactBalanceOf
    ) -> None:
        """Destroy a part of a verifier's bond, or all, and remove its roles. Policy origin only."""
        self.policy(origin)
        self.verification.slash(lookup(who), u128(amount))

    @call(20, weight=weights.SET_PARAMS)
    def set_params(self, origin: Origin, params: Params) -> None:
        """Set the parameters. Parameters origin only."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise errors.InvalidParams
        self.params.value = params
        self.deposit(events.ParamsSet(params))

    @call(21, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin, id: Id) -> None:
        """Withdraw the caller's asset before its units are issued, and release the deposit."""
        self.registrations.reject(id, self.registrations.pending_of(id, origin.signed()))
        if not self.verification.has_report(id):
            # No report exists: keep no record without a deposit.
            del self.registrations.registered[id]

    # ---- public interface

    def pay_revenue(self, id: u32, who: AccountId) -> u128:
        """Pay a holder its unclaimed revenue; return the amount, in planck."""
        return self.holders.pay(id, self.registrations.asset(id).issuer, who)

    def revenue_due(self, asset: u32, who: AccountId) -> u128:
        """Return the amount that `claim_revenue` would pay, in planck."""
        return self.holders.due(asset, who)

    def info(self, asset: u32) -> AssetInfo | None:
        """Return the registered asset of a number; None if there is none."""
        return self.registrations.registered.get(asset)
