"""Expected results of the economy, computed again from the rules' text alone.

Plain integers: planck, milliseconds of protocol time since genesis, basis points, parts per
million. Nothing of the runtime or of `genesis` is imported here, and nothing was copied from
there: where the two differ, one of them misread the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

BTT: Final = 10**18
BPS: Final = 10_000
PPM: Final = 10**6
DAY: Final = 86_400_000
MONTH: Final = 2_629_800_000
YEAR: Final = 12 * MONTH
YEAR365: Final = 365 * DAY
"""The year that rates of stakes are meant for."""
MONTHS: Final = 96

# ---- who was promised what


@dataclass(frozen=True, slots=True)
class Linear:
    """A row of a document that vests: percent of the supply, lock-up and duration in months."""

    key: str
    percent: int
    lock: int
    months: int


@dataclass(frozen=True, slots=True)
class Preset:
    """A document's table. `reading` is B (vesting starts after the lock-up) or A (a cliff)."""

    supply: int
    reading: str
    linear: tuple[Linear, ...]
    programmes: Mapping[str, int]
    """Percent of each programme of the Foundation; all last 48 months."""
    mining: int
    community: int
    ecosystem: int
    liquidity: int
    reserve: int
    treasury: int
    burns: tuple[int, ...]
    """Milestone burns in planck: launch, 100 hospitals, 1,000 hospitals, another chain."""
    threshold: int
    """The value from which on transactions burn at the highest rate."""

    def amount(self, percent: int) -> int:
        """So many percent of the supply."""
        return self.supply * percent // 100

    @property
    def mining_pool(self) -> int:
        """Parameters of the rewards for useful work."""
        return self.amount(self.mining)

    @property
    def foundation(self) -> int:
        """Percent of all programmes together."""
        return sum(self.programmes.values())


S0_LINEAR: Final = (
    Linear("bitwave", 10, 6, 36),
    Linear("cdhg", 5, 3, 30),
    Linear("mdao", 3, 3, 30),
    Linear("web3_knc", 3, 3, 30),
    Linear("cryptoseed_an", 2, 3, 30),
    Linear("team_core", 5, 12, 48),
    Linear("team_advisory", 2, 12, 48),
    Linear("team_medical", 1, 12, 48),
)
S0_PROGRAMMES: Final = {"core": 7, "ai": 5, "security": 3, "research": 2}
SMALL_BURNS: Final = tuple(thousand * 1_000 * BTT for thousand in (30, 70, 170, 100))
LARGE_BURNS: Final = tuple(million * 10**6 * BTT for million in (1, 2, 5, 3))
SMALL: Final = 21 * 10**6 * BTT
LARGE: Final = 210 * 10**6 * BTT

PRESETS: Final = {
    "seed-000": Preset(
        SMALL, "B", S0_LINEAR, S0_PROGRAMMES, mining=30, community=12, ecosystem=7, liquidity=2,
        reserve=1, treasury=0, burns=SMALL_BURNS, threshold=10_000 * BTT,
    ),
    "seed-001": Preset(
        LARGE, "B", S0_LINEAR, S0_PROGRAMMES, mining=30, community=12, ecosystem=7, liquidity=2,
        reserve=1, treasury=0, burns=LARGE_BURNS, threshold=100_000 * BTT,
    ),
    "seed-002": Preset(
        LARGE, "A",
        (
            Linear("china_oral", 10, 6, 36),
            Linear("vision_future", 3, 3, 30),
            Linear("yueya", 3, 3, 30),
            Linear("bellasmile", 2, 3, 30),
            Linear("strategic", 1, 3, 30),
        ),
        {"foundation": 17}, mining=30, community=12, ecosystem=7, liquidity=0, reserve=0,
        treasury=15, burns=LARGE_BURNS, threshold=100_000 * BTT,
    ),
    "seed-004": Preset(
        SMALL, "B",
        (
            Linear("bithive", 10, 6, 36),
            Linear("cdhg", 4, 3, 30),
            Linear("bitwave", 3, 3, 30),
            Linear("mdao", 2, 3, 30),
            Linear("web3", 2, 3, 30),
            Linear("other", 2, 3, 30),
        ),
        {"foundation": 17}, mining=30, community=12, ecosystem=7, liquidity=0, reserve=0,
        treasury=11, burns=SMALL_BURNS, threshold=10_000 * BTT,
    ),
}  # fmt: skip
"""The documents' tables, in their order; keys are only for messages."""

COMMUNITY: Final = {"stak": 40, "hlth": 30, "refr": 15, "grnt": 15}
"""Parts of the community row, in percent."""

RELEASE_TABLE: Final = (22, 18, 15, 12, 10, 23)
"""The documents' release by year, percent of the supply: 2025 to 2029, and all later years."""


# ---- what comes free when


def delayed(amount: int, lock: int, duration: int, time: int) -> int:
    """Reading B: nothing until the lock-up ends, then everything evenly over the duration."""
    if time <= lock:
        return 0
    if time >= lock + duration:
        return amount
    return amount * (time - lock) // duration


