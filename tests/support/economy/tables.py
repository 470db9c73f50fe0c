"""The figures that economy.md prints, as printed there."""

from __future__ import annotations

from typing import Final

# month: (BitWave, CDHG, MDAO and Web3, Crypto, Team), each (B, A), in thousandths of BTT;
# then the Foundation's time cap, mining, and all rows under B.
Pair = tuple[int, int]


def both(btt: int) -> Pair:
    """The same under both readings."""
    return btt, btt


FULL_BITWAVE: Final = both(2_100_000)
FULL_CDHG: Final = both(1_050_000)
FULL_MDAO: Final = both(630_000)
FULL_CRYPTO: Final = both(420_000)
NONE: Final = both(0)

MONTHLY: Final[dict[int, tuple[Pair, Pair, Pair, Pair, Pair, int, int, int]]] = {
    0: (NONE, NONE, NONE, NONE, NONE, 0, 0, 420_000),
    3: (NONE, (0, 105_000), (0, 63_000), (0, 42_000), NONE, 223_125, 315_000, 958_125),
    4: (
        NONE, (35_000, 140_000), (21_000, 84_000), (14_000, 56_000), NONE,
        297_500, 420_000, 1_228_500,
    ),
    6: (
        (0, 350_000), (105_000, 210_000), (63_000, 126_000), (42_000, 84_000), NONE,
        446_250, 630_000, 1_769_250,
    ),
    7: (
        (58_333, 408_333), (140_000, 245_000), (84_000, 147_000), (56_000, 98_000), NONE,
        520_625, 735_000, 2_097_958,
    ),
    12: (
        (350_000, 700_000), (315_000, 420_000), (189_000, 252_000), (126_000, 168_000),
        (0, 420_000), 892_500, 1_260_000, 3_741_500,
    ),
    13: (
        (408_333, 758_333), (350_000, 455_000), (210_000, 273_000), (140_000, 182_000),
        (35_000, 455_000), 966_875, 1_365_000, 4_105_208,
    ),
    24: (
        (1_050_000, 1_400_000), (735_000, 840_000), (441_000, 504_000), (294_000, 336_000),
        (420_000, 840_000), 1_785_000, 2_520_000, 8_106_000,
    ),
    33: (
        (1_575_000, 1_925_000), FULL_CDHG, FULL_MDAO, FULL_CRYPTO,
        (735_000, 1_155_000), 2_454_375, 3_228_750, 11_143_125,
    ),
    36: (
        (1_750_000, 2_100_000), FULL_CDHG, FULL_MDAO, FULL_CRYPTO,
        (840_000, 1_260_000), 2_677_500, 3_465_000, 11_882_500,
    ),
    42: (
        FULL_BITWAVE, FULL_CDHG, FULL_MDAO, FULL_CRYPTO,
        (1_050_000, 1_470_000), 3_123_750, 3_937_500, 13_361_250,
    ),
    48: (
        FULL_BITWAVE, FULL_CDHG, FULL_MDAO, FULL_CRYPTO,
        (1_260_000, 1_680_000), 3_570_000, 4_410_000, 14_490_000,
    ),
    60: (
        FULL_BITWAVE, FULL_CDHG, FULL_MDAO, FULL_CRYPTO,
        both(1_680_000), 3_570_000, 5_040_000, 15_540_000,
    ),
    96: (
        FULL_BITWAVE, FULL_CDHG, FULL_MDAO, FULL_CRYPTO,
        both(1_680_000), 3_570_000, 6_300_000, 16_800_000,
    ),
}  # fmt: skip
"""docs/economy.md: cumulative BTT of seed-000, whole BTT, rounded down."""

BITWAVE_EXACT: Final = {7: 58333333333333333333333, 8: 116666666666666666666666}
"""docs/economy.md: planck of BitWave's row by month, reading B."""

FIRST_DAY: Final = 3449691991786447638603
"""docs/economy.md: planck that seed-000 emits on day 1."""

CAPACITY: Final = {365: 8_400_000, 1_095: 1_866_666, 180: 25_550_000}
"""docs/economy.md: BTT of principal that the staking pool of seed-000 bears for one term."""

YEARS_OF_ROWS: Final = (1745, 2077, 1799, 1279, 500, 600)
"""docs/economy.md, B from 2025-01-01, hundredths of a percent. By civil dates, not by our years."""
