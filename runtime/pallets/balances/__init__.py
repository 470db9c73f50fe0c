"""Balances: accounts' money, its transfers, holds and locks."""

from runtime.frame.traits import Reasons
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import BalanceStatus, is_pool, lookup, sub_account

__all__ = ["BalanceStatus", "Balances", "Reasons", "is_pool", "lookup", "sub_account"]
