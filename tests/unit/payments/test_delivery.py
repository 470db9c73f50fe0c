"""Deliveries of webhooks: what a journal and a courier decide, without a network."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.payments.delivery.courier import (
    Answer,
    Closed,
    Courier,
    Delivered,
    Due,
    GivenUp,
    Postponed,
    decide,
)
from btt_chain.payments.delivery.events import EventType, MerchantEvent
from btt_chain.payments.delivery.journal import Cursor, Journal
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.webhook import RETRIES_S
from btt_chain.store import StoreError

CHAIN, MERCHANT = b"\1" * 32, b"\2" * 32


def block(number: int) -> bytes:
    return number.to_bytes(16, "big") + bytes(16)


def paid(number: int, index: int, payment: int, bucket: int = 1) -> MerchantEvent:
    data: dict[str, str | int | None] = {"payment": payment, "gross": "5"}
    return MerchantEvent(
        block(number), index, number * 1_000, EventType.PAID, payment, bucket, data
    )


def refunded(number: int, index: int, payment: int) -> MerchantEvent:
    data: dict[str, str | int | None] = {"payment": payment, "amount": "5"}
    return MerchantEvent(
        block(number), index, number * 1_000, EventType.REFUNDED, payment, None, data
    )


def settled(number: int, index: int, bucket: int) -> MerchantEvent:
    return MerchantEvent(
        block(number), index, number * 1_000, EventType.SETTLED, None, bucket, {"net": "4"}
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "shop" / "events.sqlite", CHAIN, MERCHANT) as found:
        found.begin(Cursor(0, block(0)))
        found.enable_webhook()
        yield found


def fill(journal: Journal, *blocks: list[MerchantEvent]) -> None:
    for number, events in enumerate(blocks, 1):
        assert journal.append(Cursor(number, block(number)), events)


# ---- decisions


def test_attempts_follow_the_table_and_end_with_giving_up() -> None:
    waits, due, now = [], Due(1, 0), 5_000
    while isinstance(found := decide(due, Answer.FAILED, now), Postponed):
        waits.append((found.due_ms - now) // 1_000)
        due, now = Due(1, found.attempt), found.due_ms
    assert found == GivenUp(1)
    assert waits == list(RETRIES_S[1:]) == [
        5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]  # fmt: skip


def test_an_accepted_event_is_delivered_and_a_receiver_that_is_gone_ends_all() -> None:
    assert decide(Due(1, 9), Answer.ACCEPTED, 0) == Delivered(1)
    assert decide(Due(1, 0), Answer.GONE, 0) == Closed(1)


def test_no_more_events_are_in_flight_than_the_limit() -> None:
    courier = Courier(limit=2)
    assert courier.send([Due(1, 0), Due(2, 0), Due(3, 0)]) == [Due(1, 0), Due(2, 0)]
    assert (courier.room, courier.flying) == (0, frozenset({1, 2}))
    assert courier.answered(1, Answer.FAILED, 0) == Postponed(1, 1, 5_000)
    assert courier.send([Due(2, 0), Due(3, 0)]) == [Due(3, 0)]


# ---- the journal


def test_events_of_one_payment_are_due_one_after_the_other(journal: Journal) -> None:
    fill(journal, [paid(1, 0, 7), paid(1, 1, 8)], [refunded(2, 0, 7)], [settled(3, 0, 1)])
    assert journal.due(0, 10) == [Due(1, 0), Due(2, 0)]
    journal.store(Delivered(1))
    assert journal.due(0, 10) == [Due(2, 0), Due(3, 0)]
    # The settlement of the bucket waits for both payments, not for the refund.
    journal.store(Delivered(2))
    assert journal.due(0, 10) == [Due(3, 0), Due(4, 0)]


def test_a_postponed_event_holds_back_those_behind_it_until_it_is_given_up(
    journal: Journal,
) -> None:
    fill(journal, [paid(1, 0, 7)], [refunded(2, 0, 7)])
    journal.store(Postponed(1, 1, 5_000), "status 500")
    assert journal.due(4_999, 10) == []
    assert journal.next_due() == 5_000
    assert journal.due(5_000, 10) == [Due(1, 1)]
    journal.store(GivenUp(1), "status 500")
    assert journal.due(0, 10) == [Due(2, 0)]
    counts = journal.counts()
    assert (counts.waiting, counts.delivered, counts.given_up) == (1, 0, 1)


def test_events_that_were_given_up_can_be_sent_again_in_order(journal: Journal) -> None:
    fill(journal, [paid(1, 0, 7)], [refunded(2, 0, 7)])
    journal.store(GivenUp(1), "status 500")
    assert journal.due(9, 10) == [Due(2, 0)]
    assert journal.retry_now(9) == 2
    assert journal.due(9, 10) == [Due(1, 0)]
    journal.store(Delivered(1))
    assert journal.due(9, 10) == [Due(2, 0)]


def test_a_block_is_recorded_once_and_none_is_left_out(journal: Journal) -> None:
    fill(journal, [paid(1, 0, 7)])
    assert not journal.append(Cursor(1, block(1)), [paid(1, 0, 7)])
    with pytest.raises(PaymentError, match="block 3 does not follow"):
        journal.append(Cursor(3, block(3)), [])
    assert journal.cursor == Cursor(1, block(1))
    with pytest.raises(PaymentError, match="begun already"):
        journal.begin(Cursor(5, block(5)))


def test_without_a_webhook_events_are_recorded_and_not_sent(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", CHAIN, MERCHANT) as journal:
        journal.begin(Cursor(0, block(0)))
        fill(journal, [paid(1, 0, 7)])
        journal.enable_webhook()
        journal.append(Cursor(2, block(2)), [refunded(2, 0, 7)])
        assert journal.due(0, 10) == [Due(2, 0)]
        types = [EventType.PAID.value, EventType.REFUNDED.value]
        assert [row[1] for row in journal.bodies(types)] == types


def test_the_journal_of_another_merchant_or_of_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal.open(path, CHAIN, MERCHANT):
        pass
    with (
        pytest.raises(PaymentError, match="another merchant or another chain"),
        Journal.open(path, CHAIN, b"\3" * 32),
    ):
        pass
    (tmp_path / "text").write_text("no database " * 100)
    with (
        pytest.raises(StoreError, match="not a database"),
        Journal.open(tmp_path / "text", CHAIN, MERCHANT),
    ):
        pass


def test_the_body_and_the_id_are_the_same_from_every_machine() -> None:
    first, second = paid(3, 4, 7), paid(3, 4, 7)
    assert (first.id, first.body()) == (second.id, second.body())
    assert json.loads(first.body()) == {
        "id": "evt_" + "00" * 15 + "034",
        "type": "payment.paid",
        "timestamp": "1970-01-01T00:00:03.000+00:00",
        "data": {"gross": "5", "payment": 7},
    }


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=25),
    st.randoms(use_true_random=False),
)
def test_each_event_arrives_in_the_order_of_its_payment(
    steps: list[tuple[int, bool]], random: object
) -> None:
    events = [
        paid(at, 0, payment) if is_new else refunded(at, 0, payment)
        for at, (payment, is_new) in enumerate(steps, 1)
    ]
    assert isinstance(random, __import__("random").Random)
    with Journal.open(Path(":memory:"), CHAIN, MERCHANT) as journal:
        journal.begin(Cursor(0, block(0)))
        journal.enable_webhook()
        fill(journal, *([event] for event in events))
        courier, arrived, now = Courier(limit=3), [], 0
        while journal.counts().waiting:
            courier.send(journal.due(now, courier.room, courier.flying))
            if not courier.flying:
                now = max(now, journal.next_due() or 0)
                continue
            seq = random.choice(sorted(courier.flying))
            answer = random.choice([Answer.ACCEPTED, Answer.FAILED])
            decision = courier.answered(seq, answer, now)
            journal.store(decision)
            if isinstance(decision, Delivered | GivenUp):
                arrived.append(seq)
    assert sorted(arrived) == list(range(1, len(events) + 1))
    for payment in range(4):
        own = [seq for seq in arrived if steps[seq - 1][0] == payment]
        assert own == sorted(own)


def test_a_backlog_is_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    count = 30_000
    with Journal.open(tmp_path / "j", CHAIN, MERCHANT) as journal:
        journal.begin(Cursor(0, block(0)))
        journal.enable_webhook()
        for number in range(1, 11):
            per = count // 10
            first = (number - 1) * per
            journal.append(
                Cursor(number, block(number)),
                [paid(number, at, (first + at) // 2) for at in range(per)],
            )
        assert journal.counts().waiting == count
        tracemalloc.start()
        with closing(_Traced()) as traced:
            for _ in range(200):
                for due in journal.due(0, 8):
                    assert journal.stored(due.seq).body
                    journal.store(Postponed(due.seq, 1, 5_000))
            assert traced.peak() < 1_000_000
        assert journal.counts().waiting == count


class _Traced:
    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1]

    def close(self) -> None:
        tracemalloc.stop()
