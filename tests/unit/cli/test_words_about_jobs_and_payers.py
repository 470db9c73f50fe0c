"""Texts about jobs and payments name numbers, accounts and keys in full."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.payments.privacy import account_for, path_for
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.job_tier import Tier
from cli.commands.dispute import check_payer
from cli.commands.job_result import checked_by
from cli.common.errors import Refused
from runtime.pallets.receipts.types import Valid

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from cli.common.sending import Sender
    from runtime.pallets.jobs.views import JobView
    from runtime.pallets.payfi.api import PaymentView

ALICE, CLINIC = KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Clinic").public


def refusal(payer: bytes, pair: KeyPair, proxied: object = None) -> str | None:
    chain = SimpleNamespace(metadata=SimpleNamespace(address=bytes.hex))
    payment = SimpleNamespace(id=17, payment=SimpleNamespace(payer=payer, merchant=CLINIC))
    signing = SimpleNamespace(proxied=proxied)
    sender = SimpleNamespace(account=pair.public, pair=pair, signing=signing)
    try:
        check_payer(cast("Chain", chain), cast("PaymentView", payment), cast("Sender", sender))
    except Refused as refused:
        return refused.format_message()
    return None


def test_a_dispute_by_another_key_names_the_path_of_the_account_that_paid() -> None:
    apart = account_for(ALICE, CLINIC)
    assert refusal(apart.public, apart) is None
    assert f"add {path_for(CLINIC)} to the secret" in str(refusal(apart.public, ALICE))
    assert KeyPair.from_uri(f"//Alice{path_for(CLINIC)}").public == apart.public
    assert "If `pay` made it to a clinic" in str(refusal(b"x" * 32, ALICE))
    assert "If `pay` made it to a clinic" in str(refusal(apart.public, ALICE, proxied=object()))


@pytest.mark.parametrize(
    ("items", "text"),
    [(1, "1 of 1 items checked: item 0, counted from 0"), (3, "items checked: items ")],
)
def test_the_items_that_a_verifier_checked_are_numbers_and_not_a_count(
    items: int, text: str
) -> None:
    seat = SimpleNamespace(
        verifier=AccountId(bytes(32)), verdict=Valid(), rho=bytes(32), missed=[], committed=True
    )
    receipt = SimpleNamespace(seats=[seat], sample_count=2)
    job = SimpleNamespace(items=items, receipt=receipt, tier=Tier.Open)
    (line,) = checked_by(cast("JobView", job))
    assert text in line
    assert "valid, " in line
