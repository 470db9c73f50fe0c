"""`:code` identifies the runtime of a chain, ours or another's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u8, u32
from genesis.code import own_version, state_version
from runtime import VERSION
from runtime.frame import RuntimeVersion
from runtime.frame.version import CowApis, CowText

WASM = b"\0asm\1\0\0\0"


def version_of(state: int) -> bytes:
    text = CowText("westend")
    one = u32(1)
    return RuntimeVersion(text, text, one, one, one, CowApis(), one, u8(state)).encoded()


def section(kind: int, payload: bytes) -> bytes:
    """A section of a Wasm file; its length always takes two bytes, as linkers write it."""
    size = len(payload)
    return bytes((kind, size & 0x7F | 0x80, size >> 7)) + payload


def custom(name: bytes, content: bytes) -> bytes:
    return section(0, bytes((len(name),)) + name + content)


def test_our_own_code_is_our_version() -> None:
    assert own_version(VERSION.encoded()) == VERSION
    assert state_version(VERSION.encoded()) == 1


def test_other_code_is_not_ours() -> None:
    assert own_version(None) is None
    assert own_version(version_of(1)) is None
    assert own_version(VERSION.encoded() + b"\0") is None
    assert own_version(WASM) is None


@pytest.mark.parametrize("state", [0, 1])
def test_wasm_reports_its_state_version(state: int) -> None:
    wasm = WASM + section(1, b"\0" * 300) + custom(b"name", b"x")
    assert state_version(wasm + custom(b"runtime_version", version_of(state))) == state


def test_wasm_from_before_the_field_is_version_0() -> None:
    assert state_version(WASM + section(1, b"\0")) == 0
    assert state_version(WASM + custom(b"runtime_version", version_of(1)[:-1])) == 0


def test_what_cannot_be_opened_is_taken_for_version_1() -> None:
    assert state_version(None) == 1
    assert state_version(bytes.fromhex("52bc537646db8e05") + b"zstd") == 1


@pytest.mark.fuzz
@given(st.binary(max_size=60))
def test_any_bytes_have_a_state_version(tail: bytes) -> None:
    assert state_version(WASM + tail) in {0, 1}
    assert state_version(tail) in {0, 1}
