"""The limits of the HTTP server without a socket: rates, bodies, addresses."""

from __future__ import annotations

from collections import OrderedDict
from typing import NoReturn

import pytest

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web import memory
from btt_chain.web.addresses import is_loopback, network_of, wide_network_of
from btt_chain.web.bodies import Bodies, Body
from btt_chain.web.rates import Rates


def test_an_address_has_its_burst_and_then_its_rate() -> None:
    rates = Rates(2.0, 5.0, 10)
    assert [rates.admits("1.2.3.4", 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert rates.admits("1.2.3.4", 0.5)
    assert not rates.admits("1.2.3.4", 0.5)
    assert rates.admits("1.2.3.5", 0.5)


def test_the_addresses_of_one_customer_have_one_rate() -> None:
    rates = Rates(1.0, 1.0, 10)
    assert rates.admits("2001:db8::1", 0.0)
    assert not rates.admits("2001:db8::2", 0.0)
    assert rates.admits("2001:db8:0:1::1", 0.0)
    assert rates.admits("::ffff:1.2.3.4", 0.0)
    assert not rates.admits("1.2.3.4", 0.0)


def test_the_address_that_was_silent_longest_is_dropped() -> None:
    rates = Rates(1.0, 1.0, 3)
    for name in ("a", "b", "c"):
        assert rates.admits(name, 0.0)
    assert not rates.admits("a", 0.0)
    assert rates.admits("d", 0.0)
    assert len(rates) == 3
    assert not rates.admits("a", 0.0)  # b was dropped: it is new again
    assert rates.admits("b", 0.0)


class Table(OrderedDict[str, TokenBucket]):
    """A table that may not be walked."""

    def items(self) -> NoReturn:
        raise AssertionError("the table was walked")

    values = keys = __iter__ = items


def test_a_new_address_never_walks_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(1.0, 1.0, 1_000)
    monkeypatch.setattr(rates, "_items", Table())
    assert all(rates.admits(str(number), 0.0) for number in range(5_000))
    assert len(rates) == 1_000


def test_memory_goes_back_once_much_was_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(memory, "_call", lambda *call: calls.append(call))
    released = memory.Released(100)
    for size, expected in ((60, 0), (40, 1), (0, 1), (99, 1), (1, 2)):
        released.add(size)
        released.sweep()
        assert calls == [("malloc_trim", 0)] * expected


class Sender:
    """The sender of one body."""

    def __init__(self, bodies: Bodies, address: str) -> None:
        self.is_cut = False
        self.body: Body = bodies.begin(address, self.cut)

    def cut(self) -> None:
        self.is_cut = True


def test_bodies_are_counted_until_their_requests_end() -> None:
    bodies = Bodies(100)
    one = Sender(bodies, "a")
    assert bodies.receive(one.body, 60)
    assert bodies.total == 60
    bodies.end(one.body)
    bodies.end(one.body)
    assert bodies.total == 0


def test_the_address_with_most_bytes_makes_room() -> None:
    bodies = Bodies(100)
    flood = [Sender(bodies, "flood") for _ in range(9)]
    for each in flood:
        assert bodies.receive(each.body, 10)
    honest = Sender(bodies, "honest")
    assert bodies.receive(honest.body, 30)
    assert sum(each.is_cut for each in flood) == 2
    assert bodies.total == 100
    assert not honest.is_cut


def test_an_address_alone_cannot_exceed_the_sum() -> None:
    bodies = Bodies(100)
    first, second = Sender(bodies, "a"), Sender(bodies, "a")
    assert bodies.receive(first.body, 90)
    assert bodies.receive(second.body, 5)
    assert not bodies.receive(first.body, 10)
    assert (first.is_cut, second.is_cut) == (False, False)
    assert bodies.receive(second.body, 20)
    assert first.is_cut
    assert bodies.total == 25


def test_a_body_that_is_being_answered_is_not_cut() -> None:
    bodies = Bodies(100)
    done, new = Sender(bodies, "a"), Sender(bodies, "b")
    assert bodies.receive(done.body, 90)
    done.body.is_complete = True
    assert not bodies.receive(new.body, 20)
    assert not done.is_cut
    assert bodies.receive(new.body, 10)


def test_bytes_of_a_body_that_was_cut_are_refused() -> None:
    bodies = Bodies(100)
    cut, other = Sender(bodies, "a"), Sender(bodies, "b")
    assert bodies.receive(cut.body, 80)
    assert bodies.receive(other.body, 40)
    assert cut.is_cut
    assert not bodies.receive(cut.body, 1)
    assert bodies.total == 40


@pytest.mark.parametrize(
    ("address", "narrow", "wide", "local"),
    [
        ("1.2.3.4", "1.2.3.4", "1.2.3.4", False),
        ("127.0.0.9", "127.0.0.9", "127.0.0.9", True),
        ("::1", "::/64", "::/48", True),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48", False),
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        ("nonsense", "nonsense", "nonsense", False),
    ],
)
def test_an_address_belongs_to_networks(address: str, narrow: str, wide: str, local: bool) -> None:
    assert (network_of(address), wide_network_of(address)) == (narrow, wide)
    assert is_loopback(address) is local
