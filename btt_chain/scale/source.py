"""Generated straight-line source code of record codecs.

A record is encoded by one expression and decoded by one call per part. Neighbouring
parts of fixed size (integers, byte strings, records of such) are fused into a single
`struct` operation. `record_source` returns the source as text, for tests.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from btt_chain.lazyclass import dataclass
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.uint import Integer

if TYPE_CHECKING:
    from btt_chain.scale.base import AnyCodec

Checks = Callable[[str, "Names"], list[str]]
Leaves = Callable[[str], list[str]]
Build = Callable[[Sequence[str], "Names"], str]

LOW = (1 << 64) - 1
SMALL = 256


class Names:
    """The objects that generated source refers to, each by a name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {
            "new": int.__new__,
            "octets": bytes.__new__,
            "StructError": struct.error,
            "early": _early,
            "misfit": _misfit,
            "unfit": _unfit,
            "unsound": _unsound,
        }

    def of(self, value: object) -> str:
        """Return a name for `value`, the same one for the same object."""
        for name, known in self.values.items():
            if known is value:
                return name
        name = f"k{len(self.values)}"
        self.values[name] = value
        return name


@dataclass(frozen=True, slots=True)
class Flat:
    """A value of fixed size in the form of `struct`: a format, and its leaves."""

    format: str
    count: int
    checks: Checks
    """Statements that reject a value which `struct` would truncate or pad, given its expression."""
    leaves: Leaves
    """Expressions of the leaves, given that of the value."""
    build: Build
    """Expression that creates the value, given those of the leaves."""


def word(kind: type[Integer], format: str) -> Flat:
    """Return an integer of one `struct` leaf."""
    return Flat(
        format,
        1,
        _unchecked,
        lambda value: [value],
        lambda leaves, names: _small_or_new(kind, leaves[0], names),
    )


def double_word(kind: type[Integer]) -> Flat:
    """Return a u128: two leaves, the low half first."""
    return Flat(
        "QQ",
        2,
        _unchecked,
        lambda value: [f"{value} & {LOW}", f"{value} >> 64"],
        lambda leaves, names: (
            f"new({names.of(kind)}, {leaves[0]} | {leaves[1]} << 64) if {leaves[1]} else "
            + _small_or_new(kind, leaves[0], names)
        ),
    )


def _small_or_new(kind: type[Integer], leaf: str, names: Names) -> str:
    # Most numbers on a chain are small; creating one takes five times as long as a list lookup.
    ready = f"{names.of(small_values(kind))}[{leaf}]"
    test = f"{leaf} < {SMALL}" if not kind.SIGNED else f"0 <= {leaf} < {SMALL}"
    return f"{ready} if {test} else new({names.of(kind)}, {leaf})"


def small_values(kind: type[Integer]) -> list[Any]:
    """Return the cached small numbers of a type."""
    if kind not in _small:
        _small[kind] = [kind(n) for n in range(min(SMALL, kind.MAX + 1))]
    return _small[kind]


_small: dict[type, list[Any]] = {}


def octets(kind: type[bytes], size: int) -> Flat:
    """Return a byte string of fixed length."""
    return Flat(
        f"{size}s",
        1,
        lambda value, _: [f"if len({value}) != {size}: misfit({value}, {size})"],
        lambda value: [value],
        lambda leaves, names: (
            leaves[0] if kind is bytes else f"octets({names.of(kind)}, {leaves[0]})"
        ),
    )


def _unchecked(_value: str, _names: Names) -> list[str]:
    return []


def group(parts: Sequence[tuple[str, Flat]], make: Callable[..., object] | None) -> Flat:
    """Return a record or tuple whose parts are all flat."""

    def build(leaves: Sequence[str], names: Names) -> str:
        rest = iter(leaves)
        made = [part.build(list(islice(rest, part.count)), names) for _, part in parts]
        return construct(made, make, names)

    return Flat(
        "".join(part.format for _, part in parts),
        sum(part.count for _, part in parts),
        lambda value, names: [
            line for at, part in parts for line in part.checks(value + at, names)
        ],
        lambda value: [leaf for at, part in parts for leaf in part.leaves(value + at)],
        build,
    )


def construct(values: Sequence[str], make: Callable[..., object] | None, names: Names) -> str:
    """Return the expression that combines `values`: a call of `make`, or a tuple."""
    if make is None:
        return f"({''.join(value + ', ' for value in values)})"
    if not values:
        return names.of(make())  # all instances are equal
    return f"{names.of(make)}({', '.join(values)})"


def record_source(
    what: str,
    parts: Sequence[tuple[str, AnyCodec]],
    make: Callable[..., object] | None,
    names: Names,
    prefix: bytes = b"",
    keywords: Sequence[str] = (),
) -> str:
    """Return the source of `encode(v)` and `decode(raw, at)` for a record.

    `parts` pairs the access to a part (`.name` or `[0]`) with its codec; `make` builds the
    record (None: a tuple), by `keywords` if given; `prefix` is written first and not read.
    """
    setup: list[str] = []
    terms = [repr(prefix)] if prefix or not parts else []
    steps: list[str] = []
    values: list[str] = []
    numbered = [(f"v{i}", access, part) for i, (access, part) in enumerate(parts)]
    for is_flat, members in groupby(numbered, key=lambda member: member[2].flat is not None):
        run = list(members)
        if is_flat:
            setup += [f"{local} = v{access}" for local, access, _ in run]
            flats = [(local, part.flat) for local, _, part in run if part.flat is not None]
            values += _fuse(flats, setup, terms, steps, names)
            continue
        for local, access, part in run:
            terms.append(f"{names.of(part.encode)}(v{access})")
            steps += _read(local, part, names)
            values.append(local)
    if keywords:
        values = [f"{key}={value}" for key, value in zip(keywords, values, strict=True)]
    return _functions(setup, terms, steps, construct(values, make, names), names.of(what))


