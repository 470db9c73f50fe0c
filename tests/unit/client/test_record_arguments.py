"""Arguments of several fields: typed as JSON, or as their SCALE bytes in hex."""

from __future__ import annotations

import json

import pytest

from btt_chain.client.errors import InvalidArgument
from btt_chain.client.metadata import ChainMetadata
from btt_chain.scale import u64
from btt_chain.scale.metadata import PlainEntry
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams

BABE, GRANDPA = "11" * 32, "22" * 32
FORMS = 'SessionKeys is written as JSON {"babe": ..., "grandpa": ...}, or as 0x and its SCALE bytes'


@pytest.fixture(scope="module")
def decoder() -> ChainMetadata:
    return ChainMetadata(metadata(BttRuntime(RuntimeParams(u64(1_000))), 14))


def test_session_keys_are_the_bytes_of_rotate_keys_or_json(decoder: ChainMetadata) -> None:
    as_json = json.dumps({"babe": f"0x{BABE}", "grandpa": f"0x{GRANDPA}"})
    wanted = decoder.arguments.encode_call("Session.set_keys", [as_json, "0x"])
    assert decoder.arguments.encode_call("Session.set_keys", [f"0x{BABE}{GRANDPA}", "0x"]) == wanted
    named = [f"keys=0x{BABE}{GRANDPA}", "proof=0x"]
    assert decoder.arguments.encode_call("Session.set_keys", named) == wanted
    assert wanted.hex().endswith(BABE + GRANDPA + "00")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"0x{BABE}", "the input ends too early"),
        (f"0x{BABE}{GRANDPA}00", "1 bytes too many"),
        (f"0x{BABE}{GRANDPA}0", "this is not hex"),
        (f"{BABE}{GRANDPA}", FORMS),
        ("//Alice", FORMS),
    ],
)
def test_a_refused_record_names_both_forms(decoder: ChainMetadata, text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decoder.arguments.encode_call("Session.set_keys", [text, "0x"])
    assert caught.value.args[0].startswith(f"keys: {FORMS}")
    assert why in caught.value.args[0]


def test_bytes_are_taken_for_records_within_others(decoder: ChainMetadata) -> None:
    inner = {"call": "Session.set_keys", "args": {"keys": f"0x{BABE}{GRANDPA}", "proof": "0x"}}
    batch = decoder.arguments.encode_call("Utility.batch", [json.dumps([inner])])
    assert bytes.fromhex(BABE + GRANDPA) in batch


def test_a_tuple_is_taken_as_bytes_too(decoder: ChainMetadata) -> None:
    _, entry = decoder.items.storage("Session.KeyOwner")
    assert not isinstance(entry.type, PlainEntry)
    key = decoder.arguments.read(entry.type.key, "0x" + b"babe".hex() + "80" + BABE, "key")
    assert key == ["0x" + b"babe".hex(), f"0x{BABE}"]


def test_an_option_without_a_value_is_none_or_null(decoder: ChainMetadata) -> None:
    encode = decoder.arguments.encode_call
    wanted = encode("TierStaking.stake", ["10BTT", "2", "null"])
    assert encode("TierStaking.stake", ["10BTT", "2", "none"]) == wanted
    assert encode("System.remark", ["none"]) == encode("System.remark", ["0x" + b"none".hex()])
