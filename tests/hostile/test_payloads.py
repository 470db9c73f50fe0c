"""Attacks are as large as the limits allow, and every bound can be broken."""

from __future__ import annotations

import socket
import zlib
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from libp2p.network.stream.exceptions import StreamEOF

from btt_chain.primitives.extrinsic import ExtrinsicKind, decode_extrinsic, unwrap
from btt_chain.scale import u64
from hostile import payloads
from hostile.field import Outcome, judge_report, share_final
from hostile.order import CONNECTED, CUT, SENT, Attack, Order, Recorder, Target, first, read_report
from hostile.peer_attacks import ForgedTransactions, MalformedTransactions, UnpaidTransactions
from hostile.peers import is_of_connection
from hostile.registry import SCENARIOS, chosen
from hostile.rpc_attacks import FractionalIds, HeldRequests
from p2p.network import ANNOUNCE, GOSSIP_BYTES, MIB
from p2p.networks import network_of
from p2p.protocols.messages import MAX_TX, TX_BYTES, Announce, TxBatch
from runtime import BttRuntime
from runtime.extensions import SIGNED_EXTRA
from runtime.params import RuntimeParams

PEER = "12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWkUEeF27st"
RUNTIME = BttRuntime(RuntimeParams(u64(2_000)))
REMARK = payloads.call_index(RUNTIME, "System", "remark")
MOMENT = payloads.call_index(RUNTIME, "Timestamp", "set")


@pytest.mark.parametrize(
    "batch",
    [
        payloads.malformed_batch(),
        payloads.bare_batch(REMARK),
        payloads.inherent_batch(MOMENT),
    ],
    ids=["malformed", "bare", "inherent"],
)
def test_a_flood_of_transactions_has_as_many_in_a_message_as_are_read(batch: bytes) -> None:
    assert len(batch) <= TX_BYTES
    assert len(set(TxBatch.decode(batch).transactions)) == MAX_TX


def test_unsigned_transactions_are_calls_that_exist() -> None:
    for batch, index in ((payloads.bare_batch(REMARK), REMARK),
                         (payloads.inherent_batch(MOMENT), MOMENT)):  # fmt: skip
        inner = unwrap(TxBatch.decode(batch).transactions[0])
        assert RUNTIME.call_codec.decode_all(inner[1:]).raw[:2] == index


def test_a_full_announcement_is_within_the_limits_and_never_the_same() -> None:
    message = payloads.full_announce(1)
    assert GOSSIP_BYTES[ANNOUNCE] // 4 < len(message) <= GOSSIP_BYTES[ANNOUNCE]
    assert Announce.decode(message).header.number == 1
    assert message != payloads.full_announce(1)


def test_forged_transactions_are_whole_but_for_their_signature() -> None:
    order = Order("D2-forged", "07" * 32, 2_000, (), 1.0, "127.0.0.9", 1, "seed", "")
    batch = TxBatch.decode(ForgedTransactions(order).make())
    opened = decode_extrinsic(unwrap(batch.transactions[0]), SIGNED_EXTRA)
    assert opened.kind is ExtrinsicKind.SIGNED
    assert opened.call_raw[:2] == REMARK
    assert len(set(batch.transactions)) == len(batch.transactions) > 16


def test_unpaid_transactions_are_signed_well_and_come_in_ever_new_batches() -> None:
    order = Order("D2-unpaid", "07" * 32, 2_000, (), 1.0, "127.0.0.9", 1, "seed", "")
    attack = UnpaidTransactions(order)
    one, other = attack.make(), attack.make()
    assert one != other
    assert len(one) <= TX_BYTES
    assert set(TxBatch.decode(one).transactions) & set(TxBatch.decode(other).transactions)


def test_a_batch_of_fractional_ids_is_json_of_a_hundred_calls() -> None:
    calls = orjson.loads(payloads.fractional_batch(MIB))
    assert len(calls) == 100
    assert all(isinstance(call["id"], float) for call in calls)


def test_a_bomb_inflates_to_a_thousand_times_its_size() -> None:
    body = payloads.bomb(64 * MIB)
    assert len(body) < 100_000
    assert len(zlib.decompressobj(31).decompress(body)) >= 64 * MIB


def test_attacks_are_chosen_by_name_and_by_defect() -> None:
    assert [one.name for one in chosen(["D3-old", "none"])] == ["D3-old", "none"]
    assert {one.defect for one in chosen(["D2"])} == {"D2"}
    assert len(chosen([])) == len(SCENARIOS)
    with pytest.raises(KeyError, match="D99"):
        chosen(["D99"])


def test_every_defect_that_takes_time_has_an_attack() -> None:
    assert {f"D{number}" for number in range(1, 8)} | {"D10"} <= {
        one.defect for one in SCENARIOS.values()
    }


