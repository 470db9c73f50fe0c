"""Networks of real nodes for tests and for the command `devnet`: start, disturb, watch, stop.

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

The names below are imported when they are first used: pytest loads the plugin, and so this
package, in every project of an environment, also where no test starts a node.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from btt_chain.testing.warm import cold_starts, warm_starts

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
    "cold_starts",
    "dev_node",
    "warm_starts",
]

_MODULES = {
    "Devnet": "devnet",
    "Funds": "devnet",
    "DevNode": "node",
    "NodeState": "node",
    "NodeStatus": "node",
    "AsyncRpc": "rpc",
    "Rpc": "rpc",
    "cold_starts": "warm",
    "dev_node": "single",
    "warm_starts": "warm",
}
"""The module of each public name."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
