"""Burns at the milestones of the project, once each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64, u128
from runtime.accounts import ECOSYSTEM, FOUNDATION_PROGRAMMES, TREASURY
from runtime.frame import Component, Hasher, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.ledger import PoolLedger
from runtime.pallets.tokenomics.payments import Payments
from runtime.pallets.tokenomics.types import HOSPITALS, BurnId, BurnReason, MilestoneBurn


class Hospitals(Protocol):
    """The number of registered and judged hospitals."""

    def count(self) -> int:
        """Return the number of hospitals."""


class NoHospitals:
    """Hospitals of a chain without a registry for them."""

    def count(self) -> int:
        """Return zero."""
        return 0


class Bridge(Protocol):
    """The link to other chains."""

    def has_traffic(self) -> bool:
        """Return True if it is proven that money has crossed it."""


class NoBridge:
    """The bridge of a chain that has none."""

    def has_traffic(self) -> bool:
        """Return True if money has crossed it: never."""
        return False


class MilestoneBurns(Component):
    """Amounts, triggers and sources of milestone burns."""

    ledger: PoolLedger
    payments: Payments
    currency: Balances
    clock: Clock
    foundation: Value[AccountId]
    hospitals: Hospitals

    milestone_burns = Map(BurnId, MilestoneBurn, hasher=Hasher.Twox64Concat)
    """Burns at the project's milestones."""
    cross_chain = Value(bool, default=False)
    """True if the chain was attested to be linked to others."""

    def setup(self) -> None:
        """Start without a bridge."""
        self.bridge: Bridge = NoBridge()

    def burn_at_launch(self) -> bool:
        """Execute the burn at the chain's launch, if it is due; return True if it was."""
        known = self.milestone_burns.peek(BurnId.MainnetLaunch)
        if known is None or known.executed_at is not None:
            return False
        launch = self.milestone_burns[BurnId.MainnetLaunch]
        sources = self._burn_sources(int(launch.amount))
        if sources is None:  # any account may execute it once the funds suffice
            return False
        self._burn_milestone(BurnId.MainnetLaunch, launch, sources)
        return True

    def execute(self, id: BurnId) -> None:
        """Execute the burn of a milestone that is reached.

        Raises MilestoneUnknown, AlreadyBurned, NoTraffic, TriggerNotMet and PoolExhausted.
        """
        burn = self.milestone_burns.get(id)
        if burn is None:
            raise errors.MilestoneUnknown
        if burn.executed_at is not None:
            raise errors.AlreadyBurned
        if id is BurnId.CrossChain:
            self._ensure_traffic()
        if not self._is_reached(id):
            raise errors.TriggerNotMet
        sources = self._burn_sources(int(burn.amount))
        if sources is None:
            raise errors.PoolExhausted
        self._burn_milestone(id, burn, sources)

    def attest_cross_chain(self) -> None:
        """Record that the chain is linked to others. Raises NoTraffic and AlreadyAttested."""
        self._ensure_traffic()
        if self.cross_chain.value:
            raise errors.AlreadyAttested
        self.cross_chain.value = True
        self.deposit(events.CrossChainAttested())

    # ---- internals

    def _ensure_traffic(self) -> None:
        if not self.bridge.has_traffic():
            raise errors.NoTraffic

    def _is_reached(self, id: BurnId) -> bool:
        if id in HOSPITALS:
            return self.hospitals.count() >= HOSPITALS[id]
        return id is BurnId.MainnetLaunch or self.cross_chain.value

    def _burn_sources(self, amount: int) -> list[tuple[AccountId, int]] | None:
        """Return the parts of `amount` to burn, by account; None if all sources are too small."""
        sources: list[tuple[AccountId, int]] = []
        for account, has in self._burnable():
            part = min(amount, has)
            if part:
                sources.append((account, part))
                amount -= part
            if not amount:
                return sources
        return None

    def _burnable(self) -> list[tuple[AccountId, int]]:
        """Return the sources of milestone burns, in order, with limits. No user is a source."""
        funds = [(ECOSYSTEM, int(self.payments.available(ECOSYSTEM)))]
        foundation = self.foundation.get()
        if foundation is not None:
            spendable = self.currency.reducible_balance(foundation, keep_alive=True)
            paid = (self.ledger.entry(account).released for account in FOUNDATION_PROGRAMMES)
            funds.append((foundation, min(int(spendable), sum(map(int, paid)))))
        return [*funds, (TREASURY, int(self.payments.available(TREASURY)))]

    def _burn_milestone(
        self, id: BurnId, burn: MilestoneBurn, sources: Sequence[tuple[AccountId, int]]
    ) -> None:
        for account, part in sources:
            self.payments.destroy(account, u128(part), BurnReason.Milestone)
        burn.executed_at = u64(self.clock.now())
        self.milestone_burns[id] = burn
        self.deposit(events.MilestoneBurned(id, burn.amount))
