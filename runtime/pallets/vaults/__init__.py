"""Vaults: money and units of several owners, traded by a manager for a fee."""
