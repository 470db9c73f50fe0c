"""Genesis configuration: an error names the wrong row, and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives import ss58
from btt_chain.scale import u128
from runtime.frame import GenesisError, Section

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


def section(value: object) -> Section:
    return Section(value, "balances")


def test_fields_keep_the_path_that_leads_to_them() -> None:
    rows = section({"rows": [{"amount": 7}]}).fields(required=("rows",))["rows"]
    (row,) = rows
    amount = row.fields(required=("amount",))["amount"]
    assert amount.path == "balances.rows[0].amount"
    assert amount.planck() == 7


@pytest.mark.parametrize(
    ("value", "read", "message"),
    [
        ([], lambda s: s.fields(), r"balances: expected an object, found \[\]"),
        ({"b": 1}, lambda s: s.fields(required=("a",)), r"balances\.b: unknown field; known are a"),
        ({}, lambda s: s.fields(required=("a",)), r"balances\.a: missing"),
        ({}, lambda s: s.rows(), "balances: expected a list"),
        ("ab", lambda s: s.rows(), "balances: expected a list"),
        ([1], lambda s: s.rows(2), "balances: expected a list of 2"),
        (1, lambda s: s.text(), "balances: expected a string, found 1"),
        (1, lambda s: s.flag(), "balances: expected true or false"),
        (True, lambda s: s.u32(), "balances: expected a whole number"),
        (-1, lambda s: s.u32(), "from 0 to 4294967295, found -1"),
        (2**32, lambda s: s.u32(), "from 0 to 4294967295"),
        (2**64, lambda s: s.u64(), "from 0 to 18446744073709551615"),
        (2**128, lambda s: s.planck(), "balances: expected a whole number"),
        (1.5, lambda s: s.planck(), "balances: expected a whole number"),
        ("1e18", lambda s: s.planck(), "balances: expected a whole number"),
        ("٣", lambda s: s.planck(), "balances: expected a whole number"),
        ("9" * 5_000, lambda s: s.planck(), "balances: expected a whole number"),
        (None, lambda s: s.account(), "balances: expected a string"),
        ("5Grw", lambda s: s.account(), "balances: "),
        (ALICE[:-1] + "Z", lambda s: s.account(), "balances: "),
        (ss58.encode(b"\1\2", 42), lambda s: s.account(), "balances: expected the address"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    value: object, read: Callable[[Section], object], message: str
) -> None:
    with pytest.raises(GenesisError, match=message):
        read(section(value))


def test_an_error_stays_readable_whatever_was_found() -> None:
    with pytest.raises(GenesisError) as wrong:
        section("x" * 10_000).flag()
    assert len(str(wrong.value)) < 120


def test_numbers_may_be_written_as_text() -> None:
    assert section(str(u128.MAX)).planck() == u128.MAX
    assert section(u128.MAX).planck() == u128.MAX


def test_an_address_of_any_prefix_names_its_account() -> None:
    account, _ = ss58.decode(ALICE)
    assert section(ALICE).account() == section(ss58.encode(account, 0)).account() == account


def test_bytes_are_written_in_hexadecimal_digits() -> None:
    assert section("0x00Ff").hex_bytes(2) == b"\x00\xff"
    for wrong in ("00ff", "0x00", "0x00ff00", "0x00 f", "0x00fg", "0xé0ff", 255):
        with pytest.raises(GenesisError, match="expected"):
            section(wrong).hex_bytes(2)


def test_a_name_stands_for_one_of_several_things() -> None:
    assert section("two").one_of({"one": 1, "two": 2}) == 2
    with pytest.raises(GenesisError, match='expected "one" or "two"'):
        section("three").one_of({"one": 1, "two": 2})


def test_null_is_not_there() -> None:
    assert not section(None).present()
    assert section(0).present()


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
readers: list[Callable[[Section], object]] = [
    Section.text,
    Section.flag,
    Section.u32,
    Section.u64,
    Section.planck,
    Section.account,
    Section.rows,
    Section.fields,
    list,
]


@pytest.mark.fuzz
@given(value=json, read=st.sampled_from(readers))
def test_whatever_stands_there_only_a_genesis_error_comes_out(
    value: object, read: Callable[[Section], object]
) -> None:
    with suppress(GenesisError):
        read(section(value))
