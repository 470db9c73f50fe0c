"""Conviction voting: votes with money that stays locked for a period."""
