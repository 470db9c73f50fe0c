"""Warp proofs: from the voters of genesis to those of now, and no way around (F33)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.warp import adopt, set_ends
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    Commit,
    Justification,
    SignedPrecommit,
    Stage,
    message_for,
)
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from p2p.protocols import serve
from p2p.protocols.messages import WarpFragment, WarpProof, WarpRequest
from p2p.protocols.serve import StateRange
from p2p.sync.types import BlockId, Proven
from p2p.sync.warp_proof import BadProof, follow
from unit.consensus.finality.finality_world import as_precommit, who
from unit.consensus.finality.gadget_world import child, genesis_header, make, target

BLOCKS, EVERY = 100, 10
NAMES = ["Alice", "Bob", "Charlie", "Dave"]


def voters_of(set_id: int) -> dict[str, int]:
    """Three of four; each set is another."""
    return {name: 1 + set_id for name in NAMES if name != NAMES[set_id % 4]}


def prove(header: Header, set_id: int) -> Justification:
    """The proof of a block by all voters of its set."""
    message = message_for(Stage.PRECOMMIT, target(header))
    votes: list[SignedPrecommit] = [
        as_precommit(make(message, name, 3, set_id)) for name in voters_of(set_id)
    ]
    return Justification(u64(3), Commit(header.hash(), u32(int(header.number)), votes), [])


@dataclass
class Chain:
    """100 blocks of which every tenth ends a set, as a node keeps them."""

    headers: list[Header] = field(default_factory=lambda: [genesis_header()])
    proofs: dict[bytes, bytes] = field(default_factory=dict)
    aux: dict[bytes, bytes] = field(default_factory=dict)

    def grow(self, blocks: int) -> Chain:
        for number in range(len(self.headers), len(self.headers) + blocks):
            set_id = (number - 1) // EVERY
            ends = number % EVERY == 0
            header = child(self.headers[-1], change=voters_of(set_id + 1) if ends else None)
            self.headers.append(header)
            if ends:
                self.proofs[header.hash()] = prove(header, set_id).encode()
                self.write(records.end_change(set_id, target(header)))
        last = self.headers[-1]
        self.proofs.setdefault(last.hash(), prove(last, (int(last.number) - 1) // EVERY).encode())
        return self

    def write(self, changes: records.Changes) -> None:
        for key, value in changes.items():
            if value is not None:
                self.aux[key] = value

    # --- serve.ChainSource ---

    def number(self, hash: bytes) -> int | None:
        return next((int(h.number) for h in self.headers if h.hash() == hash), None)

    def header(self, hash: bytes) -> bytes | None:
        number = self.number(hash)
        return None if number is None else self.headers[number].encode()

    def parent(self, hash: bytes) -> bytes | None:
        raise AssertionError("not asked for warp proofs")

    def body(self, hash: bytes) -> list[bytes] | None:
        raise AssertionError("not asked for warp proofs")

    def justification(self, hash: bytes) -> bytes | None:
        return self.proofs.get(hash)

    def hash_at(self, number: int) -> bytes | None:
        return bytes(self.headers[number].hash()) if number < len(self.headers) else None

    def state_range(self, block: bytes, after: bytes | None, size: int) -> StateRange | None:
        raise AssertionError("not asked for warp proofs")

    def warp_targets(self, above: int) -> Iterator[bytes]:
        highest = above
        for end in set_ends(self.aux.get, above):
            highest = end.number
            yield bytes(end.hash)
        last = self.headers[-1]
        if int(last.number) > highest:
            yield bytes(last.hash())


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain().grow(BLOCKS + 5)


def start() -> Proven:
    first = genesis_header()
    voters = tuple((who(name), weight) for name, weight in voters_of(0).items())
    return Proven(BlockId(0, bytes(first.hash())), None, None, 0, voters)


def page(chain: Chain, begin: bytes) -> WarpProof:
    raw = serve.warp(chain, WarpRequest(begin))
    assert raw is not None
    return WarpProof.decode(raw)


def test_f33_the_voters_of_now_follow_from_those_of_genesis(chain: Chain) -> None:
    proof = page(chain, start().block.hash)

    found = follow(start(), proof)

    assert [int(f.header.number) for f in proof.fragments] == [*range(10, 101, 10), 105]
    assert proof.is_finished
    assert (found.block.number, found.set_id) == (105, 10)
    assert found.authorities == tuple((who(n), w) for n, w in voters_of(10).items())


def test_f33_a_page_that_is_full_goes_on_behind_its_last_block(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "PAGE_BYTES", 2_500)
    found, pages = start(), 0
    while True:
        proof = page(chain, found.block.hash)
        found, pages = follow(found, proof), pages + 1
        if proof.is_finished:
            break
    assert pages > 2
    assert (found.block.number, found.set_id) == (105, 10)


def tampered(proof: WarpProof) -> None:
    header = proof.fragments[4].header
    proof.fragments[4].header = replace(header, state_root=H256(bytes([1]) * 32))


def other_voters(proof: WarpProof) -> None:
    liar = child(genesis_header(), change={"Alice": 1})
    digest = liar.digest
    proof.fragments[4].header = replace(proof.fragments[4].header, digest=digest)


def skipped(proof: WarpProof) -> None:
    del proof.fragments[3]


def reordered(proof: WarpProof) -> None:
    proof.fragments[3:5] = proof.fragments[4:2:-1]


def twice(proof: WarpProof) -> None:
    proof.fragments.insert(3, proof.fragments[3])


def of_another_round(proof: WarpProof) -> None:
    proof.fragments[2].justification = replace(proof.fragments[2].justification, round=u64(4))


def a_vote_less(proof: WarpProof) -> None:
    commit = proof.fragments[2].justification.commit
    less = replace(commit, precommits=commit.precommits[:1])
    proof.fragments[2].justification = replace(proof.fragments[2].justification, commit=less)


def a_middle_that_changes_nothing(proof: WarpProof) -> None:
    proof.fragments.insert(10, proof.fragments[-1])


def a_proof_of_another_block(proof: WarpProof) -> None:
    one, two = proof.fragments[1], proof.fragments[2]
    proof.fragments[1] = WarpFragment(one.header, two.justification)


@pytest.mark.parametrize(
    "harm",
    [
        tampered,
        other_voters,
        skipped,
        reordered,
        twice,
        of_another_round,
        a_vote_less,
        a_middle_that_changes_nothing,
        a_proof_of_another_block,
    ],
)
def test_f33_a_proof_that_was_harmed_is_refused(
    chain: Chain, harm: Callable[[WarpProof], None]
) -> None:
    proof = page(chain, start().block.hash)
    harm(proof)
    with pytest.raises(BadProof):
        follow(start(), proof)


def test_f33_other_voters_to_begin_with_refuse_it(chain: Chain) -> None:
    foreign = replace(start(), authorities=((who("Eve"), 1),))
    with pytest.raises(BadProof):
        follow(foreign, page(chain, start().block.hash))


@pytest.mark.parametrize("above", [0, 1, 9, 10, 11, 54, 99, 100, 104])
def test_the_ends_of_sets_are_found_above_any_height(chain: Chain, above: int) -> None:
    found = [end.number for end in set_ends(chain.aux.get, above)]
    assert found == [number for number in range(10, 101, 10) if number > above]


def test_who_began_in_the_middle_proves_nothing_from_below(chain: Chain) -> None:
    middle, block = Chain(), chain.headers[45]
    voters = [(who(name), weight) for name, weight in voters_of(4).items()]
    middle.write(adopt(4, voters, prove(block, 4)))
    for set_id in range(4, 10):
        middle.write(records.end_change(set_id, target(chain.headers[10 * set_id + 10])))
    aux = middle.aux

    assert list(set_ends(aux.get, 44)) == []
    assert [end.number for end in set_ends(aux.get, 45)] == [50, 60, 70, 80, 90, 100]
    assert [end.number for end in set_ends(aux.get, 77)] == [80, 90, 100]
    stored = records.read_voters(aux.get)
    assert stored is not None
    assert (stored[0].current.set_id, stored[1]) == (4, target(block))
    assert records.read_proof(aux.get) == prove(block, 4)
