"""JSON-RPC as a format: requests, batches, ids, refusals."""

from __future__ import annotations

import json
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.rpc.protocol import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    NULL,
    PARSE_ERROR,
    Malformed,
    Request,
    RpcError,
    answer,
    parse,
    refusal,
)

IDS = [
    "1",
    "0",
    "-7",
    "18446744073709551615",
    '"a"',
    '""',
    '"1"',
    '"ü\\n"',
    "null",
]


INEXACT_IDS = ["1.0", "1.50", "1e3", "2.5E-10", "1180591620717411303424", "-9223372036854775809"]
"""Numbers that a parser with floats does not keep."""


def one(raw: str) -> Request:
    request = parse(raw, 100)
    assert isinstance(request, Request), request
    return request


def bad(raw: str | bytes) -> Malformed:
    message = parse(raw, 100)
    assert isinstance(message, Malformed), message
    return message


@pytest.mark.parametrize("id", IDS)
def test_an_id_comes_back_as_it_was_written(id: str) -> None:
    request = one(f'{{"jsonrpc":"2.0","id":{id},"method":"m"}}')
    assert request.id is not None
    if '"' in id:
        assert orjson.loads(request.id) == json.loads(id)
    else:
        assert request.id == id.encode()


@pytest.mark.parametrize("id", IDS)
def test_an_id_in_a_batch_comes_back_as_it_was_written(id: str) -> None:
    batch = parse(f'[{{"jsonrpc":"2.0","id":7,"method":"m"}},'
                  f'{{"jsonrpc":"2.0","id":{id},"method":"m"}}]', 100)  # fmt: skip
    assert isinstance(batch, list)
    request = batch[1]
    assert isinstance(request, Request)
    assert request.id is not None
    assert orjson.loads(request.id) == orjson.loads(id)


@pytest.mark.parametrize("id", INEXACT_IDS)
def test_an_id_that_cannot_be_echoed_exactly_is_refused_as_substrate_does(id: str) -> None:
    refused = bad(f'{{"jsonrpc":"2.0","id":{id},"method":"m"}}')
    assert (refused.error.code, refused.id) == (INVALID_REQUEST, NULL)


def test_fractional_ids_in_a_large_batch_do_not_cost_a_parse_each() -> None:
    # 2 MB, read again for each of 100 ids: 34 s. One parse takes some 10 ms.
    calls = [f'{{"jsonrpc":"2.0","id":{i}.5,"method":"m"}}' for i in range(99)]
    calls.append('{"jsonrpc":"2.0","id":1,"method":"m","params":[' + "1," * 90_000 + "1]}")
    raw = ("[" + ",".join(calls) + " " * 1_900_000 + "]").encode()
    begun = time.process_time()
    batch = parse(raw, 100)
    assert time.process_time() - begun < 1
    assert isinstance(batch, list)
    assert sum(isinstance(item, Malformed) for item in batch) == 99


def test_a_message_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    begin = '{"jsonrpc":"2.0","id":1,"method":"m","params":['
    for values in ("[]," * 300_000, '{"a":0},' * 150_000, "0," * 300_000):
        for raw in (f"{begin}{values}", f"{begin}{values}".encode()):  # no JSON: not parsed
            refused = bad(raw)
            assert refused.error.code == INVALID_REQUEST
            assert refused.error.message == "The request holds too much"
    fits = one(f"{begin}{'0,' * 100_000}0]}}")
    assert isinstance(fits.params, list)
    assert len(fits.params) == 100_001


def test_a_request_without_an_id_is_a_notification() -> None:
    assert one('{"jsonrpc":"2.0","method":"m"}').id is None
    assert one('{"jsonrpc":"2.0","id":null,"method":"m"}').id == NULL


@pytest.mark.parametrize(
    ("params", "read"),
    [
        ("", None),
        (',"params":null', None),
        (',"params":[]', []),
        (',"params":[1,null]', [1, None]),
        (',"params":{"a":1}', {"a": 1}),
    ],
)
def test_params_may_be_missing_an_array_or_an_object(params: str, read: object) -> None:
    assert one(f'{{"jsonrpc":"2.0","id":1,"method":"m"{params}}}').params == read


@pytest.mark.parametrize("raw", ["", "{", "[1,", "nonsense", '{"id":1}x', "NaN", b"\xff"])
def test_what_is_not_json_is_a_parse_error_without_an_id(raw: str | bytes) -> None:
    assert bad(raw).error.code == PARSE_ERROR
    assert bad(raw).id == NULL


def test_nesting_without_end_is_a_parse_error() -> None:
    assert bad("[" * 100_000).error.code == PARSE_ERROR


@pytest.mark.parametrize(
    ("raw", "id"),
    [
        ("[]", NULL),
        ("1", NULL),
        ('"x"', NULL),
        ("null", NULL),
        ("{}", NULL),
        ('{"jsonrpc":"2.0","id":3}', b"3"),
        ('{"jsonrpc":"1.0","id":"x","method":"m"}', b'"x"'),
        ('{"id":3,"method":"m"}', b"3"),
        ('{"jsonrpc":"2.0","id":3,"method":7}', b"3"),
        ('{"jsonrpc":"2.0","id":true,"method":"m"}', NULL),
        ('{"jsonrpc":"2.0","id":[1],"method":"m"}', NULL),
        ('{"jsonrpc":"2.0","id":{},"method":"m"}', NULL),
    ],
)
def test_what_is_no_request_is_refused_with_its_id_if_it_has_one(raw: str, id: bytes) -> None:
    assert bad(raw).error.code == INVALID_REQUEST
    assert bad(raw).id == id


def test_params_of_another_kind_are_invalid_params() -> None:
    refused = bad('{"jsonrpc":"2.0","id":3,"method":"m","params":"x"}')
    assert (refused.error.code, refused.id) == (INVALID_PARAMS, b"3")


def test_a_batch_keeps_its_bad_members_in_their_places() -> None:
    batch = parse('[1,{"jsonrpc":"2.0","id":1,"method":"m"},{}]', 100)
    assert isinstance(batch, list)
    assert [type(item) for item in batch] == [Malformed, Request, Malformed]


def test_a_batch_beyond_the_limit_is_refused_whole() -> None:
    refused = parse("[" + ",".join(["{}"] * 101) + "]", 100)
    assert isinstance(refused, Malformed)
    assert refused.error.code == -32010
    assert isinstance(parse("[" + ",".join(["{}"] * 100) + "]", 100), list)


def test_an_answer_holds_the_result_even_when_it_is_null() -> None:
    assert orjson.loads(answer(b'"x"', None)) == {"jsonrpc": "2.0", "id": "x", "result": None}


def test_an_error_leaves_data_out_when_there_is_none() -> None:
    assert orjson.loads(refusal(b"1", RpcError(5, "no"))) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": 5, "message": "no"},
    }
    assert orjson.loads(refusal(b"1", RpcError(5, "no", "why")))["error"]["data"] == "why"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
near_requests = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | json_values,
        "id": json_values,
        "method": st.text() | json_values,
        "params": json_values,
    },
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_parse_to_something(raw: bytes | str) -> None:
    assert isinstance(parse(raw, 10), Request | Malformed | list)


@given(near_requests | st.lists(near_requests | json_values, max_size=12))
def test_any_json_parses_to_something_that_can_be_answered(message: object) -> None:
    parsed = parse(json.dumps(message), 10)
    for item in parsed if isinstance(parsed, list) else [parsed]:
        id = item.id or NULL
        orjson.loads(refusal(id, RpcError(1, "")))
