"""Attacks on useful work, and the tests that show them to fail.

`PROVEN` names, row by row, the tests that show it where the machinery is; the tests below are
those that take several pallets together. `test_no_row_is_without_a_test` keeps the table honest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64
from btt_chain.work import ids
from btt_chain.work.race import raced
from runtime.constants import BTT
from runtime.frame import DispatchError
from runtime.pallets.jobs import errors as jobs_errors
from runtime.pallets.jobs.types import Check, JobState, Outcome
from runtime.pallets.receipts.types import Phase, Seat, Valid, Verdict, Wrong
from runtime.params import WorkRules
from support.market import ALICE, BOB, GENESIS, RANDOMNESS, SALT, Claim, Market, person

UNIT: Final = Path(__file__).parents[1]
PALLETS, WORK, COMPUTE = "runtime/pallets", "work", "compute"
VECTORS, ADMISSION = f"{WORK}/test_freivalds.py", f"{WORK}/test_admission.py"
RECEIPTS, JOBS = f"{PALLETS}/test_receipts.py", f"{PALLETS}/test_jobs.py"
DISPUTES, MISSING = f"{PALLETS}/test_receipts_disputes.py", f"{PALLETS}/test_receipts_missing.py"
PLANTED = f"{PALLETS}/test_receipts_planted_errors.py"
SELECTION, SCORES = f"{PALLETS}/test_provider_selection.py", f"{PALLETS}/test_provider_scores.py"
PERFORMANCE = f"{PALLETS}/test_provider_performance.py"
MINING, WASH = f"{PALLETS}/test_mining.py", "runtime/test_wash_trading.py"
FRAUD, CHECKING = f"{WORK}/test_fraud.py", f"{COMPUTE}/test_checking.py"
HERE: Final = "runtime/test_work_attacks.py"
BEACONS: Final = "runtime/test_beacons_of_selections.py"

PROVEN: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "wrong element": (
        (FRAUD, "test_a_wrong_element_of_any_node_is_found_and_proven"),
        (FRAUD, "test_nothing_honest_can_be_proven"),
        (CHECKING, "test_one_altered_element_of_any_node_is_found_and_proven"),
        (DISPUTES, "test_a_wrong_element_is_proven_and_all_penalties_and_rewards_are_paid"),
    ),
    "smaller model, skipped layer, 4-bit weights": (
        (FRAUD, "test_other_weights_a_skipped_layer_and_another_rounding_are_found"),
        (CHECKING, "test_other_weights_are_found_at_the_first_product"),
    ),
    "error hidden by float rounding or integer wrap": (
        (VECTORS, "test_what_no_product_can_be_is_refused_even_by_a_blind_vector"),
        (VECTORS, "test_errors_that_cancel_in_a_plain_sum_are_seen"),
        (
            ADMISSION,
            "test_accumulators_that_could_overflow_are_refused_when_the_model_is_made",
        ),
    ),
    "seed known before commit": (
        (RECEIPTS, "test_a_committee_is_selected_by_a_beacon_that_was_unknown_at_submission"),
        (HERE, "test_every_selection_is_by_a_beacon_that_was_unknown_at_its_request"),
        (BEACONS, "test_a_committee_is_selected_by_the_beacon_of_the_named_slot_after_submission"),
    ),
    "wrong requantise, softmax, pooling": (
        (VECTORS, "test_accumulators_made_to_fit_a_lie_do_not_hide_it"),
        (VECTORS, "test_a_lie_in_any_node_is_found_by_vectors"),
    ),
    "degenerate model": (
        (ADMISSION, "test_weights_that_are_mostly_nothing_are_no_work"),
        (f"{PALLETS}/test_models.py", "test_what_cannot_be_executed_exactly_is_refused"),
        (MINING, "test_neither_junk_work_nor_overpaying_buys_score"),
    ),
    "self-dealing": (
        (WASH, "test_the_arithmetic_of_paying_oneself_is_that_of_the_design"),
        (WASH, "test_no_price_and_no_share_of_the_selections_gains"),
        (WASH, "test_a_run_of_own_jobs_costs_what_the_selections_imply_and_never_gains"),
    ),
    "payer and provider with a bribed committee": (
        (WASH, "test_a_bribed_committee_changes_only_the_receiver_of_the_fees"),
    ),
    "niche class": ((WASH, "test_with_too_few_selectable_operators_nothing_is_mined_or_scored"),),
    "operator-sybil": (
        (SELECTION, "test_a_bond_that_is_split_among_many_accounts_is_selected_as_often"),
        (WASH, "test_keys_are_selected_by_bond_and_not_by_their_number"),
    ),
    "requester grinds the job id": (
        (HERE, "test_variations_of_a_request_do_not_determine_the_selected_provider"),
        (BEACONS, "test_a_provider_is_selected_by_the_beacon_of_the_named_slot_after_posting"),
        (BEACONS, "test_the_next_provider_is_selected_by_a_beacon_after_the_first_one_failed"),
        (SELECTION, "test_knowledge_of_the_seed_gives_no_gain_by_unbonding"),
    ),
    "selective acceptance": (
        (JOBS, "test_a_provider_that_declines_more_than_one_in_twenty_is_fined"),
        (PERFORMANCE, "test_declining_is_free_within_the_quota_and_costs_beyond_it"),
    ),
    "replay, double claim, other chain": (
        (RECEIPTS, "test_a_receipt_of_another_chain_is_none_here"),
        (RECEIPTS, "test_a_job_that_ended_takes_no_second_receipt"),
        (MINING, "test_a_receipt_counts_once"),
        (HERE, "test_a_job_is_paid_once_whatever_is_sent_again"),
    ),
    "receipt theft": (
        (RECEIPTS, "test_only_the_assigned_provider_submits"),
        (HERE, "test_copied_roots_are_not_a_receipt_of_another_provider"),
    ),
    "recycled identical job": (
        (WASH, "test_the_same_job_again_and_again_loses_each_time"),
    ),
    "lazy verifier": (
        (PLANTED, "test_a_planted_error_costs_the_lazy_and_pays_the_diligent_and_the_work_is_paid"),
        (HERE, "test_a_verifier_that_always_says_valid_loses_over_a_thousand_receipts"),
    ),
    "copied attestation": (
        (DISPUTES, "test_a_copied_digest_costs_two_prices_and_the_vote"),
        (RECEIPTS, "test_the_sample_of_a_verifier_is_random_and_unknown_until_it_reveals"),
        (CHECKING, "test_two_verifiers_have_two_digests"),
    ),
    "malicious vote of invalid": (
        (DISPUTES, "test_a_false_alarm_costs_its_sender_and_the_receipt_continues"),
    ),
    "verifiers withhold": (
        (RECEIPTS, "test_silent_verifiers_are_replaced_and_their_misses_are_noted"),
        (HERE, "test_two_of_five_that_are_silent_are_replaced_and_the_work_is_paid"),
    ),
    "transcript withheld": (
        (MISSING, "test_a_provider_that_shows_nothing_is_fined_and_the_requester_refunded"),
        (MISSING, "test_a_leaf_that_is_not_shown_ends_the_job_and_the_deposit_comes_back"),
    ),
    "requester refuses good work": (
        (RECEIPTS, "test_a_receipt_that_enough_find_valid_is_paid_after_the_challenge_window"),
        (DISPUTES, "test_a_confidential_job_is_paid_when_its_requester_accepts_or_is_silent"),
    ),
    "requester sends garbage": (
        (JOBS, "test_a_payload_that_does_not_come_costs_the_requester_its_deposit"),
    ),
    "beacon of the last revealer": (
        (HERE, "test_withholding_a_block_selects_once_more_and_no_more"),
        (f"{PALLETS}/test_babe_epochs.py", "test_a_beacon_may_wait_for_several_authors"),
    ),
    "weight from unfinalized receipts, reorganisation": (
        (SCORES, "test_nothing_done_in_the_last_two_eras_moves_a_weight"),
    ),
    "no demand": ((SCORES, "test_without_work_the_chain_runs_on_bonds"),),
    "dictionary attack on hashes": (
        (f"{WORK}/test_merkle.py", "test_a_keyed_leaf_cannot_be_guessed_without_its_key"),
        (HERE, "test_a_diagnosis_cannot_be_guessed_from_what_stands_on_the_chain"),
    ),
    "leaked planted error": (
        (HERE, "test_knowing_a_planted_error_gains_no_more_than_the_lazy_lose"),
    ),
    "overflow in economics": (
        (f"{PALLETS}/test_work_machine.py", "all_adds_up"),
        ("runtime/test_conservation.py", "money_is_conserved"),
        (HERE, "test_prices_that_no_supply_can_pay_are_refused"),
    ),
    "saturating engines": (
        (f"{WORK}/test_execute.py", "test_sums_beyond_float32_are_cut_and_stay_exact"),
        (f"{WORK}/test_execute.py", "test_every_node_equals_the_slow_integers"),
        (f"{WORK}/test_onnxruntime_engine.py", "test_an_engine_that_saturates_is_not_used"),
    ),
    "fake capacity": ((WASH, "test_capacity_that_is_only_registered_earns_nothing"),),
}  # fmt: skip
"""Rows of the table, and what shows each: the file, below tests/unit, and the test in it."""

HONEST = Claim(4)
ALL_LIES = Claim(4, [(item, 1, 3) for item in range(4)])
DEAR = {"data_bytes": u64(2_000_000 << 20)}
"""A job of about 20 BTT."""
TAU = 20_000
"""Share of receipts with a planted error on live chains, in parts per million."""
PLANTED_ERRORS = WorkRules(
    committee=u32(3), quorum=u32(2), min_operators=u32(2), planted_error_ppm=u32(10**6)
)


@pytest.mark.parametrize("row", PROVEN)
def test_no_row_is_without_a_test(row: str) -> None:
    assert len(PROVEN) == 30
    for file, name in PROVEN[row]:
        assert f"def {name}(" in (UNIT / file).read_text(), f"{file} has no {name}"


# ---- seed known before commit


def test_every_selection_is_by_a_beacon_that_was_unknown_at_its_request() -> None:
    market = Market()
    job = market.post()
    posted = int(market.job(job).posted)
    market.until(job, JobState.Assigned)
    assert market.clock.now() > posted + int(market.rules.beacon_delay)
    market.accepted(job)
    receipt = market.submit(job, HONEST)
    submitted = int(market.receipt(receipt).submitted)
    found = market.until_phase(receipt, Phase.Checking)
    assert market.clock.now() > submitted + int(market.rules.beacon_delay)
    for beacon in found.beacons:
        known = [
            sha256(b"beacon" + slot.to_bytes(4, "little")).digest() for slot in range(submitted)
        ]
        assert beacon not in known


# ---- requester grinds the job id


def test_variations_of_a_request_do_not_determine_the_selected_provider() -> None:
    """For any choice of fields, a later beacon selects each provider equally often."""
    market = Market()
    selected: Counter[AccountId] = Counter()
    ground = []
    for number in range(60):
        job = sha256(number.to_bytes(4, "little")).digest()
        # The best of many ids under a beacon that is known already ...
        known = sha256(b"known").digest()
        seed = ids.assign_seed(known, H256(job), 0)
        first = market.providers.engagements.select(seed, 0, 1, ALICE, [], False)[0]
        if first == market.provider_accounts[0]:
            ground.append(job)
    for number, job in enumerate(ground):
        # ... is selected under none of those that decide.
        later = sha256(b"later" + number.to_bytes(4, "little")).digest()
        who, _ = market.providers.engagements.select(
            ids.assign_seed(later, H256(job), 0), 0, 1, ALICE, [], False
        )
        assert who is not None
        selected[who] += 1
    assert len(selected) == 3
    assert max(selected.values()) < 0.8 * len(ground)


# ---- replay and theft


def test_a_job_is_paid_once_whatever_is_sent_again() -> None:
    market = Market()
    job = market.post()
    receipt = market.finish(job, HONEST)
    provider = market.provider(job)
    before = market.wealth(provider, ALICE)
    again = {
        "job": job, "attempt": market.job(job).attempt, "item_root": HONEST.item_root,
        "output_root": HONEST.output_root, "planted_error_commit": RANDOMNESS,
        "started": market.job(job).accepted,
        "finished": u32(market.clock.now()),
    }  # fmt: skip
    assert isinstance(market.tried(provider, "Receipts.submit", **again), jobs_errors.WrongState)
    assert market.tried(ALICE, "Receipts.accept_result", receipt=receipt) is not None
    market.run(50)
    assert market.wealth(provider, ALICE) == before
    market.audit()


def test_copied_roots_are_not_a_receipt_of_another_provider() -> None:
    market = Market()
    job = market.post()
    provider = market.accepted(job)
    thieves = [who for who in (*market.provider_accounts, BOB) if who != provider]
    found, now = market.job(job), u32(market.clock.now())
    args = {
        "job": job, "attempt": found.attempt, "item_root": HONEST.item_root,
        "output_root": HONEST.output_root, "planted_error_commit": RANDOMNESS,
        "started": found.accepted, "finished": now,
    }  # fmt: skip
    for thief in thieves:
        assert isinstance(market.tried(thief, "Receipts.submit", **args), jobs_errors.NotProvider)
    receipt = market.submit(job, HONEST)
    names = [ids.receipt_id(GENESIS, job, who, 0, HONEST.item_root) for who in thieves]
    assert receipt not in names
    other = H256(b"\x09" * 32)
    assert ids.receipt_id(other, job, provider, 0, HONEST.item_root) != receipt


# ---- lazy verifiers and planted errors


def planted(
    verdicts: Callable[[Seat, int], Verdict | None],
) -> tuple[Market, H256, H256, list[int]]:
    """Have a planted error voted on, revealed, exposed, and its right roots accepted.

    Returns what each of the first seats gained, and the provider besides its pay.
    """
    market = Market(PLANTED_ERRORS, verifiers=8)
    job = market.post(**DEAR)
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*seats, market.provider(job))
    market.vote(receipt, ALL_LIES, verdicts)
    market.until_phase(receipt, Phase.Disclosing)
    found = market.receipt(receipt)
    pair: KeyPair = market.ring.pairs[found.provider]
    output, proof = market.vrf.sign(pair, ids.planted_error_input(market.job(found.job).seed))
    market.do(
        found.provider, "Receipts.reveal_planted_error", receipt=receipt,
        pre_output=output.pre_output, proof=proof, item_root=HONEST.item_root,
        output_root=HONEST.output_root, salt=SALT,
    )  # fmt: skip
    items = range(4)
    market.tried(  # there may be no lazy verifier
        BOB, "Receipts.expose_voters", receipt=receipt, was=ALL_LIES.items_opened(*items),
        right=HONEST.items_opened(*items),
    )  # fmt: skip
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    after = market.wealth(*seats, market.provider(job))
    after[-1] -= int(market.job(job).paid)
    market.audit()
    return market, job, receipt, [new - old for new, old in zip(after, before, strict=True)]


def found(_: Seat, place: int) -> Verdict:
    return Wrong(u32(place), u16(0), u32(3))


def one_lazy(seat: Seat, place: int) -> Verdict:
    return found(seat, place) if place else Valid()


def test_a_verifier_that_always_says_valid_loses_over_a_thousand_receipts() -> None:
    """By the pallets' payments and penalties, with two planted errors in a hundred receipts."""
    market = Market()
    job = market.post(**DEAR)
    receipt = market.checking(job, HONEST)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*seats)
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    income = market.wealth(seats[0])[0] - before[0]
    _, _, _, gained = planted(one_lazy)
    errors = 1_000 * TAU // 10**6
    assert income > 0 > gained[0]
    assert (1_000 - errors) * income + errors * gained[0] < 0
    # Who looks earns both ways.
    assert gained[0] < 0 < gained[1] == gained[2]


