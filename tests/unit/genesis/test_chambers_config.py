"""Seats in block zero: the institutions of the documents, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from btt_chain.primitives.account import AccountId
from genesis.accounts import address
from genesis.catalogue import make
from genesis.holders import table
from genesis.presets import CHAINS
from genesis.spec import Plain, SpecError, read_spec

CONFIG = "spec.genesis.runtimeGenesis.config.chambers"
UNKNOWN = address(AccountId(bytes(range(32))))


@pytest.mark.parametrize("preset", CHAINS)
def test_the_institutions_of_the_document_are_seated_with_their_rows(preset: str) -> None:
    genesis = make(CHAINS[preset]).genesis
    assert isinstance(genesis, Plain)
    chambers: Any = genesis.config["chambers"]
    rows = [row for row in table(CHAINS[preset].document).rows if row.group == "institution"]
    assert [int(amount) for _, amount in chambers["institutions"]] == [row.amount for row in rows]
    assert chambers["mode"] == "scheduled"


def changed(change: Callable[[Any], object]) -> str:
    document: Any = make("dev").to_json()
    change(document["genesis"]["runtimeGenesis"]["config"]["chambers"])
    return json.dumps(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["institutions"].pop(), r"\.institutions: 5\w+ is missing"),
        (lambda c: c["institutions"].append([UNKNOWN, "1"]), r"\.institutions\[5\]\[0\]"),
        (lambda c: c["institutions"][0].__setitem__(1, "1"), r"\.institutions\[0\]\[1\]"),
        (lambda c: c.pop("institutions"), r"\.institutions"),
    ],
)
def test_other_seats_than_the_allocations_are_refused(
    change: Callable[[Any], object], said: str
) -> None:
    with pytest.raises(SpecError, match=CONFIG.replace(".", r"\.") + said):
        read_spec(changed(change))


def test_the_makers_of_a_chain_choose_the_mode() -> None:
    genesis = read_spec(changed(lambda c: c.__setitem__("mode", "static"))).genesis
    assert isinstance(genesis, Plain)
    chambers: Any = genesis.config["chambers"]
    assert chambers["mode"] == "static"
