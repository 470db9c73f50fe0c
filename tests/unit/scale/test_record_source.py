"""The generated source of records, compared as text because all records are executed from it."""

from __future__ import annotations

from typing import Any

from btt_chain.scale import Codec, FixedBytes, codec, u8, u32, u128
from btt_chain.scale.source import Names, record_source


class Key(FixedBytes, size=32):
    """A key."""

    __slots__ = ()


def test_neighbours_of_fixed_size_become_one_operation() -> None:
    names = Names()
    parts: list[tuple[str, Codec[Any]]] = [
        (".a", codec(u32)),
        (".b", codec(u128)),
        (".c", codec(str)),
        (".d", codec(Key)),
    ]

    source = record_source("Demo", parts, dict, names, prefix=b"\7")

    for name, value in names.values.items():
        if value is dict:
            source = source.replace(f"return {name}(", "return make(")
    assert source.splitlines() == [
        "def encode(v):",
        "    try:",
        "        v0 = v.a",
        "        v1 = v.b",
        "        v3 = v.d",
        "        if len(v3) != 32: misfit(v3, 32)",
        "        return b'\\x07' + k7(v0, v1 & 18446744073709551615, v1 >> 64) + k13(v.c) + v3",
        "    except StructError as error:",
        "        raise unfit(k17, error) from None",
        "def decode(raw, at):",
        "    try:",
        "        v0_0, v0_1, v0_2, = k8(raw, at)",
        "        at += 20",
        "        v2, at = k14(raw, at)",
        "        end = at + 32",
        "        v3_0 = raw[at:end]",
        "        if end > len(raw): raise StructError",
        "        at = end",
        (
            "        return make(k9[v0_0] if v0_0 < 256 else new(k10, v0_0), "
            "new(k11, v0_1 | v0_2 << 64) if v0_2 else k12[v0_1] if v0_1 < 256 "
            "else new(k11, v0_1), v2, octets(k15, v3_0)), at"
        ),
        "    except (StructError, IndexError):",
        "        raise early(k17, at) from None",
        "    except ValueError as error:",
        "        raise unsound(k17, at, error) from None",
    ]


def test_a_record_without_parts_is_one_shared_value() -> None:
    unit = codec(tuple[()])
    assert unit.encode(()) == b""
    assert unit.decode(b"abc", 1) == ((), 1)


def test_small_numbers_are_ready_made_and_large_ones_are_not_wrong() -> None:
    pair = codec(tuple[u8, u128])
    for n in (0, 255, 256, 2**64 - 1, 2**64, 2**128 - 1):
        small, large = pair.decode_all(pair.encode((u8(255), u128(n))))
        assert (small, large) == (255, n)
        assert (type(small), type(large)) == (u8, u128)
