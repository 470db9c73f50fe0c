"""Selection: providers are selected by free bond and seed, and only those that can do the job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u128
from btt_chain.work.race import raced
from runtime.frame import (
    signed,
)
from runtime.pallets.providers.selection import Eligibility
from runtime.pallets.providers.types import Ledger
from support.providers import CPU, NEED, A, B, C, D, E, ProviderChain, begun, job, selected
from support.stakes import btt, stash


@pytest.fixture
def chain() -> ProviderChain:
    return begun()


# ---- selection


def test_a_selection_excludes_the_requester_and_refused_providers(chain: ProviderChain) -> None:
    for number in range(1, 6):
        chain.join(number, 1_000)
    chain.companies.owners = {B: A, E: D}
    assert selected(chain)[1] == 3
    assert selected(chain, requester=A)[1] == 2
    for number in range(20):
        who, operators = selected(chain, seed=bytes([number]) * 32, requester=A, refused=[C])
        assert who in (D, E)
        assert operators == 1
    assert selected(chain, requester=A, refused=[C, D, E]) == (None, 0)
    assert selected(chain, model_class=1) == (None, 0)


def is_eligible(chain: ProviderChain, who: AccountId, model_class: int, need: int) -> bool:
    """Return True if `who` is selected if all other members of the class are refused."""
    members = chain.providers.membership.members[u16(model_class)]
    others = [member for member in members if member != who]
    return selected(chain, model_class=model_class, need=need, refused=others)[0] == who


def test_a_provider_that_cannot_do_a_job_is_not_selected(chain: ProviderChain) -> None:
    chain.join(1, 1_000, capacity=1)
    chain.join(2, 2_000)
    chain.join(3, 999)
    chain.join(4, 1_000)
    chain.join(5, 5_000)
    chain.providers.chill(signed(E))
    assert not is_eligible(chain, E, CPU, NEED)
    chain.providers.engagements.reserve(A, job(1), u128(0))
    chain.providers.engagements.reserve(B, job(2), btt(1_999))
    assert selected(chain) == (D, 1)
    assert [is_eligible(chain, stash(number), CPU, NEED) for number in (1, 2, 3, 4, 5, 6)] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    assert not is_eligible(chain, D, 1, NEED)
    assert selected(chain, need=int(btt(1_001))) == (None, 0)


def test_protocol_jobs_may_go_to_providers_without_a_bond(chain: ProviderChain) -> None:
    chain.join(1, 0)
    assert selected(chain) == (None, 0)
    assert selected(chain, protocol=True) == (A, 1)
    assert chain.providers.engagements.reserve(A, job(1), u128(NEED)) == 0
    assert selected(chain, protocol=True) == (None, 0)
    chain.providers.engagements.release(A, job(1))
    assert selected(chain, protocol=True, need=0) == (A, 1)


def test_a_selection_depends_on_weights_and_seed_alone(chain: ProviderChain) -> None:
    for number, bond in enumerate((1_000, 3_000, 2_000), 1):
        chain.join(number, bond, capacity=10**6)
    weights = [int(btt(bond)) for bond in (1_000, 3_000, 2_000)]
    for number in range(50):
        seed = bytes([number]) * 32
        first = raced(seed, [A, B, C], weights)[0]
        assert selected(chain, seed=seed) == (stash(first + 1), 3)


def test_a_provider_that_adds_bond_is_not_selected_by_beacons_that_may_be_known() -> None:
    chain = ProviderChain(settling=8)
    chain.begin()
    chain.join(1, 1_000)
    chain.clock.slot = 7
    assert selected(chain) == (None, 0)
    chain.clock.slot = 8
    assert selected(chain) == (A, 1)
    chain.providers.bond_extra(signed(A), btt(1))
    chain.clock.slot = 15
    assert selected(chain) == (None, 0)
    chain.clock.slot = 16
    assert selected(chain) == (A, 1)
    chain.providers.unbond(signed(A), btt(1))
    assert selected(chain) == (A, 1)


def test_knowledge_of_the_seed_gives_no_gain_by_unbonding(chain: ProviderChain) -> None:
    for number in range(1, 6):
        chain.join(number, 2_000, capacity=10**6)
    for number in range(20):
        seed = bytes([number]) * 32
        winner, _ = selected(chain, seed=seed)
        loser = next(who for who in (A, B) if who != winner)
        chain.providers.unbond(signed(loser), u128(1 + number))
        assert selected(chain, seed=seed) == (winner, 5)


NOW = Eligibility(era=5, slot=9, hour=3, minimum_bond=100)


def ledger(active: int, capacity: int = 10**6, busy: int = 0) -> Ledger:
    return Ledger(u128(active), capacity=u32(capacity), busy=u32(busy), last_heartbeat=u32(4))


@given(parts=st.lists(st.integers(100, 10**24), min_size=1, max_size=100), need=st.integers(1, 100))
def test_a_bond_that_is_split_among_many_accounts_is_selected_as_often(
    parts: list[int], need: int
) -> None:
    room = 10**24
    whole = NOW.weight(ledger(sum(parts), int(u32.MAX)), need, protocol=False)
    split = [NOW.weight(ledger(part, int(u32.MAX)), need, protocol=False) for part in parts]
    free = int(u32.MAX) * need
    if sum(parts) <= free:
        assert sum(split) == whole == sum(parts)
    assert whole <= sum(split) <= sum(parts) <= len(parts) * room


@pytest.mark.parametrize(
    ("free", "room", "expected"), [(1_000, 100, 1_000), (1_000, 3, 30), (9, 100, 0), (99, 9, 0)]
)
def test_free_capacity_limits_the_weight_of_a_bond(free: int, room: int, expected: int) -> None:
    assert NOW.weight(ledger(free, room), 10, protocol=False) == expected


def test_providers_are_selected_only_in_their_hours(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.providers.set_availability(signed(A), bytes([0b10, *[0] * 20]))
    assert selected(chain) == (None, 0)
    chain.turn()
    assert selected(chain) == (A, 1)
    chain.turn(beating=[A])
    assert selected(chain) == (None, 0)
    chain.turn(167, beating=[A])
    assert selected(chain) == (A, 1)
    chain.turn(beating=[A])
    chain.providers.set_availability(signed(A), None)
    assert selected(chain) == (A, 1)


def test_a_provider_without_a_heartbeat_for_two_eras_is_not_selected(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.turn(2)
    assert selected(chain) == (A, 1)
    assert sum(chain.providers.engagements.offers(CPU)) == 1
    chain.turn()
    assert selected(chain) == (None, 0)
    assert sum(chain.providers.engagements.offers(CPU)) == 0
    chain.providers.heartbeat(signed(A))
    assert selected(chain) == (A, 1)


def test_providers_can_be_selected_after_a_stall(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.turn(2, skipped=1_000)
    assert selected(chain) == (A, 1)


def test_capacity_is_offered_as_far_as_a_bond_backs_it(chain: ProviderChain) -> None:
    chain.join(1, 3_500, capacity=100)
    chain.join(2, 9_000, capacity=2)
    chain.join(3, 0, capacity=1_000)
    assert sum(chain.providers.engagements.offers(CPU)) == 5
    assert sum(chain.providers.engagements.offers(1)) == 0
