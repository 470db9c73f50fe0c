"""Policies: which payers a merchant takes."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import DecodeError, codec, u128
from runtime.pallets.payfi.policies import (
    MAX_LISTED,
    AllowList,
    DenyList,
    Open,
    Payer,
    Policy,
    allows,
)

ANNA, PARENT, OTHER = (AccountId(bytes([n]) * 32) for n in (1, 2, 3))
PAYER = Payer(ANNA, PARENT, judged=False)


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (Policy(), True),
        (Policy(AllowList([])), False),
        (Policy(AllowList([ANNA])), True),
        (Policy(AllowList([PARENT])), True),
        (Policy(AllowList([OTHER])), False),
        (Policy(DenyList([])), True),
        (Policy(DenyList([OTHER])), True),
        (Policy(DenyList([ANNA])), False),
        (Policy(DenyList([PARENT])), False),
        (Policy(Open(), judged_from=u128(0)), False),
        (Policy(Open(), judged_from=u128(100)), False),
        (Policy(Open(), judged_from=u128(101)), True),
        (Policy(Open(), max_payment=u128(99)), False),
        (Policy(Open(), max_payment=u128(100)), True),
    ],
)
def test_a_policy_allows(policy: Policy, allowed: bool) -> None:
    assert allows(policy, PAYER, 100) is allowed


def test_a_judged_payer_may_pay_more() -> None:
    judged = Payer(ANNA, ANNA, judged=True)
    assert allows(Policy(judged_from=u128(0)), judged, 100)


def test_the_list_of_a_policy_is_bounded() -> None:
    most = Policy(DenyList([OTHER] * MAX_LISTED))
    raw = codec(Policy).encode(most)
    assert codec(Policy).decode_all(raw) == most
    with pytest.raises(DecodeError):
        codec(Policy).decode_all(raw[:1] + bytes([(MAX_LISTED + 1) << 2 & 0xFF | 1, 1]) + raw[3:])
