"""payfi_* of cards, disputes and policies, over block zero of a development chain."""

from __future__ import annotations

import pytest

from btt_chain.crypto import ed25519
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import (
    CONTEXT,
    REGISTRATION,
    VOUCHER,
    Ed25519Key,
    Registration,
    Voucher,
    card_id,
)
from btt_chain.scale import u8, u16, u64, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.payfi.arbiters import BOND
from runtime.pallets.payfi.card_types import Limits, Proof
from runtime.pallets.payfi.dispute_types import DisputeReason
from runtime.pallets.payfi.policies import DenyList, OfCategory, Policy
from support.rpc_client import HttpClient

pytestmark = pytest.mark.usefixtures("runtime")

SHOP, BUYER = dev_account("//Alice"), dev_account("//Bob")
SEED = b"\x21" * 32
KEY = Ed25519Key(ed25519.public_from_seed(SEED))
CARD = card_id(KEY)
HASH = H256(bytes(32))
LIMITS = Limits(u128(100 * BTT), u128(200 * BTT), [u16(8_062)], u64(u64.MAX))


@pytest.fixture(autouse=True)
def shop(runtime: BttRuntime) -> None:
    """Alice's shop, and a card of Bob."""
    runtime.payfi.register(signed(SHOP), u16(8_062), b"CNY", u8(0), HASH)
    payfi = runtime.payfi
    until = u64(payfi.calendar.now() + 60_000)
    asked = Registration.of(H256(payfi.system.genesis_hash()), CARD, BUYER, until)
    proof = Proof(until, ed25519.sign(SEED, REGISTRATION.encode(asked)))
    payfi.register_card(signed(BUYER), KEY, LIMITS, SHOP, proof)


async def test_a_card_and_its_authorisations_are_shown(
    http: HttpClient, runtime: BttRuntime
) -> None:
    payfi = runtime.payfi
    voucher = Voucher(
        CONTEXT, H256(payfi.system.genesis_hash()), CARD, SHOP, b"BTT", u128(30 * BTT),
        bytes(range(16)), u64(1), u64(payfi.calendar.now() + 60_000),
    )  # fmt: skip
    signature = ed25519.sign(SEED, VOUCHER.encode(voucher))
    payfi.charge_card(signed(SHOP), voucher, signature, False)
    id = "0x" + CARD.hex()
    card = await http.call("payfi_card", id)
    assert (card["owner"], card["guardian"]) == (address(BUYER), address(SHOP))
    assert (card["high"], card["auths"], card["state"]) == ("1", 1, "Active")
    assert card["spent"]["amount"] == str(30 * int(BTT))
    (one,) = await http.call("payfi_authorisations", id)
    assert (one["id"], one["auth"]["merchant"]) == ("0", address(SHOP))
    assert (one["auth"]["held"], one["auth"]["captured"]) == (str(30 * int(BTT)), "0")
    assert await http.call("payfi_cardsOf", address(BUYER)) == [id]
    assert await http.call("payfi_cardsOf", address(SHOP)) == []
    assert await http.call("payfi_authorisations", "0x" + "00" * 32) == []


async def test_a_dispute_is_shown_with_its_clock(http: HttpClient, runtime: BttRuntime) -> None:
    payfi = runtime.payfi
    payfi.pay(signed(BUYER), Id(SHOP), 10 * BTT, b"BTT", 10 * BTT, bytes(range(16)), None)
    payfi.dispute(signed(BUYER), u64(0), u128(4 * BTT), DisputeReason.WrongAmount, HASH)
    found = await http.call("payfi_dispute", 0)
    assert (found["reason"], found["phase"], found["late"]) == ("WrongAmount", "Answering", False)
    assert (found["amount"], found["deposit"]) == (str(4 * int(BTT)), str(int(BTT)))
    assert int(found["deadlineMs"]) == int(found["openedMs"]) + 72 * 30_000
    assert (found["outcome"], found["seats"]) == (None, [])


async def test_the_policies_of_a_merchant_are_shown_together(
    http: HttpClient, runtime: BttRuntime
) -> None:
    assert await http.call("payfi_policies", address(SHOP)) == []
    runtime.payfi.set_own_policy(signed(SHOP), Policy(DenyList([BUYER])))
    floor = Policy(judged_from=u128(100 * BTT))
    runtime.payfi.set_policy(ROOT, OfCategory(u16(8_062)), floor)
    own, category = await http.call("payfi_policies", address(SHOP))
    assert own["access"]["kind"] == "denyList"
    assert category["judgedFrom"] == str(100 * int(BTT))
    assert await http.call("payfi_policies", address(BUYER)) == []


async def test_arbiters_are_shown_with_their_bonds(http: HttpClient, runtime: BttRuntime) -> None:
    assert await http.call("payfi_arbiters") == []
    runtime.payfi.bond_arbiter(signed(BUYER), BOND)
    runtime.payfi.arbiters.arbiters.value = [BUYER]
    (found,) = await http.call("payfi_arbiters")
    assert found["account"] == address(BUYER)
    assert found["arbiter"] == {"bond": str(int(BOND)), "seats": 0}
