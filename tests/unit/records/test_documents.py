"""Documents from outside: hostile ones (C22) are refused with words, decimals keep digits."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.records import documents
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import check_narratives, parse, read_document
from btt_chain.records.errors import BadDocument

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
    | st.decimals(-10**6, 10**6, places=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested deeper than 64 levels"),
        (b'{"a":' * 10_000, "nested deeper than 64 levels"),
        (b'{"a": 1' + b"0" * 400 + b"}", "a number has 401 characters"),
        (b'{"a": 1e400000}', "an exponent of 3"),
        (b'{"a": 0.' + b"1" * 18 + b"}", "17 after it"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' stands twice"),
        (b'{"x": {"\\u0061": 1, "a": 3}}', "'a' stands twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"a": "\\u0000"}', "U+0000"),
        (b'{"a": "' + b"x" * 100, "a string has no end"),
        (b'{"a": ' + b'"\\' * 50_000, "a string has no end"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b"\xef\xbb\xbf<a/>", "only FHIR's JSON"),
        (b'{"a": 1}\n{"a": 2}\n', "NDJSON"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><Patient/>', "only FHIR's JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": 01}', "not JSON"),
        (b"", "not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_document_is_refused_with_words(raw: bytes, words: str) -> None:
    with pytest.raises(BadDocument, match=words.replace("+", r"\+")):
        parse(raw)


def test_a_gigabyte_of_base64_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.write(b'{"data":"')
        file.truncate(1 << 30)
    with pytest.raises(BadDocument, match="larger than 64 MiB"):
        read_document(huge)
    monkeypatch.setattr(documents, "MAX_STRING", 1_000)
    with pytest.raises(BadDocument, match="name them by url and hash"):
        parse(b'{"data":"' + b"A" * 1_001 + b'"}')
    monkeypatch.setattr(documents, "MAX_VALUES", 1_000)
    with pytest.raises(BadDocument, match="more than 1,000 values"):
        parse(b'{"a":[' + b"1," * 1_000 + b"1]}")


def test_a_refusal_costs_time_in_proportion_to_the_size() -> None:
    # Quadratic backtracking would need minutes: the timeout of the test.
    with pytest.raises(BadDocument):
        parse(b'{"a": "' + b'\\"' * 2_000_000)
    with pytest.raises(BadDocument):
        parse(b'{"a": ' + b'"\\"' * 200_001)


@pytest.mark.parametrize(
    "div",
    [
        '<div><!DOCTYPE a [<!ENTITY lol "lol">]>&lol;</div>',
        "<div><script>alert(1)</script></div>",
        '<div><?xml-stylesheet href="a"?></div>',
        "<div><![CDATA[x]]></div>",
    ],
)
def test_a_narrative_with_entities_or_scripts_is_refused(div: str) -> None:
    with pytest.raises(BadDocument, match="a narrative has"):
        check_narratives({"contained": [{"text": {"status": "generated", "div": div}}]})


def test_a_narrative_with_comments_and_entities_of_html_is_accepted() -> None:
    check_narratives({"text": {"div": "<div><!-- made by a program --> 1 &lt; 2&nbsp;</div>"}})


def test_decimals_keep_their_digits() -> None:
    raw = b'{"b":1.50,"a":[0.0000001,1E+2,100,-0.0,12.000],"c":-0}'
    assert canonical(parse(raw)) == b'{"a":[0.0000001,1E+2,100,-0.0,12.000],"b":1.50,"c":-0}'
    assert canonical({"v": Decimal("1.50")}) != canonical({"v": Decimal("1.5")})


def test_the_example_of_rfc_8785_without_its_doubles() -> None:
    # RFC 8785, section 3.2.3, and the sorting of section 3.2.3 by UTF-16 code units.
    found = parse(
        b'{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet",'
        b'"1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control",'
        b'"\\u00f6":"Latin Small Letter O With Diaeresis"}'
    )
    assert [json.loads(b"[" + each + b"]")[0] for each in _names(canonical(found))] == [
        "\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip
    text = parse(b'{"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/"}')
    assert canonical(text) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()


def _names(raw: bytes) -> list[bytes]:
    return [each.split(b":")[0] for each in raw.strip(b"{}").split(b",")]


def test_integers_that_readers_round_are_refused() -> None:
    with pytest.raises(BadDocument, match=r"larger than 2\*\*53 - 1"):
        canonical({"a": 2**53})
    with pytest.raises(BadDocument, match="not finite"):
        canonical({"a": Decimal("nan")})


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_canonical_bytes_are_a_fixed_point(value: dict[str, documents.Json]) -> None:
    raw = canonical(value)
    assert canonical(parse(raw)) == raw
    shuffled = json.dumps(json.loads(raw, parse_float=str)).encode()
    assert json.loads(shuffled) == json.loads(raw, parse_float=str)
