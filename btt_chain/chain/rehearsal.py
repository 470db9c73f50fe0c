"""A rehearsal: the migrations of a version on a copy of a state, and what they would do to it.

Nothing is written: the changes stay in an overlay that is thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from btt_chain.chain.law import Builder, wire_of
from btt_chain.scale import codec
from runtime import BttRuntime
from runtime.audit import audit
from runtime.frame import MigrationFailed, Runtime, RuntimeVersion
from runtime.frame.migration import note_version, pending
from runtime.frame.version import CODE_KEY
from runtime.pallets.system import System
from runtime.pallets.upgrade import SCHEDULED_KEY, coming
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.overlay import Overlay


class CannotRehearse(Exception):
    """There is no such version to go to from this state; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one migration did."""

    name: str
    spec_version: int
    written: int
    """Keys with another value than before."""
    removed: int
    weight: int
    """Picoseconds, by its own word."""
    milliseconds: float
    """Of this machine."""


@dataclass(slots=True)
class Rehearsal:
    """What came of it."""

    before: int
    after: int
    """The versions."""
    limit: int
    """Picoseconds that a block may weigh."""
    roots: list[bytes]
    """Of the state before, and after it if all went through."""
    steps: list[Step] = field(default_factory=list)
    failure: str = ""
    """Why a migration does not go through; empty if all do."""
    found: list[list[str]] = field(default_factory=list)
    """What the audit found before and after, as far as it could look."""

    @property
    def weight(self) -> int:
        """Picoseconds of all steps together."""
        return sum(step.weight for step in self.steps)

    @property
    def is_good(self) -> bool:
        """All went through, in one block, and no book is wrong afterwards."""
        wrong = self.found[-1] if self.found else []
        return not self.failure and not wrong and self.weight <= self.limit


def target(builders: Mapping[int, Builder], overlay: Overlay, wanted: int | None) -> int:
    """Return the version to go to: the one wanted, else scheduled, else the last that is here.

    Raises CannotRehearse.
    """
    due = coming(overlay.get)
    chosen = wanted or (max(builders) if due is None else due.spec_version)
    if chosen not in builders:
        known = ", ".join(map(str, sorted(builders)))
        raise CannotRehearse(
            f"this program carries {known}, not {chosen}: install a release that has it"
        )
    code = overlay.get(CODE_KEY)
    own = None if code is None else int(codec(RuntimeVersion).decode_all(code).spec_version)
    if own is None:
        raise CannotRehearse("the state holds no runtime of this kind")
    if chosen <= own:
        raise CannotRehearse(
            f"the state has version {own} and this program nothing later: install the release that "
            "is to be tried, or the package that brings its law"
        )
    return chosen


def rehearse(
    builders: Mapping[int, Builder],
    overlay: Overlay,
    root: Callable[[], bytes],
    wanted: int | None = None,
) -> Rehearsal:
    """Bring the state under `overlay` to another version, and tell of each step.

    `root` gives the root of the state with the changes. Raises CannotRehearse.
    """
    chosen = target(builders, overlay, wanted)
    version = codec(RuntimeVersion).decode_all(overlay.get(CODE_KEY) or b"")
    params = RuntimeParams.decode(overlay.get(PARAMS_KEY) or b"")
    runtime = builders[chosen](params)
    due = coming(overlay.get)
    if due is not None and due.spec_version == chosen:
        decided = codec(RuntimeVersion).decode_all(due.code)
        if wire_of(decided) != wire_of(runtime.version):
            raise CannotRehearse(
                f"the chain decided on btt {chosen} in another form than this program carries: "
                "nodes with it will stand. Install the release that the chain decided on"
            )
    limit = int(runtime.pallet(System).block_weights.max_block.ref_time)
    made = Rehearsal(int(version.spec_version), chosen, limit, [root()])
    if made.before in builders:
        _audit(builders[made.before](params), overlay, made)
    # What the last block under the old version does at its end.
    overlay.put(CODE_KEY, runtime.version.encoded())
    overlay.put(SCHEDULED_KEY, None)
    runtime.tie()
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
    if isinstance(runtime, BttRuntime):
        runtime.tie()
        runtime.host.enter(overlay)
        made.found.append([f"{found.invariant}: {found.text}" for found in audit(runtime)])
