"""The nodes of a process encode the metadata of a runtime once."""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.chain.runtimes import BUILDERS, Builder, LoadedRuntime, Release, RuntimeRegistry
from btt_chain.scale import codec, u64
from btt_chain.scale.metadata import VERSIONS
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.frame import RuntimeVersion
from runtime.frame.version import CODE_KEY
from runtime.params import PARAMS_KEY, RuntimeParams

FIRST = Release("btt", 100)
SLOTS = u64(4_000), u64(8_000)


def loaded(slot: u64, build: Builder = BUILDERS[FIRST]) -> LoadedRuntime:
    """A runtime of a registry of its own."""
    chain = RuntimeParams(slot)
    code = codec(RuntimeVersion).encode(BttRuntime(chain).version)
    get: Callable[[bytes], bytes | None] = {CODE_KEY: code, PARAMS_KEY: chain.encoded()}.get
    return RuntimeRegistry({FIRST: build}).of(get)


def test_metadata_are_encoded_once_for_equal_chains_and_versions() -> None:
    first, again = loaded(SLOTS[0]), loaded(SLOTS[0])
    for version in VERSIONS:
        assert first.metadata(version) is again.metadata(version)


def test_other_parameters_have_metadata_of_their_own() -> None:
    for version in VERSIONS:
        found = [loaded(slot).metadata(version) for slot in SLOTS]
        assert found == [metadata(BttRuntime(RuntimeParams(slot)), version) for slot in SLOTS]
        assert found[0] != found[1]


def test_another_program_of_the_same_version_has_metadata_of_its_own() -> None:
    def other(_chain: RuntimeParams) -> BttRuntime:
        return BttRuntime(RuntimeParams(SLOTS[1]))

    assert loaded(SLOTS[0], other).metadata(15) != loaded(SLOTS[0]).metadata(15)
