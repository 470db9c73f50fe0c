"""Valuations of assets: who must submit them, and how much a value may change."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import Component, Hasher, Map
from runtime.frame.traits import Clock
from runtime.pallets.asset_registry import errors
from runtime.pallets.asset_registry.types import (
    MAX_VALUATIONS,
    AssetInfo,
    Mode,
    Request,
    Role,
    Valuation,
    ValuationList,
    jump_limits,
)
from runtime.pallets.asset_registry.verification import Verification


class Valuations(Component):
    """Valuations of assets, and the paid requests for new ones."""

    clock: Clock
    verification: Verification
    quarter_slots: u64

    valuations = Map(u32, ValuationList, hasher=Hasher.Twox64Concat, default=[])
    """Valuations of assets, the newest last."""
    requests = Map(u32, Request, hasher=Hasher.Twox64Concat)
    """Valuations that are paid for and not complete."""

    def begin(self, id: u32, value: u128) -> None:
        """Store the first value of an asset."""
        self.valuations[id] = [Valuation(u64(self.clock.now()), value)]

    def forget(self, id: u32) -> None:
        """Remove the valuations of an asset."""
        del self.valuations[id]

    def ensure_none_requested(self, id: u32) -> None:
        """Raise RevaluationPending if a valuation is paid for."""
        if id in self.requests:
            raise errors.RevaluationPending

    def submit(
        self, id: u32, info: AssetInfo, who: AccountId, role: Role, value: u128, jump_bps: int
    ) -> bool:
        """Add a verifier's value; return True if it is the asset's new one.

        A full valuation needs one of each role. Raises NotVerifier, NoRevaluation,
        VerifierConflict, TooManyValuations, ValuationJump or ValuesDiffer.
        """
        self.verification.ensure_verifier(who, role)
        request = self.requests.get(id)
        if request is None:
            raise errors.NoRevaluation
        if request.mode is Mode.Desktop and role is not Role.Technical:
            raise errors.NotVerifier
        named = (who, value)
        other = request.regulatory if role is Role.Technical else request.technical
        self.verification.ensure_impartial(who, info, None if other is None else other[0])
        history = self._within_limits(id, int(value), jump_bps)
        if role is Role.Technical:
            request.technical = named
        else:
            request.regulatory = named
        if request.mode is Mode.Full:
            if other is None:
                self.requests[id] = request
                return False
            if other[1] != named[1]:
                raise errors.ValuesDiffer
        del self.requests[id]
        self.valuations[id] = [*history, Valuation(u64(self.clock.now()), value)]
        return True

    def _within_limits(self, id: u32, value: int, jump_bps: int) -> Sequence[Valuation]:
        """Return the valuations to keep before a new one. Raises if `value` exceeds the limits."""
        history = self.valuations[id]
        edge = int(self.clock.now()) - int(self.quarter_slots)
        older = [place for place, old in enumerate(history) if old.slot <= edge]
        recent = history[older[-1] if older else 0 :]
        if len(recent) >= MAX_VALUATIONS:
            raise errors.TooManyValuations
        low, high = jump_limits(int(recent[0].value), jump_bps)
        if not max(1, low) <= value <= high:
            raise errors.ValuationJump
        return recent
