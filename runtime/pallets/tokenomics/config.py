"""The genesis configuration of Tokenomics, read and checked.

    {"preset": "seed-000", "supply": "21000...", "threshold": "10000...",
     "releaseTable": [2200, ...], "ceilingMode": "enforce",
     "allocations": [["bitwave", "linear", "2100...", ["5F..."]], ...],
     "contractual": [["2100...", start, length, cliff], ...],
     "programmes": [{"pool": "btt/fnd1", "amount": "1470...", "months": 48,
                     "milestones": [[625, "0x..."], ...]}, ...],
     "milestoneBurns": [["mainnet_launch", "30000..."], ...],
     "foundation": "5F...", "reserve": "5G...", "treasurySeat": ["2310...", end]}

Amounts are planck, times slots since genesis, the release table and milestones hundredths of a
percent. Every field is optional: without it there is no such item, or the default rule applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.frame import GenesisError, Section
from runtime.pallets.tokenomics.types import (
    MAX_HOLDINGS,
    MAX_MILESTONES,
    MAX_NAME,
    MAX_ROWS,
    MAX_YEARS,
    Allocation,
    BurnId,
    CeilingMode,
    ContractualRow,
    Milestone,
    PoolId,
    Programme,
    RowKind,
    TreasurySeat,
)
from runtime.splits import BPS

MODES: Final = {
    "off": CeilingMode.Off,
    "advisory": CeilingMode.Advisory,
    "enforce": CeilingMode.Enforce,
}
BURNS: Final = {
    "mainnet_launch": BurnId.MainnetLaunch,
    "hospitals_100": BurnId.Hospitals100,
    "hospitals_1000": BurnId.Hospitals1000,
    "cross_chain": BurnId.CrossChain,
}
"""Names of the milestones with burns, as in the documents' tables."""
KINDS: Final = {kind.name.lower(): kind for kind in RowKind}
"""Names of the kinds of rows, as in the documents' tables."""
MAX_MONTHS: Final = 1_200
FIELDS: Final = (
    "preset", "supply", "threshold", "releaseTable", "ceilingMode", "allocations", "contractual",
    "programmes", "milestoneBurns", "foundation", "reserve", "treasurySeat",
)  # fmt: skip


@dataclass(slots=True)
class Config:
    """The genesis configuration; None where the default rule applies."""

    preset: str = ""
    supply: u128 | None = None
    threshold: u128 | None = None
    release_table: list[u32] | None = None
    ceiling_mode: CeilingMode = CeilingMode.Enforce
    allocations: dict[bytes, Allocation] = field(default_factory=dict)
    contractual: list[ContractualRow] = field(default_factory=list)
    programmes: list[tuple[str, Programme]] = field(default_factory=list)
    """Each with its path in the configuration, for messages."""
    milestone_burns: list[tuple[BurnId, u128]] = field(default_factory=list)
    foundation: AccountId | None = None
    reserve: AccountId | None = None
    treasury_seat: TreasurySeat | None = None


def read_config(config: Mapping[str, object]) -> Config:
    """Read the section `tokenomics`. Raises GenesisError that names the wrong entry."""
    fields = Section(config, "tokenomics").fields(optional=FIELDS)
    found = Config()
    if "preset" in fields:
        found.preset = fields["preset"].text()
        if len(found.preset) > MAX_NAME:
            raise fields["preset"].wrong(f"at most {MAX_NAME} characters")
    if "supply" in fields:
        found.supply = fields["supply"].planck()
    if "threshold" in fields:
        found.threshold = fields["threshold"].planck()
        if not found.threshold:
            raise fields["threshold"].wrong("more than nothing")
    if "releaseTable" in fields:
        found.release_table = _parts_of_a_whole(fields["releaseTable"], MAX_YEARS)
    if "ceilingMode" in fields:
        found.ceiling_mode = fields["ceilingMode"].one_of(MODES)
    if "allocations" in fields:
        found.allocations = _allocations(fields["allocations"])
    if "contractual" in fields:
        found.contractual = _contractual(fields["contractual"])
    if "programmes" in fields:
        found.programmes = _programmes(fields["programmes"])
    if "milestoneBurns" in fields:
        found.milestone_burns = _burns(fields["milestoneBurns"])
    if "foundation" in fields:
        found.foundation = fields["foundation"].account()
    if "reserve" in fields:
        found.reserve = fields["reserve"].account()
    if "treasurySeat" in fields:
        limit, until = fields["treasurySeat"].rows(2)
        found.treasury_seat = TreasurySeat(limit.planck(), until.u64())
    return found


def _parts_of_a_whole(section: Section, most: int) -> list[u32]:
    """Read a list of hundredths of a percent that add up to a hundred percent."""
    parts = [part.integer(BPS) for part in _up_to(section, most)]
    if sum(parts) != BPS:
        raise GenesisError(f"{section.path}: the parts add up to {sum(parts)}, not to {BPS}")
    return [u32(part) for part in parts]


def _allocations(section: Section) -> dict[bytes, Allocation]:
    found: dict[bytes, Allocation] = {}
    for row in _up_to(section, MAX_ROWS):
        name, kind, amount, accounts = row.rows(4)
        key = name.text().encode()
        if not 1 <= len(key) <= MAX_NAME or key in found:
            raise name.wrong(f"1 to {MAX_NAME} bytes that no other row has")
        holders = [account.account() for account in _up_to(accounts, MAX_HOLDINGS)]
        found[key] = Allocation(kind.one_of(KINDS), amount.planck(), holders)
    return found


def _contractual(section: Section) -> list[ContractualRow]:
    rows = []
    for row in _up_to(section, MAX_ROWS):
        amount, start, length, cliff = row.rows(4)
        rows.append(
            ContractualRow(amount.planck(), *(u64(n.u32()) for n in (start, length, cliff)))
        )
    return rows


def _programmes(section: Section) -> list[tuple[str, Programme]]:
    found: list[tuple[str, Programme]] = []
    for place in section:
        fields = place.fields(required=("pool", "amount", "months", "milestones"))
        name = fields["pool"].text().encode()
        if len(name) != PoolId.SIZE or any(known.pool == name for _, known in found):
            raise fields["pool"].wrong("the eight letters of a pool that no other programme has")
        months = fields["months"].integer(MAX_MONTHS)
        if not months:
            raise fields["months"].wrong(f"1 to {MAX_MONTHS} months")
        amount = fields["amount"].planck()
        milestones = _milestones(fields["milestones"])
        found.append((place.path, Programme(PoolId(name), amount, u32(months), milestones)))
    return found


def _milestones(section: Section) -> list[Milestone]:
    items = [item.rows(2) for item in _up_to(section, MAX_MILESTONES)]
    parts = [part.integer(BPS) for part, _ in items]
    if sum(parts) != BPS:
        raise GenesisError(f"{section.path}: the parts add up to {sum(parts)}, not to {BPS}")
    return [
        Milestone(u32(bps), H256(description.hex_bytes(H256.SIZE)))
        for bps, (_, description) in zip(parts, items, strict=True)
    ]


def _burns(section: Section) -> list[tuple[BurnId, u128]]:
    found: dict[BurnId, u128] = {}
    for row in section:
        name, amount = row.rows(2)
        burn = name.one_of(BURNS)
        if burn in found:
            raise GenesisError(f"{name.path}: this milestone stands here already")
        found[burn] = amount.planck()
        if not found[burn]:
            raise amount.wrong("more than nothing")
    return [*found.items()]


def _up_to(section: Section, most: int) -> list[Section]:
    rows = section.rows()
    if len(rows) > most:
        raise section.wrong(f"at most {most} entries")
    return rows
