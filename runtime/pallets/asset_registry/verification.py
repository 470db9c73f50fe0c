"""Verifiers with their bonds, and their attestations of assets.

| state of a verifier | call | next state |
|---|---|---|
| none | `bond_verifier` | bonded, without a role |
| bonded | `appoint_verifier` | bonded, with the given roles |
| bonded | `slash_verifier` | bonded, without a role |
| bonded | `leave` | leaving |
| leaving, after `leave_slots` | `withdraw_bond` | none |
"""

from __future__ import annotations

from dataclasses import replace

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, ReasonOf
from runtime.frame.traits import Clock, MutateHold, Operators
from runtime.pallets.asset_registry import errors, events
from runtime.pallets.asset_registry.types import (
    CLASSES,
    AssetInfo,
    Fees,
    HoldReason,
    Report,
    Role,
    Verifier,
)
from runtime.pallets.tokenomics.types import BurnReason


class Verification(Component):
    """Verifiers with their bonds, and their attestations of assets."""

    currency: MutateHold
    clock: Clock
    fees: Fees
    identities: Operators
    verifier_bond: u128
    leave_slots: u64
    reason = ReasonOf(HoldReason.VerifierBond)

    reports = DoubleMap(u32, Role, Report, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat))
    """Attestations of verifiers, by asset and role."""
    verifiers = Map(AccountId, Verifier)
    """Bonded verifiers."""

    # ---- bonds

    def bond(self, who: AccountId, bond: u128) -> None:
        """Put the bond of a new verifier on hold. Raises BondTooLow or AlreadyBonded."""
        if bond < self.verifier_bond:
            raise errors.BondTooLow
        if who in self.verifiers:
            raise errors.AlreadyBonded
        self.currency.hold(self.reason, who, bond)
        self.verifiers[who] = Verifier(bond)
        self.deposit(events.VerifierBonded(who, bond))

    def appoint(self, who: AccountId, *, regulatory: bool, technical: bool) -> None:
        """Set the roles of a verifier. Raises NotVerifier or BondTooLow."""
        verifier = self._verifier(who)
        if (regulatory or technical) and verifier.bond < self.verifier_bond:
            raise errors.BondTooLow
        verifier.regulatory, verifier.technical = regulatory, technical
        self.verifiers[who] = verifier
        self.deposit(events.VerifierAppointed(who, regulatory, technical))

    def leave(self, who: AccountId) -> None:
        """End the roles of a verifier; its bond is due later. Raises NotVerifier or StillBound."""
        verifier = self._verifier(who)
        if verifier.leaving is not None:
            raise errors.StillBound
        verifier.leaving = u64(self.clock.now() + self.leave_slots)
        self.verifiers[who] = verifier
        self.deposit(events.VerifierLeft(who, verifier.leaving))

    def withdraw(self, who: AccountId) -> None:
        """Release the bond of a verifier that has left. Raises NotVerifier or StillBound."""
        verifier = self._verifier(who)
        if verifier.leaving is None or self.clock.now() < verifier.leaving:
            raise errors.StillBound
        self.currency.release(self.reason, who, verifier.bond)
        del self.verifiers[who]
        self.deposit(events.VerifierWithdrew(who, verifier.bond))

    def slash(self, who: AccountId, amount: u128) -> None:
        """Destroy up to `amount` planck of a bond, and end the roles. Raises NotVerifier."""
        verifier = self._verifier(who)
        lost = min(amount, verifier.bond)
        self.fees.destroy_held(self.reason, who, lost, BurnReason.Slash, force=True)
        left = verifier.bond - lost
        self.verifiers[who] = replace(verifier, bond=left, regulatory=False, technical=False)
        self.deposit(events.VerifierSlashed(who, lost))

    # ---- attestations

    def attest(self, id: u32, info: AssetInfo, role: Role, report: Report) -> bool:
        """Store an attestation; return True if the asset has one of each role now.

        An approval may raise the complexity of `info`, which is not stored here.

        Raises NotVerifier, BadClass, VerifierConflict or AlreadyVerified.
        """
        self.ensure_verifier(report.verifier, role)
        if not 1 <= report.complexity <= CLASSES:
            raise errors.BadClass
        other = self.reports.get((id, Role(1 - role)))
        self.ensure_impartial(report.verifier, info, None if other is None else other.verifier)
        if (id, role) in self.reports:
            raise errors.AlreadyVerified
        self.reports[id, role] = report
        if report.approved:
            info.complexity = max(info.complexity, report.complexity)
            self.deposit(events.AssetVerified(id, role, report.verifier, report.complexity))
        return other is not None

    def has_report(self, id: u32) -> bool:
        """Return True if any verifier attested or rejected the asset."""
        return any((id, role) in self.reports for role in Role)

    def ensure_verifier(self, who: AccountId, role: Role) -> None:
        """Raise NotVerifier unless `who` may act in `role` now."""
        verifier = self.verifiers.get(who)
        if verifier is None or not verifier.may(role):
            raise errors.NotVerifier

    def ensure_impartial(self, who: AccountId, info: AssetInfo, other: AccountId | None) -> None:
        """Raise VerifierConflict if `who` has the operator of the issuer or of `other`."""
        conflicting = [info.issuer] if other is None else [info.issuer, other]
        operator = self.identities.operator_of
        if operator(who) in [operator(one) for one in conflicting]:
            raise errors.VerifierConflict

    # ---- internals

    def _verifier(self, who: AccountId) -> Verifier:
        verifier = self.verifiers.get(who)
        if verifier is None:
            raise errors.NotVerifier
        return verifier
