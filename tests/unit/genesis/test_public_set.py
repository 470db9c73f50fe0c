"""The public set in block zero: where it is, and the errors of a wrong specification."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from genesis.build import build
from genesis.catalogue import make
from genesis.presets import CHAINS
from genesis.spec import ChainSpec, Plain, SpecError
from runtime.accounts import TREASURY
from runtime.audits import audit
from runtime.frame import ROOT
from runtime.genesis import runtime_of
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.sets import FULL
from support.runtime import DictState


def config_of(name: str) -> dict[str, Any]:
    spec = make(name)
    assert isinstance(spec.genesis, Plain)
    return copy.deepcopy(dict(spec.genesis.config))


def changed(section: str, member: str, **fields: object) -> ChainSpec:
    """Return the development chain with other fields of its one public model or job."""
    config = config_of("dev")
    config[section][member][0] |= fields
    return ChainSpec("Mine", "mine", "Development", Plain(config))


def test_development_local_and_test_networks_have_one_set_and_main_networks_none() -> None:
    having = [name for name, chain in CHAINS.items() if chain.has_public_set]
    assert having == ["dev", "local", "testnet"]
    for name in CHAINS:
        assert ("jobs" in config_of(name)) == (name in having)


def test_the_set_and_its_model_are_in_the_state_without_a_bond() -> None:
    state = dict(build(make("dev")).state)
    runtime = runtime_of(FULL, RuntimeParams.decode(state[PARAMS_KEY]))
    overlay = DictState()
    overlay.data = state
    runtime.enter(overlay)
    ((_, wanted),) = runtime.jobs.protocol_jobs.protocol_sets.items()
    record = runtime.models.get(wanted.model)
    assert record is not None
    assert (record.owner, record.bond, record.usable) == (TREASURY, 0, True)
    assert (wanted.items, wanted.data_bytes, wanted.endpoints) == (40, 1_200, b"")
    assert audit(runtime) == []
    runtime.models.revoke(ROOT, wanted.model)
    assert runtime.models.get(wanted.model) is None, "governance can take it away"
    assert audit(runtime) == []


@pytest.mark.parametrize(
    ("section", "member", "fields", "words"),
    [
        ("models", "models", {"manifest": "0x00"}, "models[0].manifest: expected a valid manifest"),
        ("models", "models", {"manifest": "00"}, "hexadecimal digits"),
        ("models", "models", {"manifest": "0x001"}, "even number"),
        ("models", "models", {"name": "\n"}, "models[0].name"),
        ("models", "models", {"class": 9}, "a class of this chain"),
        ("jobs", "protocolSets", {"items": 0}, "may post (BadItems)"),
        ("jobs", "protocolSets", {"deadline": 1}, "may post (BadDeadline)"),
        ("jobs", "protocolSets", {"model": "0x" + 64 * "1"}, "may post (UnknownModel)"),
    ],
)
def test_a_wrong_set_is_refused_with_its_place(
    section: str, member: str, fields: dict[str, object], words: str
) -> None:
    with pytest.raises(SpecError) as refused:
        build(changed(section, member, **fields))
    assert words in str(refused.value)
