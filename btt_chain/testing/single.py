"""A single development node, as a real process: enough for most tests of wallets and tools."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from btt_chain.testing.errors import DevnetError
from btt_chain.testing.node import START_SECONDS, DevNode
from btt_chain.testing.process import free_ports


@contextmanager
def dev_node(
    folder: Path, *flags: str, sealing: str = "instant", seconds: float = START_SECONDS
) -> Iterator[DevNode]:
    """Run `btt-chain node --dev` with its data in `folder` and more `flags`, until the body ends.

    `sealing` is `instant`, `interval:MS` or `manual`. NodeDied or NotInTime, with the log, if it
    does not start; DevnetError if it does not stop.
    """
    (port,) = free_ports(1)
    node = DevNode(
        index=0, name="dev", folder=folder, flags=["--dev", "--sealing", sealing, *flags],
        rpc_port=port,
    )  # fmt: skip
    node.start()
    try:
        node.wait_until_answers(seconds)
        yield node
    finally:
        in_order = node.stop()
    if not in_order:
        raise DevnetError(f"the node did not end after SIGTERM\n{node.tail()}")
