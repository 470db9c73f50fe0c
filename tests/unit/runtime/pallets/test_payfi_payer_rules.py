"""Policies in the state: a denied payer pays nothing, by hand or by card."""

from __future__ import annotations

import pytest

from btt_chain.scale import u16, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, signed
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.policies import AllowList, DenyList, OfCategory, Open, Policy, Shared
from support.payfi import ALICE, BOB, CAROL, KIOSK, SHOP
from support.payfi_cards import Tills
from support.runtime import refused

SHOES = u16(5912)
"""Category of SHOP and KIOSK."""
SEVEN = u16(7)


@pytest.fixture
def tills() -> Tills:
    return Tills()


def test_a_merchant_bans_a_payer_and_its_other_accounts(tills: Tills) -> None:
    tills.payfi.set_own_policy(signed(SHOP), Policy(DenyList([ALICE])))
    tills.people.operators[CAROL] = ALICE
    for payer in (ALICE, CAROL):
        with refused(tills, errors.Denied):
            tills.pay(payer)
    tills.pay(BOB)
    tills.pay(ALICE, KIOSK)
    tills.payfi.set_own_policy(signed(SHOP), None)
    tills.pay(ALICE)


def test_a_card_is_no_way_around_a_policy(tills: Tills) -> None:
    tills.payfi.set_own_policy(signed(SHOP), Policy(AllowList([BOB])))
    voucher = tills.voucher()
    with refused(tills, errors.Denied):
        tills.charge(voucher, capture=False)
    with pytest.raises(errors.Denied):
        tills.charge(voucher)


def test_a_merchant_chooses_a_policy_of_governance(tills: Tills) -> None:
    with refused(tills, errors.NoPolicy):  # it would let all payers pay
        tills.configure(SHOP, policy=SEVEN)
    tills.payfi.set_policy(ROOT, Shared(SEVEN), Policy(Open(), max_payment=u128(50 * BTT)))
    tills.pay(units=int(51 * BTT))
    tills.configure(SHOP, policy=SEVEN)
    with refused(tills, errors.Denied):
        tills.pay(units=int(51 * BTT))
    tills.pay(units=int(50 * BTT))
    tills.pay(ALICE, KIOSK, int(51 * BTT))
    tills.payfi.set_policy(ROOT, Shared(SEVEN), None)
    tills.pay(units=int(51 * BTT))


def test_a_category_has_a_floor_that_no_merchant_escapes(tills: Tills) -> None:
    floor = Policy(Open(), judged_from=u128(100 * BTT))
    tills.payfi.set_policy(ROOT, OfCategory(SHOES), floor)
    tills.payfi.set_own_policy(signed(SHOP), Policy(Open()))
    for shop in (SHOP, KIOSK):
        with refused(tills, errors.Denied):
            tills.pay(ALICE, shop, int(100 * BTT))
        tills.pay(ALICE, shop, int(100 * BTT) - 1)
    tills.people.judged.add(ALICE)
    tills.pay(ALICE, SHOP, int(100 * BTT))
    tills.payfi.set_policy(ROOT, OfCategory(u16(1)), Policy(AllowList([])))
    tills.pay(ALICE, SHOP, int(100 * BTT))


def test_only_governance_sets_common_policies_and_only_merchants_their_own(tills: Tills) -> None:
    for scope in (Shared(SEVEN), OfCategory(SHOES)):
        with refused(tills, BadOrigin):
            tills.payfi.set_policy(signed(SHOP), scope, None)
    with refused(tills, errors.NotMerchant):
        tills.payfi.set_own_policy(signed(ALICE), Policy())
    tills.payfi.set_own_policy(signed(SHOP), Policy())
    assert tills.announced()[-1] == events.OwnPolicySet(SHOP, True)


def test_the_policy_of_a_merchant_ends_with_it(tills: Tills) -> None:
    tills.payfi.set_own_policy(signed(SHOP), Policy(DenyList([ALICE])))
    tills.payfi.close(signed(SHOP))
    tills.run(30 * 14_400)
    tills.payfi.close(signed(SHOP))
    assert SHOP not in tills.payfi.payer_rules.own_policies
