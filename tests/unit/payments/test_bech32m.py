"""bech32m: the vectors of BIP 350, and altered texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.payments import bech32m
from btt_chain.payments.errors import PaymentError


def test_a_vector_of_bip_350() -> None:
    text = "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx"
    values = bytes(range(31, -1, -1))
    packed = int.from_bytes(bytes(20), "big")
    for value in values:
        packed = packed << 5 | value
    data = packed.to_bytes(20, "big")
    assert bech32m.encode("abcdef", data) == text
    assert bech32m.decode("abcdef", text) == data
    assert bech32m.decode("abcdef", text.upper()) == data


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("M1VUXWEZ", "the checksum is wrong"),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "begin with m1"),
        ("m1A", "mixed"),
        ("m1", "the checksum is wrong"),
        ("m1b", "character 3, 'b'"),
        ("m1" + "q" * 9_000, "at most 8192"),
        ("", "begin with m1"),
        ("\u212a1qqqqqq", "other than ASCII"),
    ],
)
def test_malformed_texts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        bech32m.decode("m", text)


@given(st.binary(max_size=200))
def test_all_bytes_come_back(data: bytes) -> None:
    assert bech32m.decode("bttinv", bech32m.encode("bttinv", data)) == data


@given(st.binary(min_size=1, max_size=100), st.data())
def test_each_altered_character_is_found(data: bytes, choose: st.DataObject) -> None:
    text = bech32m.encode("bttinv", data)
    at = choose.draw(st.integers(7, len(text) - 1))
    other = choose.draw(st.sampled_from(bech32m.CHARACTERS.replace(text[at], "")))
    with pytest.raises(PaymentError):
        bech32m.decode("bttinv", text[:at] + other + text[at + 1 :])


def test_a_text_that_is_not_canonical_is_refused() -> None:
    # Two groups of five bits hold one byte and two bits, which must be zero.
    values = [0, 1]
    check = bech32m._polymod([*bech32m._expanded("m"), *values, *[0] * 6]) ^ 0x2BC830A3
    values += [check >> 5 * (5 - at) & 31 for at in range(6)]
    text = "m1" + "".join(bech32m.CHARACTERS[value] for value in values)
    with pytest.raises(PaymentError, match="not a canonical text"):
        bech32m.decode("m", text)
