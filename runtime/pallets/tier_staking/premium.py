"""Premium services: access that stakers buy by the month.

The documents name premium services as a reason to stake and as one of the transactions that burn,
beside asset tokenization. So access needs a stake of the service's tier and costs a price, of which
the burn of asset fees is destroyed and the rest shared 3:2:1 (docs/economy.md).
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.constants import BTT, DAY_MS
from runtime.frame import Component, DoubleMap, Hasher, Map, Section
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.positions import Positions
from runtime.pallets.tier_staking.rewards import Rewards
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import (
    TIER_COUNT,
    PremiumAccess,
    PremiumService,
    PremiumView,
)
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PREMIUM, split_platform

JOB_PRIORITY: Final = u32(0)
"""The service of this chain itself: jobs go before others of their urgency."""
PRICE_PART: Final = 200
"""Ratio of the value from which fees burn at their highest rate to the initial price of a month of
priority: 50 BTT of 10,000, 500 BTT of 100,000."""
PERIOD_MS: Final = 30 * DAY_MS
"""The month that access is bought by, in ms."""
MAX_MONTHS: Final = 12
MAX_SERVICES: Final = 64
MIN_PRICE: Final = BTT
"""Minimum price of a month, in planck: the stored record is paid for."""


class PremiumServices(Component):
    """Premium services, and the access that accounts bought."""

    time: MsClock
    positions: Positions
    rewards: Rewards

    premium_services = Map(u32, PremiumService, hasher=Hasher.Twox64Concat)
    """Premium services that are on sale."""
    premium_access = DoubleMap(
        u32, AccountId, PremiumAccess, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Access that was bought, by service and account; also after its end."""

    # ---- public interface: queries

    def has_access(self, who: AccountId, service: u32) -> bool:
        """Return True if `who` has bought access, and still has a stake that entitles to it."""
        access = self.premium_access.get((service, who))
        if access is None or access.until <= self.time.now():
            return False
        return self.is_entitled(who, access.min_tier)

    def is_entitled(self, who: AccountId, min_tier: u8) -> bool:
        """Return True if one of the active stakes of `who` is of this tier or a longer one."""
        return any(position.tier >= min_tier for position in self.positions.active(who))

    def views(self, who: AccountId) -> list[PremiumView]:
        """Return all services on sale, with what `who` has of each."""
        found = []
        for service, terms in sorted(self.premium_services.items()):
            access = self.premium_access.get((service, who))
            found.append(
                PremiumView(
                    service,
                    terms.min_tier,
                    terms.price,
                    self.is_entitled(who, terms.min_tier),
                    u64(0) if access is None else access.until,
                    self.has_access(who, service),
                )
            )
        return found

    # ---- public interface: changes

    def open(self, section: Section | None) -> None:
        """Set the services of the genesis block: rows of number, tier and planck a month.

        Without a section: priority for jobs, from the first tier on. Raises GenesisError.
        """
        if section is None:
            price = u128(max(MIN_PRICE, self.rewards.threshold() // PRICE_PART))
            self.premium_services[JOB_PRIORITY] = PremiumService(u8(0), price)
            return
        for row in section:
            service, tier, price_ = row.rows(3)
            terms = PremiumService(u8(tier.integer(TIER_COUNT - 1)), price_.planck())
            if terms.price < MIN_PRICE:
                raise price_.wrong(f"at least {MIN_PRICE} planck")
            self.premium_services[service.u32()] = terms

    def buy(self, who: AccountId, service: u32, months: u8, max_price: u128) -> None:
        """Buy access for `months`, from now or from the end of the present access.

        Raises UnknownService, NotEntitled, BadMonths, PriceAboveMax and TokenError.
        """
        terms = self.premium_services.get(service)
        if terms is None:
            raise errors.UnknownService
        if not self.is_entitled(who, terms.min_tier):
            raise errors.NotEntitled
        now, known = self.time.now(), self.premium_access.get((service, who))
        begin = now if known is None else max(now, int(known.until))
        until = begin + int(months) * PERIOD_MS
        if not months or until > now + MAX_MONTHS * PERIOD_MS:
            raise errors.BadMonths
        price = terms.price * months
        if price > max_price:
            raise errors.PriceAboveMax
        split = split_platform(int(price), PREMIUM, int(price), int(self.rewards.threshold()))
        self.rewards.take(who, split, BurnReason.Premium)
        self.premium_access[service, who] = PremiumAccess(u64(until), terms.min_tier)
        self.deposit(events.PremiumBought(who, service, u64(until), price, split.burn))

    def set(self, service: u32, terms: PremiumService | None) -> None:
        """Put a service on sale, change its terms, or end its sale; access that was bought stays.

        Raises UnknownTier, InvalidTerms and TooManyServices.
        """
        if terms is None:
            del self.premium_services[service]
        elif terms.min_tier >= TIER_COUNT:
            raise errors.UnknownTier
        elif terms.price < MIN_PRICE:
            raise errors.InvalidTerms
        elif service not in self.premium_services and self._count() >= MAX_SERVICES:
            raise errors.TooManyServices
        else:
            self.premium_services[service] = terms
        self.deposit(events.PremiumSet(service, terms))

    # ---- internals

    def _count(self) -> int:
        return len(list(self.premium_services.items()))
