"""Partners' offers, insurers' savings, and educators' credentials."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import HEALTH
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.frame.traits import Operators
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives import errors, events, formulas
from runtime.pallets.incentives.expiries import Expiries
from runtime.pallets.incentives.months import Months
from runtime.pallets.incentives.points import Points
from runtime.pallets.incentives.types import (
    CREDENTIAL_BOUND,
    CREDENTIAL_FEE,
    MAX_CREDENTIALS,
    MAX_HOURS,
    MAX_OFFER_DAYS,
    MAX_OFFERS,
    MAX_PLACEMENT_FEE,
    PLACEMENT_FEE,
    Credential,
    Credits,
    Currency,
    ExpiringCount,
    ExpiringCredential,
    Offer,
    Offers,
)
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason


class Partners(Component):
    """Offers of partners, and savings of insurers."""

    months: Months
    points: Points
    registry: Facilities
    currency: Currency
    funds: Tokenomics

    offers = Map(AccountId, Offers, default=[])
    """The offers of partners; those that ended are removed with the next placement."""
    placement_fee = Value(u128, default=PLACEMENT_FEE)
    """Fee of an offer a day, in planck."""

    def place(self, who: AccountId, hash_: H256, days: int) -> None:
        """Place an offer for some days from now, or for longer than it was placed."""
        self._ensure_partner(who)
        if not 1 <= days <= MAX_OFFER_DAYS:
            raise errors.InvalidOffer
        now, placed = self._now(), self.in_place(who)
        kept = [each for each in placed if each.hash != hash_]
        begin = next((int(each.until) for each in placed if each.hash == hash_), now)
        until = u64(begin + self.months.days(days))
        if len(kept) >= MAX_OFFERS or until > now + self.months.days(MAX_OFFER_DAYS):
            raise errors.InvalidOffer
        amount = u128(int(self.placement_fee.value) * days)
        if amount:
            fee = formulas.fee_of(int(amount))
            self.funds.take(who, fee.split, BurnReason.Payfi, [(HEALTH, fee.pool)])
        self.offers[who] = [*kept, Offer(hash_, until)]
        self.deposit(events.OfferPlaced(who, hash_, until, amount))

    def redeem(self, who: AccountId, partner: AccountId, points: int, hash_: H256) -> None:
        """Redeem points for an offer that is in place."""
        self._ensure_partner(partner)
        if all(each.hash != hash_ for each in self.in_place(partner)):
            raise errors.OfferUnknown
        self.points.redeem_at_partner(who, partner, points, hash_)

    def set_fee(self, fee: u128) -> None:
        """Set the fee of placements."""
        if fee > MAX_PLACEMENT_FEE:
            raise errors.InvalidFee
        self.placement_fee.value = fee
        self.deposit(events.PlacementFeeSet(fee))

    def contribute(self, who: AccountId, amount: u128, memo: H256) -> None:
        """Give a part of an insurer's savings to the pool."""
        if not self.registry.is_active(who, Kind.Insurer):
            raise errors.NotInsurer
        if not amount:
            raise errors.ZeroAmount
        self.currency.transfer(who, HEALTH, amount)
        self.deposit(events.SavingsContributed(who, amount, memo))

    def in_place(self, who: AccountId) -> list[Offer]:
        """Return the offers of a partner that have not ended."""
        now = self._now()
        return [each for each in self.offers[who] if each.until > now]

    # ---- internals

    def _ensure_partner(self, who: AccountId) -> None:
        if not self.registry.is_active(who, Kind.Partner):
            raise errors.NotPartner

    def _now(self) -> int:
        return self.months.clock.now()


class Credentials(Component):
    """Credentials of continuing education."""

    months: Months
    expiries: Expiries
    registry: Facilities
    operators: Operators
    funds: Tokenomics
    credits: Credits

    credentials = DoubleMap(AccountId, H256, Credential)
    """Credentials by account and hash, for 24 months."""
    attested = DoubleMap(
        u32, AccountId, u16, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat), default=u16(0)
    )
    """Number of credentials of an educator, by month."""

    def attest(self, educator: AccountId, who: AccountId, credential: H256, hours: u16) -> None:
        """Attest a credential, for a fee; it counts for the contributions of a staker.

        Half of the fee goes to the pool of incentives, half to the funds.
        """
        if not self.registry.is_active(educator, Kind.Educator):
            raise errors.NotEducator
        if self.operators.operator_of(educator) == self.operators.operator_of(who):
            raise errors.OwnCredential
        if (who, credential) in self.credentials:
            raise errors.AlreadyAttested
        month = u32(self.months.current())
        count = self.attested[month, educator]
        if not 1 <= hours <= MAX_HOURS or count >= MAX_CREDENTIALS:
            raise errors.InvalidCredential
        fee = formulas.fee_of(int(CREDENTIAL_FEE))
        self.funds.take(educator, fee.split, BurnReason.Payfi, [(HEALTH, fee.pool)])
        entries: list[ExpiringCredential | ExpiringCount] = [ExpiringCredential(who, credential)]
        if not count:
            entries.append(ExpiringCount(educator))
        self.expiries.add(int(month), entries)
        self.attested[month, educator] = u16(int(count) + 1)
        self.credentials[who, credential] = Credential(educator, hours, month)
        self.credits.count_credential(who, CREDENTIAL_BOUND)
        self.deposit(events.CredentialAttested(educator, who, credential, hours))
