"""Migrations: what a new version of the law changes in the form of the state.

A version brings an ordered table of them. They run once, in the first block under the version,
before anything else of it; all that lie between the version that ran last and this one, so several
versions may be jumped over. Each is done within one block, by declaration: what is too large for
that is not moved but read in both forms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from btt_chain.crypto.hashing import twox_128
from btt_chain.scale import codec
from runtime.frame.state import State
from runtime.frame.version import LastRuntimeUpgradeInfo, RuntimeVersion

LAST_UPGRADE_KEY: Final = twox_128(b"System") + twox_128(b"LastRuntimeUpgrade")
"""Where the state keeps the version that ran the last block."""

_LAST: Final = codec(LastRuntimeUpgradeInfo)


class MigrationFailed(Exception):
    """A version's migration does not go through on a state; the message says which, and why.

    No block can be made under the version until a program has it corrected.
    """


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of the state's form."""

    spec_version: int
    """The version it belongs to: it runs on states that an earlier one left."""
    name: str
    """For reports: what changes."""
    run: Callable[[], int]
    """Makes it on the state that the runtime stands on; returns its weight in picoseconds."""


def pending(
    migrations: tuple[Migration, ...], version: RuntimeVersion, state: State
) -> list[Migration]:
    """Return what is to run on `state` before a block under `version`, in order.

    Nothing where no block was ever made: such a state is in its version's own form.
    """
    raw = state.get(LAST_UPGRADE_KEY)
    if raw is None:
        return []
    last, own = int(_LAST.decode_all(raw).spec_version), int(version.spec_version)
    return [each for each in migrations if last < each.spec_version <= own]


def note_version(version: RuntimeVersion, state: State) -> None:
    """Write down that `state` is in the form of `version`."""
    told = LastRuntimeUpgradeInfo(version.spec_version, version.spec_name)
    state.put(LAST_UPGRADE_KEY, _LAST.encode(told))
