"""A new field of a record shows itself: only its declaration and the line that fills it change."""

from __future__ import annotations

from dataclasses import fields

import pytest

from btt_chain.client.amount import BTT
from btt_chain.client.views import plain, shaped
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, record, rule
from btt_chain.primitives.account import AccountId
from btt_chain.rpc.derived import DefaultViews, default_group
from btt_chain.scale import codec, path, u16, u32, u64, u128
from cli.declared import joined, print_value
from runtime.frame.aliases import Balance, SlotOf
from runtime.frame.api import RuntimeApi
from runtime.pallets.exchange.types import Order, Side
from support.rpc_backend import ModelBackend

CONTEXT = Context(currency=BTT)


@path("pallet_exchange::Order", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class LongerOrder(Order):
    """An order with a new field."""

    first_escrow: Balance = u128(0)
    first_slot: SlotOf | None = None


class LongerApi(RuntimeApi, version=1):
    """A runtime API with the record."""

    def order(self, id: u64) -> LongerOrder | None:
        """Return an order."""
        raise NotImplementedError


ORDER = LongerOrder(
    owner=AccountId(b"\1" * 32), asset=u32(3), side=Side.Buy, price=u128(5), slot=u64(2),
    units=u128(7), escrow=u128(35), maker_bps=u16(10), taker_bps=u16(20), until=None,
    first_escrow=u128(10**18), first_slot=u64(9),
)  # fmt: skip
OLD = Order(**{field.name: getattr(ORDER, field.name) for field in fields(Order)})
NEW = {"firstEscrow": str(10**18), "firstSlot": "9"}


def test_json_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert record(LongerOrder).json(ORDER, CONTEXT) == record(Order).json(OLD, CONTEXT) | NEW
    backend = ModelBackend()
    encoded = codec(LongerOrder | None).encode(ORDER)
    monkeypatch.setattr(backend.chain, "call", lambda *_: encoded)
    answer = vars(default_group(LongerApi))["method_order"](DefaultViews(backend), 0, None)
    assert answer == record(Order).json(OLD, CONTEXT) | NEW


def test_commands_show_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_value(record(LongerOrder), ORDER, None, CONTEXT)
    lines = capsys.readouterr().out
    assert "first escrow  1 BTT\n" in lines
    assert "first slot    slot 9\n" in lines
    rows, value = joined(rule(list[tuple[u64, LongerOrder]]), [(u64(17), ORDER)], "order", "")
    print_value(rows, value, None, CONTEXT)
    table = capsys.readouterr().out
    assert "first escrow" in table
    assert rows.json(value, CONTEXT) == [{"order": "17"} | record(Order).json(OLD, CONTEXT) | NEW]


def test_clients_read_it_by_the_metadata() -> None:
    value = plain(ORDER)
    assert isinstance(value, dict)
    assert value["first_escrow"] == 10**18
    assert shaped(LongerOrder, value) == ORDER
    assert shaped(Order, value) == OLD
