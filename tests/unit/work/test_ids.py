"""Ids hold on one chain only, and selections are fair and the same everywhere."""

from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import SchnorrkelVrf
from btt_chain.work import ids
from btt_chain.work.race import raced
from support.simulated_vrf import SimulatedVrf

GENESIS, OTHER = b"\1" * 32, b"\2" * 32


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def test_no_name_of_one_chain_is_a_name_of_another() -> None:
    parts = digest("a"), digest("b")
    names: list[list[bytes]] = [
        [ids.job_id(chain, parts[0], 7, b"fields") for chain in (GENESIS, OTHER)],
        [ids.receipt_id(chain, *parts, 1, digest("c")) for chain in (GENESIS, OTHER)],
        [ids.attestation(chain, *parts, b"\0", *parts) for chain in (GENESIS, OTHER)],
        [ids.commit_message(chain, *parts, *parts) for chain in (GENESIS, OTHER)],
    ]
    flat: list[bytes] = [name for pair in names for name in pair]
    assert len({*flat}) == len(flat)


def test_each_field_of_a_receipt_is_in_its_name() -> None:
    base = (GENESIS, digest("job"), digest("provider"), 0, digest("root"))
    others = [
        (GENESIS, digest("job 2"), digest("provider"), 0, digest("root")),
        (GENESIS, digest("job"), digest("thief"), 0, digest("root")),
        (GENESIS, digest("job"), digest("provider"), 1, digest("root")),
        (GENESIS, digest("job"), digest("provider"), 0, digest("root 2")),
    ]
    assert len({ids.receipt_id(*fields) for fields in (base, *others)}) == 5


def test_goldens_so_that_other_machines_agree() -> None:
    assert ids.sample(bytes(32), 32, 4) == [4, 19, 24, 26]
    assert raced(bytes(32), [b"a", b"b", b"c", b"d"], [5, 0, 3, 2]) == [2, 3, 0]
    assert ids.planted_error_commit(bytes(32), bytes(32), bytes(32)).hex().startswith("9c228192")


@given(st.binary(min_size=32, max_size=32), st.integers(1, 200), st.integers(1, 200))
def test_a_sample_has_so_many_different_items(randomness: bytes, items: int, count: int) -> None:
    found = ids.sample(randomness, items, count)
    assert found == sorted({*found})
    assert len(found) == min(items, count)
    assert found[0] >= 0
    assert found[-1] < items


def test_what_others_missed_is_looked_at_besides_and_once() -> None:
    sample = ids.sample(bytes(32), 32, 4)
    assert ids.sample(bytes(32), 32, 4, [7, 24, 0]) == sorted({*sample, 0, 7})
    assert ids.sample(bytes(32), 3, 3, [2]) == [0, 1, 2]


def test_each_item_is_looked_at_as_often_as_any_other() -> None:
    seen = Counter(item for n in range(4_000) for item in ids.sample(digest(str(n)), 8, 2))
    assert all(abs(seen[item] - 1_000) < 130 for item in range(8))  # four deviations


@pytest.mark.parametrize(
    ("items", "full", "protocol", "size"),
    [(1, False, False, 1), (32, False, False, 2), (33, False, False, 3), (32, True, False, 32),
     (32, False, True, 4), (1, False, True, 1)],
)  # fmt: skip
def test_how_many_items_a_verifier_looks_at(
    items: int, full: bool, protocol: bool, size: int
) -> None:
    assert ids.sample_size(items, full=full, protocol=protocol) == size


def test_the_share_of_planted_errors_is_that_of_the_parameter() -> None:
    pair = KeyPair.from_seed(bytes(32), Scheme.SR25519)
    vrf = SimulatedVrf([pair])
    outputs = [vrf.evaluate(pair, ids.planted_error_input(digest(str(n)))) for n in range(4_000)]
    planted = sum(ids.plants_error(output, 20_000) for output in outputs)
    assert 40 < planted < 130
    assert not any(ids.plants_error(output, 0) for output in outputs)
    assert all(ids.plants_error(output, 1_000_000) for output in outputs)


def test_only_its_key_makes_the_randomness_of_a_verifier() -> None:
    pair, other = (KeyPair.from_seed(bytes((n,)) * 32, Scheme.SR25519) for n in (1, 2))
    vrf, what = SchnorrkelVrf(), ids.check_input(digest("beacon"), digest("receipt"))
    output, proof = vrf.sign(pair, what)
    checked = vrf.verify(pair.public, what, output.pre_output, proof)
    assert checked is not None
    assert ids.rho(checked) == ids.rho(output) != ids.rho(vrf.evaluate(other, what))
    assert vrf.verify(other.public, what, output.pre_output, proof) is None
    other_input = ids.planted_error_input(digest("beacon"))
    assert vrf.verify(pair.public, other_input, output.pre_output, proof) is None