def cliffed(amount: int, lock: int, duration: int, time: int) -> int:
    """Reading A: evenly from genesis on, but nothing before the lock-up ends."""
    if time < lock:
        return 0
    if time >= duration:
        return amount
    return amount * time // duration


def vested(preset: Preset, row: Linear, time: int) -> int:
    """Return the free part of a linear row."""
    runtime = delayed if preset.reading == "B" else cliffed
    return runtime(preset.amount(row.percent), row.lock * MONTH, row.months * MONTH, time)


def time_cap(amount: int, time: int) -> int:
    """Return the part of a programme that time allows: whole months of 48."""
    return amount * min(time // MONTH, 48) // 48


def milestone_cap(amount: int, done: int) -> int:
    """Return the part of a programme that milestones allow, `done` of its 16 attested."""
    return amount * (625 * done) // BPS


def releasable(amount: int, done: int, released: int, time: int) -> int:
    """Return the amount of a programme that may be paid now."""
    return min(time_cap(amount, time), milestone_cap(amount, done)) - released


def emitted(pool: int, time: int) -> int:
    """Return the emitted part of the mining pool: 40, 30, 20, 10 % over two years each."""
    bands = [pool * 40 // 100, pool * 30 // 100, pool * 20 // 100]
    bands.append(pool - sum(bands))
    length, total = 2 * YEAR, 0
    for place, band in enumerate(bands):
        since = time - place * length
        if since >= length:
            total += band
        elif since > 0:
            total += band * since // length
    return total


def rows(preset: Preset, time: int) -> int:
    """All rows without decisions, the Foundation's on time: 'all rows' of 3.1."""
    free = preset.amount(preset.liquidity) + emitted(preset.mining_pool, time)
    free += sum(vested(preset, row, time) for row in preset.linear)
    return free + sum(time_cap(preset.amount(share), time) for share in preset.programmes.values())


def label_year(time: int) -> int:
    """The documents' year: the first year of the chain is 2025."""
    return 2025 + time // YEAR


def table_until(preset: Preset, year: int) -> int:
    """Return the documents' release until the end of a year, cumulatively."""
    percents = RELEASE_TABLE[: max(0, min(year - 2024, len(RELEASE_TABLE)))]
    return preset.supply * sum(percents) // 100


# ---- work


def score(units: int, factors: Sequence[int]) -> int:
    """Compute units times the factors (ppm), rounded down after each, in this order."""
    for factor in factors:
        units = units * factor // PPM
    return units


# ---- stakes


@dataclass(frozen=True, slots=True)
class Tier:
    """A term in days, its yearly rate and the burnt part of rewards in bps, its least stake."""

    days: int
    bps: int
    minimum: int
    burn_bps: int

    @property
    def term(self) -> int:
        """The term in milliseconds."""
        return self.days * DAY


TIERS: Final = (
    Tier(30, 300, 1_000 * BTT, 0),
    Tier(90, 500, 5_000 * BTT, 0),
    Tier(180, 800, 10_000 * BTT, 0),
    Tier(365, 1_200, 50_000 * BTT, 500),
    Tier(1_095, 1_800, 100_000 * BTT, 1_000),
)


def accrued(amount: int, bps: int, elapsed: int, term: int) -> int:
    """Return the reward that a stake has earned: simple interest until its term ends."""
    return amount * bps * min(elapsed, term) // (BPS * YEAR365)


def capacity(pool: int, tier: Tier) -> int:
    """Return the principal for which a pool can promise a tier's reward one whole term."""
    return pool * BPS * YEAR365 // (tier.bps * tier.term)


# ---- fees


COMPUTE: Final = (100, 300)
ASSET: Final = (200, 500)
PAYFI: Final = (50, 100)


def burn_bps(ramp: tuple[int, int], value: int, threshold: int) -> int:
    """The burn of a transaction: more with its value, up to the threshold."""
    low, high = ramp
    return low + (high - low) * min(value, threshold) // threshold


def compute_split(gross: int, threshold: int) -> dict[str, int]:
    """The legs of what is paid for compute; the burn is off the top."""
    burn = gross * burn_bps(COMPUTE, gross, threshold) // BPS
    net = gross - burn
    legs = {
        "burn": burn,
        "development": net * 1_500 // BPS,
        "foundation": net * 1_000 // BPS,
        "reserve": net * 500 // BPS,
    }
    return legs | {"contributors": gross - sum(legs.values())}


def platform_split(
    fee: int, ramp: tuple[int, int], value: int, threshold: int, voters_bps: int = 0
) -> dict[str, int]:
    """The legs of a fee of assets or payments: 3:2:1 of what burn and voters leave."""
    burn = fee * burn_bps(ramp, value, threshold) // BPS
    voters = (fee - burn) * voters_bps // BPS
    rest = fee - burn - voters
    foundation, reserve = rest * 2 // 6, rest // 6
    return {
        "burn": burn,
        "voters": voters,
        "foundation": foundation,
        "reserve": reserve,
        "development": rest - foundation - reserve,
    }


def charge(value: int, bps: int) -> int:
    """A fee, rounded up."""
    return -(-value * bps // BPS)


def discounted(fee: int, bps: int) -> int:
    """A fee less a staker's discount."""
    return fee - fee * bps // BPS
