"""The JSON of each record that a method returns, with data in each of its fields.

`tests/golden/rpc-records.json` has them by method: a changed name, place or form of a field is a
difference there. If it is meant, `BTT_GOLDEN=write pytest tests/unit/rpc/test_rpc_records.py`
writes the file anew.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

import btt_chain.rpc
from btt_chain.primitives import ss58
from btt_chain.rpc.params import Parameter, Signature, Unfit
from btt_chain.rpc.registry import MARK
from btt_chain.rpc.views import Views
from btt_chain.scale import codec, u32, u128
from btt_chain.scale.hints import hints_of
from runtime import BttRuntime
from support.rpc_backend import ModelBackend
from support.values import Values

GOLDEN: Final = Path(__file__).parents[2] / "golden" / "rpc-records.json"
RESULTS: Final = {
    f"{api.__name__}_{name}": hints_of(method.run)["return"]
    for api in BttRuntime.apis()
    for name, method in api.METHODS.items()
}
ARGUMENTS: Final[tuple[object, ...]] = (
    ss58.encode(bytes(32)), "0x" + "11" * 32, "0x" + "11" * 16, "CNY", "BTT/CNY", "Aggregated",
    "routine", "sampled", "open", "records", 1, True, [],
)  # fmt: skip
"""JSON of arguments; each parameter takes one of them."""
BY_CHAMBER: Final = {
    "ChambersApi_weights": [u32(number) for number in range(1, 5)],
    "ChambersApi_power": [u128(10**20 + number) for number in range(1, 5)],
}
"""Results whose number of items their type does not fix."""


class OneAnswer(ModelBackend):
    """A chain that answers each runtime API with a complete value."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()

        def call(_: bytes, function: str, __: bytes) -> bytes:
            hint = RESULTS[function]
            values = Values(Random(function), complete=True)
            result = BY_CHAMBER.get(function) or values.of(hint)
            return codec(hint).encode(result)

        monkeypatch.setattr(self.chain, "call", call)


def methods(backend: ModelBackend) -> Iterator[tuple[str, object]]:
    """Yield the name and the answer of each method that returns results of runtime APIs."""
    for module in pkgutil.iter_modules(btt_chain.rpc.__path__, "btt_chain.rpc."):
        importlib.import_module(module.name)
    for group in Views.__subclasses__():
        for _, handler in inspect.getmembers(group, lambda item: hasattr(item, MARK)):
            *parameters, _ = Signature(handler, 1).parameters
            yield (
                getattr(handler, MARK).names[0],
                handler(group(backend), *map(argument, parameters), None),
            )


def argument(parameter: Parameter) -> object:
    """Return an argument that a parameter takes."""
    for value in ARGUMENTS:
        try:
            return parameter.parse(value)
        except Unfit:
            continue
    raise AssertionError(f"no argument for {parameter.name}")


def test_the_json_of_each_method_is_that_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = dict(methods(OneAnswer(monkeypatch)))
    text = json.dumps(dict(sorted(answers.items())), indent=1) + "\n"
    if os.environ.get("BTT_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), "if the change is meant, run this file with BTT_GOLDEN=write"
