"""Operators' values, attested or measured, and the factors that they give."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.frame import Component, Constant, Hasher, Map, Value
from runtime.pallets.mining import factors
from runtime.pallets.mining.types import Params, RegionWork, Standing


class Standings(Component):
    """Values of operators, and the work of regions that the geography factor depends on."""

    uptime_floor = Constant(u32(factors.UPTIME_FLOOR))
    """Minimum part of the expected heartbeats, in parts per million; below it nothing is earned."""
    min_quality = Constant(u32(factors.QUALITY_RANGE[0]))
    """Minimum quality factor: slow or bad work, in parts per million."""
    max_quality = Constant(u32(factors.QUALITY_RANGE[1]))
    """Maximum quality factor: fast and good work, in parts per million."""
    min_geography = Constant(u32(factors.GEOGRAPHY_RANGE[0]))
    """Minimum geography factor: regions with enough work, in parts per million."""
    max_geography = Constant(u32(factors.GEOGRAPHY_RANGE[1]))
    """Maximum geography factor: regions in which more work is wanted, in parts per million."""
    min_energy = Constant(u32(factors.ENERGY_RANGE[0]))
    """Minimum energy factor: work of high or unknown energy use, in parts per million."""
    max_energy = Constant(u32(factors.ENERGY_RANGE[1]))
    """Maximum energy factor: work of low energy use, in parts per million."""

    standing = Map(AccountId, Standing, default=Standing())
    """Attested and measured values of operators."""
    region_work = Map(u16, RegionWork, default=RegionWork(), hasher=Hasher.Twox64Concat)
    """Work counted in each region in its last eras."""
    last_counted = Value(u128, default=u128(0))
    """Parts of a unit counted in the previous era, in all regions and none."""

    def attest_region(self, operator: AccountId, region: u16) -> None:
        """Store the region of an operator."""
        standing = self.standing[operator]
        standing.region = region
        self.standing[operator] = standing

    def attest_energy(self, operator: AccountId, units_per_kwh: u64) -> None:
        """Store the work per kilowatt-hour of an operator."""
        standing = self.standing[operator]
        standing.units_per_kwh = units_per_kwh
        self.standing[operator] = standing

    def record_uptime(self, operator: AccountId, answered: int, expected: int) -> None:
        """Store an operator's uptime; see `Mining.record_uptime`."""
        if not expected:
            return
        standing = self.standing[operator]
        standing.uptime = u32(factors.uptime(answered, expected))
        self.standing[operator] = standing

    def record_quality(
        self, operator: AccountId, target: int, p95: int, ok: int, all_: int
    ) -> None:
        """Store an operator's quality against a target; see `Mining.record_quality`."""
        if not all_:
            return
        standing = self.standing[operator]
        standing.quality = u32(factors.quality(target, p95, min(ok, all_), all_))
        self.standing[operator] = standing

    def factors(self, standing: Standing, params: Params, era: int) -> tuple[int, int, int, int]:
        """Return uptime, quality, geography and energy of an operator, in ppm, in that order."""
        region, place = standing.region, factors.NEUTRAL
        if region is not None and params.is_region(region):
            done = self.region_work[region].at(era).before
            target = int(params.regions[region])
            place = factors.geography(target, int(done), int(self.last_counted.value))
        power = factors.energy(int(standing.units_per_kwh), int(params.median_energy))
        return int(standing.uptime), int(standing.quality), place, power

    def count_region(self, region: u16 | None, counted: int, era: int) -> None:
        """Count parts of units to a region.

        Only paid ones: otherwise unpaid work in another region could make an operator's own region
        a wanted one.
        """
        if region is None or not counted:
            return
        work = self.region_work[region].at(era)
        work.parts += counted
        self.region_work[region] = work
