"""The sets of features that chains run, each with a `spec_name` of its own.

| set | features |
|---|---|
| minimal | CORE and WORK: proof of useful work and nothing else |
| standard | and ECONOMY, GOVERNANCE, ASSETS: vesting, stakes, decisions of holders, assets |
| full | and PAYMENTS, CARE: merchants, hospitals and patients |
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

# At run time, a set is only imported when it is chosen.
if TYPE_CHECKING:
    from runtime.features.work import Work
    from runtime.params import RuntimeParams


class RuntimeSet(NamedTuple):
    """A runtime of this program: the name of its specification, and its class."""

    spec_name: str
    module: str
    """Module of the class, relative to this package."""
    kind: str

    def load(self) -> type[Work]:
        """Return the class, imported now."""
        kind: type[Work] = getattr(import_module(self.module, __package__), self.kind)
        return kind

    def build(self, params: RuntimeParams) -> Work:
        """Return the runtime with these parameters."""
        return self.load()(params)


SPEC_VERSION: Final = 100
"""The `spec_version` of the runtimes that come with the program."""

MINIMAL: Final = "minimal"
STANDARD: Final = "standard"
FULL: Final = "full"

SETS: Final = {
    MINIMAL: RuntimeSet("btt-minimal", ".features.minimal", "MinimalRuntime"),
    STANDARD: RuntimeSet("btt-standard", ".features.standard", "StandardRuntime"),
    FULL: RuntimeSet("btt", ".table", "BttRuntime"),
}
"""The sets by name."""

SPEC_NAMES: Final = {entry.spec_name: name for name, entry in SETS.items()}
"""Names of the sets by their `spec_name`."""
