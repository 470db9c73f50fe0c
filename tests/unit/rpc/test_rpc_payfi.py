"""payfi_*, over block zero of a development chain with a merchant and a payment."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u64, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.limits import payment_hooks
from runtime.pallets.payfi.dispute_types import Accept, DisputeReason
from runtime.pallets.payfi.hook_limits import hook_limits
from runtime.pallets.payfi.types import ANALYTICS
from support.rpc_client import CallFailed, HttpClient, Json

pytestmark = pytest.mark.usefixtures("runtime")

SHOP, BUYER = dev_account("//Alice"), dev_account("//Bob")
REFERENCE = bytes(range(16))
META = H256(bytes(32))
HUNDRED = str(100 * int(BTT))


async def failure(http: HttpClient, name: str, *params: Json) -> CallFailed:
    """Call a method that must fail; return the error."""
    with pytest.raises(CallFailed) as raised:
        await http.call(name, *params)
    return raised.value


@pytest.fixture
def paid(runtime: BttRuntime) -> int:
    """A payment of 100 BTT by Bob to Alice; its number."""
    payfi = runtime.payfi
    payfi.register(signed(SHOP), u16(8_062), b"CNY", u8(ANALYTICS), META)
    payfi.pay(signed(BUYER), Id(SHOP), 100 * BTT, b"BTT", 100 * BTT, REFERENCE, None)
    return 0


async def test_a_payment_is_found_by_number_and_by_reference(http: HttpClient, paid: int) -> None:
    found = await http.call("payfi_payment", paid)
    assert (found["id"], found["state"]) == ("0", "Pending")
    payment = found["payment"]
    assert (payment["payer"], payment["merchant"]) == (address(BUYER), address(SHOP))
    assert (payment["currency"], payment["units"]) == ("BTT", HUNDRED)
    assert payment["legs"]["gross"] == HUNDRED
    assert int(found["dueMs"]) >= int(payment["paidMs"]) + 30_000
    assert int(found["refundableUntilMs"]) == int(payment["paidMs"]) + 15 * 60_000
    assert found["disputed"] == "0"
    invoice = [address(SHOP), "0x" + REFERENCE.hex()]
    assert await http.call("payfi_find", *invoice, HUNDRED, "BTT") == found
    assert await http.call("payfi_find", *invoice, HUNDRED, "CNY") is None
    assert await http.call("payfi_find", *invoice, "1", "BTT") is None
    assert await http.call("payfi_payment", str(paid)) == found
    assert await http.call("payfi_payment", 1) is None
    assert await http.call("payfi_find", address(SHOP), "0x" + "00" * 16, HUNDRED, "BTT") is None


async def test_a_disputed_payment_shows_what_the_dispute_holds(
    http: HttpClient, runtime: BttRuntime, paid: int
) -> None:
    part = u128(30 * BTT)
    runtime.payfi.dispute(signed(BUYER), u64(paid), part, DisputeReason.Other, META)
    found = await http.call("payfi_payment", paid)
    assert (found["state"], found["disputed"]) == ("Disputed", str(int(part)))
    assert found["payment"]["legs"]["gross"] == str(70 * int(BTT))
    runtime.payfi.answer(signed(SHOP), u64(paid), Accept())
    found = await http.call("payfi_payment", paid)
    assert (found["state"], found["disputed"]) == ("Pending", "0")


async def test_a_merchant_is_shown_with_what_protects_its_payers(
    http: HttpClient, runtime: BttRuntime, paid: int
) -> None:
    found = await http.call("payfi_merchant", address(SHOP))
    merchant = found["merchant"]
    assert (merchant["currency"], merchant["category"], merchant["plan"]) == ("CNY", 8_062, 1)
    assert merchant["state"] == {"kind": "merchantActive"}
    assert (found["judged"], found["volume"], found["standard"]) == (False, "0", 80)
    assert found["protected"] == str(1_000 * int(BTT))
    assert found["fullVolume"] == str(100_000 * int(BTT))
    assert await http.call("payfi_merchant", address(BUYER)) is None
    runtime.payfi.merchants.open_dispute(SHOP, 400 * BTT)
    found = await http.call("payfi_merchant", address(SHOP))
    assert found["protected"] == str(600 * int(BTT))


async def test_the_queue_is_shown_by_bucket(http: HttpClient, paid: int) -> None:
    (bucket,) = await http.call("payfi_queue")
    payment = await http.call("payfi_payment", paid)
    assert bucket["dueMs"] == payment["dueMs"]
    assert (bucket["merchants"], bucket["gross"]) == (1, HUNDRED)
    batches = hook_limits(int(payment_hooks(1_000).ref_time)).batches
    assert bucket["room"] == batches * 5 // 2 - 1


async def test_a_quote_says_what_is_paid_and_received(http: HttpClient, paid: int) -> None:
    found = await http.call("payfi_quote", address(SHOP), HUNDRED, "BTT")
    fee = int(BTT) * 105 // 100
    assert (found["gross"], found["fee"]) == (HUNDRED, str(fee))
    assert found["net"] == str(100 * int(BTT) - fee)
    assert found["terms"] == {"standard": 80, "conversion": 0, "analytics": 25, "discount": 0}
    assert int(found["latestMs"]) == int(found["dueMs"]) + 5_000


@pytest.mark.parametrize(
    ("units", "currency", "why"),
    [
        ("1", "BTT", "PayFi.NothingLeft"),
        (str(2_000 * int(BTT)), "BTT", "PayFi.OverLimit"),
        ("100", "USD", "PayFi.WrongCurrency"),
        ("100", "XAU", "PayFi.WrongCurrency"),
    ],
)
async def test_a_quote_says_why_a_payment_would_be_refused(
    http: HttpClient, paid: int, units: str, currency: str, why: str
) -> None:
    error = await failure(http, "payfi_quote", address(SHOP), units, currency)
    assert (error.code, error.data) == (8_100, why)
    assert len(str(error.message)) > 20


async def test_a_quote_names_the_pallet_of_the_error(
    http: HttpClient, runtime: BttRuntime, paid: int
) -> None:
    error = await failure(http, "payfi_quote", address(SHOP), "100", "CNY")
    assert str(error.data).startswith("Oracle.")
    runtime.payfi.suspend(ROOT, Id(SHOP), True)
    error = await failure(http, "payfi_quote", address(SHOP), "100", "CNY")
    assert error.data == "PayFi.NotActive"
    error = await failure(http, "payfi_quote", address(BUYER), "100", "CNY")
    assert error.data == "PayFi.NotMerchant"


async def test_a_report_is_for_those_with_the_plan(
    http: HttpClient, runtime: BttRuntime, paid: int
) -> None:
    runtime.payfi.refund(signed(SHOP), u64(paid), u128(BTT))
    found = await http.call("payfi_report", address(SHOP))
    (day,) = found["days"]
    assert (day["returns"], day["returned"], day["payments"]) == (1, str(int(BTT)), 0)
    assert await http.call("payfi_report", address(BUYER)) is None


async def test_cards_and_disputes_are_null_where_there_are_none(
    http: HttpClient, paid: int
) -> None:
    assert await http.call("payfi_card", "0x" + "00" * 32) is None
    assert await http.call("payfi_dispute", paid) is None


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("payfi_quote", ["5Unknown", "1", "BTT"]),
        ("payfi_quote", [address(SHOP), "-1", "BTT"]),
        ("payfi_quote", [address(SHOP), "1", "YUAN"]),
        ("payfi_quote", [address(SHOP), "1", "€UR"]),
        ("payfi_payment", ["1" * 21]),
        ("payfi_payment", [-1]),
        ("payfi_find", [address(SHOP), "0x00", "1", "BTT"]),
        ("payfi_card", ["0x" + "00" * 31]),
    ],
)
async def test_wrong_arguments_are_refused(
    http: HttpClient, method: str, params: list[Json]
) -> None:
    error = await failure(http, method, *params)
    assert error.code == -32602
