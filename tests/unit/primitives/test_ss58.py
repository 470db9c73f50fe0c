"""Addresses: every form, and what is said about a bad one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_512
from btt_chain.primitives import ss58
from btt_chain.primitives.ss58 import Ss58Error

ALICE = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
ADDRESS = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
CHECKSUMS = {1: [1], 2: [1, 2], 4: [1, 2, 3, 4], 8: list(range(1, 9)), 32: [2], 33: [2]}

prefixes = st.integers(0, ss58.MAX_PREFIX).filter(lambda p: p not in ss58.RESERVED_PREFIXES)
accounts = st.sampled_from([1, 2, 4, 8, 32, 33]).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)


@given(accounts, prefixes)
@settings(max_examples=200)
def test_an_address_gives_back_account_and_network(account: bytes, prefix: int) -> None:
    text = ss58.encode(account, prefix)

    assert ss58.decode(text) == (account, prefix)
    assert ss58.decode(text, prefix) == (account, prefix)


def test_alice_on_any_substrate_network_is_the_default() -> None:
    assert ss58.encode(ALICE) == ADDRESS
    assert ss58.decode(ADDRESS) == (ALICE, 42)


@pytest.mark.parametrize("prefix", [0, 1, 45, 48, 63, 64, 65, 127, 128, 255, 256, 4096, 16_383])
def test_prefixes_at_the_edges_of_one_and_two_bytes_come_back(prefix: int) -> None:
    assert ss58.decode(ss58.encode(ALICE, prefix)) == (ALICE, prefix)


def test_leading_zeros_are_kept() -> None:
    text = ss58.encode(bytes(32), 0)

    assert text.startswith("1" * 33)
    assert ss58.decode(text) == (bytes(32), 0)


@pytest.mark.parametrize(
    ("length", "checksum"), [(size, check) for size in CHECKSUMS for check in CHECKSUMS[size]]
)
@pytest.mark.parametrize("prefix", [b"\x2a", b"\x50\x01"])
def test_every_length_of_checksum_is_read(prefix: bytes, length: int, checksum: int) -> None:
    account = bytes(range(200, 200 + length))

    assert ss58.decode(written(prefix + account, checksum))[0] == account


@pytest.mark.parametrize("reserved", [46, 47])
def test_reserved_networks_are_refused_both_ways(reserved: int) -> None:
    with pytest.raises(Ss58Error, match=f"prefix {reserved} is reserved"):
        ss58.encode(ALICE, reserved)
    with pytest.raises(Ss58Error, match=f"prefix {reserved} is reserved"):
        ss58.decode(written(bytes([reserved]) + ALICE, 2))


@pytest.mark.parametrize("prefix", [-1, 16_384, 65_535])
def test_a_prefix_of_more_than_14_bits_is_refused(prefix: int) -> None:
    with pytest.raises(Ss58Error, match=f"0 to 16383, not {prefix}"):
        ss58.encode(ALICE, prefix)


@pytest.mark.parametrize("length", [0, 3, 31, 34, 64])
def test_an_account_of_another_length_has_no_address(length: int) -> None:
    with pytest.raises(Ss58Error, match=f"wrong length: .*not {length}$"):
        ss58.encode(bytes(length))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "wrong length: the address is empty"),
        (ADDRESS[:10] + "0" + ADDRESS[11:], "bad character '0' at position 11"),
        (ADDRESS + " ", "bad character ' ' at position 49"),
        ("l" + ADDRESS[1:], "bad character 'l' at position 1"),
        ("é" + ADDRESS[1:], "bad character 'é' at position 1"),
        (ADDRESS[:-1], "unknown address format: .* is the address cut"),
        (ADDRESS[:-1] + "Z", "wrong checksum"),
        (ADDRESS * 2, "wrong length: 96 characters"),
        ("1" * 52, "wrong length: 52 characters"),
        ("2t", "wrong length: the network prefix is cut"),
        ("12", "wrong length: 2 bytes hold no account"),
    ],
)
def test_the_error_names_the_fault_of_a_bad_address(text: str, complaint: str) -> None:
    with pytest.raises(Ss58Error, match=complaint):
        ss58.decode(text)


def test_an_address_of_another_network_is_refused() -> None:
    with pytest.raises(Ss58Error, match="wrong network prefix: expected 42, got 0"):
        ss58.decode(ss58.encode(ALICE, 0), 42)


@given(st.integers(0, len(ADDRESS) - 1), st.sampled_from(ss58._ALPHABET))
@settings(max_examples=100)
def test_one_mistyped_character_is_noticed(position: int, character: str) -> None:
    mistyped = ADDRESS[:position] + character + ADDRESS[position + 1 :]
    if mistyped == ADDRESS:
        return

    with pytest.raises(Ss58Error):
        ss58.decode(mistyped)


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_arbitrary_text_raises_nothing_but_the_addresss_error(text: str) -> None:
    with pytest.raises(Ss58Error):
        ss58.decode(text)


def written(body: bytes, checksum: int) -> str:
    """An address as `encode` would not write it: any prefix bytes, any checksum length."""
    return ss58.to_base58(body + blake2_512(b"SS58PRE" + body)[:checksum])
