"""The terms of new stakes."""

from __future__ import annotations

from btt_chain.scale import u8
from runtime.frame import Component, GenesisError, Section, Value
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.formulas import TIERS, are_in_order
from runtime.pallets.tier_staking.types import Tier, TierTable


class TierTerms(Component):
    """The tiers of new stakes; open stakes keep their terms."""

    current_tiers = Value(TierTable, default=TIERS)
    """Terms of new stakes."""

    def open(self, section: Section) -> None:
        """Set the tiers of the genesis block. Raises GenesisError."""
        tiers = []
        for row, known in zip(section.rows(len(TIERS)), TIERS, strict=True):
            days, reward, minimum, burn = row.rows(4)
            terms = Tier(days.u32(), reward.u32(), minimum.planck(), burn.u32(), known.benefits)
            tiers.append(terms)
        if not are_in_order(tiers):
            raise GenesisError(f"{section.path}: tiers out of bounds, or longer ones worse")
        self.current_tiers.value = tiers

    def terms(self, tier: int) -> Tier:
        """Return the terms of a tier. Raises UnknownTier."""
        tiers = self.current_tiers.peek()
        if tier >= len(tiers):
            raise errors.UnknownTier
        return tiers[tier]

    def set(self, tier: u8, terms: Tier) -> None:
        """Change the terms of a tier. Raises UnknownTier and InvalidTerms."""
        tiers = self.current_tiers.value
        if tier >= len(tiers):
            raise errors.UnknownTier
        tiers[tier] = terms
        if not are_in_order(tiers):
            raise errors.InvalidTerms
        self.current_tiers.value = tiers
        self.deposit(events.TierSet(tier, terms))
