"""The peer book: dials, admission and bans."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.primitives.ss58 import to_base58
from p2p import peer_records
from p2p.address import PEER_ID_PREFIX, Address
from p2p.dial_plan import DIALS_AT_ONCE, BookConfig
from p2p.peer_records import MAX_PROVEN, MAX_REPORTED, KnownPeer
from p2p.peers import FOREIGN_MS, PeerBook
from p2p.reputation import BAN_MS, FATAL

LATER = 3_600_000


def at(number: int, host: str | None = None) -> Address:
    peer = to_base58(PEER_ID_PREFIX + number.to_bytes(32, "big"))
    return Address("ip4", host or f"{number % 200 + 1}.2.3.4", 30_333, peer)


def book(seed: int = 0, **config: object) -> PeerBook:
    return PeerBook(at(0).peer, BookConfig(**config), seed)  # type: ignore[arg-type]


def dial_all(peers: PeerBook, now: int, honest: set[str] | None = None) -> None:
    """Dial the peers that the book selects until there are none."""
    while dials := peers.dials.tick(now):
        for dial in dials:
            if honest is None or dial.peer in honest:
                peers.connected(dial.peer, now, outbound=True, at=dial.address)
            else:
                peers.dials.failed(dial.peer, now)


def test_bootnodes_are_dialled_at_once_and_only_once() -> None:
    peers = book(bootnodes=(at(1), at(2)))

    assert sorted(dial.address for dial in peers.dials.tick(0)) == sorted((at(1), at(2)))
    assert not peers.dials.tick(0)


def test_a_node_that_is_named_to_itself_never_dials_itself() -> None:
    own = at(0)
    peers = book(bootnodes=(own, at(1)), reserved=(own,))
    peers.reserve(own)
    peers.allow_only([own.peer, at(1).peer], 0)
    peers.remember([KnownPeer(own, 1)])
    assert [dial.address for dial in peers.dials.tick(0)] == [at(1)]
    assert own.peer not in {known.address.peer for known in peers.known()}


def test_a_failed_dial_is_tried_again_later_and_later() -> None:
    peers = book(bootnodes=(at(1),))
    now, waits = 0, []
    for _ in range(6):
        assert peers.dials.tick(now)
        peers.dials.failed(at(1).peer, now)
        begun = now
        while not (dials := peers.dials.tick(now)):
            now += 100
        waits.append(now - begun)
        peers.dials.failed(dials[0].peer, now)
        now += 60_000

    assert waits[-1] > 4 * waits[0]
    assert max(waits) <= 30_100


def test_the_order_of_dials_follows_the_seed_alone() -> None:
    def order(seed: int) -> list[str]:
        peers = book(seed)
        peers.add_reported(at(number) for number in range(1, 30))
        return [dial.peer for dial in peers.dials.tick(0)]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_no_more_dials_than_places() -> None:
    peers = book(max_out=5)
    peers.add_reported(at(number) for number in range(1, 100))

    dial_all(peers, 0)

    assert peers.places.outbound == 5
    assert len(book(max_out=50).dials.tick(0)) <= DIALS_AT_ONCE


def test_hostile_addresses_cannot_take_the_place_of_an_anchor() -> None:
    """docs/simulator.md, F25: nine of ten dialled peers are hostile."""
    honest = at(500)
    peers = book(max_out=10, bootnodes=(honest,))
    peers.add_reported(at(number) for number in range(1, 100))
    hostile = {at(number).peer for number in range(1, 100)}
    dial_all(peers, 0, honest=hostile)  # the boot node is away
    assert peers.places.outbound == 9

    dial_all(peers, 60_000)

    assert peers.places.outbound == 10
    assert peers.refusal(at(101).peer, 60_000, outbound=True) == "no place left"
    assert any(known.address == honest for known in peers.known())


def test_peers_of_one_network_are_not_preferred() -> None:
    peers = book(max_out=4)
    peers.add_reported(at(number, f"9.9.0.{number}") for number in range(1, 40))
    others = [at(100, "20.1.1.1"), at(101, "30.1.1.1"), at(102, "40.1.1.1")]
    peers.add_reported(others)

    dial_all(peers, 0)

    assert len({known.address.group for known in peers.known()}) == 4


def test_inbound_places_end_and_reserved_peers_need_none() -> None:
    peers = book(max_in=2, reserved=(at(9),))
    for number in (1, 2):
        peers.connected(at(number).peer, 0, outbound=False, at=None)

    assert peers.refusal(at(3).peer, 0, outbound=False) == "no place left"
    assert peers.refusal(at(9).peer, 0, outbound=False) is None
    peers.disconnected(at(1).peer, 0)
    assert peers.refusal(at(3).peer, 0, outbound=False) is None


def test_reserved_only_means_only_reserved() -> None:
    peers = book(reserved=(at(9),), bootnodes=(at(1),), reserved_only=True)
    peers.add_reported([at(2)])

    assert [dial.peer for dial in peers.dials.tick(0)] == [at(9).peer]
    assert peers.refusal(at(2).peer, 0, outbound=False) == "only reserved peers are let in"


def test_debts_are_paid_back_by_time() -> None:
    peers = book()
    assert not peers.penalise(at(1).peer, 100, "a bad signature", 0)

    assert peers.reputation(at(1).peer, 0) == -100
    assert peers.reputation(at(1).peer, 5_000) == -50
    assert peers.reputation(at(1).peer, LATER) == 0


def test_a_peer_that_costs_too_much_is_banned_with_a_reason_and_longer_each_time() -> None:
    peers, peer = book(), at(1).peer
    assert not peers.penalise(peer, 5_000, "an invalid commit", 0)
    assert peers.penalise(peer, 5_000, "another invalid commit", 0)

    assert [ban.why for ban in peers.bans(0)] == ["another invalid commit"]
    assert peers.refusal(peer, 0, outbound=False) == "banned: another invalid commit"
    assert peers.refusal(peer, BAN_MS, outbound=False) is None
    assert peers.penalise(peer, FATAL, "garbage", LATER)
    assert peers.bans(LATER)[0].until_ms == LATER + 2 * BAN_MS


def test_a_banned_peer_is_not_dialled() -> None:
    peers = book(bootnodes=(at(1),))
    peers.penalise(at(1).peer, FATAL, "garbage", 0)

    assert not peers.dials.tick(0)
    assert peers.dials.tick(BAN_MS)


def test_a_reserved_peer_is_not_banned() -> None:
    peers = book(reserved=(at(1),))

    assert not peers.penalise(at(1).peer, FATAL, "garbage", 0)
    assert peers.reputation(at(1).peer, 0) == -FATAL


def test_a_cost_must_cost() -> None:
    with pytest.raises(ValueError, match="cost"):
        book().penalise(at(1).peer, 0, "nothing", 0)


def test_a_foreign_peer_is_not_dialled_for_a_while() -> None:
    peers = book(bootnodes=(at(1),))
    peers.dials.tick(0)
    peers.note_foreign(at(1).peer, 0)
    peers.dials.failed(at(1).peer, 0)

    assert not peers.dials.tick(FOREIGN_MS - 1)
    assert peers.dials.tick(FOREIGN_MS)


def test_reported_private_addresses_are_not_dialled() -> None:
    private = at(1, "192.168.0.7")
    public_only, local = book(), book(allow_private=True)
    public_only.add_reported([private])
    local.add_reported([private])

    assert not public_only.dials.tick(0)
    assert local.dials.tick(0)
    assert book(bootnodes=(private,)).dials.tick(0)  # the operator may name it


def test_reported_peers_are_bounded_and_cannot_move_an_anchor() -> None:
    peers = book(bootnodes=(at(1),))
    peers.add_reported([at(1)._replace(host="66.6.6.6")])
    peers.add_reported(at(number) for number in range(2, 3_000))

    assert len(peers) <= MAX_REPORTED + 2
    assert at(1) in [dial.address for dial in peers.dials.tick(0)]
    assert not peers.known()


def test_debts_of_passers_by_are_bounded() -> None:
    peers = book()
    for number in range(1, 2_000):
        peers.penalise(at(number).peer, FATAL, "garbage", 0)

    assert len(peers) <= MAX_REPORTED + 2


def test_a_one_shot_request_needs_no_place_but_keeps_all_other_rules() -> None:
    peers = book(max_out=0)
    peers.add_reported(at(number) for number in range(1, 6))
    peers.penalise(at(1).peer, FATAL, "garbage", 0)
    peers.note_foreign(at(2).peer, 0)
    peers.connected(at(3).peer, 0, outbound=False, at=None)

    assert not peers.dials.tick(0)
    dials = [peers.dials.once(at(number).peer, 0) for number in range(1, 7)]
    assert [dial and dial.address for dial in dials] == [None] * 3 + [at(4), at(5), None]
    assert peers.dials.once(at(4).peer, 0) is None  # a request to it is in progress

    peers.dials.failed(at(4).peer, 0)
    assert peers.dials.once(at(4).peer, 0) is None  # later and later, like any dial
    peers.dialled_once(at(5), 0)
    assert peers.dials.once(at(5).peer, 0) is not None


def test_a_peer_without_a_place_for_us_is_dialled_later_and_may_be_sent_requests() -> None:
    peers = book(bootnodes=(at(1), at(2)))
    assert len(peers.dials.tick(0)) == 2
    peers.turned_away(at(1).peer)
    for number in (1, 2):
        peers.dials.failed(at(number).peer, 0)

    assert not peers.dials.tick(0)
    assert peers.dials.once(at(2).peer, 0) is None
    assert peers.dials.once(at(1).peer, 0) is not None
    peers.dials.failed(at(1).peer, 0)  # it is not even there any more
    assert peers.dials.once(at(1).peer, 0) is None


def test_one_shot_requests_go_only_to_peers_that_may_be_dialled() -> None:
    aloof = book(reserved=(at(1),), reserved_only=True, bootnodes=(at(2),))
    assert aloof.dials.once(at(1).peer, 0) is not None
    assert aloof.dials.once(at(2).peer, 0) is None

    parted = book(bootnodes=(at(1), at(2)))
    parted.allow_only([at(1).peer], 0)
    assert parted.dials.once(at(1).peer, 0) is not None
    assert parted.dials.once(at(2).peer, 0) is None


def test_a_peer_of_a_one_shot_request_is_remembered_and_dialled_when_there_is_a_place() -> None:
    peers = book()
    peers.add_reported([at(1)])
    peers.dials.once(at(1).peer, 0)
    assert not peers.dials.tick(0)
    peers.dialled_once(at(1), 5)

    assert peers.known() == [KnownPeer(at(1), 5)]
    assert [dial.peer for dial in peers.dials.tick(5)] == [at(1).peer]


def test_those_we_reached_once_are_bounded_too() -> None:
    peers = book(max_out=0)
    for number in range(1, MAX_PROVEN + 50):
        peers.reached(at(number), number)

    assert len(peers) == MAX_PROVEN
    assert at(1) not in {known.address for known in peers.known()}


def test_a_search_begins_with_the_named_and_then_with_those_seen_last() -> None:
    peers = book(bootnodes=(at(1),))
    peers.reached(at(2), 20)
    peers.reached(at(3), 30)
    peers.add_reported([at(4)])

    assert peers.guides() == [at(1).peer, at(3).peer, at(2).peer]


def test_a_peer_without_a_place_is_answered_but_not_a_banned_one() -> None:
    full = book(max_in=0)
    assert full.refusal(at(1).peer, 0, outbound=False) == "no place left"
    assert full.bar(at(1).peer, 0) is None
    full.penalise(at(1).peer, FATAL, "garbage", 0)
    assert full.bar(at(1).peer, 0) == "banned: garbage"
    assert book(reserved_only=True).bar(at(1).peer, 0) == "only reserved peers are let in"


def test_known_peers_are_stored_and_read_back(tmp_path: Path) -> None:
    known = [KnownPeer(at(number), number) for number in (3, 2, 1)]
    peer_records.save(tmp_path, known)

    assert peer_records.load(tmp_path) == known
    assert not peer_records.load(tmp_path / "nowhere")
    restarted = PeerBook(at(0).peer, BookConfig(), 0, known)
    assert {dial.address for dial in restarted.dials.tick(0)} == {at(1), at(2), at(3)}


def test_a_damaged_peer_file_gives_what_can_be_read(tmp_path: Path) -> None:
    peer_records.save(tmp_path, [KnownPeer(at(1), 5)])
    with (tmp_path / peer_records.PEER_FILE).open("ab") as file:
        file.write(b"x /ip4/1.2.3.4\n\xff\xfe garbage\n7\n")

    assert peer_records.load(tmp_path) == [KnownPeer(at(1), 5)]


def test_a_peer_reserved_later_is_dialled_at_once_and_needs_no_place() -> None:
    peers = book(max_in=1)
    peers.connected(at(1).peer, 0, outbound=False, at=None)
    peers.penalise(at(2).peer, FATAL, "garbage", 0)
    peers.reserve(at(1))
    peers.reserve(at(2))

    assert peers.is_reserved(at(1).peer)
    assert peers.is_reserved(at(2).peer)
    assert [dial.address for dial in peers.dials.tick(0)] == [at(2)]
    assert peers.places.inbound == 0
    assert not peers.bans(0)
    peers.unreserve(at(1).peer)
    peers.unreserve(at(3).peer)
    assert peers.places.inbound == 1
    assert not peers.is_reserved(at(1).peer)
    assert peers.is_reserved(at(2).peer)


def test_a_peer_that_is_not_allowed_is_neither_dialled_nor_let_in() -> None:
    peers = book(bootnodes=(at(1), at(2)), reserved=(at(3),))
    peers.allow_only([at(1).peer], 0)

    assert [dial.peer for dial in peers.dials.tick(0)] == [at(1).peer]
    for outbound in (True, False):
        assert peers.refusal(at(3).peer, 0, outbound=outbound) is not None
        assert peers.refusal(at(1).peer, 0, outbound=outbound) is None


def test_when_all_peers_are_allowed_again_all_are_dialled_but_the_banned() -> None:
    peers = book(bootnodes=(at(1), at(2)))
    dial_all(peers, 0, honest=set())
    peers.penalise(at(2).peer, FATAL, "garbage", 0)
    peers.allow_only([], 0)
    assert not peers.dials.tick(LATER)

    peers.allow_only(None, 10)
    assert [dial.peer for dial in peers.dials.tick(10)] == [at(1).peer]


def test_a_dial_that_was_none_counts_nothing() -> None:
    peers = book(bootnodes=(at(1),))
    peers.dials.failed(at(1).peer, 0)

    assert peers.dials.tick(0)


def test_what_a_peer_reported_leads_to_no_private_network() -> None:
    """A name may resolve to anything; the addresses that the operator named may be private."""
    private = at(1, "10.0.0.1")
    name = Address("dns", "node.example", 30_333, at(2).peer)
    peers = book(bootnodes=(private,))
    peers.add_reported([name, at(3, "10.0.0.3"), at(3)])

    assert peers.allows_private(private)
    assert not any(map(peers.allows_private, (name, at(1, "10.0.0.9"), at(3), at(4))))
    assert all(map(book(allow_private=True).allows_private, (name, private)))

    for address in (name, at(3)):  # the addresses that we reached them at
        peers.connected(address.peer, 0, outbound=True, at=address)
    assert peers.allows_private(at(3))
    assert not peers.allows_private(name)
