"""The shares of blocks of a session, and the factor of work that they depend on."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64
from runtime.frame import Constant, Origin, OriginCheck, Pallet, Value, call, ensure_root
from runtime.pallets.authorities import errors, events, weights
from runtime.pallets.authorities.formulas import block_shares, work_part
from runtime.pallets.authorities.types import (
    HIGHEST_FACTOR,
    LOWEST_FACTOR,
    WORK_FACTOR,
    AuthorLimits,
)


class SharePlanning(Pallet, crate="pallet_authorities"):
    """Shares of blocks by work and bond."""

    # ---- constants

    lowest_factor = Constant(u32(LOWEST_FACTOR))
    """Minimum of `WorkFactor`."""
    highest_factor = Constant(u32(HIGHEST_FACTOR))
    """Maximum of `WorkFactor`."""

    # ---- dependencies

    author_limits: AuthorLimits
    params_origin: OriginCheck = ensure_root
    """Origin that sets the factor of work."""

    # ---- storage

    work_factor = Value(u32, default=WORK_FACTOR)
    """Factor by which the value of work is compared with bonds: how cheap blocks by work are."""

    # ---- calls

    @call(9, weight=weights.SET_WORK_FACTOR)
    def set_work_factor(self, origin: Origin, factor: u32) -> None:
        """Set the factor by which the value of work is compared with bonds. Origin: parameters.

        Half of all blocks go by work where its decayed value, times the factor, equals the bonds.
        """
        self.params_origin(origin)
        if not self.lowest_factor <= factor <= self.highest_factor:
            raise errors.FactorOutOfRange
        self.work_factor.value = factor
        self.deposit(events.WorkFactorSet(factor))

    # ---- public interface

    def plan_shares(
        self,
        session: int,
        bonds: Sequence[int],
        scores: Sequence[int],
        operators: Sequence[AccountId],
        snapshot: int,
    ) -> list[u64]:
        """Return the shares of blocks in a session, each at least 1, and report the part by work.

        `bonds` are at stake, `scores` those of work by the snapshot of an era.
        """
        if not bonds:
            return []
        limit, factor = self.author_limits.limit_at(snapshot), int(self.work_factor.value)
        part = work_part(sum(scores), sum(bonds), factor, limit)
        shares, capped = block_shares(bonds, scores, operators, part)
        self.deposit(events.WeightsPlanned(u32(session), u32(part), u8(capped)))
        return [u64(share) for share in shares]
