"""The configuration of Chambers: institutions of an allocation are seated with their rows."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from genesis.accounts import address
from genesis.allocation import Kind
from genesis.placement import Placement
from runtime.frame import GenesisError, Section

INSTITUTION: Final = "institution"
"""The group of rows whose holders are seated."""
MODE: Final = "scheduled"


def chambers_json(placement: Placement) -> dict[str, object]:
    """Return the configuration of Chambers; amounts are decimal text."""
    seated = [[address(who), str(amount)] for who, amount in _institutions(placement).items()]
    return {"institutions": seated, "mode": MODE}


def check_chambers(section: Section, placement: Placement) -> None:
    """Raise GenesisError, naming the place, unless the seats are the allocation's institutions.

    The mode may be chosen freely.
    """
    fields = section.fields(required=("institutions",), optional=("mode",))
    wanted = _institutions(placement)
    for entry in fields["institutions"]:
        account, amount = entry.rows(2)
        right = wanted.pop(account.account(), None)
        if right is None:
            raise GenesisError(f"{account.path}: no institution of the allocation, or here twice")
        if amount.planck() != right:
            raise amount.wrong(f"{right}, what the allocation gives it")
    for who in wanted:
        raise GenesisError(f"{fields['institutions'].path}: {address(who)} is missing")


def _institutions(placement: Placement) -> dict[AccountId, int]:
    return {
        placed.holdings[0].account: placed.row.amount
        for placed in placement.rows
        if placed.row.group == INSTITUTION and placed.row.kind is Kind.LINEAR
    }
