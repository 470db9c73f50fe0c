"""Names that `upgrade` repeats, because the runtime's table takes long to import."""

from __future__ import annotations

from btt_chain.chain.runtimes import BUILDERS, ENTRY_POINTS
from cli.commands.upgrade import PACKAGES
from runtime import VERSION


def test_the_included_version_and_the_entry_points_are_those_of_the_node() -> None:
    assert ENTRY_POINTS == PACKAGES
    assert {release.spec_version for release in BUILDERS} == {VERSION.spec_version}
