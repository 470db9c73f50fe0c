"""libsodium's arithmetic gives the verdict of Python's on every proof, good or bad."""

from __future__ import annotations

import json
import os
import random
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.bindings import (
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_negate,
    crypto_scalarmult_ed25519_base_noclamp,
)

from btt_chain.consensus.babe.verify import slot_of
from btt_chain.crypto import ristretto_sodium, vrf
from btt_chain.crypto.hashing import twox_128
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import (
    PythonVerification,
    SchnorrkelVrf,
    SodiumVerification,
    VrfInput,
    fastest_verification,
)
from btt_chain.primitives.babe import Primary, SecondaryVrf, VrfSignature, pre_digest
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import slot_input
from support.vectors import vectors_dir

PYTHON = SchnorrkelVrf(PythonVerification())
ORDER = vrf._ORDER
P = vrf._P
ALICE, BOB = KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Bob")

Proof = tuple[bytes, VrfInput, bytes, bytes]

# Canonical, but no points, or beyond the field, negative, or the identity: RFC 9496, A.2 and more.
ODD_ENCODINGS = [
    bytes(32),
    b"\x01" + bytes(31),
    b"\x02" + bytes(31),
    bytes([1]) * 32,
    b"\xff" * 32,
    *((P + more).to_bytes(32, "little") for more in range(-3, 19)),
    *((2**255 + more).to_bytes(32, "little") for more in (0, 2, 4)),
    # Ed25519's small-order points, as Ed25519 encodes them.
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"),  # the base
    ALICE.public,
    BOB.public,
    b"",
    bytes(31),
    bytes(33),
]
ODD_SCALARS = [
    *(number.to_bytes(32, "little") for number in (0, 1, 2, 8, ORDER - 1, ORDER, ORDER + 1)),
    *((k * ORDER + 1).to_bytes(32, "little") for k in (2, 8, 15)),
    (2**252).to_bytes(32, "little"),
    (2**255 - 1).to_bytes(32, "little"),
    b"\xff" * 32,
]


@pytest.fixture(scope="module")
def sodium() -> SchnorrkelVrf:
    group = ristretto_sodium.load()
    if group is None:
        pytest.skip("rbcl is not installed: libsodium's arithmetic is not compared with Python's")
    return SchnorrkelVrf(SodiumVerification(group))


def message(number: int) -> VrfInput:
    return VrfInput(b"BABE", ((b"slot number", number.to_bytes(8, "little")),))


def made(number: int, pair: KeyPair) -> Proof:
    result, proof = PYTHON.sign(pair, message(number))
    return pair.public, message(number), result.pre_output, proof


def same(sodium: SchnorrkelVrf, proof: Proof) -> bool:
    """Return the verdict of both; AssertionError if they differ in anything."""
    expected = PYTHON.verify(*proof)
    assert sodium.verify(*proof) == expected, proof
    return expected is not None


def mutated(rng: random.Random, proof: Proof) -> Proof:
    """Return a proof with one to three changes: bits, odd encodings and scalars, other parts."""
    public, what, pre_output, both = proof
    parts = {"public": public, "output": pre_output, "first": both[:32], "second": both[32:]}
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(list(parts))
        raw = bytearray(parts[name])
        match rng.randrange(6):
            case 0 if raw:
                raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            case 1:
                raw = bytearray(rng.choice(ODD_ENCODINGS))
            case 2:
                raw = bytearray(rng.choice(ODD_SCALARS))
            case 3:
                raw = bytearray(rng.randbytes(32))
            case 4:
                raw = bytearray(parts[rng.choice(list(parts))])
            case _ if len(raw) == 32:
                number = int.from_bytes(raw, "little") + rng.choice((ORDER, P, 2**255, -1, 1))
                raw = bytearray((number % 2**256).to_bytes(32, "little"))
        parts[name] = bytes(raw)
    return parts["public"], what, parts["output"], parts["first"] + parts["second"]


