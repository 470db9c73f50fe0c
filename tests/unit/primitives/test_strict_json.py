"""JSON of users: one reading, or an error that says where and why."""

from __future__ import annotations

import pytest

from btt_chain.primitives.strict_json import BadJson, NotJson, read_json, read_object


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the field 'a' stands twice"),
        (b'{"a": [{"x": 1, "\\u0078": 2}]}', "the field 'x' stands twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "beyond"),
        (b"[" + b"1" * 1_001 + b"]", "has more than 1000 digits"),
        (b"[0." + b"1" * 5_000 + b"]", "has more than 1000 digits"),
        (b"1" * 5_000, "has more than 1000 digits"),
        (b"[" * 129 + b"]" * 129, "nested deeper than 128"),
        (b"[" * 100_000, "nested deeper than 128"),
        (b'{"a":' * 100_000, "nested deeper than 128"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b'["\\ude00\\ud83d"]', "half of a surrogate pair"),
        ('"\ud800"', "half of a surrogate pair"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        ("[1]".encode("utf-16"), "UTF-16"),
        (b"\xff\xfe", "UTF-16"),
        (b'{"a": 01}', "at line 1 column"),
        (b'{\n"a": \n}', "at line 3 column 1"),
        (b"", "at line 1 column 1"),
        (b"{} {}", "Extra data"),
        (b"[1,]", "at line 1"),
        (b"'a'", "at line 1"),
        (b'"a\nb"', "control character"),
    ],
)
def test_json_with_two_readings_or_without_bounds_is_refused(raw: bytes | str, why: str) -> None:
    with pytest.raises(BadJson, match=why):
        read_json(raw)


def test_a_byte_order_mark_is_dropped() -> None:
    assert read_json(b"\xef\xbb\xbf[1]") == read_json("\ufeff[1]") == [1]


def test_values_are_those_of_json() -> None:
    text = '{"a": [1, -2.5, true, null, "\\ud83d\\ude00 \\\\ud83d"], "b": {}, "": "{[\\"]"}'
    found = {"a": [1, -2.5, True, None, "\U0001f600 \\ud83d"], "b": {}, "": '{["]'}
    assert read_object(text) == found
    assert read_json("9" * 1_000) == 10**1_000 - 1
    assert read_json("[" * 128 + "]" * 128)
    assert read_json('"\\ud800"', halves=True) == "\ud800"


@pytest.mark.parametrize("text", ["[1]", "1", "null", '"a"'])
def test_an_object_is_asked_for(text: str) -> None:
    with pytest.raises(BadJson, match="an object was expected"):
        read_object(text)


@pytest.mark.parametrize("text", ["Alice", "0x12", "1_000", "finalized", "{", ""])
def test_words_that_are_not_json_differ_from_bad_json(text: str) -> None:
    with pytest.raises(NotJson):
        read_json(text)
    with pytest.raises(BadJson) as raised:
        read_json("[NaN]")
    assert not isinstance(raised.value, NotJson)
