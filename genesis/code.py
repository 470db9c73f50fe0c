"""Versions in `:code` of a chain: of its runtime, and of its state trie.

BTT chains store SCALE(RuntimeVersion) there. Other Substrate chains store Wasm, which this program
does not execute; since late 2020 it contains its version in a custom section `runtime_version`.
Source: the WebAssembly binary format (custom sections), Polkadot specification C.4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from zstandard import ZstdDecompressor, ZstdError

from btt_chain.scale import DecodeError, codec
from runtime.frame import RuntimeVersion
from runtime.sets import SPEC_NAMES

_WASM: Final = b"\0asm\1\0\0\0"
_COMPRESSED: Final = bytes.fromhex("52bc537646db8e05")
_LARGEST: Final = 50 << 20
"""Maximum size of the Wasm in compressed code, in bytes. Source: sp_maybe_compressed_blob."""
_CUSTOM_SECTION: Final = 0
_VERSION: Final = codec(RuntimeVersion)


def own_version(code: bytes | None) -> RuntimeVersion | None:
    """Return the version in `:code` of a BTT chain; None for any other chain."""
    if code is None:
        return None
    try:
        version = _VERSION.decode_all(code)
    except DecodeError:
        return None
    return version if version.spec_name.value in SPEC_NAMES else None


def own_set(code: bytes | None) -> str | None:
    """Return the name of the set of features in `:code` of a BTT chain; None for others."""
    version = own_version(code)
    return None if version is None else SPEC_NAMES[version.spec_name.value]


def state_version(code: bytes | None) -> int:
    """Return the version of the state trie under this code: 0 or 1.

    Wasm without a version section, or with one that ends before this field, is older than version
    1. Version 1 is assumed of a state without code.
    """
    if code is None:
        return 1
    if code.startswith(_COMPRESSED):
        code = _expanded(code)
    own = own_version(code)
    if own is not None:
        return own.state_version
    for name, content in _custom_sections(code):
        if name == b"runtime_version":
            try:
                return _VERSION.decode(content, 0)[0].state_version
            except DecodeError:
                return 0
    return 0 if code.startswith(_WASM) else 1


def _expanded(code: bytes) -> bytes:
    """Return the Wasm in compressed code; code that cannot be expanded stays unchanged."""
    try:
        opened = ZstdDecompressor().stream_reader(code[len(_COMPRESSED) :])
        return opened.read(_LARGEST)
    except ZstdError:
        return code


def _custom_sections(wasm: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each custom section, as far as the file is well-formed."""
    at = len(_WASM)
    while wasm.startswith(_WASM) and at < len(wasm):
        kind = wasm[at]
        size, start = _leb128(wasm, at + 1)
        at = start + size
        if kind == _CUSTOM_SECTION and at <= len(wasm):
            length, start = _leb128(wasm, start)
            yield wasm[start : start + length], wasm[start + length : at]


def _leb128(raw: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned number of at most five bytes, and the position after it."""
    number = shift = 0
    for byte in raw[at : at + 5]:
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return number, at
