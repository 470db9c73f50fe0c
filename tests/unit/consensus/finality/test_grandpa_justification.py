"""Commits and justifications: what the nodes' rule takes, what the bridges' does, what is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from btt_chain.consensus.finality.justification import (
    CommitReport,
    Rule,
    assemble,
    from_commit,
    judge_commit,
    prove,
    verify,
)
from btt_chain.consensus.finality.round import Round
from btt_chain.primitives.grandpa import (
    Justification,
    SignedPrecommit,
    Target,
    Verdict,
    trimmed,
    verify_full,
    verify_strict,
)
from btt_chain.primitives.voters import VoterSet
from btt_chain.scale import u32, u64
from unit.consensus.finality.finality_world import (
    CRATE_WEIGHTS,
    PRECOMMIT,
    PREVOTE,
    ROUND,
    SET_ID,
    World,
    by_weight,
    commit,
    crate_world,
    many,
    precommit,
    signed,
    unsigned,
    voters,
)

WORLD = crate_world()
HUNDRED = voters(many(100))
FIVE = voters(dict.fromkeys(("Alice", "Bob", "Charlie", "Dave", "Eve"), 1))  # threshold 4


def marked(block: str, names: Sequence[str], mark: int = 0) -> list[SignedPrecommit]:
    return [precommit(WORLD[block], name, mark) for name in names]


def proof(
    precommits: Sequence[SignedPrecommit], target: str = "E", headers: Sequence[str] = ()
) -> Justification:
    given = [WORLD.headers[WORLD[name].hash] for name in headers]
    return Justification(u64(ROUND), commit(WORLD[target], precommits), given)


def verdicts(
    justification: Justification, set_: VoterSet = FIVE, target: Target | None = None
) -> tuple[Verdict, Verdict]:
    """By the nodes' rule and by the strict one; by that of light clients, it is the strict one's,
    or accepted where there are only more votes than are needed.
    """
    wanted = justification.target if target is None else target
    node, full, strict = (verify(justification, SET_ID, set_, wanted, rule) for rule in Rule)
    assert verify_strict(justification, SET_ID, set_, wanted) is strict
    assert verify_full(justification, SET_ID, set_, wanted) is full
    assert full is (Verdict.ACCEPTED if strict is Verdict.REDUNDANT_VOTE else strict)
    return node, strict


OK = Verdict.ACCEPTED
ABCD = [precommit(WORLD["E"], name) for name in ("Alice", "Bob", "Charlie", "Dave")]


# --- commits ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("voting", "target", "valid"), [(66, "C", False), (67, "C", True), (67, "B", False)]
)
def test_g12_a_commit_needs_more_than_two_thirds_for_its_own_target(
    voting: int, target: str, valid: bool
) -> None:
    made = commit(WORLD[target], marked("C", list(many(voting))))

    assert judge_commit(made, HUNDRED, WORLD) == CommitReport(valid)


def test_g13_an_equivocator_makes_up_for_what_is_missing() -> None:
    names = list(many(67))
    votes = [*marked("C", names[:66]), *marked("D", names[66:]), *marked("E", names[66:])]

    report = judge_commit(commit(WORLD["C"], votes), HUNDRED, WORLD)

    assert report == CommitReport(valid=True, equivocations=1)


def test_g14_a_foreign_precommit_is_ignored() -> None:
    votes = [*marked("genesis", ["Mallory"]), *marked("C", list(many(67)))]

    report = judge_commit(commit(WORLD["C"], votes), HUNDRED, WORLD)

    assert report == CommitReport(valid=True, unknown_voters=1)


def test_a_precommit_twice_is_counted_once_and_reported() -> None:
    votes = [*marked("C", list(many(67))), *marked("C", list(many(2)))]

    report = judge_commit(commit(WORLD["C"], votes), HUNDRED, WORLD)

    assert report == CommitReport(valid=True, duplicates=2)


def test_an_empty_commit_is_not_valid() -> None:
    assert not judge_commit(commit(WORLD["C"], []), HUNDRED, WORLD).valid


# --- the two rules ----------------------------------------------------------


def test_votes_for_the_target_itself_need_no_headers() -> None:
    assert verdicts(proof(ABCD)) == (OK, OK)


def test_votes_above_the_target_bring_their_headers() -> None:
    votes = [*ABCD[:2], precommit(WORLD["EB"], "Charlie"), precommit(WORLD["F"], "Dave")]

    assert verdicts(proof(votes, headers=["EA", "EB", "F"])) == (OK, OK)


def test_a_proof_of_another_block_is_refused() -> None:
    both = verdicts(proof(ABCD), target=WORLD["D"])

    assert both == (Verdict.WRONG_TARGET, Verdict.WRONG_TARGET)


@pytest.mark.parametrize(("round_number", "set_id"), [(ROUND + 1, SET_ID), (ROUND, SET_ID + 1)])
def test_votes_of_another_round_or_set_prove_nothing(round_number: int, set_id: int) -> None:
    alien = signed(PRECOMMIT, WORLD["E"], "Dave", round_number, set_id)
    votes = [*ABCD[:3], replace(ABCD[3], signature=alien.signature)]

    assert verdicts(proof(votes)) == (Verdict.BAD_SIGNATURE, Verdict.BAD_SIGNATURE)


def test_too_little_weight_is_refused() -> None:
    assert verdicts(proof(ABCD[:3])) == (Verdict.VOTES_ELSEWHERE, Verdict.TOO_LITTLE_WEIGHT)


def test_a_proof_without_votes_is_refused() -> None:
    assert verdicts(proof([])) == (Verdict.VOTES_ELSEWHERE, Verdict.TOO_LITTLE_WEIGHT)


def test_the_strict_rule_refuses_a_vote_too_many() -> None:
    assert verdicts(proof([*ABCD, precommit(WORLD["E"], "Eve")])) == (OK, Verdict.REDUNDANT_VOTE)


def test_the_strict_rule_refuses_a_foreign_key() -> None:
    votes = [precommit(WORLD["E"], "Mallory"), *ABCD]

    assert verdicts(proof(votes)) == (OK, Verdict.UNKNOWN_VOTER)


def test_the_strict_rule_refuses_a_voter_twice() -> None:
    votes = [ABCD[0], *ABCD]

    assert verdicts(proof(votes)) == (OK, Verdict.DUPLICATE_VOTER)


def test_the_nodes_take_an_equivocator_and_bridges_do_not() -> None:
    votes = [precommit(WORLD["EA"], "Dave"), precommit(WORLD["F"], "Dave"), *ABCD[:3]]

    assert verdicts(proof(votes, headers=["EA", "F"])) == (OK, Verdict.DUPLICATE_VOTER)


def test_the_nodes_take_votes_below_the_target_and_bridges_do_not() -> None:
    votes = [precommit(WORLD["D"], "Eve"), *ABCD]

    assert verdicts(proof(votes, headers=["E"])) == (OK, Verdict.UNRELATED_VOTE)


def test_a_header_that_leads_to_no_vote_is_refused() -> None:
    both = verdicts(proof(ABCD, headers=["F"]))

    assert both == (Verdict.UNUSED_HEADER, Verdict.UNUSED_HEADER)


def test_a_header_twice_is_refused_by_the_strict_rule() -> None:
    votes = [*ABCD[:3], precommit(WORLD["F"], "Dave")]

    assert verdicts(proof(votes, headers=["F", "F"])) == (OK, Verdict.DUPLICATE_HEADER)


def test_a_missing_header_is_refused() -> None:
    votes = [*ABCD[:3], precommit(WORLD["FA"], "Dave")]

    both = verdicts(proof(votes, headers=["FA"]))

    assert both == (Verdict.VOTES_ELSEWHERE, Verdict.UNRELATED_VOTE)


def test_a_vote_on_another_branch_is_refused() -> None:
    votes = [*(precommit(WORLD["EA"], n) for n in ("Alice", "Bob", "Charlie"))]
    votes.append(precommit(WORLD["F"], "Dave"))

    both = verdicts(proof(votes, target="EA", headers=["F"]))

    assert both == (Verdict.VOTES_ELSEWHERE, Verdict.UNRELATED_VOTE)


@pytest.mark.parametrize("number", [0, 5, 7, 2**32 - 1])
def test_a_vote_with_the_wrong_height_is_refused(number: int) -> None:
    wrong = Target(WORLD["E"].hash, number)
    votes = [*ABCD[:3], precommit(wrong, "Dave")]

    node, strict = verdicts(proof(votes))

    assert node is not OK
    assert strict is Verdict.UNRELATED_VOTE


def test_a_target_with_the_wrong_height_is_refused() -> None:
    made = proof(ABCD)
    wrong = replace(made, commit=replace(made.commit, target_number=u32(7)))

    assert OK not in verdicts(wrong)


def test_heights_that_are_wrong_alike_are_refused_by_the_headers() -> None:
    base, above = (Target(WORLD[name].hash, WORLD[name].number + 1) for name in ("D", "E"))
    votes = [*(precommit(base, n) for n in ("Alice", "Bob", "Charlie")), precommit(above, "Dave")]
    header = WORLD.headers[WORLD["E"].hash]

    both = verdicts(Justification(u64(ROUND), commit(base, votes), [header]))

    assert both == (Verdict.VOTES_ELSEWHERE, Verdict.UNRELATED_VOTE)


# --- proofs -----------------------------------------------------------------


def test_g3_what_is_final_without_a_vote_at_it_is_not_proven_until_there_is_one() -> None:
    weights = by_weight(CRATE_WEIGHTS)
    votes = Round(ROUND, weights, WORLD["C"], WORLD)
    split = [signed(PRECOMMIT, WORLD["FC"], "Alice"), signed(PRECOMMIT, WORLD["ED"], "Bob")]
    for vote in split:
        votes.add(vote)
    for name, block in (("Alice", "FC"), ("Bob", "ED"), ("Eve", "EA")):
        votes.add(unsigned(PREVOTE, WORLD[block], name))
    assert votes.finalized == WORLD["E"]
    assert prove(votes, WORLD) is None

    votes.add(signed(PRECOMMIT, WORLD["EA"], "Eve"))
    made = prove(votes, WORLD)

    assert votes.finalized == WORLD["EA"]
    assert made is not None
    assert verdicts(made, weights) == (OK, OK)
    assert [signed.precommit.target_hash for signed in made.commit.precommits] == [
        WORLD["EA"].hash,
        WORLD["ED"].hash,
    ]


def test_what_is_final_by_a_split_alone_bridges_would_take_and_nodes_not() -> None:
    votes = [precommit(WORLD["FC"], "Alice"), precommit(WORLD["ED"], "Bob")]
    made = proof(votes, headers=["EA", "EB", "EC", "ED", "F", "FA", "FB", "FC"])

    assert verdicts(made, by_weight(CRATE_WEIGHTS)) == (Verdict.VOTES_ELSEWHERE, OK)


def test_nothing_final_is_nothing_to_prove() -> None:
    assert prove(Round(ROUND, FIVE, WORLD["C"], WORLD), WORLD) is None


def test_a_proof_has_the_lightest_votes_and_leaves_out_what_is_not_needed() -> None:
    weights = voters({"Alice": 10, "Bob": 11, "Charlie": 13, "Dave": 12, "Eve": 9})  # 37 of 55, 4
    votes = [
        precommit(WORLD["E"], "Alice"),
        precommit(WORLD["EA"], "Bob"),
        precommit(WORLD["F"], "Charlie"),
        precommit(WORLD["FA"], "Dave"),
        precommit(WORLD["E"], "Eve"),
        precommit(WORLD["D"], "Mallory"),
    ]

    made = assemble(ROUND, WORLD["E"], votes, weights, WORLD)

    assert made is not None
    assert [signed.id for signed in made.commit.precommits] == [
        votes[4].id,
        votes[0].id,
        votes[1].id,
        votes[3].id,
    ]
    assert {header.hash() for header in made.votes_ancestries} == {
        WORLD["EA"].hash,
        WORLD["F"].hash,
        WORLD["FA"].hash,
    }
    assert verdicts(made, weights) == (OK, OK)


def test_a_proof_has_enough_voters_though_one_weighs_enough() -> None:
    weights = voters({"Alice": 100, "Bob": 1, "Charlie": 1, "Dave": 1})
    votes = [precommit(WORLD["E"], name) for name in ("Alice", "Bob")]
    assert assemble(ROUND, WORLD["E"], votes, weights, WORLD) is None
    assert verify_strict(proof(votes[:1]), SET_ID, weights, WORLD["E"]) is OK  # by weight alone
    assert verify_full(proof(votes), SET_ID, weights, WORLD["E"]) is Verdict.TOO_FEW_VOTERS

    made = assemble(ROUND, WORLD["E"], [*votes, precommit(WORLD["F"], "Dave")], weights, WORLD)

    assert made is not None
    assert verify_full(made, SET_ID, weights, WORLD["E"]) is OK
    assert len(made.commit.precommits) == 3


def test_bridges_take_a_proof_without_the_votes_that_surplus_heads_add() -> None:
    """The lightest is absent, so the three that are needed by number weigh too much."""
    weights = voters({"Alice": 40, "Bob": 30, "Charlie": 20, "Dave": 1})
    votes = [precommit(WORLD["E"], name) for name in ("Alice", "Bob")]
    votes.append(precommit(WORLD["F"], "Charlie"))
    made = assemble(ROUND, WORLD["E"], votes, weights, WORLD)
    assert made is not None
    assert verify_full(made, SET_ID, weights, WORLD["E"]) is OK
    short = trimmed(made, weights)
    assert verify_strict(short, SET_ID, weights, WORLD["E"]) is OK
    assert [one.id for one in short.commit.precommits] == [votes[0].id, votes[1].id]
    assert short.votes_ancestries == []


def test_a_commit_with_too_much_in_it_is_made_a_proof_for_bridges() -> None:
    votes = [*ABCD, precommit(WORLD["E"], "Eve"), precommit(WORLD["D"], "Mallory")]

    made = from_commit(commit(WORLD["E"], votes), ROUND, FIVE, WORLD)

    assert made is not None
    assert verdicts(made) == (OK, OK)


def test_a_commit_that_rests_on_an_equivocator_proves_nothing_to_bridges() -> None:
    votes = [*ABCD[:3], precommit(WORLD["EA"], "Dave"), precommit(WORLD["F"], "Dave")]
    made = commit(WORLD["E"], votes)

    assert judge_commit(made, FIVE, WORLD).valid
    assert from_commit(made, ROUND, FIVE, WORLD) is None


def test_votes_ahead_of_the_target_do_not_prove_it() -> None:
    weights = voters({"Alice": 1, "Bob": 50, "Charlie": 40, "Dave": 40})
    votes = [precommit(WORLD["E"], "Alice"), *marked("F", ["Bob", "Charlie", "Dave"])]

    assert assemble(ROUND, WORLD["E"], votes, weights, WORLD) is None


def test_a_header_that_is_gone_makes_no_proof() -> None:
    votes = [*ABCD[:3], precommit(WORLD["F"], "Dave")]
    short = World().push("genesis", "A", "B", "C", "D", "E")

    assert assemble(ROUND, WORLD["E"], votes, FIVE, short) is None
