"""Policies of benchmarks: full lists of other accounts, on all three levels."""

from __future__ import annotations

from bench.weights.state import Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.pallets.payfi.payer_rules import MAX_POLICIES
from runtime.pallets.payfi.policies import MAX_LISTED, DenyList, Policy


def policy() -> Policy:
    """Return a policy with a full list of other accounts."""
    listed = [AccountId(blake2_256(b"listed %d" % place)) for place in range(MAX_LISTED)]
    return Policy(DenyList(listed), judged_from=u128(u128.MAX))


def governed(b: Bench, who: AccountId, count: int = MAX_POLICIES) -> None:
    """Give a merchant `count` policies with full lists, of three."""
    rules, merchants = b.runtime.payfi.payer_rules, b.runtime.payfi.merchants
    record = merchants.get(who)
    record.policy = record.category
    merchants.merchants[who] = record
    if count > 0:
        rules.own_policies[who] = policy()
    if count > 1:
        rules.policies[record.category] = policy()
    if count > 2:
        rules.category_policies[record.category] = policy()