def test_knowing_a_planted_error_gains_no_more_than_the_lazy_lose() -> None:
    """A provider and its friends among the verifiers: what one gains another of them lost."""
    market, job, _, gained = planted(one_lazy)
    fee = int(market.job(job).verification) // 3
    assert sum(gained) < 0, "if one party holds all, a planted error costs"
    assert gained[-1] <= 0, "the provider has nothing of it"
    assert sum(gain for gain in gained if gain > 0) <= -gained[0]
    # Without a lazy verifier there is nothing to gain, and nothing is paid.
    _, _, _, honest = planted(found)
    assert honest == [0, 0, 0, 0]
    assert fee > 0


# ---- verifiers withhold


def test_two_of_five_that_are_silent_are_replaced_and_the_work_is_paid() -> None:
    rules = WorkRules(committee=u32(5), quorum=u32(4), min_operators=u32(2))
    market = Market(rules, verifiers=10)
    job = market.post()
    receipt = market.checking(job, HONEST)
    first = [seat.verifier for seat in market.receipt(receipt).seats]
    market.vote(receipt, HONEST, lambda _, place: None if place < 2 else Valid())
    for _ in range(60):
        market.step()
        if {seat.verifier for seat in market.receipt(receipt).seats} != {*first}:
            break
    seats = market.receipt(receipt).seats
    assert {*first[2:]} <= {seat.verifier for seat in seats}
    assert not {*first[:2]} & {seat.verifier for seat in seats}
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    ended = market.until(job, JobState.Finalized)
    assert ended.outcome is Outcome.Done
    assert all(paid == 0 for paid in gained_of(market, first[:2]))
    market.audit()