def compare_many(sodium: SchnorrkelVrf, count: int, seed: int) -> None:
    rng = random.Random(seed)
    pairs = [KeyPair.from_seed(rng.randbytes(32)) for _ in range(4)]
    accepted = refused = 0
    for number in range(count):
        proof = made(number // 20, pairs[number % 4])
        accepted += same(sodium, proof) if number % 10 == 0 else 0
        refused += not same(sodium, mutated(rng, proof))
    assert accepted == (count + 9) // 10
    assert refused > 0.9 * count


def test_valid_and_mutated_proofs_have_the_same_verdict(sodium: SchnorrkelVrf) -> None:
    compare_many(sodium, 400, seed=12)


@pytest.mark.full
def test_thousands_of_proofs_have_the_same_verdict(sodium: SchnorrkelVrf) -> None:
    seed = int(os.environ.get("BTT_SEED", secrets.randbits(32)))
    print(f"seed {seed}")
    compare_many(sodium, 20_000, seed)


def test_every_odd_encoding_and_scalar_has_the_same_verdict(sodium: SchnorrkelVrf) -> None:
    public, what, output, proof = made(1, ALICE)
    cases: list[Proof] = [(odd, what, output, proof) for odd in ODD_ENCODINGS]
    cases += [(public, what, odd, proof) for odd in ODD_ENCODINGS]
    cases += [(odd, what, odd, proof) for odd in ODD_ENCODINGS]
    cases += [(public, what, output, odd + proof[32:]) for odd in ODD_SCALARS]
    cases += [(public, what, output, proof[:32] + odd) for odd in ODD_SCALARS]
    cases += [(public, what, output, odd + other) for odd in ODD_SCALARS for other in ODD_SCALARS]
    cases += [(public, what, output, proof[:length]) for length in (0, 31, 32, 63)]
    cases += [(public, what, output, proof + b"\0")]
    verdicts = [same(sodium, case) for case in cases]
    # Alice's own key, and her key again, are among the odd ones.
    assert sum(verdicts) == 1


@pytest.mark.parametrize("pair", [ALICE, BOB])
def test_a_proof_with_a_zero_nonce_holds_for_both(sodium: SchnorrkelVrf, pair: KeyPair) -> None:
    """Its prover gives the key away, and both of its points are the identity; yet it is a proof."""
    what = message(7)
    point, _ = vrf._input_point(pair.public, what)
    output = PYTHON.evaluate(pair, what).pre_output
    challenge = vrf._challenge(point, bytes(32), bytes(32), pair.public, output)
    response = crypto_core_ed25519_scalar_negate(
        crypto_core_ed25519_scalar_mul(challenge, pair.secret[:32])
    )
    assert same(sodium, (pair.public, what, output, challenge + response))
    assert not same(sodium, (pair.public, message(8), output, challenge + response))


def test_the_identity_has_no_valid_proof(sodium: SchnorrkelVrf) -> None:
    zero, what = bytes(32), message(7)
    point, _ = vrf._input_point(zero, what)
    response = (7).to_bytes(32, "little")
    base7, point7 = vrf._encode_doubled(
        [
            crypto_scalarmult_ed25519_base_noclamp(
                crypto_core_ed25519_scalar_mul(response, vrf._INVERSE_2)
            ),
            vrf._half(response, vrf._input_point(zero, what)[1]),
        ]
    )
    challenge = vrf._challenge(point, base7, point7, zero, zero)
    assert not same(sodium, (zero, what, zero, challenge + response))


def test_points_of_inputs_are_the_same(sodium: SchnorrkelVrf) -> None:
    for number in range(50):
        for public in (ALICE.public, bytes(32), b"\xff" * 32, b"short"):
            result = PYTHON.attach(public, message(number), bytes(32))
            assert sodium.attach(public, message(number), bytes(32)) == result


# --- real headers


def westend() -> Iterator[tuple[bytes, int, VrfSignature]]:
    """Yield author, slot and VRF of Westend's first primary blocks."""
    folder = vectors_dir()
    state = json.loads((folder / "genesis" / "westend.json").read_text())["top"]
    stored = bytes.fromhex(state["0x" + (twox_128(b"Babe") + twox_128(b"Authorities")).hex()][2:])
    keys = [stored[at : at + 32] for at in range(1, len(stored), 40)]
    for block in json.loads((folder / "blocks" / "westend_1_to_96.json").read_text()):
        header = Header.decode(bytes.fromhex(block["header"][2:]))
        claim = pre_digest(header.digest.logs)
        if isinstance(claim, Primary | SecondaryVrf):
            body = claim.claim
            yield keys[int(body.authority_index)], slot_of(header), body.vrf_signature


def flipped_bytes(sodium: SchnorrkelVrf, blocks: int, rng: random.Random) -> None:
    found = list(westend())
    assert len(found) > 15
    for author, slot, signature in found[:blocks]:
        whole = author + bytes(signature.pre_output) + bytes(signature.proof)
        what = slot_input(bytes(32), slot, 0)
        assert same(sodium, (author, what, whole[32:64], whole[64:]))
        for at in range(len(whole)):
            raw = bytearray(whole)
            raw[at] ^= rng.randrange(1, 256)
            assert not same(sodium, (bytes(raw[:32]), what, bytes(raw[32:64]), bytes(raw[64:])))


def test_every_flipped_byte_of_real_proofs_is_refused_by_both(sodium: SchnorrkelVrf) -> None:
    flipped_bytes(sodium, 3, random.Random(1))


@pytest.mark.full
def test_every_flipped_byte_of_all_real_proofs_is_refused_by_both(sodium: SchnorrkelVrf) -> None:
    for seed in range(4):
        flipped_bytes(sodium, 100, random.Random(seed))


# --- the choice


def test_libsodium_checks_where_it_is_installed(sodium: SchnorrkelVrf) -> None:
    assert isinstance(fastest_verification(), SodiumVerification)
    assert SchnorrkelVrf().verification is fastest_verification()


def test_without_rbcl_python_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rbcl", None)
    ristretto_sodium.load.cache_clear()
    fastest_verification.cache_clear()
    try:
        assert isinstance(SchnorrkelVrf().verification, PythonVerification)
    finally:
        ristretto_sodium.load.cache_clear()
        fastest_verification.cache_clear()


def test_the_temporary_library_is_removed_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    temporary, system = tmp_path / "tmp" / "abc.so", tmp_path / "libsodium.so"
    for library in (temporary, system):
        library.touch()
        ristretto_sodium._remove_temporary(library)
    assert not temporary.exists()
    assert system.exists()
