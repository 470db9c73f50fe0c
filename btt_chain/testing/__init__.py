"""Networks of real nodes for tests and for the command `devnet`: start, hurt, watch, stop.

    from btt_chain.testing import Devnet

    with Devnet.create(tmp_path, validators=4, slot_ms=1_000) as net:
        net.up()
        net.wait_for_finality(3)
        net.kill(3)                      # SIGKILL
        net.partition([[0, 1], [2]])
        net.heal()
        net.restart(3)
        net.wait_for_finality(10)
        net.check_agreement()

With pytest: the fixtures `node` and `devnet` (`plugin.py`). docs/testing.md is the guide.
"""

from btt_chain.testing.devnet import Devnet, Funds
from btt_chain.testing.errors import (
    DevnetError,
    Disagreement,
    NodeDied,
    NoDevnet,
    NoSuchNode,
    NotInTime,
    RpcFailed,
)
from btt_chain.testing.node import DevNode, NodeState, NodeStatus
from btt_chain.testing.rpc import AsyncRpc, Rpc
from btt_chain.testing.single import dev_node

__all__ = [
    "AsyncRpc",
    "DevNode",
    "Devnet",
    "DevnetError",
    "Disagreement",
    "Funds",
    "NoDevnet",
    "NoSuchNode",
    "NodeDied",
    "NodeState",
    "NodeStatus",
    "NotInTime",
    "Rpc",
    "RpcFailed",
    "dev_node",
]
