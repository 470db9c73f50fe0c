"""Secret phrases: BIP-39's published vectors, Substrate's seeds, and honest errors."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto import mnemonic
from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.mnemonic import MnemonicError

# trezor/python-mnemonic, vectors.json: entropy and phrase.
BIP_39 = [
    ("00" * 16, "abandon " * 11 + "about"),
    ("7f" * 16, "legal winner thank year wave sausage worth useful legal winner thank yellow"),
    ("80" * 16, "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"),
    ("ff" * 16, "zoo " * 11 + "wrong"),
    ("00" * 24, "abandon " * 17 + "agent"),
    ("ff" * 24, "zoo " * 17 + "when"),
    ("00" * 32, "abandon " * 23 + "art"),
    ("ff" * 32, "zoo " * 23 + "vote"),
    (
        "7dce4ed2284c9134d026608ab684c05c",
        "lava include region explain simple omit dog slot melt reflect copy reward",
    ),
    (
        "0ce452419635c1a5faf44d60f2029f73fdc43419b4de1f03",
        (
            "artefact card motor cluster foster spray type meadow genius mosquito pond tree sword "
            "borrow grocery orange business burger"
        ),
    ),
    (
        "3edc83b60740d77af3afa2fcb82c2f1bc541ee4e2518ddef4996d32453f54a3c",
        (
            "disagree tomato unique attend aspect runway solid violin witness scrap armed daring "
            "favorite warm decade perfect target kid grant play early wide cigar night"
        ),
    ),
]

# paritytech/substrate-bip39: phrase and the first half of its seed, password "Substrate".
SUBSTRATE = [
    (
        "abandon " * 11 + "about",
        "44e9d125f037ac1d51f0a7d3649689d422c2af8b1ec8e00d71db4d7bf6d127e3",
    ),
    (
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
        "4313249608fe8ac10fd5886c92c4579007272cb77c21551ee5b8d60b78041685",
    ),
    (
        "zoo " * 17 + "when",
        "8971cb290e7117c64b63379c97ed3b5c6da488841bd9f95cdc2a5651ac89571e",
    ),
    (
        (
            "void come effort suffer camp survey warrior heavy shoot primary clutch crush open "
            "amazing screen patrol group space point ten exist slush involve unfold"
        ),
        "938ba18c3f521f19bd4a399c8425b02c716844325b1a65106b9d1593fbafe5e0",
    ),
]

PHRASE = BIP_39[8][1]


@pytest.mark.parametrize(("entropy", "phrase"), BIP_39)
def test_entropy_and_phrase_are_those_of_bip_39(entropy: str, phrase: str) -> None:
    assert mnemonic.phrase_from_entropy(bytes.fromhex(entropy)) == phrase
    assert mnemonic.entropy_from_phrase(phrase).hex() == entropy


@pytest.mark.parametrize(("phrase", "seed"), SUBSTRATE)
def test_a_seed_comes_from_the_entropy_as_in_substrate(phrase: str, seed: str) -> None:
    assert mnemonic.mini_secret(phrase, "Substrate").hex() == seed


@pytest.mark.parametrize("words", [12, 15, 18, 21, 24])
def test_a_new_phrase_has_as_many_words_as_asked_and_a_right_checksum(words: int) -> None:
    phrase = mnemonic.generate(words)

    assert len(phrase.split()) == words
    mnemonic.validate(phrase)
    assert phrase != mnemonic.generate(words)


@given(st.sampled_from([16, 20, 24, 28, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
@settings(max_examples=60)
def test_words_give_back_their_entropy(entropy: bytes) -> None:
    assert mnemonic.entropy_from_phrase(mnemonic.phrase_from_entropy(entropy)) == entropy


def test_the_word_list_is_bip_39s() -> None:
    words = "".join(f"{word}\n" for word in mnemonic._words())

    digest = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    assert hashlib.sha256(words.encode()).hexdigest() == digest


def test_extra_spaces_do_not_count() -> None:
    spaced = "  " + PHRASE.replace(" ", "   ") + " "

    assert mnemonic.mini_secret(spaced) == mnemonic.mini_secret(PHRASE)


def test_an_unknown_word_is_named_by_its_position_and_not_repeated() -> None:
    words = PHRASE.split()
    words[2] = "regionn"

    with pytest.raises(MnemonicError, match="word 3 of 12 is not in the English list") as refusal:
        mnemonic.validate(" ".join(words))
    assert "regionn" not in str(refusal.value)


def test_capitals_are_another_word() -> None:
    with pytest.raises(MnemonicError, match="word 1 of 12"):
        mnemonic.validate(PHRASE.capitalize())


def test_a_misplaced_word_fails_the_checksum() -> None:
    words = PHRASE.split()
    words[0], words[1] = words[1], words[0]

    with pytest.raises(MnemonicError, match="checksum fails"):
        mnemonic.validate(" ".join(words))


@pytest.mark.parametrize("count", [0, 1, 11, 13, 25])
def test_a_phrase_of_another_length_is_refused(count: int) -> None:
    with pytest.raises(MnemonicError, match=f"not {count}$"):
        mnemonic.validate("abandon " * count)
    with pytest.raises(MnemonicError, match=f"not {count}$"):
        mnemonic.generate(count)


def test_entropy_of_another_length_is_refused() -> None:
    with pytest.raises(MnemonicError, match="not 17"):
        mnemonic.phrase_from_entropy(bytes(17))


def test_a_password_that_is_no_text_is_not_quoted() -> None:
    with pytest.raises(SecretError, match="the password holds a character") as refusal:
        mnemonic.mini_secret(PHRASE, "hunter2\ud800")
    assert "hunter2" not in str(refusal.value)
