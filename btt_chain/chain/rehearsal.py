"""A rehearsal: the migrations of a version on a copy of a state, and their effects.

Nothing is written: the changes stay in an overlay that is discarded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from btt_chain.chain.runtimes import Builder, Release, wire_of
from btt_chain.scale import codec
from runtime.audits import audit
from runtime.features.work import Work
from runtime.frame import MigrationFailed, Runtime, RuntimeVersion
from runtime.frame.migration import note_version, pending
from runtime.frame.version import CODE_KEY
from runtime.pallets.system.pallet import System
from runtime.pallets.upgrade.pallet import SCHEDULED_KEY, coming
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.overlay import Overlay


class CannotRehearse(Exception):
    """The state has no such version to migrate to; the message gives reason and remedy."""


@dataclass(frozen=True, slots=True)
class Step:
    """The effects of one migration."""

    name: str
    spec_version: int
    written: int
    """Keys with another value than before."""
    removed: int
    weight: int
    """Picoseconds, as the migration returned them."""
    milliseconds: float
    """Measured on this machine."""


@dataclass(slots=True)
class Rehearsal:
    """The result of a rehearsal."""

    before: Release
    after: Release
    """Versions, before and after."""
    limit: int
    """Weight limit of a block, in picoseconds."""
    roots: list[bytes]
    """State roots: before, and after if all migrations succeeded."""
    steps: list[Step] = field(default_factory=list)
    failure: str = ""
    """The failure of a migration; empty if all succeeded."""
    found: list[list[str]] = field(default_factory=list)
    """Findings of the audits before and after, where they could run."""

    @property
    def weight(self) -> int:
        """Total weight of the steps, in picoseconds."""
        return sum(step.weight for step in self.steps)

    @property
    def is_good(self) -> bool:
        """True if all migrations succeeded, fit in one block, and the last audit found nothing."""
        wrong = self.found[-1] if self.found else []
        return not self.failure and not wrong and self.weight <= self.limit


def target(builders: Collection[Release], overlay: Overlay, wanted: int | None) -> Release:
    """Return the target version: the one wanted, else scheduled, else the highest carried.

    Raises CannotRehearse.
    """
    code, due = overlay.get(CODE_KEY), coming(overlay.get)
    if code is None:
        raise CannotRehearse("the state holds no runtime of this kind")
    version = codec(RuntimeVersion).decode_all(code)
    own = Release(version.spec_name.value, int(version.spec_version))
    versions = sorted(each.spec_version for each in builders if each.spec_name == own.spec_name)
    chosen = wanted or (max(versions, default=0) if due is None else due.spec_version)
    if chosen not in versions:
        listed = ", ".join(map(str, versions))
        raise CannotRehearse(
            f"this program carries {listed}, not {chosen}: install a release that has it"
        )
    if chosen <= own.spec_version:
        raise CannotRehearse(
            f"the state has version {own.spec_version} and this program nothing later: install the "
            "release that is to be tried, or the package that brings its runtime"
        )
    return own._replace(spec_version=chosen)


def rehearse(
    builders: Mapping[Release, Builder],
    overlay: Overlay,
    root: Callable[[], bytes],
    wanted: int | None = None,
) -> Rehearsal:
    """Migrate the state under `overlay` to another version, and report each step.

    `root` returns the root of the state with the changes. Raises CannotRehearse.
    """
    chosen = target(builders, overlay, wanted)
    version = codec(RuntimeVersion).decode_all(overlay.get(CODE_KEY) or b"")
    params = RuntimeParams.decode(overlay.get(PARAMS_KEY) or b"")
    runtime = builders[chosen](params)
    due = coming(overlay.get)
    if due is not None and due.spec_version == chosen.spec_version:
        decided = codec(RuntimeVersion).decode_all(due.code)
        if wire_of(decided) != wire_of(runtime.version):
            raise CannotRehearse(
                f"the chain decided on {chosen} in another form than this program carries: "
                "nodes with it will stand. Install the release that the chain decided on"
            )
    limit = int(runtime.pallet(System).block_weights.max_block.ref_time)
    before = chosen._replace(spec_version=int(version.spec_version))
    made = Rehearsal(before, chosen, limit, [root()])
    if made.before in builders:
        _audit(builders[made.before](params), overlay, made)
    # As the last block under the old version does at its end.
    overlay.put(CODE_KEY, runtime.version.encoded())
    overlay.put(SCHEDULED_KEY, None)
    runtime.bind()
    runtime.host.enter(overlay)
    for migration in pending(runtime.migrations, runtime.version, overlay):
        old, began = overlay.changes(), time.perf_counter()
        try:
            weight = runtime.migrate_by(migration)
        except MigrationFailed as failed:
            made.failure = str(failed)
            return made
        took = (time.perf_counter() - began) * 1_000
        new = overlay.changes()
        changed = [value for key, value in new.items() if key not in old or old[key] != value]
        removed = changed.count(None)
        made.steps.append(
            Step(
                migration.name, migration.spec_version, len(changed) - removed, removed, weight,
                took,
            )
        )  # fmt: skip
    note_version(runtime.version, overlay)
    made.roots.append(root())
    _audit(runtime, overlay, made)
    return made


def _audit(runtime: Runtime, overlay: Overlay, made: Rehearsal) -> None:
    if isinstance(runtime, Work):
        runtime.bind()
        runtime.host.enter(overlay)
        made.found.append([f"{found.invariant}: {found.text}" for found in audit(runtime)])
