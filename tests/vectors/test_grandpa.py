"""A real justification of a Polkadot-like chain, whole and tampered with."""

from __future__ import annotations

import pytest

from btt_chain.consensus.finality.justification import Rule, verify
from btt_chain.primitives.grandpa import (
    Justification,
    SignedPrecommit,
    Verdict,
    is_signed,
    precommit_message,
)
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import DecodeError, codec
from support.vectors import vectors_dir

SET_ID = 450
ROUND = 6_971
SIGNERS = 199
SILENT = 99
"""So many did not sign at most: with one more, 199 would not be enough."""


@pytest.fixture(scope="module")
def raw() -> bytes:
    return (vectors_dir() / "grandpa" / "justification.bin").read_bytes()


@pytest.fixture(scope="module")
def justification(raw: bytes) -> Justification:
    return Justification.decode(raw)


@pytest.fixture(scope="module")
def voters(justification: Justification) -> VoterSet:
    """The signers, and as many strangers as the set may have had besides."""
    signers = [signed.id for signed in justification.commit.precommits]
    silent = [AuthorityId(index.to_bytes(32, "big")) for index in range(1, SILENT + 1)]
    return VoterSet((who, 1) for who in [*signers, *silent])


def test_it_is_read_and_written_byte_for_byte(raw: bytes, justification: Justification) -> None:
    assert justification.encode() == raw
    assert justification.round == ROUND
    assert justification.target.number == 4_635_975
    assert len({signed.id for signed in justification.commit.precommits}) == SIGNERS


def test_every_signature_is_valid(justification: Justification) -> None:
    valid = [
        is_signed(precommit_message(signed), justification.round, SET_ID)
        for signed in justification.commit.precommits
    ]

    assert valid == [True] * SIGNERS


@pytest.mark.parametrize("rule", list(Rule))
def test_both_rules_accept_it(justification: Justification, voters: VoterSet, rule: Rule) -> None:
    assert len(voters) == SIGNERS + SILENT
    assert verify(justification, SET_ID, voters, justification.target, rule) is Verdict.ACCEPTED


@pytest.mark.parametrize("rule", list(Rule))
def test_it_proves_nothing_in_another_set(
    justification: Justification, voters: VoterSet, rule: Rule
) -> None:
    verdict = verify(justification, SET_ID + 1, voters, justification.target, rule)

    assert verdict is Verdict.BAD_SIGNATURE


@pytest.mark.parametrize("rule", list(Rule))
def test_with_one_voter_more_it_is_not_enough(
    justification: Justification, voters: VoterSet, rule: Rule
) -> None:
    larger = VoterSet([*voters.weights.items(), (AuthorityId(b"\xff" * 32), 1)])

    refused = verify(justification, SET_ID, larger, justification.target, rule)

    assert refused in {Verdict.TOO_LITTLE_WEIGHT, Verdict.VOTES_ELSEWHERE}


HEAD = 8 + 32 + 4 + 2  # round, target, length of the list
VOTE = 32 + 4 + 64 + 32
PLACES = sorted(
    {
        *range(HEAD),
        *(
            HEAD + index * VOTE + part
            for index in (0, 97, 198)
            for part in (0, 31, 32, 36, 99, 131)
        ),
        *(HEAD + index * VOTE + 1 + index * 13 % VOTE for index in range(5, SIGNERS, 16)),
        HEAD + SIGNERS * VOTE,
    }
)


@pytest.mark.parametrize("rule", list(Rule))
def test_every_change_to_it_is_refused(
    raw: bytes, justification: Justification, voters: VoterSet, rule: Rule
) -> None:
    for place in PLACES:
        tampered = bytearray(raw)
        tampered[place] ^= 1 << place % 8
        try:
            made = Justification.decode(bytes(tampered))
        except DecodeError:
            continue
        verdict = verify(made, SET_ID, voters, justification.target, rule)
        assert verdict is not Verdict.ACCEPTED, place


def test_no_byte_of_any_vote_can_be_another(justification: Justification, voters: VoterSet) -> None:
    read = codec(SignedPrecommit)
    for signed in justification.commit.precommits:
        raw = read.encode(signed)
        for at in range(VOTE):
            tampered = bytearray(raw)
            tampered[at] ^= 1 + (at * 37 + raw[-1]) % 255
            made = read.decode_all(bytes(tampered))
            counts = made.id in voters and is_signed(precommit_message(made), ROUND, SET_ID)
            assert not counts, (at, raw.hex())


def test_it_is_not_read_with_a_byte_missing_or_too_many(raw: bytes) -> None:
    for damaged in (raw[:-1], raw + b"\x00", raw[:HEAD], b""):
        with pytest.raises(DecodeError):
            Justification.decode(damaged)
