"""Authorities: bonds, candidates, elections, and the weights that follow from them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import Overflow, u8, u32, u64, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT, MILLI_BTT
from runtime.decay import DECAY_SUM, SCORE_UNIT
from runtime.frame import ROOT, BadOrigin, GenesisError, TokenError, TokenErrorKind, signed
from runtime.frame.bonding import UnlockChunk
from runtime.frame.error import Error
from runtime.pallets.authorities import errors, events
from runtime.pallets.authorities.candidates import even_count
from runtime.pallets.authorities.formulas import block_shares, work_part
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.authorities.types import (
    HIGHEST_MINIMUM,
    LOWEST_MINIMUM,
    MAX_BOND,
    Exposure,
    Ledger,
    NoAbsences,
    NoKeys,
    NoWork,
)
from support.histories import History, seeds, unreached
from support.runtime import refused
from support.stakes import MINIMUM, RICH, StakeChain, btt, stash

A, B, C, D, E = (stash(number) for number in range(1, 6))
NEWCOMER = stash(9)


@pytest.fixture
def chain() -> StakeChain:
    """Four seats, two sessions a term; stashes 1 to 4 bonded 40,000 down to 10,000 BTT."""
    made = StakeChain()
    made.open([int(btt(amount)) for amount in (40_000, 30_000, 20_000, 10_000)])
    return made


# ---- bonds


def test_a_bond_is_held_and_can_be_added_to(chain: StakeChain) -> None:
    chain.authorities.bond(signed(NEWCOMER), btt(5_000))
    chain.authorities.bond_extra(signed(NEWCOMER), btt(7_000))
    assert chain.held(NEWCOMER) == btt(12_000)
    assert chain.authorities.bonded(NEWCOMER) == btt(12_000)
    assert chain.announced()[-1] == events.Bonded(NEWCOMER, btt(7_000))
    chain.check()


def test_wrong_bonds_are_refused(chain: StakeChain) -> None:
    with refused(chain, errors.AlreadyBonded):
        chain.authorities.bond(signed(A), btt(1))
    with refused(chain, errors.NotBonded):
        chain.authorities.bond_extra(signed(NEWCOMER), btt(1))
    with refused(chain, errors.InsufficientBond):
        chain.authorities.bond(signed(NEWCOMER), u128(BTT - 1))
    with refused(chain, errors.BondTooLarge):
        chain.authorities.bond(signed(NEWCOMER), u128(MAX_BOND + 1))
    with refused(chain, TokenError(TokenErrorKind.FundsUnavailable)):
        chain.authorities.bond(signed(NEWCOMER), u128(RICH))
    with refused(chain, errors.NotBonded):
        chain.authorities.validate(signed(NEWCOMER))


def test_what_still_vests_can_be_bonded_but_not_spent_after_unbonding(chain: StakeChain) -> None:
    rows = [[ss58.encode(NEWCOMER), 0, 1_000_000, 0]]
    chain.vesting.genesis({"vesting": rows})
    chain.authorities.bond(signed(NEWCOMER), btt(20_000))
    assert chain.balances.reducible_balance(NEWCOMER) == 0
    chain.authorities.unbond(signed(NEWCOMER), btt(20_000))
    chain.sessions.turn(6)
    chain.authorities.withdraw_unbonded(signed(NEWCOMER))
    assert chain.held(NEWCOMER) == 0
    assert chain.balances.reducible_balance(NEWCOMER) == 0
    assert chain.vesting.unvested(NEWCOMER) == RICH


def test_a_bond_under_a_vesting_lock_is_slashed_and_the_schedule_stays(chain: StakeChain) -> None:
    chain.vesting.genesis({"vesting": [[ss58.encode(A), 0, 1_000_000, 0]]})
    assert chain.authorities.slash(A, 0, btt(40_000)) == btt(40_000)
    assert chain.balances.free(TREASURY) == btt(40_000)
    assert chain.vesting.unvested(A) == RICH
    chain.check()


def test_unbonded_money_waits_its_time(chain: StakeChain) -> None:
    chain.authorities.bond(signed(NEWCOMER), btt(3_000))
    chain.authorities.unbond(signed(NEWCOMER), btt(1_000))
    chain.authorities.unbond(signed(NEWCOMER), btt(500))
    ledger = chain.authorities.bonds.ledger[NEWCOMER]
    assert ledger == Ledger(btt(1_500), [UnlockChunk(btt(1_500), u32(6))])
    chain.sessions.turn(5)
    with refused(chain, errors.NothingToWithdraw):
        chain.authorities.withdraw_unbonded(signed(NEWCOMER))
    chain.sessions.turn()
    chain.authorities.withdraw_unbonded(signed(NEWCOMER))
    assert chain.announced()[-1] == events.Withdrawn(NEWCOMER, btt(1_500))
    assert chain.held(NEWCOMER) == btt(1_500)
    chain.check()


def test_a_bond_that_would_leave_hardly_anything_goes_as_a_whole(chain: StakeChain) -> None:
    chain.authorities.bond(signed(NEWCOMER), btt(3))
    chain.authorities.unbond(signed(NEWCOMER), u128(btt(2) + 1))
    assert chain.authorities.bonds.ledger[NEWCOMER].active == 0
    with refused(chain, errors.NothingToUnbond):
        chain.authorities.unbond(signed(NEWCOMER), btt(1))
    chain.sessions.turn(6)
    chain.authorities.withdraw_unbonded(signed(NEWCOMER))
    assert NEWCOMER not in chain.authorities.bonds.ledger
    with refused(chain, errors.NotBonded):
        chain.authorities.withdraw_unbonded(signed(NEWCOMER))


def test_zero_is_not_unbonded(chain: StakeChain) -> None:
    with refused(chain, errors.NothingToUnbond):
        chain.authorities.unbond(signed(A), u128(0))


def test_only_so_many_parts_can_be_on_their_way_out() -> None:
    chain = StakeChain(unbonding=60, window=5)
    chain.open([MINIMUM])
    chain.authorities.bond(signed(NEWCOMER), btt(100))
    for _ in range(32):
        chain.authorities.unbond(signed(NEWCOMER), btt(1))
        chain.sessions.turn()
    with refused(chain, errors.NoMoreChunks):
        chain.authorities.unbond(signed(NEWCOMER), btt(1))
    chain.sessions.turn(30)
    chain.authorities.unbond(signed(NEWCOMER), btt(1))  # those that are due make room
    assert chain.held(NEWCOMER) == btt(100 - 3)
    chain.check()


def test_what_the_elected_have_at_stake_cannot_be_withdrawn(chain: StakeChain) -> None:
    chain.authorities.chill(signed(A))
    chain.authorities.unbond(signed(A), btt(40_000))
    chain.sessions.turn(2)
    assert A not in chain.sessions.queued
    chain.sessions.turn(4)
    assert A not in chain.sessions.active
    # Due now; but A was a validator in session 2 and that can be reported through session 7.
    assert chain.sessions.current == 6
    with refused(chain, errors.NothingToWithdraw):
        chain.authorities.withdraw_unbonded(signed(A))
    chain.sessions.turn(2)
    chain.authorities.withdraw_unbonded(signed(A))
    assert chain.held(A) == 0


def test_a_set_that_stays_for_want_of_candidates_keeps_its_bonds() -> None:
    chain = StakeChain(least=2)
    chain.open([MINIMUM, MINIMUM])
    for who in (A, B):
        chain.authorities.chill(signed(who))
        chain.authorities.unbond(signed(who), u128(MINIMUM))
    chain.sessions.turn(40)
    assert chain.sessions.active == [A, B]
    with refused(chain, errors.NothingToWithdraw):
        chain.authorities.withdraw_unbonded(signed(A))
    assert chain.authorities.at_stake(A, 40) == MINIMUM


# ---- candidates


def test_a_candidate_needs_the_minimum_and_keys(chain: StakeChain) -> None:
    chain.authorities.bond(signed(NEWCOMER), u128(MINIMUM - 1))
    with refused(chain, errors.InsufficientBond):
        chain.authorities.validate(signed(NEWCOMER))
    chain.authorities.bond_extra(signed(NEWCOMER), u128(1))
    chain.sessions.keyless = [NEWCOMER]
    with refused(chain, errors.NoSessionKeys):
        chain.authorities.validate(signed(NEWCOMER))
    chain.sessions.keyless = []
    chain.authorities.validate(signed(NEWCOMER))
    assert chain.announced()[-1] == events.CandidateAdded(NEWCOMER)
    with refused(chain, errors.AlreadyCandidate):
        chain.authorities.validate(signed(NEWCOMER))
    with refused(chain, errors.InsufficientBond):
        chain.authorities.unbond(signed(NEWCOMER), u128(1))
    chain.authorities.chill(signed(NEWCOMER))
    with refused(chain, errors.NotCandidate):
        chain.authorities.chill(signed(NEWCOMER))
    chain.authorities.unbond(signed(NEWCOMER), u128(1))
    chain.check()


def test_a_full_list_yields_to_a_greater_bond_only() -> None:
    chain = StakeChain(candidates=3)
    chain.open([MINIMUM + 2, MINIMUM, MINIMUM])
    chain.authorities.bond(signed(NEWCOMER), u128(MINIMUM))
    with refused(chain, errors.CandidatesFull):
        chain.authorities.validate(signed(NEWCOMER))
    chain.authorities.bond_extra(signed(NEWCOMER), u128(1))
    chain.authorities.validate(signed(NEWCOMER))
    assert events.Displaced(C, NEWCOMER) in chain.announced()
    assert [
        who for who in (A, B, C, NEWCOMER) if who in chain.authorities.candidate_list.candidates
    ] == [A, B, NEWCOMER]
    assert chain.held(C) == MINIMUM  # displaced, not robbed
    with refused(chain, errors.CandidatesFull):
        chain.authorities.validate(signed(C))
    chain.check()


def test_any_account_may_chill_a_validator_that_could_not_be_elected(chain: StakeChain) -> None:
    with refused(chain, errors.CannotChillOther):
        chain.authorities.chill_other(signed(E), Id(D))
    with refused(chain, errors.NotCandidate):
        chain.authorities.chill_other(signed(E), Id(NEWCOMER))
    chain.sessions.keyless = [D]
    chain.authorities.chill_other(signed(E), Id(D))
    chain.authorities.set_minimum_bond(ROOT, btt(20_001))
    chain.authorities.chill_other(signed(E), Id(C))
    chain.authorities.chill_other(ROOT, Id(A))
    assert [who for who, _ in chain.authorities.candidate_list.candidates.items()] == [B]
    chain.check()


def test_governance_sets_its_values_within_bounds(chain: StakeChain) -> None:
    for amount in (LOWEST_MINIMUM - 1, HIGHEST_MINIMUM + 1):
        with refused(chain, errors.OutOfBounds):
            chain.authorities.set_minimum_bond(ROOT, u128(amount))
    for count in (0, 5):
        with refused(chain, errors.OutOfBounds):
            chain.authorities.set_validator_count(ROOT, u32(count))
    with refused(chain, BadOrigin):
        chain.authorities.set_validator_count(signed(A), u32(2))
    with refused(chain, BadOrigin):
        chain.authorities.set_minimum_bond(signed(A), btt(2_000))
    chain.authorities.set_validator_count(ROOT, u32(2))
    chain.sessions.turn(2)
    assert chain.sessions.queued == [A, B]
    chain.authorities.set_minimum_bond(ROOT, btt(35_000))
    chain.sessions.turn(2)
    assert chain.sessions.queued == [A]


# ---- elections


def test_the_greatest_bonds_are_elected_and_equal_ones_by_account() -> None:
    chain = StakeChain(seats=3)
    chain.open([MINIMUM, 3 * MINIMUM, MINIMUM, 2 * MINIMUM, MINIMUM])
    assert chain.sessions.active == [B, D, A]
    assert chain.authorities.elections.elections.value == [0]


def test_an_election_comes_once_a_term_and_weights_are_frozen_between(chain: StakeChain) -> None:
    votes = [40_000 * 10**6, 30_000 * 10**6, 20_000 * 10**6, 10_000 * 10**6]
    assert chain.sessions.grandpa == votes
    chain.authorities.bond_extra(signed(D), btt(90_000))
    chain.authorities.bond(signed(E), btt(50_000))
    chain.authorities.validate(signed(E))
    assert chain.authorities.grandpa_weights([A, B, C, D]) == votes
    chain.sessions.turn()
    assert chain.sessions.queued == [D, E, A, B]
    assert chain.sessions.active == [A, B, C, D]
    assert chain.sessions.grandpa == [
        weight * 10**6 for weight in (100_000, 50_000, 40_000, 30_000)
    ]
    chain.authorities.bond_extra(signed(C), btt(200_000))
    chain.sessions.turn()
    assert chain.sessions.queued == [D, E, A, B]
    chain.sessions.turn()
    assert chain.sessions.queued == [C, D, E, A]


def test_an_election_that_changes_nothing_puts_nothing_new_at_stake(chain: StakeChain) -> None:
    assert chain.authorities.plan_session(2) == [A, B, C, D]
    assert chain.authorities.elections.last_election.value == 2
    assert chain.authorities.elections.elections.value == [0]
    chain.authorities.bond_extra(signed(A), u128(1))
    assert chain.authorities.plan_session(3) is None
    assert chain.authorities.plan_session(4) == [A, B, C, D]


def test_a_bond_that_was_slashed_and_filled_up_is_whole_again_after_the_next_election(
    chain: StakeChain,
) -> None:
    chain.authorities.slash(A, 0, btt(400))
    chain.authorities.bond_extra(signed(A), btt(400))
    assert chain.authorities.plan_session(2) == [A, B, C, D]
    assert chain.authorities.elections.exposures[u32(2), A] == Exposure(btt(40_000), u128(0))


def test_the_set_never_shrinks_below_the_minimum() -> None:
    chain = StakeChain(least=3)
    chain.open([MINIMUM] * 4)
    chain.authorities.chill(signed(A))
    chain.sessions.turn(2)
    assert chain.sessions.queued == [B, C, D]
    chain.sessions.keyless = [D]
    chain.sessions.turn(2)
    assert chain.sessions.queued == [B, C, D]
    assert events.TooFewCandidates(u32(4), u32(2)) in chain.announced()
    chain.authorities.validate(signed(A))
    chain.sessions.turn()  # tried again at once, not a term later
    assert chain.sessions.queued == [A, B, C]


def test_exposures_are_kept_as_long_as_they_can_be_reported(chain: StakeChain) -> None:
    for extra in range(1, 20):
        chain.authorities.bond_extra(signed(A), u128(extra))
        chain.sessions.turn()
        now, kept = chain.sessions.current, chain.authorities.elections.elections.value
        for session in range(max(0, now - 5), now + 1):
            assert chain.authorities.at_stake(A, session) is not None
        assert len(kept) <= 5
        assert all(
            len(list(chain.authorities.elections.exposures.under(first))) == 4 for first in kept
        )
    prefix = chain.authorities.elections.exposures.prefix
    assert len(list(chain.state.keys(prefix))) == 4 * len(
        chain.authorities.elections.elections.value
    )


def test_too_many_remembered_elections_put_the_next_one_off(
    chain: StakeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.pallets.authorities.elections.MAX_ELECTIONS", 1)
    chain.authorities.bond_extra(signed(A), u128(1))
    assert chain.authorities.plan_session(2) is None
    assert chain.authorities.elections.last_election.value == 0


# ---- slashing


def test_a_slash_takes_what_is_on_its_way_out_too(chain: StakeChain) -> None:
    chain.authorities.chill(signed(A))
    chain.authorities.unbond(signed(A), btt(10_000))
    chain.sessions.turn()
    chain.authorities.unbond(signed(A), btt(25_000))
    issued = chain.balances.total_issuance.value
    assert chain.authorities.slash(A, 1, btt(35_000)) == btt(35_000)
    assert chain.authorities.bonds.ledger[A] == Ledger(u128(0), [UnlockChunk(btt(5_000), u32(6))])
    assert chain.balances.total_issuance.value == issued
    assert chain.announced()[-1] == events.Slashed(A, btt(35_000))
    chain.check()


def test_a_slash_is_of_what_was_at_stake_in_that_session(chain: StakeChain) -> None:
    chain.authorities.bond_extra(signed(D), btt(80_000))
    assert chain.authorities.at_stake(D, 0) == btt(10_000)
    assert chain.authorities.slash(D, 0, btt(90_000)) == btt(10_000)
    assert chain.authorities.slash(D, 1, btt(1)) == 0  # one election, one stake
    assert chain.authorities.bonds.ledger[D].active == btt(80_000)
    assert D in chain.authorities.candidate_list.candidates
    assert chain.authorities.slash(NEWCOMER, 0, btt(1)) == 0
    assert chain.authorities.at_stake(NEWCOMER, 0) is None
    chain.check()


def test_a_bond_slashed_below_the_minimum_is_chilled(chain: StakeChain) -> None:
    chain.authorities.slash(D, 0, u128(1))
    assert D not in chain.authorities.candidate_list.candidates
    assert events.Chilled(D) in chain.announced()
    chain.authorities.slash(C, 0, btt(20_000))
    assert C not in chain.authorities.bonds.ledger
    chain.check()


def test_an_expelled_validator_is_barred_for_a_term_and_replaced_at_once(chain: StakeChain) -> None:
    chain.authorities.bond(signed(E), btt(10_000))
    chain.authorities.validate(signed(E))
    chain.sessions.turn(2)  # elected for session 2 and then 4
    chain.authorities.expel(A)
    with refused(chain, errors.Barred):
        chain.authorities.validate(signed(A))
    assert chain.authorities.is_barred(A)
    chain.sessions.turn()
    assert chain.sessions.queued == [B, C, D, E]
    chain.sessions.turn()
    assert chain.sessions.current == 4
    with refused(chain, errors.Barred):
        chain.authorities.validate(signed(A))
    chain.sessions.turn()
    chain.authorities.validate(signed(A))
    assert A not in chain.authorities.candidate_list.barred
    chain.authorities.expel(NEWCOMER)  # an account without a bond is barred all the same
    chain.check()


# ---- weights


class Worked:
    """Scores of work by account, as the value that each has now."""

    def __init__(self, **scores: int) -> None:
        self.by_account = {stash(int(name[1:])): score for name, score in scores.items()}

    def snapshot(self) -> int:
        return 0

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        return [self.by_account.get(who, 0) for who in validators]


def test_shares_of_blocks_move_every_session_and_votes_do_not() -> None:
    work = Worked(s1=100, s2=100)
    chain = StakeChain(term=4, work=work)
    chain.open([MINIMUM, MINIMUM])
    assert chain.sessions.babe == [500_000_000, 500_000_000]
    # Work of 10 BTT against bonds of 20,000 BTT: half of all blocks go by it.
    chain.authors.limit = 0
    work.by_account = {A: 3 * 10**19 // 4 * SCORE_UNIT, B: 10**19 // 4 * SCORE_UNIT}
    chain.sessions.turn()
    assert chain.announced()[-1] == events.WeightsPlanned(u32(2), u32(500_000_000), u8(0))
    assert chain.sessions.babe == [375_000_000 + 250_000_000, 125_000_000 + 250_000_000]
    assert chain.sessions.grandpa == [10**10, 10**10]
    # What authors may get bounds it, so that work does not pay for itself.
    chain.authors.limit = 9 * 10**19 * SCORE_UNIT // DECAY_SUM + 1
    chain.sessions.turn()
    assert chain.announced()[-1] == events.WeightsPlanned(u32(3), u32(99_999_999), u8(0))
    chain.authors.limit = 0
    chain.authorities.slash(A, 0, u128(MINIMUM // 2))
    shares = chain.authorities.babe_weights([A, B])
    part = work_part(10**19 * SCORE_UNIT, 3 * MINIMUM // 2, 2_000, 0)
    assert shares == block_shares([MINIMUM // 2, MINIMUM], work.scores([A, B]), [A, B], part).shares
    assert chain.authorities.grandpa_weights([A, B]) == [10**10, 10**10]
    assert all(type(share) is u64 for share in shares)


def test_the_number_of_capped_operators_is_reported() -> None:
    chain = StakeChain()
    chain.open([6 * MINIMUM, MINIMUM, MINIMUM])
    assert chain.sessions.babe == [500_000_000, 250_000_000, 250_000_000]
    assert chain.announced()[-1] == events.WeightsPlanned(u32(1), u32(0), u8(1))


def test_who_was_never_elected_weighs_one(chain: StakeChain) -> None:
    assert chain.authorities.grandpa_weights([A, NEWCOMER])[1] == 1
    assert chain.authorities.babe_weights([A, NEWCOMER])[1] == 1
    assert chain.authorities.babe_weights([NEWCOMER]) == [1]
    assert chain.authorities.babe_weights([]) == []


def test_the_factor_of_work_is_set_by_a_decision_within_its_bounds() -> None:
    work = Worked(s1=10**19 * SCORE_UNIT, s2=0)
    chain = StakeChain(work=work)
    chain.open([MINIMUM, MINIMUM])
    chain.authors.limit = 0
    for factor, part, capped in ((300, 130_434_782, 0), (10_000, 800_000_000, 1)):
        chain.authorities.set_work_factor(ROOT, u32(factor))
        assert chain.announced()[-1] == events.WorkFactorSet(u32(factor))
        chain.sessions.turn()
        planned = u32(chain.sessions.current + 1)
        assert chain.announced()[-1] == events.WeightsPlanned(planned, u32(part), u8(capped))
    for factor in (299, 10_001):
        with refused(chain, errors.FactorOutOfRange):
            chain.authorities.set_work_factor(ROOT, u32(factor))
    with refused(chain, BadOrigin):
        chain.authorities.set_work_factor(signed(A), u32(300))


def test_votes_that_exceed_64_bits_are_an_error(chain: StakeChain) -> None:
    huge = Exposure(u128(u64.MAX * 10**12), u128(0))
    for who in (A, B):
        chain.authorities.elections.exposures[u32(0), who] = huge
    assert chain.authorities.grandpa_weights([A]) == [u64.MAX]
    with pytest.raises(Overflow):
        chain.authorities.grandpa_weights([A, B])


# ---- genesis


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"bonds": [[A, MINIMUM - 1]]}, "bonds[0][1]"),
        ({"bonds": [[A, int(MAX_BOND) + 1]]}, "bonds[0][1]"),
        ({"bonds": [[A, MINIMUM], [A, MINIMUM]]}, "bonds[1][0]"),
        ({"bonds": [[A, RICH]]}, "bonds[0][1]"),
        ({"bonds": [[stash(number), MINIMUM] for number in range(1, 11)]}, "1 to 8 rows"),
        ({"minimumBond": 5}, "minimumBond"),
        ({"validatorCount": 5}, "validatorCount"),
        ({"validators": []}, "unknown field"),
    ],
)
def test_an_error_in_the_genesis_file_names_its_place(
    section: dict[str, object], message: str
) -> None:
    chain = StakeChain()
    chain.open([], accounts=12)
    rows = section.get("bonds")
    if isinstance(rows, list):
        section = {"bonds": [[ss58.encode(who), str(bond)] for who, bond in rows]}
    with pytest.raises(GenesisError, match="authorities") as raised:
        chain.authorities.genesis(section)
    assert message in str(raised.value)


def test_genesis_sets_the_given_values(chain: StakeChain) -> None:
    del chain
    made = StakeChain()
    made.open([int(LOWEST_MINIMUM)] * 2, minimum=int(LOWEST_MINIMUM))
    made.authorities.genesis({"validatorCount": 1})
    assert made.authorities.minimum_bond.value == LOWEST_MINIMUM
    made.authorities.bond_extra(signed(B), u128(1))
    made.sessions.turn(2)
    assert made.sessions.queued == [B]
    made.check()


def test_a_chain_without_bonds_has_no_validators() -> None:
    chain = StakeChain(least=4)
    chain.open([])
    assert chain.sessions.active == []
    assert chain.authorities.plan_session(2) is None


def test_without_sessions_no_account_is_elected(chain: StakeChain) -> None:
    chain.authorities.connect(NoKeys(), NoAbsences(), NoWork())
    chain.authorities.bond_extra(signed(A), u128(1))
    chain.sessions.turn(2)
    assert chain.sessions.queued == [A, B, C, D]
    assert events.TooFewCandidates(u32(3), u32(0)) in chain.announced()


@pytest.mark.parametrize("lock_first", [True, False])
def test_genesis_bonds_lie_under_vesting_locks(lock_first: bool) -> None:
    chain = StakeChain()
    chain.balances.genesis({"balances": [[ss58.encode(A), MINIMUM + int(MILLI_BTT)]]})
    if lock_first:
        chain.vesting.genesis({"vesting": [[ss58.encode(A), 0, 1_000, 0]]})
    chain.authorities.genesis({"bonds": [[ss58.encode(A), MINIMUM]]})
    if not lock_first:
        chain.vesting.genesis({"vesting": [[ss58.encode(A), 0, 1_000, 0]]})
    chain.sessions.begin()
    assert chain.sessions.active == [A]
    assert chain.vesting.unvested(A) == MINIMUM + MILLI_BTT
    assert chain.authorities.slash(A, 0, u128(MINIMUM)) == MINIMUM
    assert chain.balances.total(A) == MILLI_BTT


# ---- anything at all


class Staking(History):
    """Whatever stashes do and whatever they are slashed for: money is counted, sets are fair."""

    refusals = (Error, TokenError)

    def __init__(self, term: int, least: int) -> None:
        self.chain = StakeChain(term=term, least=least, candidates=4)
        super().__init__(self.chain)
        self.chain.open([MINIMUM] * 4, accounts=7)
        self.least = least
        self.honest = [stash(number) for number in range(1, 8)]
        self.issued = int(self.chain.balances.total_issuance.value)

    def step(self) -> None:
        who = stash(self.rng.randint(1, 7))
        steps = (
            *[self.move] * 4, *[self.stand] * 4, *[self.turn] * 3, self.crowd, self.leave,
            self.keys, self.slash, self.expel, self.govern, self.absent,
        )  # fmt: skip
        self.one_of(steps)(who)

    def make(self, who: AccountId, name: str, **args: object) -> None:
        made = self.chain.call("Authorities", name, **args)
        self.attempt(self.chain.dispatch, signed(who), made, name=f"Authorities.{name}")

    def move(self, who: AccountId) -> None:
        amounts = (0, 1, int(BTT), MINIMUM - 1, MINIMUM, 3 * MINIMUM, 3 * MINIMUM, RICH)
        ledger = self.chain.authorities.bonds.ledger.get(who)
        if ledger is None:
            name, own = "bond", MINIMUM
        else:
            name, own = self.one_of(("bond_extra", "unbond", "unbond")), int(ledger.active)
        self.make(who, name, amount=u128(self.one_of((*amounts, own, own // 2))))
        if name == "bond":
            self.make(who, "validate")

    def stand(self, who: AccountId) -> None:
        names = ("withdraw_unbonded", "validate", "validate", "validate", "validate", "chill")
        self.make(who, self.one_of(names))
        self.make(who, "chill_other", stash=Id(self.some_candidate()))

    def crowd(self, who: AccountId) -> None:
        """Let all bond that have not, and stand for election: more than there is room for."""
        for number in range(1, 8):
            amount = u128(self.rng.randint(MINIMUM, 5 * MINIMUM))
            self.make(stash(number), "bond", amount=amount)
            self.make(stash(number), "validate")

    def some_candidate(self) -> AccountId:
        candidates = [who for who, _ in self.chain.authorities.candidate_list.candidates.items()]
        return self.one_of([*candidates, A])

    def leave(self, who: AccountId) -> None:
        """Chill, unbond all, and withdraw it when it is due, or a bit earlier."""
        self.make(who, "chill")
        self.make(who, "unbond", amount=self.chain.authorities.bonded(who))
        self.chain.sessions.turn(self.rng.randint(5, 7))
        self.make(who, "withdraw_unbonded")

    def keys(self, who: AccountId) -> None:
        others = [one for one in self.chain.sessions.keyless if one != who]
        self.chain.sessions.keyless = others if self.one_in(2) else [*others, who]

    def govern(self, who: AccountId) -> None:
        """Set the number of seats, and a minimum bond for some sessions."""
        authorities = self.chain.authorities
        count = u32(self.rng.randint(1, 5))
        self.attempt(authorities.set_validator_count, ROOT, count)
        self.attempt(authorities.set_minimum_bond, ROOT, u128(2 * MINIMUM))
        self.make(who, "chill_other", stash=Id(self.some_candidate()))
        self.attempt(authorities.set_minimum_bond, ROOT, u128(MINIMUM))
        factor, name = u32(self.rng.choice((299, 300, 3_000))), "Authorities.set_work_factor"
        self.attempt(authorities.set_work_factor, ROOT, factor, name=name)

    def turn(self, who: AccountId) -> None:
        self.chain.sessions.turn(self.rng.randint(1, 4))

    def slash(self, offender: AccountId) -> None:
        authorities = self.chain.authorities
        session = max(0, self.chain.sessions.current - self.rng.randint(0, 5))
        stake, bonded = authorities.at_stake(offender, session), authorities.bonded(offender)
        amount = self.one_of((1, MINIMUM // 7, int(stake or 1), 2 * MINIMUM))
        taken = authorities.slash(offender, session, u128(amount))
        assert taken <= min(amount, int(stake or 0), int(bonded))
        if taken:
            self.honest = [other for other in self.honest if other != offender]
        assert authorities.bonded(offender) == bonded - taken
        first = stake is not None and amount == stake and taken == stake
        if first:
            assert authorities.slash(offender, session, u128(amount)) == 0

    def expel(self, who: AccountId) -> None:
        self.chain.authorities.expel(who)

    def absent(self, who: AccountId) -> None:
        """Let two validators be absent until they ask to validate again."""
        self.chain.absences.accounts = [who, self.some_candidate()]

    def check(self) -> None:
        self.chain.check()
        assert self.chain.balances.total_issuance.value == self.issued
        self.sets_are_whole()
        self.what_can_be_reported_is_covered()
        self.an_election_now_would_be_fair()

    def sets_are_whole(self) -> None:
        for validators in (self.chain.sessions.active, self.chain.sessions.queued):
            assert self.least <= len(validators) <= 4
            assert len(set(validators)) == len(validators)

    def what_can_be_reported_is_covered(self) -> None:
        authorities, now = self.chain.authorities, self.chain.sessions.current
        for session in range(max(0, now - 5), now + 1):
            for who in self.honest:
                stake = authorities.at_stake(who, session)
                assert stake is None or stake <= authorities.bonded(who)

    def an_election_now_would_be_fair(self) -> None:
        authorities = self.chain.authorities
        fit = [
            (-int(bond), who)
            for who, bond in authorities.candidate_list.candidates.items()
            if bond >= MINIMUM and self.chain.sessions.has_keys(who)
        ]
        elected = authorities.candidate_list.elect(authorities._terms(), ())
        best = sorted(fit)
        assert list(elected) == [who for _, who in best[: len(elected)]]
        count = even_count([-bond for bond, _ in best], authorities.seats)
        assert len(elected) == max(count, min(self.least, len(best)))


@settings(max_examples=settings().max_examples // 2)
@given(term=st.integers(1, 4), least=st.integers(1, 3), steps=seeds(20, 50))
def test_money_is_counted_and_sets_are_fair(term: int, least: int, steps: list[int]) -> None:
    Staking(term, least).run(steps)


def test_random_stashes_reach_all_calls_and_events() -> None:
    assert unreached(lambda: Staking(2, 1), Authorities, runs=4, steps=100) == set()