def gained_of(market: Market, who: list[AccountId]) -> list[int]:
    """Return the gains of these accounts since the beginning."""
    return [amount - 1_000_000 * int(BTT) for amount in market.wealth(*who)]


# ---- the last revealer of a beacon


def test_withholding_a_block_selects_once_more_and_no_more() -> None:
    """An account with half of the bond that may choose between two beacons wins 3 in 4, not all.

    It costs the block's reward each time, and the check of what it computed stays as it is.
    """
    names = [person("attacker"), person("all others")]
    wins, runs = [0, 0], 200
    for number in range(runs):
        seeds = [sha256(bytes((mark,)) + number.to_bytes(4, "big")).digest() for mark in (0, 1)]
        lots = [raced(seed, names, [10**6, 10**6])[0] == 0 for seed in seeds]
        wins[0] += lots[0]
        wins[1] += any(lots)
    assert abs(wins[0] - runs // 2) < 40
    assert abs(wins[1] - 3 * runs // 4) < 40


# ---- information in hashes


def test_a_diagnosis_cannot_be_guessed_from_what_stands_on_the_chain() -> None:
    """Two outcomes, and all roots of a confidential job: without its key neither is known."""
    key = b"0123456789abcdef" * 2
    said = Claim(2, key=key)
    for guess in (Claim(2), Claim(2, key=bytes(32)), Claim(2, key=b"1" * 32)):
        assert guess.item_root != said.item_root
        assert guess.output_root != said.output_root
        inner = [one.tensors[-1].root for one in guess.commitments]
        assert not {*inner} & {one.tensors[-1].root for one in said.commitments}
    # The same job again under another key has other roots, too: nothing links the two.
    assert Claim(2, key=key).item_root == said.item_root


# ---- overflow


@settings(max_examples=10, deadline=None)
@given(mib=st.sampled_from((0, 1, 2**30, 2**43, 2**44 - 1)), check=st.sampled_from(Check))
def test_prices_that_no_supply_can_pay_are_refused(mib: int, check: Check) -> None:
    market = Market(providers=1, verifiers=3)
    before = market.wealth(ALICE)
    job = None
    with suppress(DispatchError):
        job = market.post(data_bytes=u64(min(mib << 20, u64.MAX)), check=check)
    market.audit()
    if job is not None:
        market.do(ALICE, "Jobs.cancel", job=job)
        market.audit()
    assert market.wealth(ALICE) == before
    assert market.balances.held(market.jobs.reason, ALICE) == 0
