"""Claiming: who may make the block of a slot, and how the header says so."""

from __future__ import annotations

import pytest

from btt_chain.consensus.babe.claim import claim_slot, seal
from btt_chain.consensus.babe.verify import verify
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.primitives.babe import Primary, SecondaryPlain, SecondaryVrf, pre_runtime
from btt_chain.primitives.babe_digests import AllowedSlots
from btt_chain.primitives.digest import BABE, Seal
from btt_chain.primitives.lottery import SecondaryRule, wins
from unit.consensus.babe.babe_world import (
    KEYS,
    LATEST,
    PAIRS,
    PLAIN_SLOTS,
    PRIMARY_SLOTS,
    REAL,
    SIMULATED,
    START,
    VRF_SLOTS,
    make_epoch,
    make_header,
    sealed,
)


@pytest.mark.parametrize("allowed", list(AllowedSlots))
@pytest.mark.parametrize("rule", list(SecondaryRule))
def test_what_is_claimed_and_sealed_stands(allowed: AllowedSlots, rule: SecondaryRule) -> None:
    epoch = make_epoch(allowed, rule)
    for slot in range(START + 1, epoch.end):
        claimed = claim_slot(slot, epoch, KEYS)
        if claimed is None:
            continue

        verified = verify(sealed(claimed.claim, claimed.pair), epoch, START, LATEST)

        assert verified.slot == slot
        assert verified.author == claimed.pair.public
        assert verified.output == claimed.output
        assert verified.primary is isinstance(claimed.claim, Primary)


@pytest.mark.parametrize(
    ("allowed", "kinds"),
    [
        (PRIMARY_SLOTS, {None, Primary}),
        (PLAIN_SLOTS, {Primary, SecondaryPlain}),
        (VRF_SLOTS, {Primary, SecondaryVrf}),
    ],
)
def test_the_epoch_says_which_claims_there_are(
    allowed: AllowedSlots, kinds: set[type | None]
) -> None:
    epoch = make_epoch(allowed)
    claims = [claim_slot(slot, epoch, KEYS, SIMULATED) for slot in range(START, epoch.end)]

    assert {None if claim is None else type(claim.claim) for claim in claims} == kinds


@pytest.mark.parametrize("pair", PAIRS)
def test_an_author_claims_what_it_wins_and_what_falls_to_it(pair: KeyPair) -> None:
    epoch = make_epoch()
    index = PAIRS.index(pair)
    for slot in range(START, epoch.end):
        claimed = claim_slot(slot, epoch, {pair.public: pair}, SIMULATED)

        won = wins(SIMULATED.evaluate(pair, epoch.input(slot)), epoch.threshold(index))
        if won:
            assert claimed is not None
            assert isinstance(claimed.claim, Primary)
        elif epoch.secondary_author(slot) == index:
            assert claimed is not None
            assert isinstance(claimed.claim, SecondaryVrf)
        else:
            assert claimed is None
        assert claimed is None or claimed.claim.claim.authority_index == index


def test_a_key_of_no_authority_claims_nothing() -> None:
    epoch, other = make_epoch(), KeyPair.from_uri("//Eve")

    assert claim_slot(START, epoch, {}) is None
    assert claim_slot(START, epoch, {other.public: other}) is None


def test_a_slot_of_another_epoch_is_not_claimed() -> None:
    epoch = make_epoch()

    with pytest.raises(ValueError, match="not in epoch 3"):
        claim_slot(epoch.end, epoch, KEYS, SIMULATED)


def test_a_seal_signs_the_hash_of_the_header_without_it() -> None:
    claimed = claim_slot(START, make_epoch(), KEYS, REAL)
    assert claimed is not None
    header = make_header(pre_runtime(claimed.claim))

    made = seal(header, claimed.pair)

    last = made.digest.logs[-1]
    assert isinstance(last, Seal)
    assert last.engine == BABE
    assert claimed.pair.verify(header.hash(), last.payload)
    assert made.unsealed()[0] == header


def test_a_header_is_sealed_once() -> None:
    with pytest.raises(ValueError, match="sealed already"):
        seal(seal(make_header(), PAIRS[0]), PAIRS[0])


def test_only_sr25519_keys_seal() -> None:
    with pytest.raises(ValueError, match="sr25519"):
        seal(make_header(), KeyPair.from_uri("//Alice", Scheme.ED25519))
