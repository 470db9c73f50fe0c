"""Which announces of others a node passes on: forwarders are blamed for what they forward."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.consensus.babe.verify import Reason, Refused, Verified
from btt_chain.consensus.importer import Importer
from btt_chain.node.announces import PER_TURN, REMEMBERED, WAITING, Announces
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.protocols.messages import Announce
from storage.state import StateUnavailable

ROOT = H256(bytes(32))
PARENT = Header(ROOT, u32(7), ROOT, ROOT)
VERIFIED = Verified(0, b"author", 5, primary=True, draw=None, next_epoch=None, next_config=None)


def child(number: int = 8, mark: int = 0, parent: Header = PARENT) -> Header:
    return Header(parent.hash(), u32(number), H256(mark.to_bytes(32, "big")), ROOT)


def told(header: Header, *, is_best: bool = True) -> bytes:
    return Announce(header, is_best).encode()


@dataclass
class Chain:
    """A client that knows some headers, and an importer of one opinion."""

    known: list[Header] = field(default_factory=lambda: [PARENT])
    opinion: Verified | Exception | None = VERIFIED
    checks: int = 0

    def header(self, hash: bytes) -> Header | None:
        return next((one for one in self.known if one.hash() == hash), None)

    def check(self, header: Header, now_ms: int) -> Verified | None:
        self.checks += 1
        if isinstance(self.opinion, Exception):
            raise self.opinion
        return self.opinion


def over(chain: Chain) -> Announces:
    return Announces(cast(Client, chain), cast(Importer, chain))


def test_a_header_that_stands_is_passed_on_once() -> None:
    chain = Chain()
    announces = over(chain)

    assert announces.heard(told(child()), 0) == (True, None)
    assert announces.heard(told(child()), 0) == (False, None)
    assert announces.heard(told(child(), is_best=False), 0) == (False, None)
    assert announces.imported(bytes(child().hash())) is None
    assert chain.checks == 1


def test_what_is_malformed_or_known_is_not_passed_on() -> None:
    chain = Chain(known=[PARENT, child()])
    announces = over(chain)

    assert announces.heard(b"\xff", 0) == (False, None)
    assert announces.heard(told(child()), 0) == (False, None)
    assert chain.checks == 0


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

    assert announces.heard(told(header), 0) == (False, None)
    assert announces.imported(bytes(header.hash())) == told(header)
    assert announces.imported(bytes(header.hash())) is None


def test_a_header_that_can_never_stand_is_its_senders_fault() -> None:
    announces = over(Chain(opinion=Refused(Reason.BAD_SEAL, "no")))
    verdict = announces.heard(told(child()), 0)

    assert not verdict.pass_on
    assert verdict.fault == "bad seal: no"
    assert announces.imported(bytes(child().hash())) is None


def test_of_one_turn_no_more_is_passed_on_than_shows_the_equivocation() -> None:
    announces = over(Chain())
    verdicts = [announces.heard(told(child(mark=mark)), 0).pass_on for mark in range(5)]

    assert verdicts == [True] * PER_TURN + [False] * (5 - PER_TURN)


def test_what_is_remembered_is_bounded() -> None:
    chain = Chain(opinion=None)
    announces = over(chain)
    for mark in range(2 * WAITING):
        announces.heard(told(child(mark=mark)), 0)
    assert announces.imported(bytes(child(mark=0).hash())) is None
    assert announces.imported(bytes(child(mark=2 * WAITING - 1).hash())) is not None

    assert len(announces._waiting) < WAITING
    assert REMEMBERED >= 1_000