def _fuse(
    flats: list[tuple[str, Flat]],
    setup: list[str],
    terms: list[str],
    steps: list[str],
    names: Names,
) -> list[str]:
    """Emit one `struct` operation for neighbours; return the expressions of their values."""
    layout = group(flats, None)
    joint = struct.Struct("<" + layout.format)
    first = flats[0][0]
    leaves = [f"{first}_{n}" for n in range(layout.count)]
    setup += layout.checks("", names)
    if layout.format == f"{joint.size}s":
        # A lone byte string: a slice is faster than `struct`.
        terms += layout.leaves("")
        steps.append(f"end = at + {joint.size}")
        steps.append(f"{leaves[0]} = raw[at:end]")
        steps.append("if end > len(raw): raise StructError")
        steps.append("at = end")
    elif layout.count:
        terms.append(f"{names.of(joint.pack)}({', '.join(layout.leaves(''))})")
        steps.append(f"{', '.join(leaves)}, = {names.of(joint.unpack_from)}(raw, at)")
        steps.append(f"at += {joint.size}")
    rest = iter(leaves)
    return [flat.build(list(islice(rest, flat.count)), names) for _, flat in flats]


def _read(local: str, part: AnyCodec, names: Names) -> list[str]:
    call = f"{local}, at = {names.of(part.decode)}(raw, at)"
    if part.one_byte is None:
        return [call]
    return [
        f"if raw[at] & 3: {call}",
        "else:",
        f"    {local} = {names.of(part.one_byte)}[raw[at] >> 2]",
        "    at += 1",
    ]


def _functions(setup: list[str], terms: list[str], steps: list[str], result: str, name: str) -> str:
    returned = " + ".join(terms) or "b''"
    encode = "".join(f"        {line}\n" for line in [*setup, f"return {returned}"])
    decode = "".join(f"        {line}\n" for line in [*steps, f"return {result}, at"])
    return (
        f"def encode(v):\n    try:\n{encode}"
        f"    except StructError as error:\n        raise unfit({name}, error) from None\n"
        f"def decode(raw, at):\n    try:\n{decode}"
        f"    except (StructError, IndexError):\n        raise early({name}, at) from None\n"
        f"    except ValueError as error:\n        raise unsound({name}, at, error) from None\n"
    )


def compile_record(
    what: str,
    parts: Sequence[tuple[str, AnyCodec]],
    make: Callable[..., object] | None,
    prefix: bytes = b"",
    keywords: Sequence[str] = (),
) -> tuple[Callable[..., bytes], Callable[[bytes, int], tuple[Any, int]]]:
    """Compile both directions of a record; see `record_source`."""
    names = Names()
    source = record_source(what, parts, make, names, prefix, keywords)
    scope = names.values
    exec(compile(source, f"<scale {what}>", "exec"), scope)  # noqa: S102 - our own text
    return scope["encode"], scope["decode"]


def compile_many(
    what: str, item: Flat
) -> tuple[Callable[..., bytes], Callable[[bytes], list[Any]]]:
    """Compile both directions of a list of flat items."""
    names = Names()
    joint = struct.Struct("<" + item.format)
    leaves = [f"l{n}" for n in range(item.count)]
    checks = "".join(f"            {line}\n" for line in item.checks("v", names))
    scope = names.values
    source = (
        f"def encode(values):\n    try:\n        out = []\n        for v in values:\n{checks}"
        f"            out.append({names.of(joint.pack)}({', '.join(item.leaves('v'))}))\n"
        "        return b''.join(out)\n"
        "    except StructError as error:\n"
        f"        raise unfit({names.of(what)}, error) from None\n"
        "def decode(raw):\n"
        f"    return [{item.build(leaves, names)} for {', '.join(leaves)}, in "
        f"{names.of(joint.iter_unpack)}(raw)]\n"
    )
    exec(compile(source, f"<scale {what}>", "exec"), scope)  # noqa: S102 - our own text
    return scope["encode"], scope["decode"]


def _early(what: str, at: int) -> DecodeError:
    return DecodeError(what, at, "the input ends too early")


def _unsound(what: str, at: int, error: ValueError) -> DecodeError:
    """Return a DecodeError unchanged, and another error of a part as a DecodeError."""
    return error if isinstance(error, DecodeError) else DecodeError(what, at, str(error))


def _unfit(what: str, error: struct.error) -> EncodeError:
    return EncodeError(what, f"a part is out of range ({error})")


def _misfit(value: bytes, size: int) -> None:
    raise EncodeError(f"[u8; {size}]", f"{len(value)} bytes given")
