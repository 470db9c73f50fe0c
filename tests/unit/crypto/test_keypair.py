"""Keys from URIs and seeds, and generated keys."""

from __future__ import annotations

import copy
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto import mnemonic
from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.uri import DEV_PHRASE, SecretUri, UriError, chain_code

SEED = "fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e"  # of DEV_PHRASE
ALICE = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"

every_scheme = pytest.mark.parametrize("scheme", list(Scheme), ids=str)


# --- URIs -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "phrase", "path", "password"),
    [
        ("//Alice", DEV_PHRASE, ["//Alice"], None),
        ("", DEV_PHRASE, [], None),
        ("///", DEV_PHRASE, [], ""),
        ("////////", DEV_PHRASE, [], "/////"),
        ("hello world/s//h///pass", "hello world", ["/s", "//h"], "pass"),
        ("words/xx//a/b//c///pass///word", "words", ["/xx", "//a", "/b", "//c"], "pass///word"),
        ("words//a.b-ü", "words", ["//a.b-ü"], None),
        ("0x00//1", "0x00", ["//1"], None),
    ],
)
def test_a_uri_is_taken_apart_as_by_substrate(
    uri: str, phrase: str, path: list[str], password: str | None
) -> None:
    parts = SecretUri.parse(uri)

    assert parts.phrase == phrase
    assert parts.password == password
    assert [(step.code, step.hard) for step in parts.junctions] == [
        (chain_code(item.lstrip("/")), item.startswith("//")) for item in path
    ]


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("sd.asd", "position 3"),
        ("sd.asd//x", "position 3"),
        ("words//", "position 8 of the secret URI is empty"),
        ("words/", "position 7 of the secret URI is empty"),
        ("words/xx//", "is empty"),
        ("///pass\nword", "line break"),
        ("words//\ud800", "not Unicode text"),
    ],
)
def test_a_bad_uri_is_refused_with_the_place(uri: str, complaint: str) -> None:
    with pytest.raises(SecretError, match=complaint):
        SecretUri.parse(uri)


@pytest.mark.parametrize(
    ("item", "start"),
    [
        ("Alice", b"\x14Alice"),
        ("0", bytes(8)),
        ("007", b"\x07"),
        ("+5", b"\x05"),
        ("18446744073709551615", b"\xff" * 8),
        ("18446744073709551616", b"\x5018446744073709551616"),
        ("-1", b"\x08-1"),
        ("+", b"\x04+"),
        ("ü", b"\x08\xc3\xbc"),
        ("٣", b"\x08\xd9\xa3"),  # a digit, but none to Substrate
        ("x" * 31, b"\x7c" + b"x" * 31),
    ],
)
def test_a_path_item_is_a_number_or_a_string_in_scale(item: str, start: bytes) -> None:
    assert chain_code(item) == start.ljust(32, b"\0")


@pytest.mark.parametrize(
    ("length", "prefix"),
    [(32, "80"), (63, "fc"), (64, "0101"), (16_383, "fdff"), (16_384, "02000100")],
)
def test_a_long_path_item_is_hashed_with_its_length(length: int, prefix: str) -> None:
    assert chain_code("x" * length) == blake2_256(bytes.fromhex(prefix) + b"x" * length)


def test_a_number_of_ten_thousand_digits_is_a_string() -> None:
    digits = "9" * 10_000

    assert chain_code(digits) == blake2_256((10_000 << 2 | 1).to_bytes(2, "little") + b"9" * 10_000)


# --- from URIs to keys ------------------------------------------------------


def test_alice_is_alice_by_every_name() -> None:
    names = [
        "//Alice",
        f"{DEV_PHRASE}//Alice",
        f"{DEV_PHRASE}//Alice///",
        f"0x{SEED}//Alice",
        f"0x{SEED.upper()}//Alice///a password does not change a seed",
    ]

    assert {KeyPair.from_uri(name).public.hex() for name in names} == {ALICE}


@every_scheme
def test_a_path_from_words_is_the_path_from_their_seed(scheme: Scheme) -> None:
    by_words = KeyPair.from_uri(f"{DEV_PHRASE}//1//two", scheme)
    by_seed = KeyPair.from_uri(f"0x{SEED}//1//two", scheme)

    assert by_words == by_seed
    assert by_words != KeyPair.from_uri(f"0x{SEED}//two//1", scheme)


@every_scheme
def test_a_password_makes_another_key_and_the_argument_goes_first(scheme: Scheme) -> None:
    inside = KeyPair.from_uri(f"{DEV_PHRASE}//a///secret", scheme)

    assert inside == KeyPair.from_uri(f"{DEV_PHRASE}//a", scheme, password="secret")
    assert inside == KeyPair.from_uri(f"{DEV_PHRASE}//a///other", scheme, password="secret")
    assert inside != KeyPair.from_uri(f"{DEV_PHRASE}//a", scheme)


def test_a_soft_child_signs_and_has_one_public_key() -> None:
    child = KeyPair.from_uri("//Alice/soft/7")

    assert child == KeyPair.from_uri("//Alice/soft/7")
    assert child.seed is None
    assert child.verify(b"message", child.sign(b"message"))


