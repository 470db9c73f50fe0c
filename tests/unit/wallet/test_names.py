"""Names of accounts: none can be taken for a path, an address, a secret or another name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives import ss58
from btt_chain.wallet.errors import BadName
from btt_chain.wallet.names import check_name, is_name_like, same_name


@pytest.mark.parametrize(
    "name", ["alice", "Alice-2", "my_key", "医院", "Bitwave医院", "мария", "a"]
)
def test_words_are_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("../x", "cannot be a name"),
        ("/etc/passwd", "cannot be a name"),
        (".hidden", "cannot be a name"),
        ("-f", "cannot be a name"),
        ("_x", "cannot be a name"),
        ("a b", "cannot be a name"),
        ("key.txt", "cannot be a name"),
        ("a\nb", "cannot be a name"),
        ("a\x00", "cannot be a name"),
        ("a\u202eb", "cannot be a name"),
        ("a\u200bb", "cannot be a name"),
        ("x" * 41, "cannot be a name"),
        ("//Alice", "looks like a key"),
        ("0xabc", "looks like a key"),
        ("ab" * 16, "looks like a key"),
        ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "an address cannot be a name"),
        ("17", "digits alone"),
        ("None", "another meaning"),
        ("final", "another meaning"),
        ("\u0430lice", "mixes alphabets"),
        ("\uff41lice", "mixes alphabets"),
        ("\ufb01n", "mixes alphabets"),
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(name: str, why: str) -> None:
    with pytest.raises(BadName, match=why):
        check_name(name)


@given(st.text(max_size=60))
def test_a_name_is_always_one_file_name_and_never_hidden(text: str) -> None:
    try:
        check_name(text)
    except BadName:
        return
    assert is_name_like(text)
    assert not set(text) & set("/\\.:~ \0")
    assert text.isprintable()
    assert len(text.encode()) <= 160


def test_names_that_differ_in_case_are_the_same() -> None:
    assert same_name("ALICE", ["bob", "Alice"]) == "Alice"
    assert same_name("carol", ["bob", "Alice"]) is None


def test_a_word_that_is_the_address_of_a_short_index_is_a_name() -> None:
    word = ss58.encode(b"\5")
    assert ss58.decode(word)[0] == b"\5"
    check_name(word)
