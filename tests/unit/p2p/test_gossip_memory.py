"""What a node remembers of the gossip it heard."""

from __future__ import annotations

from libp2p.peer.id import ID

from p2p.host.gossip import Recent

ALICE, BOB = ID(b"alice"), ID(b"bob")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_message_is_new_once_and_again_after_a_while() -> None:
    clock = Clock()
    recent = Recent(60, clock)

    assert recent.add(b"1")
    assert not recent.add(b"1")
    clock.now = 59
    assert recent.has(b"1")  # looking at it does not keep it
    assert not recent.add(b"1")
    clock.now = 60
    assert not recent.has(b"1")
    assert recent.add(b"1")


def test_who_handed_a_message_over_is_known_as_long_as_it() -> None:
    clock = Clock()
    recent = Recent(60, clock)
    recent.add(b"1", ALICE)
    recent.add(b"1", BOB)
    recent.add(b"1", ALICE)
    recent.add(b"2")

    assert recent.tellers(b"1") == [ALICE, BOB]
    assert recent.tellers(b"2") == recent.tellers(b"3") == []
    clock.now = 60
    recent.add(b"4")
    assert recent.tellers(b"1") == []
