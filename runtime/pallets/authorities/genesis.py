"""The genesis configuration of Authorities."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import GenesisError, Section
from runtime.pallets.authorities.types import HIGHEST_MINIMUM, LOWEST_MINIMUM


@dataclass(frozen=True, slots=True)
class GenesisBond:
    """A row of `bonds`: a stash and its bond in planck, each with its place in the file."""

    account: Section
    planck: Section

    @property
    def stash(self) -> AccountId:
        """The account. Raises GenesisError."""
        return self.account.account()

    @property
    def amount(self) -> u128:
        """The bond in planck. Raises GenesisError."""
        return self.planck.planck()


@dataclass(frozen=True, slots=True)
class GenesisConfig:
    """The configuration: None for what it leaves out."""

    minimum_bond: u128 | None
    validator_count: u32 | None
    bonds: list[GenesisBond]


def read_genesis(
    config: Mapping[str, object], min_validators: u32, max_validators: u32, max_candidates: u32
) -> GenesisConfig:
    """Return the configuration of the section `authorities`, within its bounds.

    Raises GenesisError.
    """
    section = Section(config, "authorities")
    fields = section.fields(optional=("bonds", "minimumBond", "validatorCount"))
    minimum: u128 | None = None
    if "minimumBond" in fields:
        minimum = fields["minimumBond"].planck()
        if not LOWEST_MINIMUM <= minimum <= HIGHEST_MINIMUM:
            raise fields["minimumBond"].wrong(f"{LOWEST_MINIMUM} to {HIGHEST_MINIMUM} planck")
    count: u32 | None = None
    if "validatorCount" in fields:
        count = fields["validatorCount"].u32()
        if not min_validators <= count <= max_validators:
            raise fields["validatorCount"].wrong(f"{min_validators} to {max_validators}")
    rows = fields["bonds"].rows() if "bonds" in fields else []
    if rows and not min_validators <= len(rows) <= max_candidates:
        bounds = f"{min_validators} to {max_candidates} rows, or none"
        raise GenesisError(f"{fields['bonds'].path}: expected {bounds}, found {len(rows)}")
    bonds = [GenesisBond(*row.rows(length=2)) for row in rows]
    return GenesisConfig(minimum, count, bonds)
