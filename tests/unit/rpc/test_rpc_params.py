"""Parameters: what fits, what is refused, and with which words."""

from __future__ import annotations

from typing import Annotated, cast

import pytest

from btt_chain.rpc.params import (
    MAX_ITEMS,
    U32,
    BlockNumber,
    Flag,
    Hash,
    Hex,
    MaxItems,
    Signature,
    SubscriptionId,
    Text,
    Unfit,
    parser,
)
from btt_chain.rpc.protocol import INVALID_PARAMS, RpcError


def handler(
    key: Hex, start_key: Hex | None = None, count: U32 = 7, hash: Hash | None = None
) -> None:
    """A handler with one needed and three optional arguments."""


SIGNATURE = Signature(handler)


def refusal(params: list[object] | dict[str, object] | None) -> str:
    with pytest.raises(RpcError) as caught:
        SIGNATURE.bind(params)
    assert caught.value.code == INVALID_PARAMS
    return caught.value.message


@pytest.mark.parametrize("text", ["0xd435", "d435", "0XD435", "D435"])
def test_hex_comes_with_or_without_its_mark(text: str) -> None:
    assert parser(Hex)(text) == b"\xd4\x35"


@pytest.mark.parametrize("text", ["", "0x"])
def test_empty_hex_is_no_bytes(text: str) -> None:
    assert parser(Hex)(text) == b""


@pytest.mark.parametrize(
    "value", ["0x1", "zz", "0x 12", "12 34", "0x0x12", "１２", 12, None, [], True]
)
def test_what_is_not_hex_is_refused(value: object) -> None:
    assert refusal([value]).startswith("Invalid params: `key`: expected a hex string")


def test_a_hash_has_32_bytes() -> None:
    assert SIGNATURE.bind(["", None, 1, "ab" * 32])[3] == b"\xab" * 32
    assert "expected a hash of 32 bytes, got 31" in refusal(["", None, 1, "ab" * 31])


def test_missing_and_null_arguments_take_their_defaults() -> None:
    assert SIGNATURE.bind(["00"]) == [b"\x00", None, 7, None]
    assert SIGNATURE.bind(["00", None, None, None]) == [b"\x00", None, 7, None]
    assert SIGNATURE.bind({"key": "00"}) == [b"\x00", None, 7, None]
    assert SIGNATURE.bind({"key": "00", "startKey": None}) == [b"\x00", None, 7, None]


def test_a_needed_argument_is_named_when_it_is_missing() -> None:
    none: list[object] = []
    named: dict[str, object] = {"startKey": "00"}
    for params in (None, none, {}, named):
        assert refusal(params) == "Invalid params: `key` is missing"


def test_trailing_nulls_are_ignored_and_other_surplus_is_not() -> None:
    assert SIGNATURE.bind(["00", None, 1, None, None, None]) == [b"\x00", None, 1, None]
    assert refusal(["00", None, 1, None, None, 5]) == "Invalid params: 6 given, at most 4 expected"


def test_names_are_those_of_the_wire() -> None:
    assert SIGNATURE.bind({"key": "00", "startKey": "0x01"}) == [b"\x00", b"\x01", 7, None]
    assert refusal({"key": "00", "start_key": "01"}).endswith("no parameter `start_key`")


@pytest.mark.parametrize("value", [-1, 2**32, 1.0, 1e99, "1", True])
def test_a_count_is_an_integer_in_range(value: object) -> None:
    assert "expected an integer from 0 to 4294967295" in refusal(["", None, value])


@pytest.mark.parametrize(
    ("value", "number"), [(0, 0), (26, 26), ("0x1a", 26), ("1a", 26), ("0x0", 0)]
)
def test_a_block_number_is_a_number_or_hex(value: object, number: int) -> None:
    assert parser(BlockNumber)(value) == number


@pytest.mark.parametrize(
    "value", ["", "0x", "0x100000000", 2**32, -1, 1.5, "0x1_0", "+1", True, {}]
)
def test_what_is_no_block_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="block number"):
        parser(BlockNumber)(value)


def test_lists_unions_and_plain_kinds_are_read() -> None:
    assert parser(Hash | list[Hash])(["ab" * 32]) == [b"\xab" * 32]
    assert parser(Text)("x") == "x"
    assert parser(Flag)(False) is False
    assert parser(SubscriptionId)(17) == "17"
    for kind, value in ((Text, 1), (Flag, 1), (SubscriptionId, None), (list[Hex], "00")):
        with pytest.raises(ValueError, match="expected"):
            parser(kind)(value)


def test_a_list_is_as_long_as_its_parameter_allows_and_what_is_too_long_is_said() -> None:
    assert len(cast("list[bytes]", parser(list[Hex])(["00"] * MAX_ITEMS))) == MAX_ITEMS
    three = Annotated[list[Hex], MaxItems(3)]
    assert parser(three)(["00"] * 3) == [b"\x00"] * 3
    for kind, count, limit in (
        (list[Hex], MAX_ITEMS + 1, MAX_ITEMS),
        (Hash | list[Hash], MAX_ITEMS + 1, MAX_ITEMS),
        (three, 4, 3),
        (Hash | three, 4, 3),
    ):
        with pytest.raises(Unfit, match=f"{count} items, at most {limit} are answered at once"):
            parser(kind)([None] * count)


def test_a_signature_that_says_nothing_about_json_is_a_mistake() -> None:
    def wrong(key: bytes) -> None: ...

    with pytest.raises(TypeError, match="has no JSON form"):
        Signature(wrong).parameters  # noqa: B018 - read here
