"""Epochs: their slots, their order, and their randomness."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.epoch import epoch_index, next_randomness
from btt_chain.scale import u64
from unit.consensus.babe.babe_world import LENGTH, NEXT, PAIRS, START, make_epoch


def hashed(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


# ---- randomness, by hand (docs/sessions.md)


def test_randomness_comes_from_the_epoch_before_the_one_that_announces_it() -> None:
    genesis = bytes([9]) * 32
    rho = {epoch: [bytes([epoch, i]) * 16 for i in range(3)] for epoch in range(3)}
    r = {0: genesis, 1: genesis}  # block 1 announces epoch 1 by genesis' own value

    r[2] = next_randomness(r[1], 2, rho[0])  # at the first block of epoch 1
    r[3] = next_randomness(r[2], 3, rho[1])  # at the first block of epoch 2

    two = bytes([2, 0, 0, 0, 0, 0, 0, 0])
    three = bytes([3, 0, 0, 0, 0, 0, 0, 0])
    assert r[2] == hashed(genesis, two, *rho[0])
    assert r[3] == hashed(hashed(genesis, two, *rho[0]), three, *rho[1])


def test_randomness_moves_on_without_any_primary_claim() -> None:
    assert next_randomness(bytes(32), 1, []) == hashed(bytes(32), bytes([1]), bytes(7))


def test_after_skipped_epochs_the_next_randomness_counts_the_skipped() -> None:
    # Blocks in epoch 0, none in 1 to 4: epoch 5 has the randomness announced for 1.
    announced_in_0, rho_of_0 = bytes([4]) * 32, [bytes([5]) * 32]

    announced_in_5 = next_randomness(announced_in_0, 6, rho_of_0)

    assert announced_in_5 == hashed(announced_in_0, (6).to_bytes(8, "little"), *rho_of_0)


# ---- slots


@pytest.mark.parametrize(
    ("slot", "index"), [(1_000, 0), (1_019, 0), (1_020, 1), (1_039, 1), (1_200, 10)]
)
def test_epochs_are_counted_from_the_first_slot(slot: int, index: int) -> None:
    assert epoch_index(slot, START, LENGTH) == index


def test_there_is_no_epoch_before_the_first_slot() -> None:
    with pytest.raises(ValueError, match="before the first"):
        epoch_index(START - 1, START, LENGTH)


def test_an_epoch_holds_its_slots_only() -> None:
    epoch = make_epoch()

    assert [slot in epoch for slot in (999, 1_000, 1_019, 1_020)] == [False, True, True, False]


def test_the_first_block_of_an_epoch_is_the_one_whose_parent_lies_before_it() -> None:
    epoch = make_epoch()

    assert epoch.begins(0)
    assert epoch.begins(START - 1)
    assert not epoch.begins(START)


# ---- what follows


def test_the_next_epoch_is_as_it_was_announced() -> None:
    epoch = make_epoch()

    following = epoch.next(NEXT)

    assert (following.index, following.start, following.length) == (4, START + LENGTH, LENGTH)
    assert following.authorities == tuple((pair.public, 5) for pair in PAIRS[:2])
    assert following.randomness == NEXT.randomness
    assert following.config == epoch.config


def test_the_next_epoch_has_the_parameters_announced_with_it() -> None:
    config = EpochConfig((u64(1), u64(2)), AllowedSlots.PrimarySlots)

    assert make_epoch().next(NEXT, config).config == config


def test_skipped_epochs_move_number_and_start_and_nothing_else() -> None:
    following = make_epoch().next(NEXT)

    later = following.at(following.start + 3 * LENGTH + 7)

    assert later == replace(following, index=7, start=following.start + 3 * LENGTH)
    assert later.input(later.start) != replace(later, index=4).input(later.start)


@given(st.integers(START, 2**40))
def test_an_epoch_moved_to_a_slot_holds_it_and_has_its_number(slot: int) -> None:
    first = make_epoch(index=0)

    moved = first.at(slot)

    assert slot in moved
    assert moved.index == epoch_index(slot, START, LENGTH)


def test_an_epoch_does_not_move_back() -> None:
    with pytest.raises(ValueError, match="lies before epoch 3"):
        make_epoch().at(START - 1)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"authorities": ()}, "at least one authority"),
        ({"authorities": ((bytes(32), 0),)}, "above zero"),
        ({"randomness": bytes(31)}, "32 bytes"),
        ({"length": 0}, "at least one slot"),
    ],
)
def test_an_unfit_epoch_is_not_made(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(make_epoch(), **wrong)  # type: ignore[arg-type]
