"""A feeder reads the oracle and the exchange of a node by its metadata, and feeds."""

from __future__ import annotations

import dataclasses

import pytest

from btt_chain.client.chain import Chain
from btt_chain.client.errors import DispatchFailed, InvalidAnswer
from btt_chain.client.wire import fields_of, number_of
from btt_chain.crypto.keypair import KeyPair
from btt_chain.feeder.chain import NodeOracle, NotAdmitted, key_of, pair_of
from btt_chain.feeder.machine import OnChain, Rule
from btt_chain.feeder.values import Trade
from btt_chain.scale.portable import Plain
from runtime.pallets.exchange.types import Trade as Batch

KEY, ONE, MINUTE = "BTT/CNY", 10**18, 60_000
DEFAULT = Rule(20 * MINUTE, 50, 15 * MINUTE)


async def test_a_feeder_sees_its_own_value_once_it_has_fed(url: str) -> None:
    async with Chain.connect(url) as chain:
        dave = NodeOracle(chain, KeyPair.from_uri("//Dave"))
        before = await dave.state()
        assert list(before.keys) == ["BTT/CNY", "BTT/USD", "BTT/HKD", "BTT/EUR"]
        assert before.keys[KEY] == OnChain(DEFAULT, is_waiting=False)
        block = await dave.feed([(KEY, 4 * ONE // 10), ("BTT/USD", ONE)])
        assert block > 0
        after = await dave.state()
        assert after.keys[KEY] == OnChain(DEFAULT, False, 4 * ONE // 10, after.now)
        with pytest.raises(DispatchFailed, match=r"Oracle\.KeyTwice"):
            await dave.feed([(KEY, 1), (KEY, 2)])


async def test_who_is_no_feeder_is_sent_to_the_command(url: str) -> None:
    async with Chain.connect(url) as chain:
        with pytest.raises(NotAdmitted, match="`btt-chain oracle join` bonds one"):
            await NodeOracle(chain, KeyPair.from_uri("//Alice")).state()


async def test_trades_have_the_time_of_their_slots(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Chain.connect(url) as chain:
        oracle = NodeOracle(chain, KeyPair.from_uri("//Dave"))
        trades, now = await oracle.trades(0)
        assert trades == []
        assert now > 0
        assert now % 1_000 == 0

        # The fields of the record that the runtime answers.
        assert [each.name for each in dataclasses.fields(Batch)] == ["slot", "price", "units"]

        async def api(path: str, *args: Plain, at: bytes | None = None) -> Plain:
            assert (path, args) == ("ExchangeApi.trades", (7,))
            assert at is not None
            return [{"slot": 3, "price": 50, "units": 1}, {"slot": 9, "price": 60, "units": 2}]

        monkeypatch.setattr(chain, "api", api)
        assert (await oracle.trades(7))[0] == [Trade(3_000, 50), Trade(9_000, 60)]


@pytest.mark.parametrize(
    ("read", "value"),
    [(fields_of, []), (pair_of, [1]), (pair_of, {}), (number_of, "1"), (number_of, True),
     (key_of, "0xff"), (key_of, "zz")],
)  # fmt: skip
def test_an_answer_of_another_shape_is_refused(read: object, value: Plain) -> None:
    assert callable(read)
    with pytest.raises(InvalidAnswer):
        read(value)
