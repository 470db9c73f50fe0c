"""Announces of peers that a node forwards: forwarders are blamed for what they forward."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.consensus.babe.verify import Reason, Refused, Verified
from btt_chain.consensus.importer import Importer
from btt_chain.node.blocks.announces import (
    HELD,
    HELD_MS,
    HELD_OF_ONE,
    LATE,
    PER_TURN,
    REMEMBERED,
    WAITING,
    WAITING_OF_ONE,
    Announces,
    Received,
)
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import MAX_LOGS
from btt_chain.scale import DecodeError, compact_encode, u32
from p2p.network import ANNOUNCE, GossipReceived
from p2p.protocols.messages import Announce
from storage.state import StateUnavailable

ROOT = H256(bytes(32))
SLOT_MS = 6_000
PARENT = Header(ROOT, u32(7), ROOT, ROOT)
VERIFIED = Verified(0, b"author", 5, primary=True, output=None, next_epoch=None, next_config=None)


def child(number: int = 8, mark: int = 0, parent: Header = PARENT) -> Header:
    return Header(parent.hash(), u32(number), H256(mark.to_bytes(32, "big")), ROOT)


def announce_of(header: Header, *, is_best: bool = True) -> bytes:
    return Announce(header, is_best).encode()


def with_too_many_logs() -> bytes:
    empty = announce_of(child())  # ends with the number of digest items and the flag
    return empty[:-2] + compact_encode(MAX_LOGS + 1) + b"\0\0" * (MAX_LOGS + 1) + empty[-1:]


@dataclass
class Chain:
    """A client that knows some headers, and an importer of one opinion."""

    known: list[Header] = field(default_factory=lambda: [PARENT])
    opinion: Verified | Exception | None = VERIFIED
    final: int = 0
    checks: int = 0
    seen: list[Header] = field(default_factory=list)
    proof: EquivocationProof | None = None

    def finalized(self) -> BlockRef:
        return BlockRef(self.final, bytes(32))

    def header(self, hash: bytes) -> Header | None:
        return next((one for one in self.known if one.hash() == hash), None)

    def prove(self, header: Header, now_ms: int) -> EquivocationProof | None:
        self.check(header, now_ms)
        return self.proof

    def see(self, header: Header, verified: Verified) -> None:
        self.seen.append(header)

    def check(self, header: Header, now_ms: int) -> Verified | None:
        self.checks += 1
        if isinstance(self.opinion, Exception):
            raise self.opinion
        return self.opinion


def over(chain: Chain) -> Announces:
    return Announces(cast(Client, chain), cast(Importer, chain), SLOT_MS)


def claiming(slot: int, mark: int = 0) -> Header:
    """A header with a claim to a slot."""
    claim = SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(slot)))
    return replace(child(mark=mark), digest=Digest([pre_runtime(claim)]))


def from_peer(header: Header, peer: str = "a", *, is_best: bool = True) -> Received:
    announce = Announce(header, is_best)
    return Received(peer, announce.encode(), announce, bytes(header.hash()))


def test_a_header_that_stands_is_passed_on_once() -> None:
    chain = Chain()
    announces = over(chain)

    assert announces.judge(from_peer(child()), 0) == (True, None)
    assert announces.judge(from_peer(child()), 0) == (False, None)
    assert announces.judge(from_peer(child(), is_best=False), 0) == (False, None)
    assert announces.imported(bytes(child().hash())) is None
    assert chain.checks == 1


def test_what_is_known_is_not_passed_on() -> None:
    chain = Chain(known=[PARENT, child()])
    announces = over(chain)

    assert announces.judge(from_peer(child()), 0) == (False, None)
    assert chain.checks == 0


def test_an_announce_at_or_below_the_last_final_block_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announces = over(Chain(final=8))
    event = GossipReceived(ANNOUNCE, "a", announce_of(child(number=8)))
    above = GossipReceived(ANNOUNCE, "a", announce_of(child(number=9)))
    found = announces.read(above)
    assert found is not None
    assert found == from_peer(child(number=9))
    monkeypatch.setattr(Announce, "decode", lambda _: pytest.fail("it was decoded"))
    assert announces.read(event) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", announce_of(child())[:-1], with_too_many_logs()],
    ids=["empty", "short", "cut", "too many digest items"],
)
def test_an_announce_that_cannot_be_read_is_malformed(data: bytes) -> None:
    with pytest.raises(DecodeError):
        over(Chain()).read(GossipReceived(ANNOUNCE, "a", data))


@pytest.mark.parametrize(
    ("header", "opinion"),
    [
        (child(parent=child()), VERIFIED),
        (child(number=9), VERIFIED),
        (child(), None),
        (child(), UnknownBlock(bytes(32))),
        (child(), StateUnavailable("gone")),
        (child(), Refused(Reason.SLOT_IN_FUTURE, "early")),
    ],
    ids=["no parent", "wrong height", "by hand", "gone", "pruned", "early"],
)
def test_what_cannot_be_judged_yet_goes_on_when_its_block_was_taken_in(
    header: Header, opinion: Verified | Exception | None
) -> None:
    announces = over(Chain(opinion=opinion))

    assert announces.judge(from_peer(header), 0) == (False, None)
    assert announces.imported(bytes(header.hash())) == announce_of(header)
    assert announces.imported(bytes(header.hash())) is None


def test_a_header_that_can_never_stand_is_its_senders_fault() -> None:
    announces = over(Chain(opinion=Refused(Reason.BAD_SEAL, "no")))
    verdict = announces.judge(from_peer(child()), 0)

    assert not verdict.pass_on
    assert verdict.fault == "bad seal: no"
    assert announces.imported(bytes(child().hash())) is None


def test_of_one_turn_no_more_is_passed_on_than_shows_the_equivocation() -> None:
    announces = over(Chain())
    verdicts = [announces.judge(from_peer(child(mark=mark)), 0).pass_on for mark in range(5)]

    assert verdicts == [True] * PER_TURN + [False] * (5 - PER_TURN)


def test_what_is_remembered_is_bounded() -> None:
    chain = Chain(opinion=None)
    announces = over(chain)
    for mark in range(2 * WAITING):
        announces.judge(from_peer(child(mark=mark), f"peer {mark % 8}"), 0)
    assert len(announces._waiting) == WAITING
    assert announces.imported(bytes(child(mark=0).hash())) is None
    assert announces.imported(bytes(child(mark=2 * WAITING - 1).hash())) is not None
    assert len(announces._waiting) == WAITING - 1
    assert REMEMBERED >= 1_000


def test_a_peer_with_invented_headers_displaces_its_own_only() -> None:
    announces = over(Chain(opinion=None))
    real = child(mark=1)
    announces.judge(from_peer(real, "liar", is_best=False), 0)
    announces.judge(from_peer(real, "honest"), 0)
    for mark in range(2, 2 + 2 * WAITING):
        announces.judge(from_peer(child(mark=mark), "liar"), 0)

    assert len(announces._waiting) == WAITING_OF_ONE + 1
    assert announces.imported(bytes(real.hash())) == announce_of(real)
    assert announces.imported(bytes(real.hash())) is None


def test_an_announce_is_held_until_its_block_can_be_taken_in() -> None:
    announces = over(Chain())
    event = from_peer(claiming(12))

    assert announces.hold(event, 10 * SLOT_MS)
    assert announces.take_due(11 * SLOT_MS - 1) == []
    assert announces.take_due(11 * SLOT_MS) == [event]
    assert announces.take_due(11 * SLOT_MS) == []
    assert not announces.hold(event, 11 * SLOT_MS)


def test_what_is_due_or_claims_no_slot_is_looked_at_now() -> None:
    announces = over(Chain())
    for slot in (0, 9, 10, 11):
        assert not announces.hold(from_peer(claiming(slot)), 10 * SLOT_MS)
    assert not announces.hold(from_peer(child()), 0)


def test_what_is_held_is_bounded_in_number_in_time_and_by_peer() -> None:
    announces = over(Chain())
    now = 10 * SLOT_MS
    for mark in range(HELD_OF_ONE + 3):
        assert announces.hold(from_peer(claiming(12, mark)), now)
    assert announces.hold(from_peer(claiming(12 + HELD_MS // SLOT_MS), "b"), now)
    assert announces.hold(from_peer(claiming(2**63), "b"), now)
    assert len(announces.take_due(2**80)) == HELD_OF_ONE
    for number in range(HELD + 10):
        assert announces.hold(from_peer(claiming(12), f"p{number}"), now)
    assert len(announces.take_due(11 * SLOT_MS)) == HELD


# --- small blocks with their bodies ------------------------------------------


def test_a_body_must_have_the_root_of_the_header() -> None:
    announces, body = over(Chain()), [b"one", b"two"]
    header = replace(child(), extrinsics_root=H256(extrinsics_root(body)))

    received = announces.read(GossipReceived(ANNOUNCE, "a", Announce(header, True, body).encode()))

    assert received is not None
    assert received.announce.body == body
    for wrong in ([b"one"], [b"two", b"one"], [b"one", b"two", b""]):
        with pytest.raises(DecodeError, match="a body that is not the header's"):
            announces.read(GossipReceived(ANNOUNCE, "a", Announce(header, True, wrong).encode()))


# --- equivocations ---------------------------------------------------------------------


def test_a_verified_header_is_recorded_before_its_block_is_here() -> None:
    chain = Chain()
    over(chain).judge(from_peer(child()), 0)
    assert chain.seen == [child()]


def test_a_header_at_or_below_the_last_final_block_may_prove_an_equivocation() -> None:
    proof = EquivocationProof(AuthorityId(bytes(32)), Slot(5), PARENT, child())
    chain = Chain(final=8 + LATE, proof=proof)
    announces, late = over(chain), GossipReceived(ANNOUNCE, "a", announce_of(child()))
    assert announces.read(late) is None

    assert announces.read_late(late, 0) == proof
    assert announces.read_late(late, 0) is None  # it was forwarded
    assert chain.checks == 1

    chain.final += 1
    again = GossipReceived(ANNOUNCE, "a", announce_of(child(mark=2)))
    assert announces.read_late(again, 0) is None
    assert chain.checks == 1


def test_a_late_header_that_proves_nothing_is_not_remembered() -> None:
    chain = Chain(final=8)
    announces, late = over(chain), GossipReceived(ANNOUNCE, "a", announce_of(child()))
    assert announces.read_late(late, 0) is None
    assert announces.read_late(late, 0) is None
    assert chain.checks == 2
    chain.opinion = Refused(Reason.BAD_SEAL, "no")
    with pytest.raises(Refused):
        announces.read_late(late, 0)
