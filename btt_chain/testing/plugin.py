"""Fixtures for the tests of programs that build on the chain: `node` and `devnet`.

pytest loads them wherever btt-chain is installed. Both start real processes, forks of one that has
imported the program (`warm.py`): the first use costs three seconds, each further node a fifth of a
second. Each test has nodes of its own.

Nothing else of btt-chain is imported before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from btt_chain.testing.devnet import Devnet
    from btt_chain.testing.node import DevNode


class DevnetFactory(Protocol):
    """The type of the fixture `devnet`."""

    def __call__(
        self, *, up: bool = True, validators: int = 4, slot_ms: int = 1_000, log: str = "info",
        program: Sequence[str] | None = None, spec: str | None = None,
    ) -> Devnet:  # fmt: skip
        """Create a network as `Devnet.create` does, below `tmp_path`; start it if `up`."""


@pytest.fixture(scope="session")
def btt_warm_starts() -> Iterator[None]:
    """Warm starts for the whole run. A fixture of this name that does nothing starts nodes cold."""
    from btt_chain.testing.warm import warm_starts  # noqa: PLC0415 - see above

    with warm_starts():
        yield


@pytest.fixture
def node(tmp_path: Path, btt_warm_starts: None) -> Iterator[DevNode]:  # noqa: ARG001 - they begin
    """A single development node: a block for each transaction, final at once."""
    from btt_chain.testing.single import dev_node  # noqa: PLC0415 - see above

    with dev_node(tmp_path / "node") as started:
        yield started


@pytest.fixture
def devnet(
    tmp_path: Path,
    btt_warm_starts: None,  # noqa: ARG001 - they begin
) -> Iterator[DevnetFactory]:
    """`devnet(validators=4, slot_ms=1_000)`: a running network; all are stopped at the end.

    Each call creates another network; with `up=False` it is not started.
    """
    from btt_chain.testing.devnet import Devnet  # noqa: PLC0415 - see above
    from btt_chain.testing.node import PROGRAM  # noqa: PLC0415 - see above

    with ExitStack() as stack:
        count = 0

        def start(
            *, up: bool = True, validators: int = 4, slot_ms: int = 1_000, log: str = "info",
            program: Sequence[str] | None = None, spec: str | None = None,
        ) -> Devnet:  # fmt: skip
            nonlocal count
            count += 1
            net = Devnet.create(
                tmp_path / f"net-{count}", validators=validators, slot_ms=slot_ms, log=log,
                program=PROGRAM if program is None else program, spec=spec,
            )  # fmt: skip
            stack.enter_context(net)
            if up:
                net.up()
            return net

        yield start
