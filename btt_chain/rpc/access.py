"""Access: the callers that may call unsafe methods, and the web pages that may call by default."""

from __future__ import annotations

from enum import Enum

from btt_chain.rpc.protocol import METHOD_NOT_FOUND, RpcError

DEFAULT_ORIGINS = (
    "http://localhost:*",
    "http://127.0.0.1:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://polkadot.js.org",
)


class MethodPolicy(Enum):
    """`--rpc-methods`: the callers that may call unsafe methods."""

    AUTO = "auto"
    """Local callers of a node that listens locally."""
    SAFE = "safe"
    """No caller."""
    UNSAFE = "unsafe"
    """Any caller."""

    def allows_unsafe(self, *, external: bool, listening_externally: bool) -> bool:
        """Return True if a caller may call unsafe methods.

        Behind a proxy every caller appears local, hence the second test.
        """
        if self is MethodPolicy.AUTO:
            return not external and not listening_externally
        return self is MethodPolicy.UNSAFE


def unsafe_call() -> RpcError:
    """Return the refusal of an unsafe method, in Substrate's words."""
    return RpcError(METHOD_NOT_FOUND, "RPC call is unsafe to be called externally")


def unsafe_function(name: str) -> RpcError:
    """Return the refusal of a runtime call that builds blocks or states."""
    text = f"{name} is unsafe to be called externally: ask on the node's machine, or see"
    return RpcError(METHOD_NOT_FOUND, f"{text} --rpc-methods")
