"""The configuration of the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from genesis.accounts import address, dev_account
from genesis.presets import Chain
from genesis.validators import VERIFIER_BOND, Validator
from runtime.constants import BTT
from runtime.pallets.oracle.types import MIN_BOND

KEYS: Final = ("BTT/CNY", "BTT/USD", "BTT/HKD", "BTT/EUR")
"""Keys of every chain, with the default rule."""
DEV_FEEDERS: Final = ("//Dave", "//Eve", "//Ferdie")
"""Admitted feeders of chains that are not Live."""
ALLOWANCE: Final = int(100 * BTT)
"""Minimum balance in planck that a development feeder keeps besides its bonds."""


def oracle_json(
    chain: Chain, validators: Sequence[Validator], balances: Mapping[AccountId, int]
) -> dict[str, object]:
    """Return the configuration of Oracle. Live chains have no feeders: the track admits them."""
    config: dict[str, object] = {"rules": [[key, {}] for key in KEYS]}
    if not chain.is_live:
        # A validator may bond as a verifier of work, too.
        bonded = {each.stash: each.bond + VERIFIER_BOND for each in validators}
        able = [
            who
            for who in map(dev_account, DEV_FEEDERS)
            if balances.get(who, 0) >= bonded.get(who, 0) + int(MIN_BOND) + ALLOWANCE
        ]
        config["feeders"] = [[address(who), str(int(MIN_BOND))] for who in able]
    return config
