"""Changes of voters: in order on each fork, each with its own final block."""

from __future__ import annotations

import pytest

from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet, OutOfOrder
from btt_chain.primitives.grandpa import ScheduledChange
from btt_chain.scale import u32, u64
from unit.consensus.finality.finality_world import crate_world, who

WORLD = crate_world()


def change(name: str, delay: int = 0) -> ScheduledChange:
    return ScheduledChange([(who(name), u64(1))], u32(delay))


def set_of(set_id: int, name: str) -> AuthoritySet:
    return AuthoritySet(set_id, ((who(name), 1),))


START = Authorities(set_of(0, "Alice"))


def test_a_change_takes_effect_when_its_block_is_final() -> None:
    waiting = START.announce(WORLD["D"], change("Bob"), WORLD)

    before = waiting.finalize(WORLD["C"], WORLD)
    after = before.finalize(WORLD["D"], WORLD)

    assert before == waiting
    assert after == Authorities(set_of(1, "Bob"))


def test_a_change_with_a_delay_waits_for_the_block_that_far_above() -> None:
    waiting = START.announce(WORLD["C"], change("Bob", delay=2), WORLD)

    assert waiting.limit(WORLD["FC"], WORLD) == WORLD["E"].number
    assert waiting.finalize(WORLD["D"], WORLD) == waiting
    assert waiting.finalize(WORLD["E"], WORLD) == Authorities(set_of(1, "Bob"))


def test_several_changes_on_one_chain_take_effect_in_turn() -> None:
    waiting = START.announce(WORLD["F"], change("Charlie"), WORLD).announce(
        WORLD["D"], change("Bob"), WORLD
    )
    assert waiting.limit(WORLD["FC"], WORLD) == WORLD["D"].number

    first = waiting.finalize(WORLD["D"], WORLD)
    assert first.current == set_of(1, "Bob")
    assert first.limit(WORLD["FC"], WORLD) == WORLD["F"].number

    assert first.finalize(WORLD["F"], WORLD) == Authorities(set_of(2, "Charlie"))


def test_nothing_above_an_enacting_block_is_final_before_it() -> None:
    waiting = START.announce(WORLD["D"], change("Bob"), WORLD)

    with pytest.raises(OutOfOrder, match="block 6 cannot be final before block 5"):
        waiting.finalize(WORLD["E"], WORLD)


def test_a_change_on_another_fork_does_not_limit_this_one() -> None:
    waiting = START.announce(WORLD["EA"], change("Bob"), WORLD).announce(
        WORLD["FA"], change("Charlie"), WORLD
    )

    assert waiting.limit(WORLD["E"], WORLD) is None
    assert waiting.limit(WORLD["ED"], WORLD) == WORLD["EA"].number
    assert waiting.limit(WORLD["FC"], WORLD) == WORLD["FA"].number


def test_changes_on_dead_forks_are_forgotten() -> None:
    waiting = START.announce(WORLD["EA"], change("Bob"), WORLD).announce(
        WORLD["FA"], change("Charlie"), WORLD
    )

    after = waiting.finalize(WORLD["F"], WORLD)

    assert [p.announced for p in after.pending] == [WORLD["FA"]]
    assert after.current == START.current


def test_the_same_block_twice_announces_one_change() -> None:
    once = START.announce(WORLD["D"], change("Bob"), WORLD)

    assert once.announce(WORLD["D"], change("Bob"), WORLD) == once


def test_a_change_that_would_overtake_another_is_refused() -> None:
    waiting = START.announce(WORLD["C"], change("Bob", delay=1), WORLD)

    with pytest.raises(OutOfOrder, match="no later than that of block 4"):
        waiting.announce(WORLD["D"], change("Charlie"), WORLD)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="no voter"):
        AuthoritySet(0, ())
