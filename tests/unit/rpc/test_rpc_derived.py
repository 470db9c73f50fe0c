"""RPC methods from runtime APIs: the parameters of each, and how they are read from JSON."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from decimal import Decimal

import pytest

import btt_chain.rpc
from btt_chain.primitives.account import AccountId
from btt_chain.rpc.derived import derived, form_of, page_size, read_as
from btt_chain.rpc.params import Signature, Unfit
from btt_chain.rpc.registry import MARK
from btt_chain.rpc.views import Views
from btt_chain.scale import u64, u128
from runtime.pallets.jobs.types import Urgency

PARAMETERS = {
    "facilities_get": "account at?",
    "facilities_count": "at?",
    "facilities_list": "after? limit? at?",
    "incentives_current": "at?",
    "incentives_month": "month at?",
    "incentives_rules": "at?",
    "incentives_epoch": "facility month at?",
    "incentives_epochs": "month after? limit? at?",
    "incentives_keys": "facility month at?",
    "incentives_points": "account at?",
    "incentives_isSpent": "month message at?",
    "incentives_offers": "partner at?",
    "incentives_auditors": "at?",
    "incentives_audit": "facility month at?",
    "incentives_stats": "month at?",
    "gov_chambers": "at?",
    "gov_weights": "year at?",
    "gov_power": "account locked? at?",
    "gov_tally": "poll at?",
    "gov_election": "at?",
    "gov_milestones": "programme at?",
    "gov_tracks": "at?",
    "gov_referendum": "index at?",
    "gov_referenda": "before? limit? at?",
    "tokenomics_supply": "at?",
    "tokenomics_release": "year at?",
    "tokenomics_pools": "at?",
    "staking_benefits": "account at?",
    "staking_premium": "account at?",
    "staking_contributions": "account at?",
    "staking_quote": "amount tier at?",
    "mining_operator": "account at?",
    "mining_estimate": "account era? at?",
    "oracle_getValue": "providerId key at?",
    "oracle_getAllValues": "providerId at?",
    "oracle_prices": "at?",
    "oracle_feeders": "at?",
    "oracle_feeder": "account at?",
    "payfi_quote": "merchant units currency at?",
    "payfi_merchant": "account at?",
    "payfi_payment": "id at?",
    "payfi_find": "merchant reference units currency at?",
    "payfi_queue": "at?",
    "payfi_report": "merchant at?",
    "payfi_card": "id at?",
    "payfi_dispute": "payment at?",
    "payfi_cardsOf": "owner at?",
    "payfi_authorisations": "card at?",
    "payfi_policies": "merchant at?",
    "payfi_arbiters": "at?",
    "records_epochs": "at?",
    "records_batch": "custodian kind epoch at?",
    "records_log": "custodian kind at?",
    "records_isProven": "custodian kind epoch root leaves index path at?",
    "records_revoked": "handle at?",
    "records_schema": "id at?",
    "records_demands": "custodian at?",
    "records_custodian": "account at?",
    "records_custodians": "after? limit? at?",
    "referral_terms": "at?",
    "referral_get": "account at?",
    "referral_list": "after? limit? at?",
    "referral_offers": "account at?",
    "referral_quota": "account at?",
    "work_rules": "at?",
    "work_quote": "model items urgency? check? tier? dataBytes? at?",
    "work_job": "job at?",
    "work_receipt": "receipt at?",
    "work_jobs": "account? openOnly? after? limit? at?",
    "work_assignments": "provider at?",
    "work_duties": "verifier at?",
    "work_verifier": "account at?",
    "work_provider": "account at?",
    "work_providers": "after? limit? at?",
    "work_model": "model at?",
    "work_models": "after? limit? at?",
    "work_prices": "at?",
    "work_weight": "validator at?",
}
"""Parameters in their order, `?` behind optional ones: clients give them by position."""


def parameters_of(group: type[Views]) -> dict[str, str]:
    found = {}
    for _, handler in inspect.getmembers(group, lambda item: hasattr(item, MARK)):
        found[getattr(handler, MARK).names[0]] = " ".join(
            each.name + ("?" if each.optional else "") for each in Signature(handler, 1).parameters
        )
        assert handler.__doc__
    return found


def test_each_method_has_the_parameters_that_clients_give_by_position() -> None:
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(btt_chain.rpc.__path__, "btt_chain.rpc."):
        importlib.import_module(module.name)
    for group in Views.__subclasses__():
        found |= parameters_of(group)
    assert found == PARAMETERS


@pytest.mark.parametrize("value", [0, 100, "0", "340282366920938463463374607431768211455"])
def test_an_amount_is_a_number_or_decimal_text(value: object) -> None:
    assert read_as(u128)(value) == int(str(value))


@pytest.mark.parametrize("value", [-1, "-1", "1e3", 2**128, "1" * 40, "\u0661", None, 1.5, True])
def test_other_amounts_are_refused(value: object) -> None:
    with pytest.raises(Unfit):
        read_as(u128)(value)


def test_a_number_has_at_most_the_bits_of_its_type() -> None:
    assert read_as(u64)(str(2**64 - 1)) == 2**64 - 1
    for value in (2**64, str(2**64), "1" * 21):
        with pytest.raises(Unfit):
            read_as(u64)(value)


def test_a_page_has_a_default_and_a_maximum() -> None:
    assert [page_size(100, number) for number in (0, 1, 100, 101, 2**32 - 1)] == [
        100, 1, 100, 100, 100,
    ]  # fmt: skip
    with pytest.raises(Unfit):
        page_size(100, -1)


def test_a_member_of_an_enumeration_is_given_by_its_name() -> None:
    for member in Urgency:
        assert read_as(Urgency)(member.name.upper()) is member
    with pytest.raises(Unfit, match="expected one of routine"):
        read_as(Urgency)("tomorrow")


def test_a_type_without_a_json_form_is_a_mistake_of_the_declaration() -> None:
    assert form_of(AccountId)

    class Prices:
        def price(self, amount: Decimal) -> bool:
            """Return nothing of interest."""
            return bool(amount)

    with pytest.raises(TypeError, match=r"Decimal.*has no rule"):
        Signature(derived("oracle_price", Prices.price)).parameters  # noqa: B018 - read here
