"""The VRF: outputs made by Rust, outputs of our own, and no others."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from btt_chain.crypto import merlin, vrf
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf, VrfInput
from support.simulated_vrf import SimulatedVrf

ALICE = KeyPair.from_uri("//Alice")
BOB = KeyPair.from_uri("//Bob")
VRF = SchnorrkelVrf()
ORDER = 2**252 + 27742317777372353535851937790883648493
HALF = pow(2, -1, ORDER)
MEOW = VrfInput(b"SigningContext", ((b"", b"yo!"), (b"sign-bytes", b"meow")))

# Public key, input point, output and proof, made by the Rust crate: ChainSafe/go-schnorrkel,
# vrf_test.go. The third proof has the order of messages that is not Kusama's.
RUST = [
    (
        bytes.fromhex("c02a48ba140b5396f545a8de16a6a75f7df8b843c50aa16bcd748fa48f7fa654"),
        bytes.fromhex("383427738f502b42aeb16515b10fc7e4b46ed08be59218e776afb437bf25963d"),
        bytes.fromhex("005b3219d65e772447d8219855b822783da1a4df4c3528f64c26ebcc2b1fb31c"),
        bytes.fromhex(
            "7817eb9f737acfce7be84bf373ff83b5dbf1c8ce1516ee10443156634c8b2700"
            "666ab588618dbb01eab7f11c1be5850820f6f5cec78e867ce2d95f1eb0f60503"
        ),
    ),
    (
        bytes.fromhex("0c84b70beabe60ac6fefa38994a3454fe63d8629455a86e58480063f8bdcca00"),
        bytes.fromhex("bca2b6a1c31a37dfa6cd885cd382b8c2b751d7c0a80c2737daa508699b498044"),
        bytes.fromhex("d62899f6584a7ff236c107055a332d05cf3b404486e813dff9584a7d404adc30"),
        bytes.fromhex(
            "90c7b305fac7dcb10cdcf2c4a8ed6a033ec34a7f866b895ba568dff403048d0a"
            "8136861f31facdcbfe8e577bd86cbe70ccccbc1e5424f7d93b7d2d3870c3540f"
        ),
    ),
    (
        bytes.fromhex("b20a94b086cd818b2d5a2a0e4774e3e90ffd38357b0759f0813d53d558492d6f"),
        bytes.fromhex("76c0918691e2d11c3e0fbbec2be5ffa1487a80151c9b4813436432d948235f6f"),
        bytes.fromhex("72adbc748f0b9df457d6e700ea229d913e9a44a1794231197b268a14cf690705"),
        bytes.fromhex(
            "7bdb3cec316a71e5876299fc0a3f41aef2bf824177b1e30f67dbc064aecc8803"
            "5f94f6696c3314ad7b6c0531fd15aa29d6018d615db634afcaba95d54539070e"
        ),
    ),
]

# RFC 9496, A.1: the generator times 0 to 15.
MULTIPLES = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
    "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
    "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
    "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
    "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
    "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
    "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
    "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
    "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
    "46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
    "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
]

# RFC 9496, A.2: what encodes no point.
NO_POINTS = [
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    "26948d35ca62e643e26a831777332e6bafeb9d08e4268b650f1f5bbd8d81d371",
    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
]

# RFC 9496, A.3: the SHA-512 of a sentence, and the point it leads to.
HASHED = [
    (
        "Ristretto is traditionally a short shot of espresso coffee",
        "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46",
    ),
    (
        "made with the normal amount of ground coffee but extracted with",
        "f26e5b6f7d362d2d2a94c5d0e7602cb4773c95a2e5c31a64f133189fa76ed61b",
    ),
    (
        "about half the amount of water in the same amount of time",
        "006ccd2a9e6867e6a2c5cea83d3302cc9de128dd2a9a57dd8ee7b9d7ffe02826",
    ),
    (
        "by using a finer grind.",
        "f8f0c87cf237953c5890aec3998169005dae3eca1fbb04548c635953c817f92a",
    ),
    (
        "This produces a concentrated shot of coffee per volume.",
        "ae81e7dedf20a497e10c304a765c1767a42d6e06029758d2d7e8ef7cc4c41179",
    ),
    (
        "Just pulling a normal shot short will produce a weaker shot",
        "e2705652ff9f5e44d3e841bf1c251cf7dddb77d140870d1ab2ed64f1a9ce8628",
    ),
    (
        "and is not a Ristretto as some believe.",
        "80bd07262511cdde4863f8a7434cef696750681cb9510eea557088f76d9e5065",
    ),
]


def message(number: int) -> VrfInput:
    return VrfInput(b"test", ((b"number", number.to_bytes(8, "little")),))


def base_times(scalar: int) -> bytes:
    return crypto_scalarmult_ed25519_base_noclamp((scalar % ORDER).to_bytes(32, "little"))


def flipped(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# ---- what Rust made


@pytest.mark.parametrize(("public", "point", "output", "proof"), RUST[:2])
def test_a_proof_that_rust_made_holds(
    public: bytes, point: bytes, output: bytes, proof: bytes
) -> None:
    result = VRF.verify(public, MEOW, output, proof)

    assert result is not None
    assert result.point == point
    assert result == VRF.attach(public, MEOW, output)


def test_derived_bytes_equal_those_of_rust() -> None:
    public, _, output, _ = RUST[1]

    derived = VRF.attach(public, MEOW, output).make_bytes(b"substrate-babe-vrf", 16)

    assert derived == bytes(
        [169, 57, 149, 50, 0, 243, 120, 138, 25, 250, 74, 235, 247, 137, 228, 40]
    )


def test_a_proof_in_the_other_order_of_messages_does_not_hold() -> None:
    public, point, output, proof = RUST[2]

    assert VRF.attach(public, MEOW, output).point == point
    assert VRF.verify(public, MEOW, output, proof) is None


# ---- sign and verify


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1))
@settings(max_examples=25, deadline=None)
def test_an_output_can_be_checked_with_the_public_key(seed: bytes, number: int) -> None:
    pair = KeyPair.from_seed(seed)

    result, proof = VRF.sign(pair, message(number))

    assert VRF.evaluate(pair, message(number)) == result
    assert VRF.verify(pair.public, message(number), result.pre_output, proof) == result
    assert VRF.verify(BOB.public, message(number), result.pre_output, proof) is None
    assert VRF.verify(pair.public, message(number ^ 1), result.pre_output, proof) is None


def test_derived_keys_have_outputs_as_well() -> None:
    pair = KeyPair.from_uri("//Alice//stash/soft")

    result, proof = VRF.sign(pair, MEOW)

    assert VRF.verify(pair.public, MEOW, result.pre_output, proof) == result


def test_two_proofs_differ_and_their_output_does_not() -> None:
    first, first_proof = VRF.sign(ALICE, MEOW)
    second, second_proof = VRF.sign(ALICE, MEOW)

    assert first == second
    assert first_proof[:32] != second_proof[:32]


@pytest.mark.parametrize("part", ["output", "proof", "public"])
def test_any_flipped_bit_is_refused(part: str) -> None:
    result, proof = VRF.sign(ALICE, MEOW)
    parts = {"output": result.pre_output, "proof": proof, "public": ALICE.public}

    for bit in range(0, len(parts[part]) * 8, 3):
        p = parts | {part: flipped(parts[part], bit)}

        assert VRF.verify(p["public"], MEOW, p["output"], p["proof"]) is None, bit


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=70))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_are_refused_and_never_raise(
    public: bytes, output: bytes, proof: bytes
) -> None:
    assert VRF.verify(public, MEOW, output, proof) is None


@given(st.integers(0, 2**512 - 1), st.sampled_from(MULTIPLES), st.sampled_from(MULTIPLES))
@settings(max_examples=60, deadline=None)
def test_arbitrary_proofs_of_points_are_refused_and_never_raise(
    proof: int, public: str, output: str
) -> None:
    raw = proof.to_bytes(64, "little")

    assert VRF.verify(bytes.fromhex(public), MEOW, bytes.fromhex(output), raw) is None


def test_a_scalar_has_one_encoding_only() -> None:
    result, proof = VRF.sign(ALICE, MEOW)
    response = int.from_bytes(proof[32:], "little") + ORDER

    again = proof[:32] + response.to_bytes(32, "little")

    assert VRF.verify(ALICE.public, MEOW, result.pre_output, again) is None


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_a_proof_has_64_bytes(size: int) -> None:
    result, proof = VRF.sign(ALICE, MEOW)

    assert VRF.verify(ALICE.public, MEOW, result.pre_output, (proof + b"\0")[:size]) is None


@pytest.mark.parametrize("half", [slice(0, 32), slice(32, 64)])
def test_a_zero_in_a_proof_is_refused(half: slice) -> None:
    result, proof = VRF.sign(ALICE, MEOW)
    changed = bytearray(proof)
    changed[half] = bytes(32)

    assert VRF.verify(ALICE.public, MEOW, result.pre_output, bytes(changed)) is None


def test_the_zero_key_has_no_valid_proof() -> None:
    zero, response = bytes(32), (7).to_bytes(32, "little")
    point, point8 = vrf._input_point(zero, MEOW)
    # Whatever the challenge, it would be taken times zero: any signer can answer it.
    nonces = vrf._encode_doubled([base_times(7 * HALF), vrf._half(response, point8)])
    challenge = vrf._challenge(point, nonces[0], nonces[1], zero, zero)

    assert VRF.verify(zero, MEOW, zero, challenge + response) is None


@pytest.mark.parametrize("scheme", [Scheme.ED25519, Scheme.ECDSA], ids=str)
@pytest.mark.parametrize("kind", [VRF, SimulatedVrf([])])
def test_keys_of_other_schemes_have_no_output(scheme: Scheme, kind: Vrf) -> None:
    pair = KeyPair.from_uri("//Alice", scheme)

    with pytest.raises(ValueError, match="needs an sr25519 key"):
        kind.sign(pair, MEOW)


def test_uses_are_separated_by_their_context() -> None:
    result = VRF.evaluate(ALICE, MEOW)

    assert result.make_bytes(b"one", 32) != result.make_bytes(b"two", 32)
    assert len(result.make_bytes(b"one", 200)) == 200


def test_hashing_in_python_leads_to_the_same_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    result, proof = VRF.sign(ALICE, MEOW)
    first_bytes = result.make_bytes(b"any", 16)
    monkeypatch.setattr(merlin, "_OPENED", merlin._opened(merlin.PythonSponge()))
    vrf._input_point.cache_clear()

    again = VRF.verify(ALICE.public, MEOW, result.pre_output, proof)

    assert again == result
    assert again.make_bytes(b"any", 16) == first_bytes


# ---- ristretto255


def test_multiples_of_the_generator_are_those_of_the_rfc() -> None:
    points = [base_times(k * HALF) for k in range(1, 16)]
    zero = (1).to_bytes(32, "little")  # libsodium's identity

    encoded = vrf._encode_doubled([zero, *points, zero])

    assert [raw.hex() for raw in encoded] == [*MULTIPLES, MULTIPLES[0]]


@pytest.mark.parametrize("encoded", MULTIPLES)
def test_what_encodes_a_point_is_its_only_encoding(encoded: str) -> None:
    point = vrf._decode(bytes.fromhex(encoded))

    assert point is not None
    assert vrf._encode(point).hex() == encoded


@pytest.mark.parametrize("encoded", NO_POINTS)
def test_what_encodes_no_point_is_refused(encoded: str) -> None:
    assert vrf._decode(bytes.fromhex(encoded)) is None


def test_fields_beyond_their_range_encode_no_point() -> None:
    raised = [
        bytes.fromhex(encoded[:-2]) + bytes([0x80 | int(encoded[-2:], 16)]) for encoded in MULTIPLES
    ]
    beyond = [(2**255 - 19 + more).to_bytes(32, "little") for more in range(19)]

    assert not any(vrf._decode(raw) for raw in raised + beyond)


@pytest.mark.parametrize(("sentence", "encoded"), HASHED)
def test_a_hash_leads_to_the_point_of_the_rfc(sentence: str, encoded: str) -> None:
    point = vrf._hash_to_point(hashlib.sha512(sentence.encode()).digest())

    assert vrf._encode(point).hex() == encoded


@given(st.binary(min_size=64, max_size=64))
@settings(max_examples=30, deadline=None)
def test_eight_times_a_sixteenth_doubled_is_the_point_again(uniform: bytes) -> None:
    point = vrf._hash_to_point(uniform)
    assume(any(vrf._encode(point)))  # all zeros lead to the identity, and no hash to all zeros
    one = (1).to_bytes(32, "little")

    (encoded,) = vrf._encode_doubled([vrf._half(one, vrf._times_8(point))])

    assert encoded == vrf._encode(point)


# ---- the stand-in


def test_simulated_outputs_are_checked_by_the_holder_of_the_key() -> None:
    simulated = SimulatedVrf([ALICE, BOB])

    result, proof = simulated.sign(ALICE, MEOW)

    assert simulated.evaluate(ALICE, MEOW) == result
    assert simulated.attach(ALICE.public, MEOW, result.pre_output) == result
    assert simulated.verify(ALICE.public, MEOW, result.pre_output, proof) == result
    assert simulated.verify(BOB.public, MEOW, result.pre_output, proof) is None
    assert simulated.verify(ALICE.public, message(1), result.pre_output, proof) is None
    assert simulated.verify(ALICE.public, MEOW, result.pre_output, flipped(proof, 5)) is None
    assert simulated.verify(ALICE.public, MEOW, flipped(result.pre_output, 5), proof) is None
    assert result.make_bytes(b"one", 16) != result.make_bytes(b"two", 16)


def test_simulated_outputs_mean_nothing_to_a_node_that_holds_its_own_key_only() -> None:
    result, proof = SimulatedVrf([ALICE]).sign(ALICE, MEOW)

    assert SimulatedVrf([BOB]).verify(ALICE.public, MEOW, result.pre_output, proof) is None
    assert VRF.verify(ALICE.public, MEOW, result.pre_output, proof) is None


def test_messages_are_not_mistaken_for_one_another_in_simulations() -> None:
    simulated = SimulatedVrf([ALICE])
    together = VrfInput(b"d", ((b"ab", b"c"),))
    apart = VrfInput(b"d", ((b"a", b"bc"),))

    assert simulated.evaluate(ALICE, together) != simulated.evaluate(ALICE, apart)
