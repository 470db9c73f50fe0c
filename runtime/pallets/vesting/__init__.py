"""Vesting: money that its owner can spend only later."""
