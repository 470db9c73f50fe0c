"""The views of commands are those of the chain: their names and forms, by its metadata."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Protocol, get_args, get_origin, get_type_hints

import pytest

import cli.views
from btt_chain.client.items import Items
from btt_chain.client.views import name_of
from btt_chain.scale import u64
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    PrimitiveDef,
    SequenceDef,
    TupleDef,
    VariantDef,
)
from cli.commands.asset import KINDS, MAX_TEXT, RIGHTS
from cli.commands.facility_months import SIZES, subscription
from cli.commands.gov import VOTES
from cli.commands.upgrade import INCLUDED, PACKAGES
from cli.views import governance, incentives, records, work
from runtime import VERSION, BttRuntime
from runtime.apis.metadata import metadata
from runtime.pallets.asset_registry import AssetKind, RightKind
from runtime.pallets.assets import STRING_LIMIT
from runtime.pallets.conviction_voting import vote_of
from runtime.pallets.facilities import Size
from runtime.pallets.health_records import types as promises
from runtime.pallets.incentives import formulas
from runtime.pallets.incentives.types import AuditPhase
from runtime.pallets.jobs.types import ENDED
from runtime.pallets.origins import Decision
from runtime.pallets.preimage import MAX_INLINE
from runtime.pallets.referenda import ROOT_TRACK
from runtime.params import RuntimeParams


@cache
def items() -> Items:
    return Items(metadata(BttRuntime(RuntimeParams(u64(6_000))), 15))


def classes() -> Iterator[type]:
    for module in pkgutil.iter_modules(cli.views.__path__, "cli.views."):
        found = importlib.import_module(module.name)
        for kind in vars(found).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                yield kind


def methods() -> list[Callable[..., object]]:
    return [
        method
        for kind in classes() if Protocol in kind.__bases__
        for method in vars(kind).values() if inspect.isfunction(method)
        and not method.__name__.startswith("_") and method.__qualname__.startswith(kind.__name__)
    ]  # fmt: skip


def difference(kind: object, type_id: int, where: str) -> str | None:
    """Return the first place at which an annotation differs from a type of the chain."""
    types = items().types
    found = types.type(type_id)
    args = get_args(kind)
    if type(None) in args:
        if not types.is_option(type_id):
            return f"{where} is never absent"
        (inner,) = (each for each in args if each is not type(None))
        definition = found.definition
        assert isinstance(definition, VariantDef)
        return difference(inner, definition.variants[-1].fields[0].type, where)
    match found.definition:
        case CompactDef(inner_id):
            return difference(kind, inner_id, where)
        case CompositeDef([only]) if only.name is None:
            return difference(kind, only.type, where)
        case CompositeDef(parts) if is_dataclass(kind):
            types_of, hints = {part.name: part.type for part in parts}, get_type_hints(kind)
            for field in fields(kind):
                if field.name not in types_of:
                    return f"{where} has no {field.name}"
                place = f"{where}.{field.name}"
                wrong = difference(hints[field.name], types_of[field.name], place)
                if wrong is not None:
                    return wrong
            return None
        case SequenceDef(item) if get_origin(kind) is list:
            return difference(args[0], item, where)
        case TupleDef(parts) if get_origin(kind) is tuple:
            pairs = zip(args, parts, strict=True)
            return next(filter(None, (difference(a, b, where) for a, b in pairs)), None)
    expected = {
        "int": isinstance(found.definition, PrimitiveDef)
        and found.definition.kind.name[0] in "ui",
        "bool": isinstance(found.definition, PrimitiveDef)
        and found.definition.kind.name == "bool",
        "str": isinstance(found.definition, VariantDef)
        or (isinstance(found.definition, PrimitiveDef) and found.definition.kind.name == "str"),
        "bytes": isinstance(found.definition, SequenceDef | ArrayDef)
        and types.is_byte(found.definition.item),
    }  # fmt: skip
    name = next(
        (base.__name__ for base in getattr(kind, "__mro__", ()) if base.__name__ in expected), ""
    )
    return None if expected.get(name) else f"{where} is {types.name(type_id)}, not {kind}"


@pytest.mark.parametrize("method", methods(), ids=name_of)
def test_a_method_and_its_views_are_those_of_the_chain(method: Callable[..., object]) -> None:
    _, found = items().api(name_of(method))
    taken = list(inspect.signature(method).parameters)[1:]
    assert len(taken) == len(found.inputs)
    assert difference(get_type_hints(method)["return"], found.output, name_of(method)) is None


def test_a_view_that_the_chain_lacks_would_be_found() -> None:
    _, found = items().api("ReferralApi.terms")
    assert difference(incentives.Offer, found.output, "Terms") == "Terms has no hash"
    assert difference(int, found.output, "Terms") is not None


def test_names_and_numbers_that_commands_repeat_are_those_of_the_runtime() -> None:
    assert list(KINDS.values()) == [kind.name for kind in AssetKind]
    assert [right.capitalize() for right in RIGHTS] == [kind.name for kind in RightKind]
    assert MAX_TEXT == STRING_LIMIT
    assert {each.name: int(each) for each in governance.Decision} == {
        each.name: int(each) for each in Decision
    }
    assert (governance.ROOT_TRACK, governance.MAX_INLINE) == (ROOT_TRACK, MAX_INLINE)
    assert {"aye": int(vote_of(aye=True)), "nay": int(vote_of(aye=False))} == VOTES
    assert AuditPhase.SecondRound.name == incentives.SECOND_ROUND
    assert tuple(each.name for each in ENDED) == work.ENDED
    for name in ("MAX_DELAY", "MAX_LATE", "PROMISED_EPOCHS"):
        assert getattr(records, name) == getattr(promises, name)
    assert promises.BatchKind.Accesses.name == records.ACCESSES
    from btt_chain.chain.runtimes import ENTRY_POINTS, SPEC_VERSION

    assert (VERSION.spec_version, ENTRY_POINTS) == (INCLUDED, PACKAGES)
    assert SPEC_VERSION == INCLUDED


@pytest.mark.parametrize("price", [10**16, 7 * 10**17, 10**18, 123_456_789_012_345_678_901])
def test_a_subscription_costs_what_the_pallet_says(price: int) -> None:
    for size, kind in zip(SIZES, Size, strict=True):
        assert subscription(size, price) == formulas.subscription(kind, price)
