"""Referral: rewards for winning new users of the chain."""
