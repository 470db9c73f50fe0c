"""Migrations: changes of the state's format by a new version of the runtime.

A version has an ordered table of them. They run once, in the first block under the version, before
the rest of it; all migrations between the last version that ran and this one run, so versions may
be skipped. Each completes within one block: data too large for that is not migrated but read in
both formats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.crypto.hashing import twox_128
from btt_chain.lazyclass import dataclass
from btt_chain.scale import codec
from runtime.frame.state import State
from runtime.frame.version import LastRuntimeUpgradeInfo, RuntimeVersion

LAST_UPGRADE_KEY: Final = twox_128(b"System") + twox_128(b"LastRuntimeUpgrade")
"""Storage key of the version that ran the last block."""

_LAST: Final = codec(LastRuntimeUpgradeInfo)


class MigrationFailed(Exception):
    """A migration failed on a state; the message names it and the cause.

    No block can be made under the version until a release corrects it.
    """


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of the state's format."""

    spec_version: int
    """Version of the migration: it runs on states of earlier versions."""
    name: str
    """Description of the change, for reports."""
    run: Callable[[], int]
    """Migrates the runtime's current state; returns its weight in picoseconds."""


def pending(
    migrations: tuple[Migration, ...], version: RuntimeVersion, state: State
) -> list[Migration]:
    """Return the migrations to run on `state` before a block under `version`, in order.

    None before the first block: a genesis state is in its version's own format.
    """
    raw = state.get(LAST_UPGRADE_KEY)
    if raw is None:
        return []
    last, own = int(_LAST.decode_all(raw).spec_version), int(version.spec_version)
    return [each for each in migrations if last < each.spec_version <= own]


def note_version(version: RuntimeVersion, state: State) -> None:
    """Store that `state` is in the format of `version`."""
    last = LastRuntimeUpgradeInfo(version.spec_version, version.spec_name)
    state.put(LAST_UPGRADE_KEY, _LAST.encode(last))
