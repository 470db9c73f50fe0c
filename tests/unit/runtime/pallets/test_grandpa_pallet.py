"""The voters on finality, their changes and announcements."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.grandpa import (
    ChangeScheduled,
    OnDisabled,
    ScheduledChange,
    announced,
    consensus,
)
from btt_chain.primitives.voters import AuthorityId
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import u32, u64
from runtime.frame import ROOT, BadOrigin, signed
from runtime.pallets.grandpa.pallet import Grandpa, Live
from runtime.pallets.session.pallet import SessionKeys
from support.babe_chain import START, BabeChain, validators
from support.runtime import SmallRuntime, refused

A, B, C = (bytes([place]) * 32 for place in (1, 2, 3))
KEPT = 4


class Polls(SmallRuntime):
    """System and Grandpa."""

    def build(self) -> None:
        self.grandpa = self.add(
            8,
            Grandpa(
                max_authorities=u32(9),
                max_nominators=u32(0),
                max_set_id_session_entries=u64(KEPT),
                report_longevity=u64(100),
                system=self.system,
            ),
        )

    def block(self, number: int, voters: Sequence[tuple[bytes, int]], session: int) -> Digest:
        self.system.begin_block(u32(number), H256(bytes(32)), Digest([]))
        self.host.events.clear()
        self.grandpa.new_voters(voters, session)
        self.grandpa.on_finalize(number)
        return self.system.digest.value


@pytest.fixture
def polls() -> Polls:
    polls = Polls()
    polls.grandpa.genesis_voters([(A, 5), (B, 5)])
    return polls


def test_genesis_voters_are_the_first_set(polls: Polls) -> None:
    grandpa = polls.grandpa
    assert grandpa.authorities.value == [(A, 5), (B, 5)]
    assert grandpa.current_set_id.value == 0
    assert grandpa.set_id_session[u64(0)] == 0
    assert grandpa.state.value == Live()


def test_the_same_voters_in_another_session_are_no_change(polls: Polls) -> None:
    digest = polls.block(7, [(A, 5), (B, 5)], session=3)
    assert digest.logs == []
    assert polls.announced() == []
    assert polls.grandpa.current_set_id.value == 0
    assert polls.grandpa.set_id_session[u64(0)] == 3


@pytest.mark.parametrize(
    "voters",
    [[(A, 5), (C, 5)], [(A, 5), (B, 6)], [(A, 5)], [(B, 5), (A, 5)]],
    ids=["others", "weights", "fewer", "order"],
)
def test_other_voters_are_announced_once_and_without_delay(
    polls: Polls, voters: list[tuple[bytes, int]]
) -> None:
    digest = polls.block(7, voters, session=3)
    following = [(AuthorityId(key), u64(weight)) for key, weight in voters]
    change = ChangeScheduled(ScheduledChange(following, u32(0)))
    assert digest.logs == [consensus(change)]
    assert announced(digest.logs) == change
    assert polls.announced() == [Grandpa.NewAuthorities(following)]
    grandpa = polls.grandpa
    assert grandpa.authorities.value == voters
    assert grandpa.current_set_id.value == 1
    assert (grandpa.set_id_session[u64(0)], grandpa.set_id_session[u64(1)]) == (0, 3)
    assert not grandpa.pending_change.exists()
    assert polls.block(8, voters, session=4).logs == []


def test_the_sessions_of_old_sets_are_forgotten(polls: Polls) -> None:
    for session in range(1, 8):
        polls.block(session, [(A, session)], session)
    sets = polls.grandpa.set_id_session
    known = {index: sets.get(u64(index)) for index in range(8)}
    assert known == {0: None, 1: None, 2: None, 3: None, 4: 4, 5: 5, 6: 6, 7: 7}


def test_a_disabled_voter_is_announced(polls: Polls) -> None:
    polls.system.begin_block(u32(1), H256(bytes(32)), Digest([]))
    polls.grandpa.disable(1)
    assert polls.system.digest.value.logs == [consensus(OnDisabled(u64(1)))]


def test_no_call_changes_the_voters_without_finality(polls: Polls) -> None:
    with refused(polls, Grandpa.TooSoon):
        polls.grandpa.note_stalled(ROOT, u32(5), u32(5))
    with refused(polls, BadOrigin):
        polls.grandpa.note_stalled(signed(validators(1)[0].account), u32(5), u32(5))


def test_on_a_chain_the_change_stands_in_the_block_that_begins_the_session() -> None:
    chain = BabeChain(validators(2))
    chain.run_to(START + 2)
    bob = chain.members[1]
    voter = KeyPair.from_uri("//Bob//2", Scheme.ED25519)
    keys = SessionKeys(BabeId(bob.author.public), GrandpaId(voter.public))
    chain.block((signed(bob.account), chain.call("Session", "set_keys", keys=keys, proof=b"")))
    chain.run_to_epoch(3)
    changes = {
        place: change.change.next_authorities
        for place, header in enumerate(chain.headers)
        if (change := announced(header.digest.logs)) is not None
    }
    begin = 2 * int(chain.params.epoch_slots)
    assert list(changes) == [begin]
    assert GrandpaId(voter.public) in dict(changes[begin])
    assert chain.runtime.grandpa.current_set_id.value == 1
    assert chain.runtime.grandpa.set_id_session[u64(0)] == 1
    assert chain.runtime.grandpa.set_id_session[u64(1)] == 3
