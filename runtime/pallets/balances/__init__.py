"""Balances: accounts' money, its transfers, holds and locks."""

from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import BalanceStatus, Reasons, is_pool, lookup, sub_account

__all__ = ["BalanceStatus", "Balances", "Reasons", "is_pool", "lookup", "sub_account"]