@pytest.mark.parametrize("scheme", [Scheme.ED25519, Scheme.ECDSA], ids=str)
def test_soft_derivation_is_refused_where_there_is_none(scheme: Scheme) -> None:
    with pytest.raises(UriError, match=f"{scheme} has no soft derivation: use // instead of /"):
        KeyPair.from_uri("//Alice/soft", scheme)


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("0x", "64 hex digits, not 0"),
        ("0x1234", "64 hex digits, not 4"),
        (f"0x{SEED}00", "64 hex digits, not 66"),
        ("0x" + " " + SEED[:-1], "not hex"),
        ("0x" + " " * 2 + SEED[:-2], "not hex"),
        (f"0x{'zz' * 32}", "not hex"),
        (SEED, "not 1$"),
        ("bottom drive obey", "not 3$"),
    ],
)
def test_an_unusable_seed_or_phrase_is_refused(uri: str, complaint: str) -> None:
    with pytest.raises(SecretError, match=complaint):
        KeyPair.from_uri(uri)


# --- seeds, secrets, generation ---------------------------------------------------


@every_scheme
@given(seed=st.binary(min_size=32, max_size=32).filter(any))
@settings(max_examples=20, deadline=None)
def test_a_pair_comes_back_from_its_seed_and_from_its_secret(scheme: Scheme, seed: bytes) -> None:
    pair = KeyPair.from_seed(seed, scheme)
    again = KeyPair.from_secret(pair.secret, scheme)

    assert pair.seed == seed
    assert again == pair
    assert again.verify(b"message", pair.sign(b"message"))
    assert len(pair.account_id) == 32


def test_a_derived_sr25519_pair_comes_back_from_its_secret() -> None:
    child = KeyPair.from_uri("//Alice//stash/soft")

    again = KeyPair.from_secret(child.secret)

    assert again == child
    assert again.verify(b"message", child.sign(b"message"))
    assert child.verify(b"message", again.sign(b"message"))


@every_scheme
def test_a_new_pair_comes_back_from_its_phrase(scheme: Scheme) -> None:
    pair, phrase = KeyPair.generate(24, scheme)

    assert len(phrase.split()) == 24
    assert KeyPair.from_uri(phrase, scheme) == pair


def test_generation_makes_twelve_words_of_sr25519_by_default() -> None:
    pair, phrase = KeyPair.generate()

    assert pair.scheme is Scheme.SR25519
    assert pair.seed == mnemonic.mini_secret(phrase)
    assert len(phrase.split()) == 12


@every_scheme
@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_a_seed_or_secret_of_another_length_is_refused(scheme: Scheme, length: int) -> None:
    with pytest.raises(SecretError, match=f"not {length}$"):
        KeyPair.from_seed(bytes(length), scheme)
    with pytest.raises(SecretError, match=f"not {length}$"):
        KeyPair.from_secret(bytes(length), scheme)


@pytest.mark.parametrize("seed", [bytes(32), b"\xff" * 32])
def test_a_number_outside_the_curve_is_no_ecdsa_key(seed: bytes) -> None:
    with pytest.raises(SecretError, match="order of secp256k1"):
        KeyPair.from_seed(seed, Scheme.ECDSA)


def test_a_number_above_the_group_order_is_no_sr25519_secret() -> None:
    with pytest.raises(SecretError, match="not an sr25519 scalar"):
        KeyPair.from_secret(b"\xff" * 64)


def test_pairs_are_equal_by_scheme_and_public_key() -> None:
    alice = KeyPair.from_uri("//Alice")

    assert alice == KeyPair.from_uri("//Alice")
    assert len({alice, copy.copy(alice), KeyPair.from_uri("//Bob")}) == 2
    assert alice != KeyPair.from_uri("//Alice", Scheme.ED25519)


# --- secrecy ----------------------------------------------------------------


@every_scheme
def test_a_pair_shows_its_public_key_and_nothing_else(scheme: Scheme) -> None:
    pair = KeyPair.from_seed(bytes.fromhex(SEED), scheme)
    shown = f"{pair} {pair!r} {[pair]} {SecretUri.parse(f'0x{SEED}//path///word')}"

    assert pair.public.hex() in shown
    for secret in (SEED, pair.secret.hex(), repr(pair.secret), "path", "word"):
        assert secret not in shown


@pytest.mark.parametrize(
    "uri",
    [
        "correct horse battery",
        "hunter2hunter2hunter2 " * 12,
        f"0x{SEED}hunter2",
        f"0x{SEED}77",
        "correct.horse",
        "//hunter2//",
        "///hunter2\nhunter2",
        "words///hunter2\ud800",
        "//hunter2/hunter2",
    ],
)
def test_no_part_of_a_bad_uri_is_in_its_error(uri: str) -> None:
    with pytest.raises(SecretError) as refusal:
        KeyPair.from_uri(uri, Scheme.ED25519)

    # As it would be logged, with every error that led to it; source lines are not the secret.
    text = "".join(traceback.format_exception_only(refusal.value))
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    for secret in ("hunter2", "horse", SEED, SEED[:16]):
        assert secret not in text
