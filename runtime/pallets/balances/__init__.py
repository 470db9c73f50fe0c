"""Balances: accounts' money, its transfers, holds and locks."""
