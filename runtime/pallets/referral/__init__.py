"""Referral: rewards for winning new users of the chain."""

from runtime.pallets.referral.pallet import Referral
from runtime.pallets.referral.types import Quota, Referee, Terms, Usage

__all__ = ["Quota", "Referee", "Referral", "Terms", "Usage"]
