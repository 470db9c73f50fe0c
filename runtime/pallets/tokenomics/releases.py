"""Releases: what has been released, the ceiling of discretionary releases, and their pause."""

from __future__ import annotations

from btt_chain.scale import u32, u64, u128
from runtime.accounts import MINING
from runtime.emission import emitted
from runtime.frame import Component, Hasher, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.formulas import (
    FIRST_YEAR,
    RELEASE_TABLE,
    ceiling,
    contractual,
    label_year,
    table_part,
    year_begin,
)
from runtime.pallets.tokenomics.ledger import PoolLedger
from runtime.pallets.tokenomics.types import (
    CeilingMode,
    Releases,
    RowList,
    Supply,
    YearRelease,
    YearTable,
)


class ReleaseControl(Component):
    """Releases by contract, emission and payment, against the documents' table."""

    ledger: PoolLedger
    genesis_supply: Value[u128]
    clock: Clock
    slot_ms: int

    contractual_rows = Value(RowList, default=[])
    """Rows that are released by contract."""
    release_table = Value(YearTable, default=[u32(bps) for bps in RELEASE_TABLE])
    """Release of each year from 2025 on, in hundredths of a percent; the last is for all later."""
    released_total = Value(u128, default=u128(0))
    """Payments of all pools except mining from their genesis funds, in planck."""
    released_by_year = Map(u32, u128, default=u128(0), hasher=Hasher.Twox64Concat)
    """The same payments by label year."""
    ceiling_mode = Value(CeilingMode, default=CeilingMode.Enforce)
    """Effect of the release ceiling."""
    discretionary_paused_until = Value(u64, default=u64(0))
    """First slot in which discretionary releases are possible again."""

    # ---- public interface: supply

    def supply(self, currency: Balances, staked: int, *, is_vesting: bool) -> Supply:
        """Return the supply, and its circulating, locked and staked parts.

        `circulating` is the issuance without the balances of pools (including the treasury) and
        without `locked`, the unreleased part of the contractual rows; without vesting nothing of
        them is locked. Both follow the rows' contracts: schedules ended early or merged by root
        calls, and locks by holders, change neither. `staked` is the sum of tier stakes and bonds,
        which circulate.
        """
        issuance = int(currency.total_issuance.value)
        locked = self.unvested() if is_vesting else 0
        return Supply(
            genesis=self.genesis_supply.value,
            burned=currency.total_burned.value,
            issuance=u128(issuance),
            circulating=u128(max(0, issuance - self.ledger.pooled() - locked)),
            locked=u128(locked),
            staked=u128(staked),
        )

    # ---- public interface: checks and changes

    def ensure_not_paused(self) -> None:
        """Raise Paused while discretionary releases are paused."""
        if self.clock.now() < self.discretionary_paused_until.value:
            raise errors.Paused

    def ensure_below_ceiling(self, counted: int) -> None:
        """Raise ReleaseCeilingReached if a release of `counted` planck exceeds the ceiling."""
        if counted and self.ceiling_mode.value is CeilingMode.Enforce and counted > self.headroom():
            raise errors.ReleaseCeilingReached

    def count(self, counted: int) -> None:
        """Count a release; emit an event if all releases exceed the ceiling now."""
        if not counted:
            return
        year = self.year_now()
        self.released_total.value += counted
        self.released_by_year[u32(year)] += counted
        if self.ceiling_mode.value is CeilingMode.Off:
            return
        limit, released = self._ceiling(year), self.released_now()
        if released > limit:
            self.deposit(events.ReleaseCeilingExceeded(u32(year), u128(limit), u128(released)))

    def limited(self, due: int) -> int:
        """Return the part of `due` that the ceiling leaves; all of it if it is not enforced."""
        return min(due, self.headroom()) if self.ceiling_mode.value is CeilingMode.Enforce else due

    # ---- public interface: queries

    def year_now(self) -> int:
        """Return the label year, at most the table's last, which covers all later years."""
        last = FIRST_YEAR + len(self.release_table.peek()) - 1
        return min(label_year(self._time_now()), last)

    def released_now(self) -> int:
        """Return the sum of all releases by now."""
        return self._released_by(self.clock.now(), int(self.released_total.value)).total

    def headroom(self) -> int:
        """Return the amount that the ceiling leaves for discretionary releases now."""
        return max(0, self._ceiling(self.year_now()) - self.released_now())

    def unvested(self) -> int:
        """Return the planck of the contractual rows that their contracts have not released yet."""
        rows = self.contractual_rows.peek()
        return sum(int(row.amount) for row in rows) - contractual(rows, self.clock.now())

    def release(self, year: int) -> YearRelease:
        """Return the releases of a label year; the table's last year covers all later ones.

        `contractual` and `mining` are by formula, so also for future years. `headroom` is what the
        ceiling leaves now for the current year, and at its end for any other year.
        """
        last = FIRST_YEAR + len(self.release_table.peek()) - 1
        year, this = min(year, last), self.year_now()
        paid = {at: int(self.released_by_year[u32(at)]) for at in range(FIRST_YEAR, last + 1)}
        before = self._released_by_end_of(year - 1, last)
        after = self._released_by_end_of(year, last)
        so_far = sum(amount for at, amount in paid.items() if at <= year)
        used = self.released_now() if year == this else after.total + so_far
        limit = self._ceiling(year)
        table = table_part(int(self.genesis_supply.value), self.release_table.peek(), year)
        return YearRelease(
            year=u32(max(0, year)),
            table=u128(table),
            contractual=u128(after.contractual - before.contractual),
            mining=u128(after.mining - before.mining),
            discretionary=u128(paid.get(year, 0)),
            ceiling=u128(limit),
            headroom=u128(max(0, limit - used)),
        )

    # ---- internals

    def _time_now(self) -> int:
        """Return the milliseconds since genesis, in whole slots."""
        return self.clock.now() * self.slot_ms

    def _ceiling(self, year: int) -> int:
        return ceiling(int(self.genesis_supply.value), self.release_table.peek(), year)

    def _released_by(self, slot: int, discretionary: int = 0) -> Releases:
        pool = int(self.ledger.entry(MINING).allocated)
        return Releases(
            contractual(self.contractual_rows.peek(), slot),
            emitted(pool, slot * self.slot_ms),
            discretionary,
        )

    def _released_by_end_of(self, year: int, last: int) -> Releases:
        """Return the releases by formula until the end of a year; zero before the first year."""
        if year < FIRST_YEAR:
            return Releases()
        if year >= last:
            rows = self.contractual_rows.peek()
            return Releases(
                sum(int(row.amount) for row in rows), int(self.ledger.entry(MINING).allocated)
            )
        return self._released_by(year_begin(year + 1, self.slot_ms))