GOOD = Outcome(
    SCENARIOS["D2-mixed"], 45.0, slots=22, missed=0, gap=2.0, attacked_gap=2.5, cpu=0.2,
    memory=10.0, health=0.1, cut=3.0, recovered=2.0, connected=1, sent=20_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"missed": 6}, "6 of 22 slots missed"),
        ({"gap": 4.5}, "gap 4.5 slots"),
        ({"attacked_gap": 9.0}, "gap 9.0 slots"),
        ({"cpu": 0.6}, "CPU 60%"),
        ({"memory": 150.0}, "memory +150 MiB"),
        ({"health": 2.0}, "health 2.0 s"),
        ({"cut": None}, "not cut off"),
        ({"cut": 11.0}, "cut off after 11.0 s"),
        ({"final": 0.8}, "80% of transfers final"),
        ({"ended": ["Alice"]}, "Alice ended"),
        ({"recovered": None}, "no recovery"),
        ({"connected": 0}, "0 connections of 1: nothing was tested"),
        ({"sent": 100}, "100 bytes sent of 16000: nothing was tested"),
        ({"broken": ["KeyError('x')"]}, "the attack failed: KeyError('x')"),
        ({"faults": ["Alice: fault in x"]}, "Alice: fault in x"),
        (
            {"scenario": SCENARIOS["load-400"], "cut": None, "final": 1.0, "used": 0.6},
            "an honest peer used 60% of its budget",
        ),
    ],
)
def test_each_bound_can_be_broken(broken: dict[str, object], what: str) -> None:
    assert GOOD.failures() == []
    assert replace(GOOD, **broken).failures() == [what]  # type: ignore[arg-type]


def test_each_row_states_what_must_have_come_of_its_attack() -> None:
    for row in SCENARIOS.values():
        assert (row.attack is None) == (row.needs.connections == 0), row.name
        assert row.attack is None or row.needs.sent or row.name == "D6-idle", row.name


def judged(kind: type[Attack], path: Path, port: int) -> Outcome:
    """Run an attack in this process and return the outcome of its report."""
    target = Target(0, f"/ip4/127.0.0.1/tcp/{port}/p2p/{PEER}", port, 0)
    order = Order("D2-mixed", "07" * 32, 2_000, (target,), 0.3, "127.0.0.9", 1, "s", str(path))
    attack, record = kind(order), Recorder(path)
    attack.begin()
    attack.run(record)
    record.close()
    outcome = replace(GOOD, connected=0, sent=0, cut=None, broken=[])
    judge_report(outcome, order, 0.0)
    return outcome


@pytest.mark.parametrize("kind", [MalformedTransactions, FractionalIds, HeldRequests])
def test_an_attacker_that_never_dialled_has_passed_nothing(
    kind: type[Attack], tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = judged(kind, tmp_path / "report", closed.getsockname()[1])
    assert outcome.cut is not None  # it was "cut off" at once
    assert "0 connections of 1: nothing was tested" in outcome.failures()


class Defective(FractionalIds):
    """An attack with an error of its own."""

    async def against(self, target: Target, record: Recorder) -> None:
        raise KeyError("a defect")


def test_an_error_of_the_attack_itself_is_a_failure(tmp_path: Path) -> None:
    outcome = judged(Defective, tmp_path / "report", 1)
    assert outcome.broken == ["KeyError('a defect')"]
    assert any("the attack failed" in why for why in outcome.failures())


def test_errors_of_a_connection_differ_from_those_of_the_attack() -> None:
    assert is_of_connection(ConnectionError())
    assert is_of_connection(ExceptionGroup("", [OSError(), ExceptionGroup("", [StreamEOF()])]))
    assert not is_of_connection(KeyError())
    assert not is_of_connection(ExceptionGroup("", [OSError(), KeyError()]))


def test_identities_in_many_networks_have_as_many_addresses() -> None:
    order = Order("D2-40", "07" * 32, 2_000, (), 1.0, "127.100.1.66", 40, "seed", "", 40)
    networks = {network_of(order.source_of(number)) for number in range(40)}
    assert len(networks) == 40


def test_under_a_load_only_what_an_attack_adds_is_judged() -> None:
    loaded = replace(GOOD, scenario=SCENARIOS["D2-load"], cpu=0.8, other_cpu=0.5, final=0.95)
    assert loaded.failures() == []


def test_transfers_that_were_late_or_lost_are_not_final_in_time() -> None:
    sent = {"in time": 100.0, "late": 100.0, "lost": 100.0, "young": 195.0}
    assert share_final(sent, {"in time": 110.0, "late": 140.0}, now=200.0) == pytest.approx(1 / 3)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Recorder(tmp_path / "report")
    record.add(CONNECTED, "0>1")
    record.sent("0>1", 7)
    record.sent("0>1", 8)
    record.add(CUT, "0>1", "banned")
    record.close()
    events = read_report(tmp_path / "report")
    assert sum(event.count for event in events if event.kind == SENT) == 15
    assert list(first(events, [CUT])) == ["0>1"]


def test_an_order_survives_the_way_to_another_process() -> None:
    order = Order("D3-old", "07" * 32, 2_000, (Target(0, "/ip4/1.2.3.4/tcp/1/p2p/Q", 9944, 1),),
                  45.0, "127.10.1.66", 28, "seed", "report.jsonl")  # fmt: skip
    assert Order.from_json(order.to_json()) == order
    assert len({order.identity(number) for number in range(28)}) == 28
